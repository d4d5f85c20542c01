//! What a cursor says to whoever does not hold it.

use std::path::Path;

use flashstrike_segment::layout::CURSOR_FILE_SIZE;
use flashstrike_segment::{CursorError, CursorSlot, choose_slot, names};

use crate::error::{Code, Error, Result};
use crate::files::{FileSystem, OpenMode, if_there, open_if_there, read_to_end};

/// One cursor of a log.
#[derive(Debug, Clone)]
pub struct CursorEntry {
    /// Its name.
    pub name: String,
    /// Where it stands, or why that cannot be told; then retention removes nothing.
    pub position: Result<CursorSlot>,
    /// Whether somebody holds it now.
    pub held: bool,
}

impl CursorEntry {
    /// The cursors of the log in a directory, by name.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(crate) fn list(files: &dyn FileSystem, log: &Path, log_id: Option<&[u8; 16]>) -> Result<Vec<Self>> {
        let directory = log.join(names::CURSORS);
        let listed =
            if_there(files.list(&directory)).map_err(|error| Error::io("list", &directory, &error))?;
        let mut entries: Vec<Self> = listed
            .iter()
            .flatten()
            .filter_map(|found| names::parse_cursor_file_name(found.name.to_str()?))
            .filter_map(|name| Self::read(files, &directory, name, log_id))
            .collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// `None`: it has been removed meanwhile.
    fn read(files: &dyn FileSystem, directory: &Path, name: &str, log_id: Option<&[u8; 16]>) -> Option<Self> {
        let path = directory.join(names::cursor_file_name(name));
        let position = read_position(files, &path, log_id).transpose()?;
        Some(Self { name: name.to_owned(), position, held: is_held(files, &path) })
    }
}

/// Where the cursor in a file stands; `None`: there is no such file.
///
/// # Errors
/// `WAL_CORRUPT` if it has no valid slot, or is of another log than `log_id`; `WAL_UNSUPPORTED`, `WAL_IO`.
pub fn read_position(
    files: &dyn FileSystem,
    path: &Path,
    log_id: Option<&[u8; 16]>,
) -> Result<Option<CursorSlot>> {
    let Some(file) = open_if_there(files, path)? else { return Ok(None) };
    let bytes =
        read_to_end(&*file, CURSOR_FILE_SIZE as u64).map_err(|error| Error::io("read", path, &error))?;
    decode(path, &bytes, log_id).map(Some)
}

/// Where the cursor with these bytes stands.
///
/// # Errors
/// `WAL_CORRUPT`, `WAL_UNSUPPORTED`.
pub(super) fn decode(path: &Path, bytes: &[u8], log_id: Option<&[u8; 16]>) -> Result<CursorSlot> {
    let unusable = |code: Code, what: &dyn std::fmt::Display| {
        Error::new(code, format!("the cursor {} cannot be used: {what}", path.display())).at_path(path)
    };
    match choose_slot(bytes) {
        Ok(slot) if log_id.is_none_or(|log_id| *log_id == slot.log_id) => Ok(slot),
        Ok(_) => Err(unusable(Code::Corrupt, &"it is of another log")),
        Err(error @ CursorError::Unsupported(_)) => Err(unusable(Code::Unsupported, &error)),
        Err(error) => Err(unusable(Code::Corrupt, &error)),
    }
}

/// What cannot be asked counts as not held: the answer is for people.
fn is_held(files: &dyn FileSystem, path: &Path) -> bool {
    let Ok(file) = files.open(path, OpenMode::Read) else { return false };
    let is_free = file.try_lock(false).unwrap_or(true);
    if is_free {
        let _ = file.unlock();
    }
    !is_free
}
