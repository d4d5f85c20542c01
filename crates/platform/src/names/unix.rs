//! What Linux and macOS have in common.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use super::Odd;

pub(super) fn open_what_is_there(options: &mut OpenOptions) -> &mut OpenOptions {
    // Without O_NONBLOCK, opening a FIFO that somebody put under one of our names would wait for ever.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed())
}

pub(super) fn with_mode(options: &mut OpenOptions, bits: u32) -> &mut OpenOptions {
    options.mode(bits)
}

pub(super) fn odd(_path: &Path, error: &io::Error) -> Option<Odd> {
    match Errno::from_io_error(error)? {
        Errno::LOOP => Some(Odd::Link),
        Errno::ISDIR => Some(Odd::Directory),
        Errno::NXIO => Some(Odd::Other),
        _ => None,
    }
}

pub(super) fn id(path: &Path, follow: bool) -> io::Result<(u64, u64)> {
    let metadata = if follow { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    Ok((metadata.dev(), metadata.ino()))
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do this in one step: link does not replace either, and both names are ours.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

pub(super) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())?)
}

pub(super) fn create_directory(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().mode(mode).create(path)
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) fn lock_directory(path: &Path) -> io::Result<Option<File>> {
    let directory = File::open(path)?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => match Errno::from_io_error(&error) {
            Some(Errno::BADF | Errno::INVAL | Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, error))
            }
            _ => Err(error),
        },
    }
}
