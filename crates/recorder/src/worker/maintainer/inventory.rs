//! The sealed segments of a log, and what the limits say of them.

use std::collections::VecDeque;
use std::time::Duration;

use flashstrike_recovery::directory::SegmentFiles;

use crate::retention::Retention;

/// A sealed segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSegment {
    pub(crate) index: u32,
    /// Which of its two files are there.
    pub(super) files: SegmentFiles,
    /// What its header says, once it was read.
    pub(super) facts: Option<Facts>,
    /// What its files take on disk, once somebody wanted to know.
    pub(super) bytes: Option<u64>,
}

/// What the limits need to know of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) last_event_id: u64,
    /// When it was sealed, ns since the Unix epoch.
    pub(super) closed_ts_ns: u64,
    /// One that was left without an event is not sealed, and so never compressed.
    pub(super) holds_events: bool,
}

impl SealedSegment {
    /// One that opening has found.
    pub(crate) fn found(index: u32, files: SegmentFiles) -> Self {
        Self { index, files, facts: None, bytes: None }
    }

    pub(super) fn is_hot(&self) -> bool {
        self.files.hot
    }
}

/// Ids that may go: those below the one, and up to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Holds {
    /// `truncate_before`; `None`: it was never called.
    pub(super) floor: Option<u64>,
    /// The slowest cursor is done with this event; `None`: there is none.
    pub(super) cursor: Option<u64>,
}

impl Holds {
    /// Whether anybody may still need an event of a segment that ends with this one.
    pub(super) fn hold(self, last_event_id: u64) -> bool {
        self.floor.is_some_and(|floor| last_event_id >= floor)
            || self.cursor.is_some_and(|done| last_event_id > done)
    }
}

/// The state that the limits are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    /// Segments that are not compressed, those not sealed yet included.
    pub(super) hot: u64,
    pub(super) cold: u64,
    /// Bytes of all of them; 0 where no limit asks for it.
    pub(super) bytes: u64,
    /// Wall clock, ns since the Unix epoch.
    pub(super) now_ns: u64,
}

/// Whether the oldest sealed segment is to be removed.
pub(super) fn is_to_go(
    retention: &Retention,
    holds: Holds,
    totals: &Totals,
    is_hot: bool,
    facts: &Facts,
) -> bool {
    if holds.hold(facts.last_event_id) {
        return false;
    }
    // With nothing said of how much is to be kept, what is not needed any more is not kept.
    let is_given_up = !retention.removes() && holds.floor.is_some();
    let is_replaced_by_nothing =
        is_hot && retention.cold_segments == Some(0) && is_too_hot(retention, totals);
    let is_too_many = retention.cold_segments.is_some_and(|most| totals.cold > most.into());
    let is_too_much = retention.bytes.is_some_and(|most| totals.bytes > most);
    let is_too_old = retention.age.is_some_and(|age| age_of(facts, totals.now_ns) > age);
    is_given_up || is_replaced_by_nothing || is_too_many || is_too_much || is_too_old
}

/// Whether the oldest uncompressed segment is to be compressed.
pub(super) fn is_to_be_compressed(
    retention: &Retention,
    holds: Holds,
    totals: &Totals,
    facts: &Facts,
) -> bool {
    retention.cold_segments != Some(0) && is_too_hot(retention, totals) && !holds.hold(facts.last_event_id)
}

fn is_too_hot(retention: &Retention, totals: &Totals) -> bool {
    retention.hot_segments.is_some_and(|most| totals.hot > most.into())
}

fn age_of(facts: &Facts, now_ns: u64) -> Duration {
    Duration::from_nanos(now_ns.saturating_sub(facts.closed_ts_ns))
}

/// When the oldest sealed segment comes of age.
pub(super) fn comes_of_age_in(retention: &Retention, facts: &Facts, now_ns: u64) -> Option<Duration> {
    let left = retention.age?.saturating_sub(age_of(facts, now_ns));
    // At the age itself it is not older yet.
    Some(left.saturating_add(Duration::from_millis(1)))
}

/// The sealed segments, oldest first.
pub(super) type Inventory = VecDeque<SealedSegment>;
