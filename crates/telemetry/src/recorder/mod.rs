//! What a recorder measures of itself.

mod committer;
mod maintainer;
mod manager;
mod meta;
mod preparer;
mod segment_writer;

use std::sync::Arc;

pub use committer::{Committer, CommitterUpdater};
pub use maintainer::{MaxSegments, SegmentMaintainer, SegmentMaintainerUpdater};
pub use manager::{Manager, ManagerUpdater};
pub use meta::{MetaCoordinator, MetaCoordinatorUpdater, MetaStore, MetaStoreUpdater};
pub use preparer::{
    SegmentPreparer, SegmentPreparerUpdater, SegmentPreparerWorker, SegmentPreparerWorkerUpdater,
};
pub use segment_writer::{SegmentWriter, SegmentWriterUpdater};

use crate::layout::{Apart, layout};
use crate::telemetry::{Telemetry, components};
use crate::updater::Updater;

/// The metrics of a recorder, each component 128 bytes apart from the next, because each has a thread of its own.
#[repr(C)]
#[derive(Debug, Default)]
pub struct RecorderMetrics {
    /// Appending, as the thread that appends sees it.
    pub manager: Apart<Manager>,
    /// The files of segments.
    pub segment_writer: Apart<SegmentWriter>,
    /// Writing `wal.meta`.
    pub meta_store: Apart<MetaStore>,
    /// The worker that does it.
    pub meta_coordinator: Apart<MetaCoordinator>,
    /// Group commit.
    pub committer: Apart<Committer>,
    /// Making segments ready ahead.
    pub segment_preparer: Apart<SegmentPreparer>,
    /// Retention, compression, deletion.
    pub segment_maintainer: Apart<SegmentMaintainer>,
}

layout! {
    RecorderMetrics: size 51_840, align 128;
    manager: Apart<Manager> = 0,
    segment_writer: Apart<SegmentWriter> = 14_336,
    meta_store: Apart<MetaStore> = 27_520,
    meta_coordinator: Apart<MetaCoordinator> = 30_336,
    committer: Apart<Committer> = 30_464,
    segment_preparer: Apart<SegmentPreparer> = 37_504,
    segment_maintainer: Apart<SegmentMaintainer> = 43_264,
}

/// Everything one recorder measures, see [`Telemetry`].
///
/// ```
/// use flashstrike_telemetry::{RecorderTelemetry, Status, clock::now_ns};
///
/// let telemetry = RecorderTelemetry::new();
/// let updater = telemetry.segment_writer_updater();
/// let start_ns = now_ns();
/// updater.on_open_new_segment(start_ns, Status::Ok);
/// # if cfg!(feature = "unrecorded") { return; }
/// assert!(telemetry.snapshot().to_string().contains("Open new segment      : 1 calls, 0 failed"));
/// ```
pub type RecorderTelemetry = Telemetry<RecorderMetrics>;

components! {
    RecorderMetrics:
    Manager = manager;
    SegmentWriter = segment_writer;
    MetaStore = meta_store;
    MetaCoordinator = meta_coordinator;
    Committer = committer;
    SegmentPreparer = segment_preparer;
    SegmentMaintainer = segment_maintainer;
}

impl RecorderTelemetry {
    /// For the thread that appends, and one more for the committer's, see [`ManagerUpdater`].
    pub fn manager_updater(self: &Arc<Self>) -> ManagerUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().manager)
    }

    /// For the thread that appends.
    pub fn segment_writer_updater(self: &Arc<Self>) -> SegmentWriterUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().segment_writer)
    }

    /// For the thread that writes `wal.meta`.
    pub fn meta_store_updater(self: &Arc<Self>) -> MetaStoreUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().meta_store)
    }

    /// For the meta coordinator's thread.
    pub fn meta_coordinator_updater(self: &Arc<Self>) -> MetaCoordinatorUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().meta_coordinator)
    }

    /// For the committer's thread.
    pub fn committer_updater(self: &Arc<Self>) -> CommitterUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().committer)
    }

    /// For the thread that takes prepared segments: the one that appends.
    pub fn segment_preparer_updater(self: &Arc<Self>) -> SegmentPreparerUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().segment_preparer)
    }

    /// For the preparer's own thread.
    pub fn segment_preparer_worker_updater(self: &Arc<Self>) -> SegmentPreparerWorkerUpdater {
        Updater::new(self, |telemetry| &telemetry.metrics().segment_preparer.worker)
    }

    /// For the maintainer's thread.
    pub fn segment_maintainer_updater(self: &Arc<Self>) -> SegmentMaintainerUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().segment_maintainer)
    }
}
