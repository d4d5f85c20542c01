//! `wal.meta`, replaced whole.

use std::path::Path;

use flashstrike_segment::names;

use crate::error::{Error, Result};
use crate::files::{FileSystem, replace_file, sync_names};

/// Makes these bytes the contents of `wal.meta`, durably: temporary file, fdatasync, rename, fsync of the directory.
///
/// # Errors
/// `WAL_IO`; the old contents are then still in place.
pub fn replace_meta(files: &dyn FileSystem, directory: &Path, file_mode: u32, bytes: &[u8]) -> Result<()> {
    let temporary = directory.join(names::temporary_name(names::WAL_META));
    let path = directory.join(names::WAL_META);
    replace_file(files, &temporary, &path, file_mode, |file| {
        let written = file.write_all_at(bytes, 0).and_then(|()| file.sync_data());
        written.map_err(|error| Error::io("write", &temporary, &error))
    })?;
    sync_names(files, directory)
}
