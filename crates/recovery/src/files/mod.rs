//! The narrow door between the log and the file system.
//!
//! Everything that touches a file goes through [`FileSystem`] and [`File`], so that a test can put a disk
//! that fails, fills up or forgets in the place of the real one. The door is small on purpose: what is not
//! here (truncating, following links, unlinking a lock) the log does not do.
//!
//! Errors are plain `io::Error`s here; the callers know what they were doing and name it.

mod layer;
mod mapping;
mod os;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use flashstrike_platform::names::FileSystemKind;
pub use layer::{FileLayer, FileSystemLayer};
pub use mapping::Mapping;
pub use os::{DirectoryLock, OsFileSystem};

/// Bytes of a segment to read at a time: enough that the call of the kernel does not count, few enough to be still in the
/// second-level cache when they are looked at.
pub(crate) const CACHED_PIECE: usize = 256 << 10;

/// How a file is opened. Every way is `O_NOFOLLOW | O_CLOEXEC`, and only regular files are opened. On Windows links are not
/// followed either, others may read, write, rename and remove the file meanwhile, and permission bits are nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading.
    Read,
    /// For reading and writing.
    ReadWrite,
    /// For reading and writing; created with these permission bits, an error if it exists.
    CreateNew(u32),
    /// For reading and writing; created with these permission bits if it does not exist.
    Create(u32),
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name alone.
    pub name: OsString,
    /// Whether it is a regular file; symbolic links are not followed and are not.
    pub is_file: bool,
}

/// What tells one file from another, also after a rename over it: device and inode, on Windows the numbers of the volume
/// and of the file on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

impl From<(u64, u64)> for FileId {
    fn from((device, inode): (u64, u64)) -> Self {
        Self { device, inode }
    }
}

/// An open file.
pub trait File: Send + Sync + fmt::Debug {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Bytes that it takes on disk, which may be fewer than its length. The length where nobody knows.
    fn allocated(&self) -> io::Result<u64> {
        self.len()
    }
    /// Reads into `buffer` from `offset`; fewer bytes than asked only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Really allocates `length` bytes from `offset` on, which hold nothing but zeros so far, and makes the file as long
    /// as that if it is shorter: a full disk is an error here and never a signal at a later store.
    fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;
    /// Writes zeros over `length` bytes from `offset` on, a page at a time, so that a later sync of few bytes neither has
    /// to convert the extent nor writes a large folio.
    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()>;
    /// Gives the blocks of this byte range back to the file system; they read as zeros. The length stays.
    /// Does nothing where that is not supported, as on Windows.
    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()>;
    /// The contents are on the device, those stored through mappings of this file with them, on Windows those made by
    /// [`map`](Self::map): fdatasync, or what does the same, see [`flashstrike_platform::files::sync_data`].
    fn sync_data(&self) -> io::Result<()>;
    /// As [`sync_data`](Self::sync_data), with all that describes the file: fsync.
    fn sync_all(&self) -> io::Result<()>;
    /// Starts write-back of this byte range without waiting for it and without promising anything.
    fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()>;
    /// Tells the kernel that the cached pages of this file are not needed soon.
    fn drop_cache(&self) -> io::Result<()>;
    /// Maps the first `length` bytes shared, for reading and writing.
    fn map(&self, length: usize) -> io::Result<Mapping>;
    /// Tries to lock the whole file without waiting; false if somebody else holds it.
    fn try_lock(&self, exclusive: bool) -> io::Result<bool>;
    /// Gives the lock back.
    fn unlock(&self) -> io::Result<()>;
    /// Device and inode.
    fn id(&self) -> io::Result<FileId>;
}

/// The operations on names.
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// Opens a regular file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Renames; with `replace` false it is an error (`AlreadyExists`) if `to` exists, checked by the kernel in the
    /// same step.
    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()>;
    /// Device and inode of the file that has this name now.
    fn id(&self, path: &Path) -> io::Result<FileId> {
        self.open(path, OpenMode::Read)?.id()
    }
    /// Locks a directory against other processes and other locks of this one, if nobody has; `None`: somebody has. An
    /// error of the kind `Unsupported` where directories cannot be locked.
    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>>;
    /// Gives a file a second name.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Creates one directory with these permission bits.
    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Whether this is a directory, and not a link to one. Nothing else can be where there are no links.
    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        let _ = path;
        Ok(true)
    }
    /// Makes the names in a directory durable, as far as the operating system does that.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>>;
    /// What a directory lies on.
    fn kind(&self, path: &Path) -> io::Result<FileSystemKind>;
    /// Switches copy-on-write off for new files of a directory (btrfs).
    fn disable_copy_on_write(&self, path: &Path) -> io::Result<()>;
}

/// Makes a directory inside a log unless it is there; whether it was made. A link in its place is not followed.
pub(crate) fn ensure_directory(files: &dyn FileSystem, path: &Path, mode: u32) -> io::Result<bool> {
    match files.create_directory(path, mode) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let refused =
                || io::Error::new(io::ErrorKind::InvalidInput, "not a directory; move it out of the log");
            files.is_directory(path)?.then_some(false).ok_or_else(refused)
        }
        Err(error) => Err(error),
    }
}

/// Reads a whole file, refusing one longer than `limit` bytes.
pub fn read_to_end(file: &dyn File, limit: u64) -> io::Result<Vec<u8>> {
    let length = file.len()?;
    if length > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{length} bytes, where at most {limit} can stand"),
        ));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let read = read_full_at(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads until `buffer` is full or the file ends; gives the number of bytes.
pub fn read_full_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64)? {
            0 => break,
            n => done += n,
        }
    }
    Ok(done)
}

/// What was found under a name; `None`: nothing has it.
pub(crate) fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Opens a file for reading; `None`: there is none of this name.
///
/// # Errors
/// `WAL_IO`.
pub(crate) fn open_if_there(files: &dyn FileSystem, path: &Path) -> crate::Result<Option<Arc<dyn File>>> {
    match files.open(path, OpenMode::Read) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(crate::Error::io("open", path, &error)),
    }
}

/// Removes a file; that it is not there is no failure.
///
/// # Errors
/// `WAL_IO`.
pub fn remove_if_there(files: &dyn FileSystem, path: &Path) -> crate::Result<()> {
    match files.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(crate::Error::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Puts a new file in the place of what `path` names, at once: `write` fills it and makes it durable under the name
/// `temporary`, which is nobody else's. That it has the name is durable once the names of its directory are.
///
/// # Errors
/// `WAL_IO`, and those of `write`; what `path` names is then still what it was.
pub(crate) fn replace_file(
    files: &dyn FileSystem,
    temporary: &Path,
    path: &Path,
    file_mode: u32,
    write: impl FnOnce(&dyn File) -> crate::Result<()>,
) -> crate::Result<()> {
    remove_if_there(files, temporary)?;
    let file = files
        .open(temporary, OpenMode::CreateNew(file_mode))
        .map_err(|error| crate::Error::io("create", temporary, &error))?;
    write(&*file)?;
    files.rename(temporary, path, true).map_err(|error| crate::Error::io("rename to", path, &error))
}

/// Makes the names in a directory durable.
///
/// # Errors
/// `WAL_IO`.
pub fn sync_names(files: &dyn FileSystem, directory: &Path) -> crate::Result<()> {
    files.sync_directory(directory).map_err(|error| crate::Error::io("sync", directory, &error))
}

/// Whether an operation has failed because there is no space, which passes when somebody makes some.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
