//! The files of segments: the segment reader.

use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::integrity::IntegrityFailures;
use crate::kinds::{Duration, Operation};
use crate::layout::layout;
use crate::updater::Updater;
use crate::{IntegrityFailure, Status};

const SECTION: Section = Section::new("recovery", "segment_reader", "Segment Reader", "wal_recovery_reader");

/// What opening, verifying and searching segments costs, and what was found damaged on the way.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct SegmentReader {
    /// Opening a segment.
    pub open_segment: Operation,
    /// Closing it.
    pub close_segment: Operation,
    /// Verifying all of it.
    pub verify_segment: Operation,
    /// Building the index of its blocks.
    pub build_index: Operation,
    /// Finding an event in it.
    pub seek_event: Duration,
    /// What did not verify.
    pub integrity: IntegrityFailures,
}

layout! {
    SegmentReader: size 13_824, align 64;
    open_segment: Operation = 0,
    close_segment: Operation = 2_752,
    verify_segment: Operation = 5_504,
    build_index: Operation = 8_256,
    seek_event: Duration = 11_008,
    integrity: IntegrityFailures = 13_760,
}

catalogue! {
    SegmentReader: SECTION;
    open_segment, "s", "Open segment" => "Opening a segment.";
    close_segment, "s", "Close segment" => "Closing a segment.";
    verify_segment, "s", "Verify segment" => "Verifying all of a segment.";
    integrity.header as "integrity.failures" ["kind" = "header"], "{failure}",
        "Header checksum failures" under "Integrity" legacy "total_header_checksum_failures"
        => "What did not verify, by kind of check.";
    integrity.block as "integrity.failures" ["kind" = "block"], "{failure}",
        "Block checksum failures" under "Integrity" legacy "total_block_checksum_failures"
        => "What did not verify, by kind of check.";
    integrity.chained as "integrity.failures" ["kind" = "chained"], "{failure}",
        "Chained checksum failures" under "Integrity" legacy "total_chained_checksum_failures"
        => "What did not verify, by kind of check.";
    integrity.validation as "integrity.failures" ["kind" = "validation"], "{failure}",
        "Validation failures" under "Integrity" legacy "total_validation_failures"
        => "What did not verify, by kind of check.";
    build_index, "s", "Build index" => "Building the index of a segment's blocks.";
    seek_event, "s", "Seek event" => "Finding an event in a segment.";
}

/// Records for the segment reader; for the thread that consumes events, or the preloader's with the updater made for
/// it.
pub type SegmentReaderUpdater = Updater<SegmentReader>;

impl SegmentReaderUpdater {
    /// A segment was opened, or could not be.
    #[inline]
    pub fn on_open_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().open_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A segment was closed, or closing it failed.
    #[inline]
    pub fn on_close_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().close_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A segment was verified, or did not verify.
    #[inline]
    pub fn on_verify_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().verify_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// The index of a segment was built, or could not be.
    #[inline]
    pub fn on_build_index(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().build_index.record(elapsed_ns(start_ns), status.into());
    }

    /// An event was sought in a segment.
    #[inline]
    pub fn on_seek_event(&self, start_ns: u64) {
        self.metrics().seek_event.record(elapsed_ns(start_ns));
    }

    /// Something did not verify.
    #[inline]
    pub fn on_integrity_failure(&self, kind: IntegrityFailure) {
        self.metrics().integrity.count(kind);
    }
}
