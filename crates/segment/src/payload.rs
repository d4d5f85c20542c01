//! What is between a block's header and its padding: events.
//!
//! - *Fixed-size events*: one after the other; bytes 0…7 of each are its event id. Ids increase and may have gaps.
//! - *Variable-length events*: for each a 4-byte length, its bytes, zeros to a multiple of 8. Length 0 is legal. Ids are
//!   implicit and without gaps: the first event has the block's first id, and so on.
//!
//! ```
//! use flashstrike_segment::payload;
//!
//! let mut bytes = Vec::new();
//! payload::encode_entry(&mut bytes, b"first");
//! payload::encode_entry(&mut bytes, b"");
//! assert_eq!(bytes.len(), payload::entry_len(5) + payload::entry_len(0));
//!
//! payload::validate(&bytes, 0, 2, 41, 42)?;
//! let events: Vec<_> = payload::variable_events(&bytes, 41).collect();
//! assert_eq!(events, [(41, &b"first"[..]), (42, &b""[..])]);
//! # Ok::<(), payload::PayloadError>(())
//! ```

use crate::bytes::{all_zero, u64_at};
use crate::layout::{MAX_EVENT_ID, MIN_EVENT_ID, round8};

/// Bytes before a variable-length event: its length.
pub const ENTRY_HEADER_SIZE: usize = 4;

/// Why a payload is not what its block's header says, although the checksums are right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// No event at all.
    #[error("a block of events without events")]
    Empty,
    /// The payload's length is not the number of events times their size.
    #[error("{count} events of {event_size} bytes are not {len} bytes")]
    FixedLength {
        /// Events by the header.
        count: u32,
        /// Bytes of an event.
        event_size: u16,
        /// Bytes of payload.
        len: usize,
    },
    /// An entry ends outside the payload.
    #[error("event {index} of the block does not fit the payload")]
    Entry {
        /// Place of the event in the block, from 0.
        index: u32,
    },
    /// An entry is not padded with zeros.
    #[error("event {index} of the block is not padded with zeros")]
    EntryPadding {
        /// Place of the event in the block, from 0.
        index: u32,
    },
    /// The entries end before the payload does.
    #[error("the entries fill {used} of {len} bytes of payload")]
    Remainder {
        /// Bytes of all entries.
        used: usize,
        /// Bytes of payload.
        len: usize,
    },
    /// An id out of range, not above the one before, or not the one the header gives.
    #[error("event {index} of the block has an impossible id, {id}")]
    Id {
        /// Place of the event in the block, from 0.
        index: u32,
        /// The id found.
        id: u64,
    },
}

/// Bytes that a variable-length event of `len` bytes takes in a payload.
#[must_use]
pub const fn entry_len(len: usize) -> usize {
    round8(ENTRY_HEADER_SIZE + len)
}

/// Appends a variable-length event to a payload.
///
/// # Panics
///
/// If the event is 4 GiB or more. A segment has at most 2 GiB.
pub fn encode_entry(payload: &mut Vec<u8>, event: &[u8]) {
    let end = payload.len() + entry_len(event.len());
    let len = u32::try_from(event.len()).expect("an event is smaller than a segment");
    payload.extend_from_slice(&len.to_le_bytes());
    payload.extend_from_slice(event);
    payload.resize(end, 0);
}

/// The fixed-size events of a payload that has been [validated](validate): their ids, and all their bytes, id included.
/// An incomplete event at the end is left out; there is none if `event_size` is 0.
pub fn fixed_events(
    payload: &[u8],
    event_size: u16,
) -> impl DoubleEndedIterator<Item = (u64, &[u8])> + ExactSizeIterator {
    let payload = if event_size < 8 { &[] } else { payload };
    payload.chunks_exact(usize::from(event_size).max(8)).map(|event| (u64_at(event, 0), event))
}

/// The variable-length events of a payload that has been [validated](validate): their ids, and their bytes without
/// length and padding. Ends before an event that does not fit.
pub fn variable_events(payload: &[u8], first_event_id: u64) -> VariableEvents<'_> {
    VariableEvents { rest: payload, id: first_event_id }
}

/// Iterator of [`variable_events`].
#[derive(Debug, Clone)]
pub struct VariableEvents<'a> {
    rest: &'a [u8],
    id: u64,
}

impl<'a> Iterator for VariableEvents<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (event, len) = split_entry(self.rest)?;
        self.rest = &self.rest[len..];
        let id = self.id;
        self.id = id.wrapping_add(1);
        Some((id, event))
    }
}

/// The first event of a payload and the bytes its entry takes, if it fits.
fn split_entry(payload: &[u8]) -> Option<(&[u8], usize)> {
    let len = u32::from_le_bytes(*payload.first_chunk()?) as usize;
    let entry = payload.get(..entry_len(len))?;
    Some((&entry[ENTRY_HEADER_SIZE..ENTRY_HEADER_SIZE + len], entry.len()))
}

/// Checks that a payload holds `event_count` events with ids from `first_event_id` to `last_event_id`. `event_size` is
/// the log's: 0 for variable-length events.
pub fn validate(
    payload: &[u8],
    event_size: u16,
    event_count: u32,
    first_event_id: u64,
    last_event_id: u64,
) -> Result<(), PayloadError> {
    if event_count == 0 {
        return Err(PayloadError::Empty);
    }
    if event_size == 0 {
        validate_variable(payload, event_count, first_event_id, last_event_id)
    } else {
        validate_fixed(payload, event_size, event_count, first_event_id, last_event_id)
    }
}

