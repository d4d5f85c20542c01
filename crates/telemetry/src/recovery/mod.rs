//! What a recovery measures of itself.

mod manager;
mod segment_preloader;
mod segment_reader;

use std::sync::Arc;

pub use manager::{Manager, ManagerUpdater};
pub use segment_preloader::{SegmentPreloader, SegmentPreloaderUpdater};
pub use segment_reader::{SegmentReader, SegmentReaderUpdater};

use crate::layout::{Apart, layout};
use crate::telemetry::{Telemetry, components};
use crate::updater::Updater;

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

components! {
    RecoveryMetrics:
    Manager = manager + preloading_manager;
    SegmentReader = segment_reader + preloading_segment_reader;
    SegmentPreloader = segment_preloader;
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
