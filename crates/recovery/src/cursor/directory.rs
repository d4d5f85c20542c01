//! `cursors/` itself: made when first needed, and the lock that keeps cursors from being made while segments go.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_segment::names;

use crate::error::{Code, Error, Result};
use crate::files::{File, FileSystem, OpenMode, ensure_directory, sync_names};

const DIRECTORY_MODE: u32 = 0o700;
/// Removing segments takes far less.
const PATIENCE: Duration = Duration::from_secs(10);

/// `cursors/.lock`, held while a cursor is made or segments are removed: whoever makes a cursor looks where the log
/// begins, and that must stay so until the cursor is there to hold it.
#[derive(Debug)]
pub struct CursorsLock(Arc<dyn File>);

impl CursorsLock {
    /// Takes the lock if nobody has it; `None`: somebody has. Makes `cursors/` if need be.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub fn try_acquire(files: &dyn FileSystem, log: &Path, file_mode: u32) -> Result<Option<Self>> {
        let directory = log.join(names::CURSORS);
        let is_new = ensure_directory(files, &directory, DIRECTORY_MODE)
            .map_err(|error| Error::io("create", &directory, &error))?;
        if is_new {
            sync_names(files, log)?;
        }
        let path = directory.join(names::CURSORS_LOCK);
        let file = files
            .open(&path, OpenMode::Create(file_mode))
            .map_err(|error| Error::io("open", &path, &error))?;
        let locked = file.try_lock(true).map_err(|error| Error::io("lock", &path, &error))?;
        Ok(locked.then_some(Self(file)))
    }

    /// Takes the lock, waiting for whoever has it.
    ///
    /// # Errors
    /// `WAL_LOCKED` if it is held for longer than removing segments can take; `WAL_IO`.
    pub(super) fn acquire(files: &dyn FileSystem, log: &Path, file_mode: u32) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = Self::try_acquire(files, log, file_mode)? {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                let path = log.join(names::CURSORS).join(names::CURSORS_LOCK);
                let message = format!(
                    "{} has been locked for {} s by somebody who makes a cursor or removes segments; try again later",
                    path.display(),
                    PATIENCE.as_secs()
                );
                return Err(Error::new(Code::Locked, message).at_path(&path));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for CursorsLock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
