//! The files of segments: the segment writer.

use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::integrity::IntegrityFailures;
use crate::kinds::{Distribution, Duration, Operation};
use crate::layout::layout;
use crate::updater::Updater;
use crate::{IntegrityFailure, Status};

const SECTION: Section = Section::new("recorder", "segment_writer", "Segment Writer", "wal_segment_writer");

/// What opening, filling and closing segments costs, and what was found damaged on the way.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct SegmentWriter {
    /// Creating, allocating and mapping a segment.
    pub open_new_segment: Operation,
    /// Opening a segment that is there, verifying it and finding where to go on.
    pub open_existing_segment: Operation,
    /// Closing a segment.
    pub close_segment: Operation,
    /// Finishing a block in the mapped segment.
    pub write_block: Duration,
    /// What did not verify.
    pub integrity: IntegrityFailures,
    /// Events in each finished block.
    pub block_fill: Distribution,
}

layout! {
    SegmentWriter: size 13_184, align 64;
    open_new_segment: Operation = 0,
    open_existing_segment: Operation = 2_752,
    close_segment: Operation = 5_504,
    write_block: Duration = 8_256,
    integrity: IntegrityFailures = 11_008,
    block_fill: Distribution = 11_072,
}

catalogue! {
    SegmentWriter: SECTION;
    open_new_segment, "s", "Open new segment" => "Creating, allocating and mapping a segment.";
    open_existing_segment, "s", "Open existing segment"
        => "Opening a segment that is there, verifying it and finding where to go on.";
    close_segment, "s", "Close segment" => "Closing a segment.";
    integrity.header as "integrity.failures" ["kind" = "header"], "{failure}",
        "Header checksum failures" under "Verify segment" legacy "total_header_checksum_failures"
        => "What did not verify, by kind of check.";
    integrity.block as "integrity.failures" ["kind" = "block"], "{failure}",
        "Block checksum failures" under "Verify segment" legacy "total_block_checksum_failures"
        => "What did not verify, by kind of check.";
    integrity.chained as "integrity.failures" ["kind" = "chained"], "{failure}",
        "Chained checksum failures" under "Verify segment" legacy "total_chained_checksum_failures"
        => "What did not verify, by kind of check.";
    integrity.validation as "integrity.failures" ["kind" = "validation"], "{failure}",
        "Validation failures" under "Verify segment" legacy "total_validation_failures"
        => "What did not verify, by kind of check.";
    write_block, "s", "Write block" => "Finishing a block in the mapped segment.";
    block_fill, "{event}", "Events per block" => "Events in each finished block.";
}

/// Records for the segment writer; for the thread that appends.
pub type SegmentWriterUpdater = Updater<SegmentWriter>;

impl SegmentWriterUpdater {
    /// A segment was created, or could not be.
    #[inline]
    pub fn on_open_new_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().open_new_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A segment that was there was opened, or could not be.
    #[inline]
    pub fn on_open_existing_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().open_existing_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A segment was closed, or closing it failed.
    #[inline]
    pub fn on_close_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().close_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A block was finished.
    #[inline]
    pub fn on_write_block(&self, start_ns: u64) {
        self.metrics().write_block.record(elapsed_ns(start_ns));
    }

    /// A block was finished with `events` events in it.
    #[inline]
    pub fn on_block_fill(&self, events: u64) {
        self.metrics().block_fill.record(events);
    }

    /// Something did not verify.
    #[inline]
    pub fn on_integrity_failure(&self, kind: IntegrityFailure) {
        self.metrics().integrity.count(kind);
    }
}
