//! `wal.meta`, replaced whole.

use std::path::Path;

use flashstrike_segment::names;

use crate::error::{Error, Result};
use crate::files::{FileSystem, OpenMode, remove_if_there, sync_names};

/// Makes these bytes the contents of `wal.meta`, durably: temporary file, fdatasync, rename, fsync of the directory.
///
/// # Errors
/// `WAL_IO`; the old contents are then still in place.
pub fn replace_meta(files: &dyn FileSystem, directory: &Path, file_mode: u32, bytes: &[u8]) -> Result<()> {
    let temporary = directory.join(names::temporary_name(names::WAL_META));
    let path = directory.join(names::WAL_META);
    remove_if_there(files, &temporary)?;
    let file = files
        .open(&temporary, OpenMode::CreateNew(file_mode))
        .map_err(|error| Error::io("create", &temporary, &error))?;
    file.write_all_at(bytes, 0)
        .and_then(|()| file.sync_data())
        .map_err(|error| Error::io("write", &temporary, &error))?;
    files.rename(&temporary, &path, true).map_err(|error| Error::io("rename to", &path, &error))?;
    sync_names(files, directory)
}
