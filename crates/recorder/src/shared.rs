//! What the appender and the workers of one open log share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use flashstrike_recovery::files::FileSystem;
use flashstrike_recovery::{Error, Result};
use flashstrike_segment::layout::payload_room;
use flashstrike_telemetry::recorder::ManagerUpdater;

use crate::event::{Event, Observer};
use crate::lock::LockWatch;
use crate::poison::Poison;
use crate::segment_file::SegmentFile;
use crate::staging::Staging;
use crate::worker::meta_coordinator::MetaSignal;

/// At most this many segments with blocks may be unsealed, so that reopening never has more to look at.
pub(crate) const MAX_UNSEALED_SEGMENTS: usize = 8;

/// What stays the same while the log is open.
#[derive(Debug, Clone)]
pub struct LogContext {
    /// Where its files are.
    pub files: Arc<dyn FileSystem>,
    /// The log's directory.
    pub directory: PathBuf,
    /// The log's identity.
    pub log_id: [u8; 16],
    /// Bytes of a fixed-size event; 0: variable-length events.
    pub event_size: u16,
    /// The event schema as compact JSON, `{}` for byte logs.
    pub schema: String,
    /// Bytes of a new segment.
    pub segment_bytes: u32,
    /// Permission bits of new files.
    pub file_mode: u32,
    /// Prepare segments so that a sync of few bytes writes few bytes.
    pub small_syncs: bool,
}

impl LogContext {
    /// The largest payload of a block in an empty segment.
    pub(crate) fn largest_payload(&self) -> usize {
        payload_room(self.segment_bytes as usize, self.schema.len())
    }
}

/// Shared by the appender, the committer, the maintainer and the coordinator of `wal.meta`.
pub(crate) struct Shared {
    pub(crate) context: Arc<LogContext>,
    pub(crate) staging: Staging,
    pub(crate) poison: Arc<Poison>,
    lock: LockWatch,
    /// Segments with blocks that are not sealed, oldest first; the last one is the active.
    unsealed: Mutex<VecDeque<Arc<SegmentFile>>>,
    /// Segment index and offset behind the last published block, packed so that they are read together.
    end: AtomicU64,
    /// Index of the first segment of the log.
    first_segment: u32,
    /// An append was refused for want of room, and nobody has been told yet that there is some again.
    starved: AtomicBool,
    /// The end of appending was told.
    told_poisoned: AtomicBool,
    meta: MetaSignal,
    /// Of whoever has synced; the mutex makes the two that do one writer.
    telemetry: Mutex<ManagerUpdater>,
    observer: Option<Observer>,
}

impl Shared {
    pub(crate) fn new(
        context: Arc<LogContext>,
        staging: Staging,
        poison: Arc<Poison>,
        lock: LockWatch,
        first_segment: u32,
        telemetry: ManagerUpdater,
        observer: Option<Observer>,
    ) -> Self {
        telemetry.set_durable_event_id(staging.durable_event_id());
        Self {
            context,
            staging,
            poison,
            lock,
            unsealed: Mutex::new(VecDeque::with_capacity(MAX_UNSEALED_SEGMENTS)),
            end: AtomicU64::new(0),
            first_segment,
            starved: AtomicBool::new(false),
            told_poisoned: AtomicBool::new(false),
            meta: MetaSignal::new(),
            telemetry: Mutex::new(telemetry),
            observer,
        }
    }

    /// What tells the coordinator of `wal.meta` that the durable id has advanced.
    pub(crate) fn meta_signal(&self) -> &MetaSignal {
        &self.meta
    }

    pub(crate) fn tell(&self, event: &Event) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }

    /// Tells a failure that ended appending, once, apart from those that a worker goes on trying after.
    pub(crate) fn tell_failure(&self, error: Error) {
        if !self.poison.is_set() {
            self.tell(&Event::Failed { error });
        } else if !self.told_poisoned.swap(true, Ordering::SeqCst) {
            self.tell(&Event::Poisoned { error });
        }
    }

    fn unsealed(&self) -> MutexGuard<'_, VecDeque<Arc<SegmentFile>>> {
        lock(&self.unsealed)
    }

    pub(crate) fn unsealed_count(&self) -> usize {
        self.unsealed().len()
    }

    /// Must be called before a segment's first block is published, so that a sync that is asked for that block finds
    /// the file here.
    pub(crate) fn add_unsealed(&self, file: Arc<SegmentFile>) {
        self.unsealed().push_back(file);
    }

    pub(crate) fn remove_sealed(&self, index: u32) {
        self.unsealed().retain(|file| file.index != index);
    }

    /// Closes the files that nobody will sync any more.
    pub(crate) fn let_go(&self) {
        self.unsealed().clear();
    }

    pub(crate) fn set_end(&self, segment: u32, offset: usize) {
        self.end.store(u64::from(segment) << 32 | offset as u64, Ordering::Release);
    }

    /// Segment index and offset behind the last published block.
    pub(crate) fn end(&self) -> (u32, u32) {
        let packed = self.end.load(Ordering::Acquire);
        ((packed >> 32) as u32, packed as u32)
    }

    /// Syncs everything that is published and gives the last id of it, for [`advance_durable`](Self::advance_durable).
    /// The caller sees to it that only one thread is in here.
    ///
    /// The written id is read before the list of files: whatever it counts is in a file that was listed before.
    pub(crate) fn sync_published(&self) -> Result<u64> {
        self.poison.check()?;
        let written = self.staging.written_event_id();
        if written <= self.staging.durable_event_id() {
            return Ok(written);
        }
        let files: Vec<_> = self.unsealed().iter().map(Arc::clone).collect();
        for file in files {
            file.sync(&self.poison)?;
        }
        // What is promised has to be found by its name.
        self.check_lock()?;
        Ok(written)
    }

    /// Ends appending if another writer may be in the log.
    pub(crate) fn check_lock(&self) -> Result<()> {
        const ADVICE: &str = "open it where it lies now, or put it back first";
        self.lock.check().map_err(|error| self.poison.end(&error, ADVICE))
    }

    /// Everything up to this id has been synced, with the directory entries of its segments.
    pub(crate) fn advance_durable(&self, event_id: u64) {
        if self.staging.advance_durable(event_id) {
            self.meta.advanced();
            lock(&self.telemetry).set_durable_event_id(self.staging.durable_event_id());
            self.tell(&Event::Durable { event_id });
        }
    }

    /// Index of the first segment of the log.
    pub(crate) fn first_segment(&self) -> u32 {
        self.first_segment
    }

    pub(crate) fn starve(&self) {
        self.starved.store(true, Ordering::SeqCst);
    }

    /// Called by a worker that has made room.
    pub(crate) fn tell_room(&self) {
        if self.starved.swap(false, Ordering::SeqCst) {
            self.tell(&Event::Room);
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("directory", &self.context.directory).finish_non_exhaustive()
    }
}

/// A mutex of ours guards plain values that are whole between any two statements, so a panic elsewhere spoils nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wall clock in nanoseconds since the Unix epoch; 0 for a clock before it.
pub(crate) fn wall_clock_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