fn validate_fixed(
    payload: &[u8],
    event_size: u16,
    count: u32,
    first: u64,
    last: u64,
) -> Result<(), PayloadError> {
    let len = payload.len();
    if u64::from(count) * u64::from(event_size) != len as u64 || event_size < 8 {
        return Err(PayloadError::FixedLength { count, event_size, len });
    }
    if ids_increase(payload, event_size, first, last) {
        return Ok(());
    }
    let mut before = first.wrapping_sub(1);
    for (index, (id, _)) in (0..).zip(fixed_events(payload, event_size)) {
        let is_in_place = if index == 0 { id == first } else { id > before };
        if !is_in_place || !is_event_id(id) || (index + 1 == count && id != last) {
            return Err(PayloadError::Id { index, id });
        }
        before = id;
    }
    Ok(())
}

/// Whether the ids strictly increase from `first` to `last` and are in range. Without a branch per event, since a replay
/// asks this of every block; which event is wrong is found out when one is.
fn ids_increase(payload: &[u8], event_size: u16, first: u64, last: u64) -> bool {
    let mut before = first.wrapping_sub(1);
    let mut is_increasing = true;
    for (id, _) in fixed_events(payload, event_size) {
        is_increasing &= id > before;
        before = id;
    }
    is_increasing && u64_at(payload, 0) == first && before == last && is_event_id(first) && is_event_id(last)
}

fn validate_variable(payload: &[u8], count: u32, first: u64, last: u64) -> Result<(), PayloadError> {
    let mut used = 0;
    for index in 0..count {
        let (event, len) = split_entry(&payload[used..]).ok_or(PayloadError::Entry { index })?;
        let padding = used + ENTRY_HEADER_SIZE + event.len()..used + len;
        if !all_zero(&payload[padding]) {
            return Err(PayloadError::EntryPadding { index });
        }
        used += len;
    }
    if used != payload.len() {
        return Err(PayloadError::Remainder { used, len: payload.len() });
    }
    if !is_event_id(first) {
        return Err(PayloadError::Id { index: 0, id: first });
    }
    if !is_event_id(last) || first + u64::from(count - 1) != last {
        return Err(PayloadError::Id { index: count - 1, id: last });
    }
    Ok(())
}

/// Whether an event may have this id: 1 … 2⁵³ − 1.
#[must_use]
pub const fn is_event_id(id: u64) -> bool {
    id >= MIN_EVENT_ID && id <= MAX_EVENT_ID
}

/// The longest run of complete, increasing events at the beginning of staged bytes.
pub(crate) struct StagedEvents {
    /// Bytes of the events up to and including `skip_id`.
    pub(crate) skipped_len: usize,
    /// Bytes of all events.
    pub(crate) len: usize,
    /// Events above `skip_id`, their first id, and the last id of all.
    pub(crate) taken: u32,
    pub(crate) first_taken_id: u64,
    pub(crate) last_id: u64,
}

/// Reads `count` staged events, which carry no checksum: every length and id is checked. Ids have to be above
/// `base`; those up to `skip_id` are counted apart. `None` if an entry does not fit or an id does not increase.
pub(crate) fn staged(
    area: &[u8],
    event_size: u16,
    count: u32,
    base: u64,
    skip_id: u64,
) -> Option<StagedEvents> {
    let mut events = StagedEvents { skipped_len: 0, len: 0, taken: 0, first_taken_id: 0, last_id: base };
    for _ in 0..count {
        let rest = &area[events.len..];
        let (id, len) = if event_size == 0 {
            let (event, len) = split_entry(rest)?;
            let is_padded = all_zero(&rest[ENTRY_HEADER_SIZE + event.len()..len]);
            (is_padded.then_some(events.last_id.checked_add(1)?)?, len)
        } else {
            let event = rest.get(..usize::from(event_size))?;
            (u64::from_le_bytes(*event.first_chunk()?), event.len())
        };
        if id <= events.last_id || !is_event_id(id) {
            return None;
        }
        events.len += len;
        events.last_id = id;
        if id <= skip_id {
            events.skipped_len = events.len;
        } else {
            if events.taken == 0 {
                events.first_taken_id = id;
            }
            events.taken += 1;
        }
    }
    Some(events)
}

/// Bytes that `count` staged events take from the beginning of the area, and the id of the last one, as a writer needs
/// them before it makes a block of them. Ids have to be above `base`; `None` if an entry does not fit or an id does not
/// increase.
#[must_use]
pub fn staged_extent(area: &[u8], event_size: u16, count: u32, base: u64) -> Option<(usize, u64)> {
    staged(area, event_size, count, base, base).map(|events| (events.len, events.last_id))
}

/// The event size that the first event of a payload would have, if all have the same.
pub(crate) fn equal_sizes(payload_len: usize, event_count: u32) -> Option<u16> {
    let size = payload_len.checked_div(event_count as usize)?;
    let fits = size * event_count as usize == payload_len && size >= 8 && size.is_multiple_of(8);
    fits.then(|| u16::try_from(size).ok()).flatten()
}
