//! What the limits say of a segment: which is to go, which is to be compressed, and when to ask again.

use std::time::Duration;

use super::inventory::{Facts, Totals};
use crate::retention::Retention;

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

/// Whether the oldest sealed segment is to be removed.
pub(super) fn is_to_go(retention: &Retention, holds: Holds, totals: &Totals, facts: &Facts) -> bool {
    if holds.hold(facts.last_event_id) {
        return false;
    }
    // With nothing said of how much is to be kept, what is not needed any more is not kept.
    let is_given_up = !retention.removes() && holds.floor.is_some();
    // Not worth compressing: it would go as soon as it was. So a log that grows faster than it is compressed, or that a
    // full disk keeps from being, still keeps to its limits.
    let is_beyond_both = retention
        .hot_segments
        .zip(retention.cold_segments)
        .is_some_and(|(hot, cold)| totals.hot + totals.cold > u64::from(hot) + u64::from(cold));
    let is_too_many = retention.cold_segments.is_some_and(|most| totals.cold > most.into());
    let is_too_much = retention.bytes.is_some_and(|most| totals.bytes > most);
    let is_too_old = retention.age.is_some_and(|age| age_of(facts, totals.now_ns) > age);
    is_given_up || is_beyond_both || is_too_many || is_too_much || is_too_old
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
