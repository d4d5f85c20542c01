//! What the cursors of a log still hold.

use std::io::ErrorKind;

use flashstrike_recovery::cursor::{read_position, remove_if_left_by_copy};
use flashstrike_recovery::{Error, Result};
use flashstrike_segment::names;

use crate::shared::LogContext;

/// What follows from a cursor that cannot be read, and what to do.
const HELD: &str = "nothing is removed or compressed as long as it is there and cannot be read as a cursor: mend it, reset \
                    it, or remove it";

/// Id of the last event that every cursor is done with; `None`: there is no cursor.
///
/// # Errors
/// `WAL_CORRUPT` for a cursor without a valid slot, or of another log; `WAL_UNSUPPORTED`, `WAL_IO`. What a cursor holds
/// is not known then, so everything is held.
pub(super) fn slowest(context: &LogContext) -> Result<Option<u64>> {
    let directory = context.directory.join(names::CURSORS);
    let entries = match context.files.list(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("list", &directory, &error).with_advice(HELD)),
    };
    let mut slowest: Option<u64> = None;
    for entry in entries {
        let Some(name) = entry.name.to_str().and_then(names::parse_cursor_file_name) else { continue };
        let path = directory.join(&entry.name);
        // It would hold everything for ever: nobody is there any more who could move it on.
        if remove_if_left_by_copy(&*context.files, &directory, name)
            .map_err(|error| error.with_advice(HELD))?
        {
            continue;
        }
        let position = read_position(&*context.files, &path, Some(&context.log_id))
            .map_err(|error| error.with_advice(HELD))?;
        if let Some(slot) = position {
            slowest = Some(slowest.map_or(slot.event_id, |other| other.min(slot.event_id)));
        }
    }
    Ok(slowest)
}
