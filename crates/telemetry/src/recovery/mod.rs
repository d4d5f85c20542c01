//! What a recovery measures of itself.

mod manager;
mod segment_preloader;
mod segment_reader;

use std::path::Path;
use std::sync::Arc;

pub use manager::{Manager, ManagerUpdater};
pub use segment_preloader::{SegmentPreloader, SegmentPreloaderUpdater};
pub use segment_reader::{SegmentReader, SegmentReaderUpdater};

use crate::handle::Handle;
use crate::layout::{Apart, layout};
use crate::page::place::Place;
use crate::page::{NewPage, Page, PageError, PageOptions};
use crate::telemetry::{Entry, entries};
use crate::{Component, Snapshot, clock};

/// The metrics of a recovery. Segments are opened, verified and read by the thread that consumes events and, ahead of
/// it, by the preloader's; each has a struct of its own, and a snapshot adds them up.
#[repr(C)]
#[derive(Debug, Default)]
pub struct RecoveryMetrics {
    /// Replay, as the thread that consumes events sees it.
    pub manager: Apart<Manager>,
    /// Segments read by that thread.
    pub segment_reader: Apart<SegmentReader>,
    /// The worker that opens segments ahead.
    pub segment_preloader: Apart<SegmentPreloader>,
    /// What the preloader's thread does for the manager.
    pub preloading_manager: Apart<Manager>,
    /// Segments read by the preloader's thread.
    pub preloading_segment_reader: Apart<SegmentReader>,
}

layout! {
    RecoveryMetrics: size 61_184, align 128;
    manager: Apart<Manager> = 0,
    segment_reader: Apart<SegmentReader> = 13_952,
    segment_preloader: Apart<SegmentPreloader> = 27_776,
    preloading_manager: Apart<Manager> = 33_408,
    preloading_segment_reader: Apart<SegmentReader> = 47_360,
}

/// Everything one recovery measures. Made once and shared, as
/// [`RecorderTelemetry`](crate::RecorderTelemetry) is; the same rules hold for its updaters.
#[derive(Debug)]
pub struct RecoveryTelemetry {
    metrics: Place<RecoveryMetrics>,
    started_unix_ns: u64,
    labels: Vec<(String, String)>,
}

impl RecoveryTelemetry {
    /// All metrics at zero, counting from now.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::labelled(Vec::new())
    }

    /// The same with labels, name and value, that tell this recovery from others in everything that shows its metrics.
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
        let bytes = size_of::<RecoveryMetrics>();
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
    pub fn metrics(&self) -> &RecoveryMetrics {
        &self.metrics
    }

    /// A copy of every metric, those of the two threads added up.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::started_at(self.started_unix_ns, &self.labels);
        let metrics = &self.metrics;
        copy_sum(&*metrics.manager, &*metrics.preloading_manager, &mut snapshot);
        copy_sum(&*metrics.segment_reader, &*metrics.preloading_segment_reader, &mut snapshot);
        metrics.segment_preloader.copy_to(&mut snapshot);
        snapshot
    }

    /// Every metric with where it lies in [`RecoveryMetrics`].
    pub fn catalogue() -> Vec<Entry> {
        use std::mem::offset_of;
        let mut catalogue = Vec::new();
        catalogue.extend(entries::<Manager>(&[
            offset_of!(RecoveryMetrics, manager),
            offset_of!(RecoveryMetrics, preloading_manager),
        ]));
        catalogue.extend(entries::<SegmentReader>(&[
            offset_of!(RecoveryMetrics, segment_reader),
            offset_of!(RecoveryMetrics, preloading_segment_reader),
        ]));
        catalogue.extend(entries::<SegmentPreloader>(&[offset_of!(RecoveryMetrics, segment_preloader)]));
        catalogue
    }

    /// For the thread that consumes events.
    pub fn manager_updater(self: &Arc<Self>) -> ManagerUpdater {
        ManagerUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.manager))
    }

    /// For the preloader's thread, where it does the manager's work.
    pub fn preloading_manager_updater(self: &Arc<Self>) -> ManagerUpdater {
        ManagerUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.preloading_manager))
    }

    /// For the thread that consumes events.
    pub fn segment_reader_updater(self: &Arc<Self>) -> SegmentReaderUpdater {
        SegmentReaderUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.segment_reader))
    }

    /// For the preloader's thread, where it reads segments.
    pub fn preloading_segment_reader_updater(self: &Arc<Self>) -> SegmentReaderUpdater {
        SegmentReaderUpdater::new(Handle::new(self, |telemetry| {
            &*telemetry.metrics.preloading_segment_reader
        }))
    }

    /// For the preloader's thread.
    pub fn segment_preloader_updater(self: &Arc<Self>) -> SegmentPreloaderUpdater {
        SegmentPreloaderUpdater::new(Handle::new(self, |telemetry| &*telemetry.metrics.segment_preloader))
    }
}

/// Appends the sum of what two threads recorded of the same metrics.
fn copy_sum<C: Component>(one: &C, other: &C, snapshot: &mut Snapshot) {
    let at = snapshot.metrics.len();
    one.copy_to(snapshot);
    other.add_to(&mut snapshot.metrics[at..]);
}
