//! What the cursors of a log still hold.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use flashstrike_recovery::files::{File, OpenMode, read_to_end, sync_names};
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::layout::CURSOR_FILE_SIZE;
use flashstrike_segment::{choose_slot, names};

use crate::log_directory::DIRECTORY_MODE;
use crate::shared::LogContext;

/// What follows from a cursor that cannot be read, and what to do.
const HELD: &str = "nothing is removed or compressed as long as it is there and cannot be read as a cursor: mend it, set \
                    it anew, or remove it";

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
        let is_cursor = entry.name.to_str().and_then(names::parse_cursor_file_name).is_some();
        if is_cursor && let Some(done) = position(context, &directory.join(&entry.name))? {
            slowest = Some(slowest.map_or(done, |other| other.min(done)));
        }
    }
    Ok(slowest)
}

/// The last event that a cursor is done with; `None`: it was removed meanwhile.
fn position(context: &LogContext, path: &Path) -> Result<Option<u64>> {
    let file = match context.files.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path, &error).with_advice(HELD)),
    };
    let bytes = read_to_end(&*file, CURSOR_FILE_SIZE as u64)
        .map_err(|error| Error::io("read", path, &error).with_advice(HELD))?;
    let held = |code: Code, what: &dyn std::fmt::Display| {
        let message = format!(
            "the cursor {} cannot be used: {what}. Nothing is removed or compressed as long as it is there: set it anew, \
             or remove it",
            path.display()
        );
        Error::new(code, message).at_path(path)
    };
    match choose_slot(&bytes) {
        Ok(slot) if slot.log_id == context.log_id => Ok(Some(slot.event_id)),
        Ok(_) => Err(held(Code::Corrupt, &"it is of another log")),
        Err(error @ flashstrike_segment::CursorError::Unsupported(_)) => Err(held(Code::Unsupported, &error)),
        Err(error) => Err(held(Code::Corrupt, &error)),
    }
}

/// Keeps cursors from being created while segments are removed.
#[derive(Debug)]
pub(super) struct CursorsLock(Arc<dyn File>);

impl CursorsLock {
    /// `None`: somebody creates a cursor just now.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn try_acquire(context: &LogContext) -> Result<Option<Self>> {
        let directory = context.directory.join(names::CURSORS);
        match context.files.create_directory(&directory, DIRECTORY_MODE) {
            Ok(()) => sync_names(&*context.files, &context.directory)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", &directory, &error)),
        }
        let path = directory.join(names::CURSORS_LOCK);
        let file = context
            .files
            .open(&path, OpenMode::Create(context.file_mode))
            .map_err(|error| Error::io("open", &path, &error))?;
        let locked = file.try_lock(true).map_err(|error| Error::io("lock", &path, &error))?;
        Ok(locked.then_some(Self(file)))
    }
}

impl Drop for CursorsLock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
