//! Whether somebody has opened or repaired a log since it was looked at last.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_segment::names;

use crate::error::{Error, Result};
use crate::files::{File, FileId, FileSystem, OpenMode, if_there};

/// The files that were there of those that are made anew: `wal.staging` by every writer that opens the log, `wal.meta`
/// also by a repair.
#[derive(Debug)]
pub(crate) struct Generation([Mark; 2]);

#[derive(Debug)]
struct Mark {
    path: PathBuf,
    id: Option<FileId>,
    /// Kept open, so that no other file can get its inode. `None` as well where it may not be read.
    _kept: Option<Arc<dyn File>>,
}

impl Generation {
    /// As it is now. Whoever takes it, looks at the log then, and finds it the same later on, has missed nobody who came
    /// and went.
    ///
    /// # Errors
    /// `WAL_IO`; not that a file is not there.
    pub(crate) fn now(files: &dyn FileSystem, directory: &Path) -> Result<Self> {
        let mark = |name| Mark::now(files, directory.join(name));
        Ok(Self([mark(names::WAL_STAGING)?, mark(names::WAL_META)?]))
    }

    /// Whether it is the same as it was.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub(crate) fn is_still(&self, files: &dyn FileSystem) -> Result<bool> {
        for mark in &self.0 {
            if id_of(files, &mark.path)? != mark.id {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Mark {
    fn now(files: &dyn FileSystem, path: PathBuf) -> Result<Self> {
        let opened = match files.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let id = id_of(files, &path)?;
                return Ok(Self { path, id, _kept: None });
            }
            opened => if_there(opened).map_err(|error| Error::io("look at", &path, &error))?,
        };
        let id = opened.as_ref().map(|file| file.id()).transpose();
        let id = id.map_err(|error| Error::io("look at", &path, &error))?;
        Ok(Self { path, id, _kept: opened })
    }
}

fn id_of(files: &dyn FileSystem, path: &Path) -> Result<Option<FileId>> {
    if_there(files.id(path)).map_err(|error| Error::io("look at", path, &error))
}
