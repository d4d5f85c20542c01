//! What a recovery measures of itself.

mod manager;
mod segment_preloader;
mod segment_reader;

use std::mem::offset_of;
use std::sync::Arc;

pub use manager::{Manager, ManagerUpdater};
pub use segment_preloader::{SegmentPreloader, SegmentPreloaderUpdater};
pub use segment_reader::{SegmentReader, SegmentReaderUpdater};

use crate::layout::{Apart, layout};
use crate::telemetry::{Entry, Metrics, Telemetry, entries};
use crate::updater::Updater;
use crate::{Component, Snapshot};

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

/// Everything one recovery measures, see [`Telemetry`].
pub type RecoveryTelemetry = Telemetry<RecoveryMetrics>;

impl Metrics for RecoveryMetrics {
    fn catalogue() -> Vec<Entry> {
        let mut catalogue = Vec::new();
        catalogue
            .extend(entries::<Manager>(&[offset_of!(Self, manager), offset_of!(Self, preloading_manager)]));
        catalogue.extend(entries::<SegmentReader>(&[
            offset_of!(Self, segment_reader),
            offset_of!(Self, preloading_segment_reader),
        ]));
        catalogue.extend(entries::<SegmentPreloader>(&[offset_of!(Self, segment_preloader)]));
        catalogue
    }

    fn copy_to(&self, snapshot: &mut Snapshot) {
        copy_sum(&*self.manager, &*self.preloading_manager, snapshot);
        copy_sum(&*self.segment_reader, &*self.preloading_segment_reader, snapshot);
        self.segment_preloader.copy_to(snapshot);
    }
}

impl RecoveryTelemetry {
    /// For the thread that consumes events.
    pub fn manager_updater(self: &Arc<Self>) -> ManagerUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().manager)
    }

    /// For the preloader's thread, where it does the manager's work.
    pub fn preloading_manager_updater(self: &Arc<Self>) -> ManagerUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().preloading_manager)
    }

    /// For the thread that consumes events.
    pub fn segment_reader_updater(self: &Arc<Self>) -> SegmentReaderUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().segment_reader)
    }

    /// For the preloader's thread, where it reads segments.
    pub fn preloading_segment_reader_updater(self: &Arc<Self>) -> SegmentReaderUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().preloading_segment_reader)
    }

    /// For the preloader's thread.
    pub fn segment_preloader_updater(self: &Arc<Self>) -> SegmentPreloaderUpdater {
        Updater::new(self, |telemetry| &*telemetry.metrics().segment_preloader)
    }
}

/// Appends the sum of what two threads recorded of the same metrics.
fn copy_sum<C: Component>(one: &C, other: &C, snapshot: &mut Snapshot) {
    let at = snapshot.metrics.len();
    one.copy_to(snapshot);
    other.add_to(&mut snapshot.metrics[at..]);
}
