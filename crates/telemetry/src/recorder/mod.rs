//! What a recorder measures of itself.

mod committer;
mod maintainer;
mod manager;
mod meta;
mod preparer;
mod segment_writer;

use std::path::Path;
use std::sync::Arc;

pub use committer::{Committer, CommitterUpdater};
pub use maintainer::{MaxSegments, SegmentMaintainer, SegmentMaintainerUpdater};
pub use manager::{Manager, ManagerUpdater};
pub use meta::{MetaCoordinator, MetaCoordinatorUpdater, MetaStore, MetaStoreUpdater};
pub use preparer::{
    SegmentPreparer, SegmentPreparerUpdater, SegmentPreparerWorker, SegmentPreparerWorkerUpdater,
};
pub use segment_writer::{SegmentWriter, SegmentWriterUpdater};

use crate::handle::Handle;
use crate::layout::{Apart, layout};
use crate::page::place::Place;
use crate::page::{NewPage, Page, PageError, PageOptions};
use crate::telemetry::{Entry, entries};
use crate::{Component, Snapshot, clock};

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

/// Everything one recorder measures. Made once and shared: the recorder's parts record through updaters, whoever
/// wants to know takes a [`snapshot`](Self::snapshot).
///
/// ```
/// use flashstrike_telemetry::{RecorderTelemetry, Status, clock::now_ns};
///
/// let telemetry = RecorderTelemetry::new();
/// let updater = telemetry.segment_writer_updater();
/// let start_ns = now_ns();
/// updater.on_open_new_segment(start_ns, Status::Ok);
/// assert!(telemetry.snapshot().to_string().contains("Open new segment      : 1 calls, 0 failed"));
/// ```
///
/// Each updater is to be taken once by the thread that records with it. To take one twice and record the same metric
/// with both from two threads would lose counts. Where the methods of one updater belong to several threads, each of
/// them takes its own and uses no more than its own methods; the updater says which.
///
/// An updater may move to the thread that is to use it, but two threads cannot use it at once:
///
/// ```compile_fail,E0277
/// let updater = flashstrike_telemetry::RecorderTelemetry::new().segment_writer_updater();
/// std::thread::scope(|scope| {
///     scope.spawn(|| updater.on_block_fill(1));
///     scope.spawn(|| updater.on_block_fill(2));
/// });
/// ```
#[derive(Debug)]
pub struct RecorderTelemetry {
    metrics: Place<RecorderMetrics>,
    started_unix_ns: u64,
    labels: Vec<(String, String)>,
}

