//! Segments made ready ahead: the segment preparer, seen from both sides.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{Counter, Duration, Gauge, Operation};
use crate::layout::{Line, layout};
use crate::updater::Updater;

const SECTION: Section =
    Section::new("recorder", "segment_preparer", "Segment Preparer", "wal_prepare_worker");

/// Taking segments that are ready, which never waits, and what the worker did to have some ready.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct SegmentPreparer {
    /// Taking the next segment. The thread that appends records it.
    pub get_next_segment: Duration,
    /// What the worker's thread records.
    pub worker: SegmentPreparerWorker,
}

layout! {
    SegmentPreparer: size 5_760, align 128;
    get_next_segment: Duration = 0,
    worker: SegmentPreparerWorker = 2_816,
}

/// The worker's part of [`SegmentPreparer`], 128 bytes apart from that of the other thread.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct SegmentPreparerWorker {
    /// Making a segment ready.
    pub prepare_segment: Operation,
    /// Segments that are ready.
    pub queue_depth: Line<Gauge>,
    /// Segments that the disk had no room for.
    pub no_space_failures: Line<Counter>,
}

layout! {
    SegmentPreparerWorker: size 2_944, align 128;
    prepare_segment: Operation = 0,
    queue_depth: Line<Gauge> = 2_752,
    no_space_failures: Line<Counter> = 2_816,
}

catalogue! {
    SegmentPreparer: SECTION;
    get_next_segment, "s", "Get next segment" => "Taking the next segment, where one is ready.";
    worker.prepare_segment as "prepare_segment", "s", "Prepare segment" legacy "prepare_segment"
        => "Creating, allocating and touching a segment ahead of its use.";
    worker.queue_depth as "queue_depth", "{segment}", "Queue depth" legacy "queue_depth"
        => "Segments that are ready.";
    worker.no_space_failures as "no_space.failures", "{failure}", "No-space failures"
        legacy "total_no_space_failures" => "Segments that the disk had no room for.";
}

/// Records for the side that takes prepared segments: the thread that appends.
pub type SegmentPreparerUpdater = Updater<SegmentPreparer>;

impl SegmentPreparerUpdater {
    /// The next segment was taken, which began at `start_ns`.
    #[inline]
    pub fn on_get_next_segment(&self, start_ns: u64) {
        self.metrics().get_next_segment.record(elapsed_ns(start_ns));
    }
}

/// Records for the preparer's own thread.
pub type SegmentPreparerWorkerUpdater = Updater<SegmentPreparerWorker>;

impl SegmentPreparerWorkerUpdater {
    /// A segment was made ready, or could not be.
    #[inline]
    pub fn on_prepare_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().prepare_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// `segments` segments are ready.
    #[inline]
    pub fn set_queue_depth(&self, segments: u64) {
        self.metrics().queue_depth.set(segments);
    }

    /// The disk had no room for the next segment.
    #[inline]
    pub fn on_no_space(&self) {
        self.metrics().no_space_failures.add(1);
    }
}
