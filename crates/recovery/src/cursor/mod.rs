//! Named positions of consumers that survive crashes, and hold back retention until their consumer is done.
//!
//! A cursor is a small file in `cursors/` that says up to which event its consumer has come. The consumer holds the file
//! locked, replays or follows from the next event on, and *commits* what it is done with. A commit is acknowledged once
//! it would survive a power cut, and never stands beyond what would survive one of the log: after any crash the consumer
//! sees again what it had not committed, and nothing is passed over.

mod directory;
mod durable;
mod entry;
mod file;
mod held;
mod options;
mod wait;

pub use directory::CursorsLock;
pub use entry::{CursorEntry, read_position};
pub use held::Cursor;
pub use options::{CursorOptions, CursorStart};

use std::path::Path;

use flashstrike_segment::names;

use crate::error::{Code, Error, Result};
use crate::files::FileSystem;
use crate::recovery::Recovery;

impl Recovery {
    /// Opens a named cursor of this log, or makes it if the options say where it is to begin. It is held until it is
    /// dropped; the recovery may be dropped before.
    ///
    /// # Errors
    /// `WAL_NOT_FOUND` if there is none of this name and none is to be made, or no log any more; `WAL_LOCKED` if somebody
    /// else holds it, or the lock of all cursors for long; `WAL_CURSOR_AHEAD` if it stands beyond the end of the log and
    /// `WAL_CORRUPT` if it cannot be read or is of another log, unless it is to be reset, and if nothing says which log
    /// this is; `WAL_EVENT_ID`, `WAL_GONE` if it is to begin where there is no event yet, or no event any more;
    /// `WAL_CLOSED`, `WAL_POISONED` if the event that it is put at does not become durable, since its writer has ended or
    /// a sync of it has failed; `WAL_UNSUPPORTED` for a name that cannot be one, and if a newer version wrote the cursor
    /// or the log; `WAL_IO`, also without the right to write.
    pub fn cursor(&self, name: &str, options: &CursorOptions) -> Result<Cursor> {
        check_name(name)?;
        wait::until(|wait| Cursor::open(self, name, options, wait))
    }

    /// As [`cursor`](Self::cursor), but does not wait for the event that it is put at to be durable; `None`: it is not
    /// yet, and nothing was changed.
    ///
    /// # Errors
    /// As [`cursor`](Self::cursor).
    pub fn try_cursor(&self, name: &str, options: &CursorOptions) -> Result<Option<Cursor>> {
        check_name(name)?;
        Cursor::open(self, name, options, &mut wait::DurableWait::default())
    }

    /// The cursors of this log, by name. One that cannot be read says why.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub fn cursors(&self) -> Result<Vec<CursorEntry>> {
        let log_id = self.identity().map(|identity| identity.log_id);
        CursorEntry::list(&**self.files(), self.directory(), log_id.as_ref())
    }

    /// Removes a cursor: it holds nothing back any more.
    ///
    /// # Errors
    /// `WAL_NOT_FOUND`; `WAL_LOCKED` if somebody holds it; `WAL_UNSUPPORTED` for a name that cannot be one; `WAL_IO`.
    pub fn remove_cursor(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let files: &dyn FileSystem = &**self.files();
        let directory = self.directory().join(names::CURSORS);
        let Some(file) = file::CursorFile::acquire(files, &directory, name)? else {
            return Err(no_such_cursor(self, name, "There is nothing to remove"));
        };
        file.remove(files)
    }
}

/// Whether the cursor `name` in the directory `cursors` was made to hold back retention while the log is copied, by
/// somebody who has ended without removing it, as one who was killed: it means nothing any more, and is removed.
///
/// # Errors
/// `WAL_IO`.
pub fn remove_if_left_by_copy(files: &dyn FileSystem, cursors: &Path, name: &str) -> Result<bool> {
    if !names::is_copy_cursor_name(name) {
        return Ok(false);
    }
    // Whoever makes one holds it from before it has its name.
    match file::CursorFile::try_acquire(files, &cursors.join(names::cursor_file_name(name)))? {
        file::Attempt::Held(left) => left.remove(files).map(|()| true),
        file::Attempt::Missing => Ok(true),
        file::Attempt::Locked => Ok(false),
    }
}

fn check_name(name: &str) -> Result<()> {
    if names::is_cursor_name(name) {
        return Ok(());
    }
    let message = format!(
        "{name:?} cannot be the name of a cursor, which becomes a file name: take 1 to 64 of A-Z a-z 0-9 . _ - and begin \
         with no dot"
    );
    Err(Error::new(Code::Unsupported, message))
}

/// More names than these help nobody.
const MOST_NAMES: usize = 8;

fn no_such_cursor(recovery: &Recovery, name: &str, advice: &str) -> Error {
    let directory = recovery.directory();
    let mut names: Vec<String> =
        recovery.cursors().unwrap_or_default().into_iter().map(|entry| entry.name).collect();
    let there = match names.len() {
        0 => "it has none".to_owned(),
        count if count > MOST_NAMES => {
            names.truncate(MOST_NAMES);
            format!("it has {} and {} more", names.join(", "), count - MOST_NAMES)
        }
        _ => format!("it has {}", names.join(", ")),
    };
    let message = format!("the log in {} has no cursor {name}; {there}. {advice}", directory.display());
    Error::new(Code::NotFound, message).at_path(&directory.join(names::CURSORS))
}
