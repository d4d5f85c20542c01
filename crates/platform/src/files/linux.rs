//! Open files on Linux.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;

use memmap2::MmapRaw;
use rustix::fs::{Advice, FallocateFlags};
use rustix::io::{Errno, retry_on_intr};

pub(super) use super::unix::{
    allocated, id, is_write_locked, read_at, release_write_lock, sync_all, sync_data, try_lock,
    try_write_lock, unlock, write_all_at,
};

/// A sync of the file writes what was stored through any mapping of it.
#[derive(Debug, Default)]
pub(super) struct Mapped;

impl Mapped {
    #[expect(clippy::unused_self, reason = "others have to remember it")]
    pub(super) fn add(&self, _mapping: &Arc<MmapRaw>) {}

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "others have to flush it, and can fail"
    )]
    pub(super) fn flush(&self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let how = FallocateFlags::empty();
    match retry_on_intr(|| rustix::fs::fallocate(file, how, offset, length)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => super::fill_with_zeros(file, offset, length),
        result => Ok(result?),
    }
}

pub(super) fn punch_hole(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match retry_on_intr(|| rustix::fs::fallocate(file, how, offset, length)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        result => Ok(result?),
    }
}

/// `POSIX_FADV_DONTNEED` starts write-back of dirty pages on Linux; unlike `sync_file_range` it needs no libc binding,
/// and like it, it promises nothing. A length of 0 is everything.
pub(super) fn start_write_back(file: &File, offset: u64, length: u64) -> io::Result<()> {
    Ok(rustix::fs::fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed)?)
}