impl RecorderTelemetry {
    /// All metrics at zero, counting from now.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::labelled(Vec::new())
    }

    /// The same with labels, name and value, that tell this recorder from others in everything that shows its metrics.
    #[must_use]
    pub fn labelled(labels: Vec<(String, String)>) -> Arc<Self> {
        clock::start();
        Arc::new(Self { metrics: Place::on_heap(), started_unix_ns: clock::unix_ns(), labels })
    }

    /// The same in a page, where other processes can read it, see [`page`](crate::page). It is marked as closed by
    /// [`close_page`](Self::close_page), or when this and all its updaters are dropped.
    ///
    /// # Errors
    /// [`PageError::InUse`], [`PageError::NotAPage`], [`PageError::FileSystem`], [`PageError::Full`], [`PageError::Io`];
    /// [`PageError::Option`] for labels that cannot be, see [`check_labels`](crate::page::check_labels).
    pub fn on_page(page: &PageOptions, labels: Vec<(String, String)>) -> Result<Arc<Self>, PageError> {
        clock::start();
        let started_unix_ns = clock::unix_ns();
        let bytes = size_of::<RecorderMetrics>();
        let page = NewPage::create(page, &Self::catalogue(), &labels, started_unix_ns, bytes)?;
        Ok(Arc::new(Self { metrics: Place::on_page(page)?, started_unix_ns, labels }))
    }

    /// The page that the metrics are in, if they are in one.
    pub fn page(&self) -> Option<&Path> {
        self.metrics.page().map(Page::path)
    }

    /// Says in the page that nothing more will come, and lets another one take its place. What is recorded all the same
    /// still shows in [`snapshot`](Self::snapshot). Does nothing the second time, or without a page.
    pub fn close_page(&self) {
        if let Some(page) = self.metrics.page() {
            page.close();
        }
    }

    /// The labels it was given.
    pub fn labels(&self) -> &[(String, String)] {
        &self.labels
    }

    /// The metrics themselves.
    pub fn metrics(&self) -> &RecorderMetrics {
        &self.metrics
    }

    /// A copy of every metric.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::started_at(self.started_unix_ns, &self.labels);
        let metrics = &self.metrics;
        metrics.manager.copy_to(&mut snapshot);
        metrics.segment_writer.copy_to(&mut snapshot);
        metrics.meta_store.copy_to(&mut snapshot);
        metrics.meta_coordinator.copy_to(&mut snapshot);
        metrics.committer.copy_to(&mut snapshot);
        metrics.segment_preparer.copy_to(&mut snapshot);
        metrics.segment_maintainer.copy_to(&mut snapshot);
        snapshot.with_lag_of_now()
    }

    /// Every metric with where it lies in [`RecorderMetrics`].
    pub fn catalogue() -> Vec<Entry> {
        use std::mem::offset_of;
        let mut catalogue = Vec::new();
        catalogue.extend(entries::<Manager>(&[offset_of!(RecorderMetrics, manager)]));
        catalogue.extend(entries::<SegmentWriter>(&[offset_of!(RecorderMetrics, segment_writer)]));
        catalogue.extend(entries::<MetaStore>(&[offset_of!(RecorderMetrics, meta_store)]));
        catalogue.extend(entries::<MetaCoordinator>(&[offset_of!(RecorderMetrics, meta_coordinator)]));
        catalogue.extend(entries::<Committer>(&[offset_of!(RecorderMetrics, committer)]));
        catalogue.extend(entries::<SegmentPreparer>(&[offset_of!(RecorderMetrics, segment_preparer)]));
        catalogue.extend(entries::<SegmentMaintainer>(&[offset_of!(RecorderMetrics, segment_maintainer)]));
        catalogue
    }

    /// For the thread that appends, and one more for the committer's, see [`ManagerUpdater`].
    pub fn manager_updater(self: &Arc<Self>) -> ManagerUpdater {
        ManagerUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.manager))
    }

    /// For the thread that appends.
    pub fn segment_writer_updater(self: &Arc<Self>) -> SegmentWriterUpdater {
        SegmentWriterUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.segment_writer))
    }

    /// For the thread that writes `wal.meta`.
    pub fn meta_store_updater(self: &Arc<Self>) -> MetaStoreUpdater {
        MetaStoreUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.meta_store))
    }

    /// For the meta coordinator's thread.
    pub fn meta_coordinator_updater(self: &Arc<Self>) -> MetaCoordinatorUpdater {
        MetaCoordinatorUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.meta_coordinator))
    }

    /// For the committer's thread.
    pub fn committer_updater(self: &Arc<Self>) -> CommitterUpdater {
        CommitterUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.committer))
    }

    /// For the thread that takes prepared segments: the one that appends.
    pub fn segment_preparer_updater(self: &Arc<Self>) -> SegmentPreparerUpdater {
        SegmentPreparerUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.segment_preparer))
    }

    /// For the preparer's own thread.
    pub fn segment_preparer_worker_updater(self: &Arc<Self>) -> SegmentPreparerWorkerUpdater {
        SegmentPreparerWorkerUpdater::new(Handle::new(self, |telemetry| {
            &telemetry.metrics.segment_preparer.worker
        }))
    }

    /// For the maintainer's thread.
    pub fn segment_maintainer_updater(self: &Arc<Self>) -> SegmentMaintainerUpdater {
        SegmentMaintainerUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.segment_maintainer))
    }
}
