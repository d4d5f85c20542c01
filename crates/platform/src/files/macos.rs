//! Open files on macOS.
//!
//! The standard library's syncs are `F_FULLFSYNC`; a plain `fsync` leaves the data in the cache of the device.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

pub(super) use super::unix::{
    allocated, id, is_write_locked, read_at, release_write_lock, sync_all, sync_data, try_lock,
    try_write_lock, unlock, write_all_at,
};

/// The smallest unit in which APFS and HFS+ give space back.
const HOLE_UNIT: u64 = 4096;

/// `F_FULLFSYNC` need not write what was stored through a mapping. `msync` does, of any mapping: it goes by the pages of
/// the file, whoever has them mapped. So one is made for that moment, and also covers stores of a process that has died.
#[derive(Debug, Default)]
pub(super) struct Mapped;

impl Mapped {
    #[expect(clippy::unused_self, reason = "others have to remember it")]
    pub(super) fn add(&self, _mapping: &Arc<MmapRaw>) {}

    #[expect(clippy::unused_self, reason = "others have what is mapped in it")]
    pub(super) fn flush(&self, file: &File) -> io::Result<()> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(());
        }
        // Nothing is ever read through it.
        MmapOptions::new().len(length).map_raw_read_only(file)?.flush()
    }
}

/// Reserves the blocks in one piece of work, so that a full disk is an error before any time is spent, and writes them.
pub(super) fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let end = offset + length;
    let (has, is_long) = (allocated(file)?, file.metadata()?.len());
    if has >= end && is_long >= end {
        return Ok(());
    }
    if has < end {
        reserve(file, end - has)?;
    }
    super::fill_with_zeros(file, offset, length)
}

fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let mut request = libc::fstore_t {
        fst_flags: libc::F_ALLOCATEALL,
        fst_posmode: libc::F_PEOFPOSMODE,
        fst_offset: 0,
        fst_length: bytes.cast_signed(),
        fst_bytesalloc: 0,
    };
    // SAFETY: the descriptor is open as long as `file` is borrowed, the command takes a pointer to such a structure, and
    // it lives until the call returns.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PREALLOCATE, &raw mut request) };
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        _ if answer != -1 => Ok(()),
        // Then they are only written.
        Some(libc::ENOTSUP | libc::EINVAL) => Ok(()),
        _ => Err(error),
    }
}

pub(super) fn punch_hole(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let begin = offset.next_multiple_of(HOLE_UNIT);
    let end = (offset + length) / HOLE_UNIT * HOLE_UNIT;
    if begin >= end {
        return Ok(());
    }
    let mut request = libc::fpunchhole_t {
        fp_flags: 0,
        reserved: 0,
        fp_offset: begin.cast_signed(),
        fp_length: (end - begin).cast_signed(),
    };
    // SAFETY: as in `reserve`.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PUNCHHOLE, &raw mut request) };
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        _ if answer != -1 => Ok(()),
        Some(libc::ENOTSUP | libc::EINVAL) => Ok(()),
        _ => Err(error),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(super) fn start_write_back(_file: &File, _offset: u64, _length: u64) -> io::Result<()> {
    Ok(())
}
