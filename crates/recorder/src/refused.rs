//! Why an event was refused, in words. Each is cold, so that the path that appends stays small.

use flashstrike_recovery::{Code, Error};
use flashstrike_segment::layout::MAX_EVENT_ID;

use crate::shared::MAX_UNSEALED_SEGMENTS;

#[cold]
pub(crate) fn wrong_size(got: usize, expected: usize) -> Error {
    Error::new(Code::Schema, format!("an event of this log has {expected} bytes, this one {got}"))
}

#[cold]
pub(crate) fn too_many_unsealed() -> Error {
    let message = format!(
        "{MAX_UNSEALED_SEGMENTS} segments wait to be synced and sealed; nothing was appended: wait with drain() and append \
         again"
    );
    Error::new(Code::Backpressure, message)
}

#[cold]
pub(crate) fn too_large(got: usize, largest: usize) -> Error {
    let message = format!(
        "{got} bytes with their lengths and padding do not fit an empty segment, which holds {largest}; \
         split them, or open the log with larger segments"
    );
    Error::new(Code::EventTooLarge, message)
}

#[cold]
pub(crate) fn not_increasing(event_id: u64, last: u64) -> Error {
    let message = format!("event id {event_id} is not behind the last one, {last}; ids must increase");
    Error::new(Code::EventId, message).at_event(event_id)
}

#[cold]
pub(crate) fn ids_are_implicit(event_id: u64) -> Error {
    let message = "events of a byte log are numbered by the recorder; append without an id";
    Error::new(Code::EventId, message).at_event(event_id)
}

#[cold]
pub(crate) fn ids_used_up(event_id: u64) -> Error {
    let message = format!("event id {event_id} is higher than {MAX_EVENT_ID}, the highest there is");
    Error::new(Code::EventId, message).at_event(event_id)
}

#[cold]
pub(crate) fn not_yet_there(event_id: u64, last: u64) -> Error {
    let message = format!(
        "event {event_id} is neither in the log nor the next one; the last one is {last}, so it must be from 1 to {}",
        last + 1
    );
    Error::new(Code::EventId, message).at_event(event_id)
}
