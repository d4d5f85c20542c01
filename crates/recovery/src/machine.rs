//! What recovery asks the machine: which boot this is, and whether a writer is alive.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use flashstrike_segment::names;

use crate::error::{Error, Result};
use crate::files::{FileSystem, OpenMode};

/// Where the boot id comes from, and what reads one.
pub use flashstrike_platform::machine::{BOOT_ID, parse_uuid};

/// The boot id of the machine: what was in memory under another one is gone. `None` where it gives none: then nothing
/// proves that staged events are of this boot.
///
/// # Errors
/// `WAL_IO` for any other reason than that there is none, as being out of descriptors: that says nothing about staged
/// events.
pub fn boot_id() -> Result<Option<[u8; 16]>> {
    flashstrike_platform::machine::boot_id().map_err(|error| Error::io("read", Path::new(BOOT_ID), &error))
}

/// The boot id that was given, else the machine's.
///
/// # Errors
/// As [`boot_id`].
pub fn known_boot_id(given: Option<[u8; 16]>) -> Result<Option<[u8; 16]>> {
    match given {
        Some(given) => Ok(Some(given)),
        None => boot_id(),
    }
}

/// The wall clock, ns since the Unix epoch; 0 before it.
#[inline]
pub fn wall_clock_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Whether somebody holds the log for appending, this process included.
///
/// The lock is tried shared and without waiting, and given back at once. Without a lock file, or without the right to
/// read it, there is no writer that this reader could share a log with.
///
/// # Errors
/// What opening or locking it said otherwise: being out of descriptors says nothing about a writer.
pub fn writer_alive(files: &dyn FileSystem, directory: &Path) -> Result<bool> {
    let path = directory.join(names::WAL_LOCK);
    let file = match files.open(&path, OpenMode::Read) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(Error::io("open", &path, &error)),
    };
    match file.try_lock(false) {
        Ok(free) => {
            if free {
                // Closing gives it back as well.
                let _ = file.unlock();
            }
            Ok(!free)
        }
        // Where there are no locks nobody can append.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(error) => Err(Error::io("try the lock of", &path, &error)),
    }
}
