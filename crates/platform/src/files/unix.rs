//! What Linux and macOS have in common.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

pub(super) fn id(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

pub(super) fn allocated(file: &File) -> io::Result<u64> {
    const UNIT: u64 = 512;
    Ok(file.metadata()?.blocks() * UNIT)
}

pub(super) fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}

pub(super) fn sync_all(file: &File) -> io::Result<()> {
    file.sync_all()
}

pub(super) fn try_lock(file: &File, exclusive: bool) -> io::Result<bool> {
    let outcome = if exclusive { file.try_lock() } else { file.try_lock_shared() };
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

pub(super) fn unlock(file: &File) -> io::Result<()> {
    file.unlock()
}

// An open file description lock of the whole file. Not `flock`, with which one could only find out by taking a lock, and
// a reader that has it for that moment would be in the way of a writer. The kernel gives it back when the last descriptor
// and, on Linux, the last mapping of that opening are gone.

pub(super) fn try_write_lock(file: &File) -> io::Result<bool> {
    match fcntl(file, libc::F_OFD_SETLK, libc::F_WRLCK) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn release_write_lock(file: &File) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLK, libc::F_UNLCK).map(drop)
}

pub(super) fn is_write_locked(file: &File) -> io::Result<bool> {
    // As if for reading, which only a lock for writing is in the way of: readers have no say in it, whatever they hold.
    let kind = fcntl(file, libc::F_OFD_GETLK, libc::F_RDLCK)?;
    Ok(kind != libc::c_int::from(libc::F_UNLCK))
}

/// What the C libraries call the kinds of locks: a `c_int`, on macOS a `c_short`.
type Kind = libc::c_int;

/// Asks for a lock of the whole file; gives the kind that the kernel left in the request.
fn fcntl(file: &File, command: libc::c_int, kind: impl Into<Kind>) -> io::Result<Kind> {
    // SAFETY: a structure of integers, for which zeros are values: from the beginning of the file to its end.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = kind.into() as libc::c_short;
    request.l_whence = libc::SEEK_SET as libc::c_short;
    loop {
        // SAFETY: the descriptor is open as long as `file` is borrowed, these commands take a pointer to such a
        // structure, and it lives until the call returns.
        let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut request) };
        if answer != -1 {
            return Ok(request.l_type.into());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
