//! What the appender and the workers of one open log share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flashstrike_recovery::files::{FileSystem, read_full_at};
use flashstrike_recovery::lock::LockWatch;
use flashstrike_recovery::{Error, Result};
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE, payload_room};
use flashstrike_segment::{BlockHeader, WalMeta};
use flashstrike_telemetry::RecorderTelemetry;
use flashstrike_telemetry::recorder::ManagerUpdater;

use crate::event::{Event, Observer};
use crate::meta_store::MetaStore;
use crate::poison::Poison;
use crate::segment_file::SegmentFile;
use crate::staging::Staging;
use crate::worker::meta_coordinator::MetaSignal;

/// At most this many segments with blocks may be unsealed, the one that is appended to included: reopening never has more
/// to look at, and no more are mapped.
pub const MAX_UNSEALED_SEGMENTS: usize = 8;

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

/// Shared by the appender and the workers.
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
    first_segment: AtomicU32,
    sealed: Mutex<SealedCounts>,
    /// Whoever writes `wal.meta` takes what it says under this lock, so that no older state replaces a newer one.
    meta_store: Mutex<MetaStore>,
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
        telemetry: &Arc<RecorderTelemetry>,
        observer: Option<Observer>,
    ) -> Self {
        let meta_store = MetaStore::new(
            Arc::clone(&context.files),
            &context.directory,
            context.file_mode,
            telemetry.meta_store_updater(),
        );
        let telemetry = telemetry.manager_updater();
        // In this order, so that nobody who looks sees more that is durable than there is.
        telemetry.set_last_event_id(staging.written_event_id());
        telemetry.set_written_event_id(staging.written_event_id());
        telemetry.set_durable_event_id(staging.durable_event_id());
        Self {
            context,
            staging,
            poison,
            lock,
            unsealed: Mutex::new(VecDeque::with_capacity(MAX_UNSEALED_SEGMENTS)),
            end: AtomicU64::new(0),
            first_segment: AtomicU32::new(first_segment),
            sealed: Mutex::default(),
            meta_store: Mutex::new(meta_store),
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

    /// This segment is sealed now.
    pub(crate) fn remove_sealed(&self, index: u32) {
        let mut unsealed = self.unsealed();
        unsealed.retain(|file| file.index != index);
        lock(&self.sealed).hot += 1;
    }

    /// Counts sealed segments that are there, or not any more.
    pub(crate) fn count_sealed(&self, change: impl FnOnce(&mut SealedCounts)) {
        change(&mut lock(&self.sealed));
        self.note_segments();
    }

    /// Shows how many segments there are.
    pub(crate) fn note_segments(&self) {
        let telemetry = lock(&self.telemetry);
        let unsealed = self.unsealed();
        let sealed = lock(&self.sealed);
        telemetry.set_hot_segments(sealed.hot + unsealed.len() as u64);
        telemetry.set_cold_segments(sealed.cold);
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

    /// Makes sure that the log goes on, durably, behind its last sealed segment: without that one nothing else on the
    /// device says where the next event belongs. False: it has no block there yet.
    pub(crate) fn sync_first_unsealed(&self) -> Result<bool> {
        let first = self.unsealed().front().map(Arc::clone);
        let Some(first) = first else { return Ok(false) };
        let mut header = [0; BLOCK_HEADER_SIZE];
        read_full_at(&*first.file, &mut header, SEGMENT_HEADER_SIZE as u64)
            .map_err(|error| Error::io("read", &first.path, &error))?;
        if !BlockHeader::is_published(&header) {
            return Ok(false);
        }
        first.sync(&self.poison)?;
        Ok(true)
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
        self.first_segment.load(Ordering::Acquire)
    }

    /// Writes `wal.meta` as the log is now.
    ///
    /// # Errors
    /// `WAL_IO`; `WAL_POISONED` if another writer may be in the log, whose `wal.meta` this would replace.
    pub(crate) fn store_meta(&self, clean: bool) -> Result<()> {
        let mut store = lock(&self.meta_store);
        self.check_lock()?;
        store.store(&self.meta_now(clean, self.first_segment()))
    }

    /// The log begins with this segment from now on, durably: those before it may be removed.
    ///
    /// # Errors
    /// As [`store_meta`](Self::store_meta); the log then begins where it did.
    pub(crate) fn raise_first_segment(&self, index: u32) -> Result<()> {
        let mut store = lock(&self.meta_store);
        self.check_lock()?;
        store.store(&self.meta_now(false, index))?;
        self.first_segment.store(index, Ordering::Release);
        Ok(())
    }

    /// The durable id is read first: whatever it covers was written before.
    fn meta_now(&self, clean: bool, first_segment: u32) -> WalMeta {
        let durable_event_id = self.staging.durable_event_id();
        let (last_segment, end_offset) = self.end();
        WalMeta {
            clean,
            log_id: self.context.log_id,
            last_event_id: self.staging.written_event_id().max(durable_event_id),
            durable_event_id,
            first_segment,
            last_segment,
            end_offset,
        }
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

/// How many sealed segments there are.
#[derive(Debug, Default)]
pub(crate) struct SealedCounts {
    /// Not compressed.
    pub(crate) hot: u64,
    /// Compressed.
    pub(crate) cold: u64,
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
