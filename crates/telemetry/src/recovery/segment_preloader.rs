//! Segments opened ahead: the segment preloader.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{Gauge, LifeCycle, Operation};
use crate::layout::{Line, layout};
use crate::updater::Updater;

const SECTION: Section =
    Section::new("recovery", "segment_preloader", "Segment Preloader", "wal_recovery_worker");

/// What opening and verifying segments ahead costs.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct SegmentPreloader {
    /// Opening a segment and verifying all of it.
    pub preload_segment: Operation,
    /// Closing a segment that is read to its end.
    pub finish_segment: Operation,
    /// Segments that are ready to be read.
    pub queue_depth: Line<Gauge>,
    /// The worker's loop.
    pub life_cycle: LifeCycle,
}

layout! {
    SegmentPreloader: size 5_632, align 64;
    preload_segment: Operation = 0,
    finish_segment: Operation = 2_752,
    queue_depth: Line<Gauge> = 5_504,
    life_cycle: LifeCycle = 5_568,
}

catalogue! {
    SegmentPreloader: SECTION;
    preload_segment, "s", "Preload segment" => "Opening a segment and verifying all of it, ahead of its use.";
    finish_segment, "s", "Finish segment" => "Closing a segment that is read to its end.";
    queue_depth, "{segment}", "Queue depth" => "Segments that are ready to be read.";
    life_cycle as "loop", "s", "Loop" legacy "lifecycle" => "The loop of the worker that opens segments ahead.";
}

/// Records for the segment preloader; for its thread.
pub type SegmentPreloaderUpdater = Updater<SegmentPreloader>;

impl SegmentPreloaderUpdater {
    /// A segment was opened and verified, or did not verify.
    #[inline]
    pub fn on_preload_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().preload_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A segment that was read to its end was closed, or closing it failed.
    #[inline]
    pub fn on_finish_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().finish_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// `segments` segments are ready to be read.
    #[inline]
    pub fn set_queue_depth(&self, segments: u64) {
        self.metrics().queue_depth.set(segments);
    }

    /// A turn of the loop that began at `start_ns` is over, `sleep_ns` of it were slept.
    #[inline]
    pub fn on_loop(&self, did_work: bool, start_ns: u64, sleep_ns: u64) {
        self.metrics().life_cycle.record(did_work, elapsed_ns(start_ns), sleep_ns);
    }
}
