//! Open files: places in them, space, syncs and locks.
//!
//! Locks are those of an opening: the same process can be in its own way, and they go when the last descriptor of the
//! opening does, which a killed process cannot prevent.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use memmap2::MmapRaw;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod os;
#[cfg(unix)]
mod unix;

/// What is mapped of one open file, as far as a sync has to know it.
///
/// Linux writes what was stored through a mapping with the file, and so does macOS once it is told of any mapping; there
/// it is empty. On Windows each mapping has to be flushed for itself, and is in here as long as it lives.
#[derive(Debug, Default)]
pub struct Mapped(os::Mapped);

impl Mapped {
    /// Notes a shared mapping of the file.
    pub fn add(&self, mapping: &Arc<MmapRaw>) {
        self.0.add(mapping);
    }
}

/// Tells one file from another, also after a rename over it: device and inode, or the numbers of volume and file.
///
/// # Errors
/// Those of the operating system.
pub fn id(file: &File) -> io::Result<(u64, u64)> {
    os::id(file)
}

/// Reads into `buffer` from `offset`; fewer bytes than asked at the end of the file, or where the kernel likes.
///
/// # Errors
/// Those of the operating system, never `Interrupted`.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match os::read_at(file, buffer, offset) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Fills `buffer` from `offset`.
///
/// # Errors
/// `UnexpectedEof` if the file ends before; those of the operating system.
pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match read_at(file, &mut buffer[done..], offset + done as u64)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`.
///
/// # Errors
/// Those of the operating system.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    os::write_all_at(file, bytes, offset)
}

/// Bytes that a file takes on disk, which may be fewer than its length.
///
/// # Errors
/// Those of the operating system.
pub fn allocated(file: &File) -> io::Result<u64> {
    os::allocated(file)
}

/// Really allocates `length` bytes from `offset` on, which hold nothing but zeros so far, and makes the file as long as
/// that if it is shorter. Never the emulation of a C library.
///
/// On macOS the file system may still want other blocks when these are written to, see [`WEAKER`](crate::WEAKER).
///
/// # Errors
/// `StorageFull` or `QuotaExceeded` without room; those of the operating system.
pub fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    os::allocate(file, offset, length)
}

/// Writes zeros over `length` bytes from `offset` on, a page at a time.
///
/// # Errors
/// As [`write_all_at`].
pub fn fill_with_zeros(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let page = [0; 4096];
    let (mut at, end) = (offset, offset + length);
    while at < end {
        // To the end of a page, so that the ones behind are written whole.
        let part = (end - at).min(page.len() as u64 - at % page.len() as u64);
        write_all_at(file, &page[..part as usize], at)?;
        at += part;
    }
    Ok(())
}

/// Gives the blocks of this byte range back to the file system; they read as zeros, and the length stays. Does nothing
/// where that is not supported, as on Windows.
///
/// # Errors
/// Those of the operating system.
pub fn punch_hole(file: &File, offset: u64, length: u64) -> io::Result<()> {
    os::punch_hole(file, offset, length)
}

/// The contents are on the device, those stored through any of the mappings with them: `fdatasync`, on macOS `msync` and
/// `F_FULLFSYNC`, on Windows `FlushViewOfFile` and `FlushFileBuffers`.
///
/// # Errors
/// Those of the operating system.
pub fn sync_data(file: &File, mapped: &Mapped) -> io::Result<()> {
    mapped.0.flush(file)?;
    os::sync_data(file)
}

/// As [`sync_data`], with all that describes the file: `fsync`, on macOS and Windows the same as there.
///
/// # Errors
/// Those of the operating system.
pub fn sync_all(file: &File, mapped: &Mapped) -> io::Result<()> {
    mapped.0.flush(file)?;
    os::sync_all(file)
}

/// Starts write-back of a byte range without waiting for it and without promising anything. Does nothing but on Linux.
///
/// # Errors
/// Those of the operating system.
pub fn start_write_back(file: &File, offset: u64, length: u64) -> io::Result<()> {
    os::start_write_back(file, offset, length)
}

/// Tells the kernel that the cached pages of a file are not needed soon. Does nothing but on Linux.
///
/// # Errors
/// Those of the operating system.
pub fn drop_cache(file: &File) -> io::Result<()> {
    os::start_write_back(file, 0, 0)
}

/// Tries to lock the whole file without waiting; false if somebody else holds it. What stands in it can be read by others
/// all the same, on Windows too, where the lock is of one byte that no file reaches.
///
/// # Errors
/// `Unsupported` where there are no locks; those of the operating system.
pub fn try_lock(file: &File, exclusive: bool) -> io::Result<bool> {
    os::try_lock(file, exclusive)
}

/// Gives the lock of this opening back.
///
/// # Errors
/// Those of the operating system.
pub fn unlock(file: &File) -> io::Result<()> {
    os::unlock(file)
}

/// Takes a lock that [`is_write_locked`] can be asked for; false: somebody has it, perhaps this process through another
/// opening. A file has either these locks or those of [`try_lock`], which are the same on some systems.
///
/// # Errors
/// Those of the operating system.
pub fn try_write_lock(file: &File) -> io::Result<bool> {
    os::try_write_lock(file)
}

/// Gives it back.
///
/// # Errors
/// Those of the operating system.
pub fn release_write_lock(file: &File) -> io::Result<()> {
    os::release_write_lock(file)
}

/// Whether somebody has taken it through another opening. Needs no more than permission to read, and takes nothing, but
/// on Windows: there the lock is had for a moment.
///
/// # Errors
/// Those of the operating system.
pub fn is_write_locked(file: &File) -> io::Result<bool> {
    os::is_write_locked(file)
}

#[cfg(test)]
mod tests;
