//! A file system under which a writer gets ahead between any two operations of a reader, and in the middle of each read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flashstrike_recovery::files::{
    DirectoryEntry, File, FileId, FileLayer, FileSystem, FileSystemLayer, OpenMode, OsFileSystem,
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

impl FileSystemLayer for InterleavingFiles {
    fn inner(&self) -> &dyn FileSystem {
        &OsFileSystem
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        (self.0.0)(Operation::Open, path);
        let inner = OsFileSystem.open(path, mode)?;
        Ok(Arc::new(InterleavingFile { inner, path: path.to_owned(), turns: Arc::clone(&self.0) }))
    }

    /// The writer gets ahead also in front of this.
    fn id(&self, path: &Path) -> io::Result<FileId> {
        FileSystemLayer::open(self, path, OpenMode::Read)?.id()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        (self.0.0)(Operation::List, path);
        OsFileSystem.list(path)
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

impl FileLayer for InterleavingFile {
    fn inner(&self) -> &dyn File {
        &*self.inner
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
}
