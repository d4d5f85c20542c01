//! The real file system.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FallocateFlags, OFlags, RenameFlags};

use super::{DirectoryEntry, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode};

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFileSystem;

#[derive(Debug)]
struct OsFile(fs::File);

/// A lock on a directory, given back when it is dropped.
#[derive(Debug)]
pub struct DirectoryLock(fs::File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing gives it back only with the last descriptor, and a child that is just being started has one.
        let _ = self.0.unlock();
    }
}

impl FileSystem for OsFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        // Without O_NONBLOCK, opening a FIFO that somebody put under one of our names would wait for ever.
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::CreateNew(bits) => {
                options.write(true).create_new(true).mode(bits);
            }
            OpenMode::Create(bits) => {
                options.write(true).create(true).truncate(false).mode(bits);
            }
        }
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Arc::new(OsFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if replace {
            return fs::rename(from, to);
        }
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // A file system without RENAME_NOREPLACE: link does not replace either, and both names are ours.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            result => Ok(result?),
        }
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        let metadata = fs::metadata(path)?;
        Ok(FileId { device: metadata.dev(), inode: metadata.ino() })
    }

    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        use rustix::io::Errno;
        let directory = fs::File::open(path)?;
        match directory.try_lock() {
            Ok(()) => Ok(Some(DirectoryLock(directory))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => match Errno::from_io_error(&error) {
                Some(Errno::BADF | Errno::INVAL | Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    Err(io::Error::new(io::ErrorKind::Unsupported, error))
                }
                _ => Err(error),
            },
        }
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())?)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::DirBuilder::new().mode(mode).create(path)
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::symlink_metadata(path)?.is_dir())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        fs::read_dir(path)?
            .map(|entry| {
                let entry = entry?;
                Ok(DirectoryEntry { name: entry.file_name(), is_file: entry.file_type()?.is_file() })
            })
            .collect()
    }

    fn kind(&self, path: &Path) -> io::Result<FileSystemKind> {
        Ok(kind_of(rustix::fs::statfs(path)?.f_type))
    }

    fn disable_copy_on_write(&self, path: &Path) -> io::Result<()> {
        let directory = fs::File::open(path)?;
        let flags = rustix::fs::ioctl_getflags(&directory)?;
        Ok(rustix::fs::ioctl_setflags(&directory, flags | rustix::fs::IFlags::NOCOW)?)
    }
}

/// The magic numbers of statfs(2).
fn kind_of(f_type: rustix::fs::FsWord) -> FileSystemKind {
    match f_type {
        0xEF53 => FileSystemKind::Supported("ext4"),
        0x5846_5342 => FileSystemKind::Supported("xfs"),
        0x794C_7630 => FileSystemKind::Supported("overlay"),
        0x0102_1994 => FileSystemKind::Memory,
        0x9123_683E => FileSystemKind::Btrfs,
        0x6969 => FileSystemKind::Other("nfs".into()),
        0xFF53_4D42 | 0xFE53_4D42 => FileSystemKind::Other("cifs".into()),
        0x6573_5546 => FileSystemKind::Other("fuse".into()),
        0x2FC1_2FC1 => FileSystemKind::Other("zfs".into()),
        0x8584_58F6 => FileSystemKind::Other("ramfs".into()),
        0x0102_1997 => FileSystemKind::Other("9p".into()),
        other => FileSystemKind::Other(format!("{other:#x}")),
    }
}

impl File for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn allocated(&self) -> io::Result<u64> {
        const UNIT: u64 = 512;
        Ok(self.0.metadata()?.blocks() * UNIT)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let how = FallocateFlags::empty();
        match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.0, how, offset, length)) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                self.fill_with_zeros(offset, length)
            }
            result => Ok(result?),
        }
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        let page = [0; 4096];
        let (mut at, end) = (offset, offset + length);
        while at < end {
            // To the end of a page, so that the ones behind are written whole.
            let part = (end - at).min(page.len() as u64 - at % page.len() as u64);
            self.0.write_all_at(&page[..part as usize], at)?;
            at += part;
        }
        Ok(())
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.0, how, offset, length)) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            result => Ok(result?),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()> {
        // POSIX_FADV_DONTNEED starts write-back of dirty pages on Linux; unlike sync_file_range it needs no libc
        // binding, and like it, it promises nothing.
        let length = std::num::NonZeroU64::new(length);
        Ok(rustix::fs::fadvise(&self.0, offset, length, rustix::fs::Advice::DontNeed)?)
    }

    fn drop_cache(&self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed)?)
    }

    fn map(&self, length: usize) -> io::Result<Mapping> {
        Mapping::of_file(&self.0, length)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        let outcome = if exclusive { self.0.try_lock() } else { self.0.try_lock_shared() };
        match outcome {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }

    fn id(&self) -> io::Result<FileId> {
        let metadata = self.0.metadata()?;
        Ok(FileId { device: metadata.dev(), inode: metadata.ino() })
    }
}
