//! A file system under which a writer gets ahead between any two operations of a reader, and in the middle of each read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flashstrike_recovery::files::{
    DirectoryEntry, DirectoryLock, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode, OsFileSystem,
};

/// What the writer does at each turn.
pub type Step = dyn FnMut() + Send;

pub struct InterleavingFiles(Arc<Turns>);

struct Turns(Box<Told>);

/// Is told what is about to be done to which file, on the thread that does it.
type Told = dyn Fn(Operation, &Path) + Send + Sync;

/// What a reader does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Open,
    List,
    Read,
}

impl std::fmt::Debug for InterleavingFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InterleavingFiles")
    }
}

impl InterleavingFiles {
    pub fn shared(step: Box<Step>) -> Arc<dyn FileSystem> {
        let step = Mutex::new(step);
        Self::told(move |_, _| step.lock().unwrap()())
    }

    /// Tells of every operation before it is done. Threads are told at the same time.
    pub fn told(told: impl Fn(Operation, &Path) + Send + Sync + 'static) -> Arc<dyn FileSystem> {
        Arc::new(Self(Arc::new(Turns(Box::new(told)))))
    }
}

impl FileSystem for InterleavingFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        (self.0.0)(Operation::Open, path);
        let inner = OsFileSystem.open(path, mode)?;
        Ok(Arc::new(InterleavingFile { inner, path: path.to_owned(), turns: Arc::clone(&self.0) }))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        OsFileSystem.rename(from, to, replace)
    }

    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        OsFileSystem.lock_directory(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFileSystem.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_file(path)
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        OsFileSystem.create_directory(path, mode)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.sync_directory(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        (self.0.0)(Operation::List, path);
        OsFileSystem.list(path)
    }

    fn kind(&self, path: &Path) -> io::Result<FileSystemKind> {
        OsFileSystem.kind(path)
    }

    fn disable_copy_on_write(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.disable_copy_on_write(path)
    }
}

struct InterleavingFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    turns: Arc<Turns>,
}

impl std::fmt::Debug for InterleavingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InterleavingFile")
    }
}

impl File for InterleavingFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    /// The kernel copies from front to back while the writer stores.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.turns.0)(Operation::Read, &self.path);
        let half = buffer.len() / 2 / 64 * 64;
        let read = self.inner.read_at(&mut buffer[..half], offset)?;
        if read < half {
            return Ok(read);
        }
        (self.turns.0)(Operation::Read, &self.path);
        Ok(half + self.inner.read_at(&mut buffer[half..], offset + half as u64)?)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_all_at(bytes, offset)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.allocate(offset, length)
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.fill_with_zeros(offset, length)
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.punch_hole(offset, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.inner.sync_all()
    }

    fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.start_write_back(offset, length)
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.inner.drop_cache()
    }

    fn map(&self, length: usize) -> io::Result<Mapping> {
        self.inner.map(length)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        self.inner.try_lock(exclusive)
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }

    fn id(&self) -> io::Result<FileId> {
        self.inner.id()
    }
}
