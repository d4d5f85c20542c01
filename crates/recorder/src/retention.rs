//! How much of a log is kept, and in which form.

use std::ops::RangeInclusive;
use std::time::Duration;

/// zstd's levels: 1 is fast, 19 small.
const LEVELS: RangeInclusive<i32> = 1..=19;

/// How much of the log is kept. All limits hold at once; without one nothing is compressed or removed.
///
/// Only sealed segments, all of whose events are durable, are compressed or removed, oldest first and one after the
/// other; never one with an event that `truncate_before` or a cursor still holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Most segments that are not compressed, the one that is appended to included: at least 1. Older ones are
    /// compressed, or removed if `cold_segments` is 0.
    pub hot_segments: Option<u32>,
    /// Most compressed segments. With more the oldest is removed.
    pub cold_segments: Option<u32>,
    /// Most bytes that the segments take on disk, at least two segments: compressed and sealed ones as much as they
    /// take, those not sealed yet their whole length. Prepared segments come on top. With more the oldest is removed.
    pub bytes: Option<u64>,
    /// A segment is removed so long after it was sealed, by the wall clock; at least a millisecond.
    pub age: Option<Duration>,
}

impl Retention {
    /// Whether anything is ever removed because of these limits.
    pub(crate) fn removes(&self) -> bool {
        self.cold_segments.is_some() || self.bytes.is_some() || self.age.is_some()
    }

    /// What is wrong with these limits for a log with segments of this length.
    pub(crate) fn validate(&self, segment_bytes: u32) -> Result<(), String> {
        if self.hot_segments == Some(0) {
            return Err(
                "0 hot segments are asked for; the one that is appended to is one, so it must be at least 1"
                    .to_owned(),
            );
        }
        let least = 2 * u64::from(segment_bytes);
        if self.bytes.is_some_and(|bytes| bytes < least) {
            return Err(format!(
                "the bytes that are kept are limited to {}: it must be at least {least}, two segments",
                self.bytes.unwrap_or(0)
            ));
        }
        if self.age.is_some_and(|age| age < Duration::from_millis(1)) {
            return Err(
                "an age of less than a millisecond is asked for; leave it out to keep segments of any age"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// How segments are compressed: zstd in frames of 1 MiB that can be read one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// zstd's level, 1 (fast) … 19 (small). Default 3. Closing the log waits for the frame being compressed, 2 ms at
    /// level 3 and more than half a second at 19 (on an idle core of the machine in docs/benchmarks.md).
    pub level: i32,
}

impl Default for Compression {
    fn default() -> Self {
        Self { level: 3 }
    }
}

impl Compression {
    pub(crate) fn validate(self) -> Result<(), String> {
        if LEVELS.contains(&self.level) {
            return Ok(());
        }
        Err(format!(
            "compression level {} is asked for; it must be from {} to {}",
            self.level,
            LEVELS.start(),
            LEVELS.end()
        ))
    }
}
