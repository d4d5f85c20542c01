//! The real file system.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use flashstrike_platform::{files, names};

use super::{DirectoryEntry, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode};

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFileSystem;

#[derive(Debug)]
struct OsFile {
    file: fs::File,
    mapped: files::Mapped,
}

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
        names::open_what_is_there(options.read(true));
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::CreateNew(bits) => {
                names::with_mode(options.write(true).create_new(true), bits);
            }
            OpenMode::Create(bits) => {
                names::with_mode(options.write(true).create(true).truncate(false), bits);
            }
        }
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Arc::new(OsFile { file, mapped: files::Mapped::default() }))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if replace { names::rename(from, to) } else { names::rename_no_replace(from, to) }
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        names::id(path).map(FileId::from)
    }

    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        Ok(names::lock_directory(path)?.map(DirectoryLock))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        names::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        names::create_directory(path, mode)
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        names::is_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        names::sync_directory(path)
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
        names::file_system(path)
    }

    fn disable_copy_on_write(&self, path: &Path) -> io::Result<()> {
        names::disable_copy_on_write(path)
    }
}

impl File for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocated(&self) -> io::Result<u64> {
        files::allocated(&self.file)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        files::read_at(&self.file, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        files::write_all_at(&self.file, bytes, offset)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        files::allocate(&self.file, offset, length)
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        files::fill_with_zeros(&self.file, offset, length)
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        files::punch_hole(&self.file, offset, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        files::sync_data(&self.file, &self.mapped)
    }

    fn sync_all(&self) -> io::Result<()> {
        files::sync_all(&self.file, &self.mapped)
    }

    fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()> {
        files::start_write_back(&self.file, offset, length)
    }

    fn drop_cache(&self) -> io::Result<()> {
        files::drop_cache(&self.file)
    }

    fn map(&self, length: usize) -> io::Result<Mapping> {
        let mapping = Mapping::of_file(&self.file, length)?;
        self.mapped.add(mapping.shared());
        Ok(mapping)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        files::try_lock(&self.file, exclusive)
    }

    fn unlock(&self) -> io::Result<()> {
        files::unlock(&self.file)
    }

    fn id(&self) -> io::Result<FileId> {
        files::id(&self.file).map(FileId::from)
    }
}
