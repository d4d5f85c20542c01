//! `SegmentMaintainer`: keeps a log within its limits by compressing and removing sealed segments.
//!
//! ```text
//! whenever a segment was sealed, a limit has changed, a segment has come of age, or a cursor may have moved on:
//!     what the limits give up and nobody holds, oldest first:
//!         lock cursors/.lock             no cursor begins where something is being removed
//!         raise first_segment in wal.meta, durably
//!         remove the files, sync the directory
//!     the oldest uncompressed segment, if there are too many and nobody holds it:
//!         write .wal.zst.tmp, sync it, read it back and compare
//!         rename it to .wal.zst, sync the directory
//!         remove .wal, sync the directory a little later, together with what else there is
//! ```
//!
//! A failure of one keeps nobody from the other: removing is what a full disk needs. Whatever fails is told and tried
//! again after a pause that grows, and until then everything stays as it is.

mod backoff;
mod compressing;
mod compression;
mod cursors;
mod inventory;
mod removing;
mod rules;
mod sealed_blocks;
mod worker;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use flashstrike_recovery::Result;
use flashstrike_recovery::directory::SegmentFiles;
use flashstrike_telemetry::RecorderTelemetry;
use flashstrike_telemetry::kinds::ConstantGauge;
use flashstrike_telemetry::recorder::SegmentMaintainerUpdater;

pub(crate) use inventory::SealedSegment;
use inventory::{Facts, Inventory};
use worker::Worker;

use crate::retention::Retention;
use crate::shared::{Shared, lock};

/// What the maintainer is asked to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) retention: Retention,
    /// zstd's compression level.
    pub(crate) level: i32,
}

#[derive(Debug)]
struct State {
    retention: Retention,
    /// No event before this one is needed any more.
    floor: Option<u64>,
    /// Segments sealed since the worker has looked.
    sealed: Vec<SealedSegment>,
    /// There is something to look at.
    changed: bool,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Apart from the state, since it is asked for between two pieces of work.
    closing: AtomicBool,
}

impl Queue {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        state.changed = true;
        drop(state);
        self.wake.notify_one();
    }
}

/// Where a sealed segment is handed over; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Sealed(Arc<Queue>);

impl Sealed {
    /// This segment is sealed now, or is left for good without an event; they come in the order of their indexes.
    pub(crate) fn add(&self, index: u32, last_event_id: u64, closed_ts_ns: u64, holds_events: bool) {
        let files = SegmentFiles { hot: true, cold: false };
        let facts = Some(Facts { last_event_id, closed_ts_ns, holds_events });
        self.0
            .change(|state| state.sealed.push(SealedSegment { facts, ..SealedSegment::found(index, files) }));
    }
}

/// Compresses and removes on a thread of its own, at the lowest priority.
#[derive(Debug)]
pub struct SegmentMaintainer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    telemetry: SegmentMaintainerUpdater,
}

impl SegmentMaintainer {
    /// Starts the worker, which takes over these sealed segments, oldest first.
    ///
    /// # Errors
    /// `WAL_IO` if the thread cannot be started.
    pub(crate) fn start(
        shared: Arc<Shared>,
        sealed: Vec<SealedSegment>,
        limits: Limits,
        telemetry: &Arc<RecorderTelemetry>,
    ) -> Result<Self> {
        let Limits { retention, level } = limits;
        let hot = sealed.iter().filter(|segment| segment.is_hot()).count();
        shared.count_sealed(|counts| {
            counts.hot = hot as u64;
            counts.cold = (sealed.len() - hot) as u64;
        });
        let state = State { retention, floor: None, sealed: Vec::new(), changed: true };
        let queue = Arc::new(Queue {
            state: Mutex::new(state),
            wake: Condvar::new(),
            closing: AtomicBool::new(false),
        });
        let updater = telemetry.segment_maintainer_updater();
        let worker = Worker::new(shared, Arc::clone(&queue), Inventory::from(sealed), level, updater);
        let thread = crate::worker::spawn("wal-maintain", move || worker.run())?;
        let made = Self { queue, thread: Some(thread), telemetry: telemetry.segment_maintainer_updater() };
        made.show(&retention);
        Ok(made)
    }

    /// Where sealed segments are handed over.
    pub(crate) fn sealed(&self) -> Sealed {
        Sealed(Arc::clone(&self.queue))
    }

    /// These limits hold from now on.
    pub(crate) fn set_retention(&self, retention: Retention) {
        self.show(&retention);
        self.queue.change(|state| state.retention = retention);
    }

    /// No event before this one is needed any more, and all from it on are.
    pub(crate) fn truncate_before(&self, event_id: u64) {
        self.queue.change(|state| state.floor = Some(event_id));
    }

    fn show(&self, retention: &Retention) {
        let shown = |limit: Option<u32>| limit.map_or(ConstantGauge::NO_LIMIT, u64::from);
        self.telemetry.set_max_segments(shown(retention.hot_segments));
        self.telemetry.set_max_compressed_segments(shown(retention.cold_segments));
    }

    /// Ends the worker; what it has begun to compress stays as it was.
    pub(crate) fn close(&mut self) {
        self.queue.closing.store(true, Ordering::SeqCst);
        self.queue.change(|_| {});
        crate::worker::join(&mut self.thread);
    }
}

impl Drop for SegmentMaintainer {
    fn drop(&mut self) {
        self.close();
    }
}
