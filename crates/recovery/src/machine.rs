//! What recovery asks the machine: which boot this is, and whether a writer is alive.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use flashstrike_segment::names;

use crate::error::{Error, Result};
use crate::files::{FileSystem, OpenMode};

/// Where Linux gives its boot id.
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The boot id of the machine: what was in memory under another one is gone. `None` where it gives none: then nothing
/// proves that staged events are of this boot.
///
/// # Errors
/// `WAL_IO` for any other reason than that there is none, as being out of descriptors: that says nothing about staged
/// events.
pub fn boot_id() -> Result<Option<[u8; 16]>> {
    match std::fs::read_to_string(BOOT_ID) {
        Ok(text) => Ok(parse_uuid(&text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            Ok(None)
        }
        Err(error) => Err(Error::io("read", Path::new(BOOT_ID), &error)),
    }
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

/// The 16 bytes of a UUID in its usual form.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.trim().bytes().filter(|&byte| byte != b'-').collect();
    let digits: &[u8; 32] = digits.as_slice().try_into().ok()?;
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?).ok()?;
    }
    Some(id)
}

fn hex_digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_sixteen_bytes_in_the_order_written() {
        let id = parse_uuid("00010203-0405-0607-0809-0a0b0c0d0eFF\n").unwrap();
        assert_eq!(id, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        for wrong in
            ["", "0", "00010203-0405-0607-0809-0a0b0c0d0eFG", "00010203-0405-0607-0809-0a0b0c0d0eFF00"]
        {
            assert_eq!(parse_uuid(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_boot_id_does_not_change() {
        let id = boot_id().unwrap().expect("Linux gives one");
        assert_eq!(boot_id().unwrap(), Some(id));
    }
}
