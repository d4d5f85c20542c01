//! Retention, compression, deletion: the segment maintainer.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{ConstantGauge, Counter, LifeCycle, Operation};
use crate::layout::{Line, layout};
use crate::updater::Updater;

const SECTION: Section =
    Section::new("recorder", "segment_maintainer", "Segment Maintainer", "wal_persistence_worker");

/// What keeping the log within its limits costs.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct SegmentMaintainer {
    /// The worker's loop.
    pub persistence_lifecycle: LifeCycle,
    /// Deciding which hot segments stay, and sealing those that do not.
    pub maintenance_retention: Operation,
    /// Compressing a segment.
    pub maintenance_compression: Operation,
    /// Deleting a segment.
    pub maintenance_deletion: Operation,
    /// The limits in force.
    pub max_segments: MaxSegments,
    /// Bytes that went into compression.
    pub compression_bytes_in: Line<Counter>,
    /// Bytes that came out.
    pub compression_bytes_out: Line<Counter>,
}

layout! {
    SegmentMaintainer: size 8_512, align 64;
    persistence_lifecycle: LifeCycle = 0,
    maintenance_retention: Operation = 64,
    maintenance_compression: Operation = 2_816,
    maintenance_deletion: Operation = 5_568,
    max_segments: MaxSegments = 8_320,
    compression_bytes_in: Line<Counter> = 8_384,
    compression_bytes_out: Line<Counter> = 8_448,
}

/// The limits in force, one line together: they change when somebody sets them, if at all.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct MaxSegments {
    /// Most segments that are kept uncompressed.
    pub persistence_max_hot_segments: ConstantGauge,
    /// Most compressed segments that are kept.
    pub persistence_max_cold_segments: ConstantGauge,
}

#[cfg(not(loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<MaxSegments>() == 64 && align_of::<MaxSegments>() == 64);
    assert!(offset_of!(MaxSegments, persistence_max_hot_segments) == 0);
    assert!(offset_of!(MaxSegments, persistence_max_cold_segments) == 8);
};

catalogue! {
    SegmentMaintainer: SECTION;
    persistence_lifecycle as "loop", "s", "Persistence loop" => "The loop of the worker that maintains segments.";
    max_segments.persistence_max_hot_segments as "max_hot_segments", "{segment}", "Max hot segments"
        legacy "persistence_max_hot_segments" => "Most segments that are kept uncompressed.";
    max_segments.persistence_max_cold_segments as "max_cold_segments", "{segment}", "Max cold segments"
        legacy "persistence_max_cold_segments" => "Most compressed segments that are kept.";
    maintenance_retention as "retention", "s", "Retention"
        => "Taking a segment out of the hot ones because of the limits.";
    maintenance_compression as "compression", "s", "Compression" => "Compressing a segment.";
    maintenance_deletion as "deletion", "s", "Deletion" => "Deleting a segment.";
    compression_bytes_in as "compression.bytes" ["direction" = "in"], "By",
        "In" under "Compressed bytes" => "Bytes into and out of compression.";
    compression_bytes_out as "compression.bytes" ["direction" = "out"], "By",
        "Out" under "Compressed bytes" => "Bytes into and out of compression.";
}

/// Records for the segment maintainer; for its thread. The limits may be set by another thread with an updater of its
/// own, as long as it is always the same one.
pub type SegmentMaintainerUpdater = Updater<SegmentMaintainer>;

impl SegmentMaintainerUpdater {
    /// A turn of the loop that began at `start_ns` is over, `sleep_ns` of it were slept.
    #[inline]
    pub fn on_persistence_loop(&self, did_work: bool, start_ns: u64, sleep_ns: u64) {
        self.metrics().persistence_lifecycle.record(did_work, elapsed_ns(start_ns), sleep_ns);
    }

    /// A hot segment was taken out because of the limits, or could not be.
    #[inline]
    pub fn on_hot_segment_retention(&self, ok: impl Into<Status>, start_ns: u64) {
        self.metrics().maintenance_retention.record(elapsed_ns(start_ns), ok.into());
    }

    /// A segment was compressed, or could not be.
    #[inline]
    pub fn on_hot_segment_compression(&self, ok: impl Into<Status>, start_ns: u64) {
        self.metrics().maintenance_compression.record(elapsed_ns(start_ns), ok.into());
    }

    /// A segment was deleted, or could not be.
    #[inline]
    pub fn on_cold_segment_deletion(&self, ok: impl Into<Status>, start_ns: u64) {
        self.metrics().maintenance_deletion.record(elapsed_ns(start_ns), ok.into());
    }

    /// Compression made `bytes_out` bytes of `bytes_in`.
    #[inline]
    pub fn on_compressed(&self, bytes_in: u64, bytes_out: u64) {
        self.metrics().compression_bytes_in.add(bytes_in);
        self.metrics().compression_bytes_out.add(bytes_out);
    }

    /// At most `segments` segments are kept uncompressed.
    #[inline]
    pub fn set_max_segments(&self, segments: u64) {
        self.metrics().max_segments.persistence_max_hot_segments.set(segments);
    }

    /// At most `segments` compressed segments are kept.
    #[inline]
    pub fn set_max_compressed_segments(&self, segments: u64) {
        self.metrics().max_segments.persistence_max_cold_segments.set(segments);
    }
}
