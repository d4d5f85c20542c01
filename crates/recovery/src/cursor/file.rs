//! `NAME.cursor` while it is held.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_segment::layout::CURSOR_FILE_SIZE;
use flashstrike_segment::{CursorSlot, names};

use crate::error::{Code, Error, Result};
use crate::files::{File, FileId, FileSystem, OpenMode, if_there, read_to_end, remove_if_there, sync_names};

/// How long to wait for somebody who is just ending, or only looks.
const PATIENCE: Duration = Duration::from_millis(200);

/// The file of a cursor, locked against everybody else until it is dropped.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    file: Arc<dyn File>,
    id: FileId,
}

/// What came of trying to hold a cursor.
pub(super) enum Attempt {
    /// It is ours.
    Held(CursorFile),
    /// Somebody holds it, or looks just now whether somebody does.
    Locked,
    /// There is none of this name.
    Missing,
}

impl CursorFile {
    /// Opens and locks it; `None`: there is none of this name.
    ///
    /// # Errors
    /// `WAL_LOCKED`, `WAL_IO`.
    pub(super) fn acquire(files: &dyn FileSystem, directory: &Path, name: &str) -> Result<Option<Self>> {
        let path = directory.join(names::cursor_file_name(name));
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::try_acquire(files, &path)? {
                Attempt::Held(held) => return Ok(Some(held)),
                Attempt::Missing => return Ok(None),
                Attempt::Locked if Instant::now() > deadline => {
                    let message = format!(
                        "somebody else holds the cursor {name} of {}: a cursor is for one consumer; close it there, or \
                         take another name",
                        directory.parent().unwrap_or(directory).display()
                    );
                    return Err(Error::new(Code::Locked, message).at_path(&path));
                }
                Attempt::Locked => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// As [`acquire`](Self::acquire), without waiting for anybody.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn try_acquire(files: &dyn FileSystem, path: &Path) -> Result<Attempt> {
        loop {
            let file = match files.open(path, OpenMode::ReadWrite) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Attempt::Missing),
                Err(error) => return Err(Error::io("open", path, &error)),
            };
            if !file.try_lock(true).map_err(|error| Error::io("lock", path, &error))? {
                return Ok(Attempt::Locked);
            }
            let id = file.id().map_err(|error| Error::io("read", path, &error))?;
            let held = Self { path: path.to_owned(), file, id };
            // Between opening and locking somebody may have removed it, and another may be there now.
            if held.is_there(files)? {
                return Ok(Attempt::Held(held));
            }
        }
    }

    /// Makes it, with one valid slot, under a temporary name first. The caller holds `cursors/.lock`.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn create(
        files: &dyn FileSystem,
        directory: &Path,
        name: &str,
        slot: &CursorSlot,
        file_mode: u32,
    ) -> Result<Self> {
        let path = directory.join(names::cursor_file_name(name));
        let temporary = directory.join(names::temporary_name(&names::cursor_file_name(name)));
        remove_if_there(files, &temporary)?;
        let made = || -> std::io::Result<Arc<dyn File>> {
            let file = files.open(&temporary, OpenMode::CreateNew(file_mode))?;
            file.write_all_at(&slot.encode_file(), 0)?;
            file.sync_all()?;
            file.try_lock(true)?;
            files.rename(&temporary, &path, false)?;
            Ok(file)
        };
        let file = made().map_err(|error| {
            let _ = remove_if_there(files, &temporary);
            Error::io("create", &path, &error)
        })?;
        sync_names(files, directory)?;
        let id = file.id().map_err(|error| Error::io("read", &path, &error))?;
        Ok(Self { path, file, id })
    }

    /// All bytes of the file.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        read_to_end(&*self.file, CURSOR_FILE_SIZE as u64)
            .map_err(|error| Error::io("read", &self.path, &error))
    }

    /// Writes a slot and waits until it is on the device.
    ///
    /// # Errors
    /// What the operating system says. Whether the slot is there is not known then.
    pub(super) fn write(&self, slot: &CursorSlot) -> std::io::Result<()> {
        self.file.write_all_at(&slot.encode(), slot.offset())?;
        self.file.sync_data()
    }

    /// Makes the file one with this valid slot alone, whatever it holds.
    pub(super) fn write_anew(&self, slot: &CursorSlot) -> std::io::Result<()> {
        self.file.write_all_at(&slot.encode_file(), 0)?;
        self.file.sync_all()
    }

    /// Whether the file still has its name.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn is_there(&self, files: &dyn FileSystem) -> Result<bool> {
        let id = if_there(files.id(&self.path)).map_err(|error| Error::io("open", &self.path, &error))?;
        Ok(id == Some(self.id))
    }

    /// Removes it.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn remove(self, files: &dyn FileSystem) -> Result<()> {
        remove_if_there(files, &self.path)?;
        sync_names(files, self.path.parent().unwrap_or(&self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CursorFile {
    fn drop(&mut self) {
        // Closing the file would give it back too, but only with its last descriptor.
        let _ = self.file.unlock();
    }
}
