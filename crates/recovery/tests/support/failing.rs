//! A file system in which one operation fails with an error of the operating system, and all others work.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use flashstrike_recovery::files::{
    DirectoryEntry, File, FileId, FileLayer, FileSystem, FileSystemLayer, OpenMode, OsFileSystem,
};

/// The operation numbered `at`, from 0, fails with this error number.
#[derive(Debug)]
pub struct FailingFiles {
    fault: Arc<Fault>,
    /// Names that no list shows.
    passed_over: Vec<String>,
}

#[derive(Debug)]
struct Fault {
    left: AtomicI64,
    error: i32,
}

impl FailingFiles {
    pub fn new(at: i64, error: i32) -> Arc<Self> {
        let fault = Arc::new(Fault { left: AtomicI64::new(at), error });
        Arc::new(Self { fault, passed_over: Vec::new() })
    }

    /// Nothing fails, but lists pass over these names, as that of a directory does in which they change meanwhile.
    pub fn passing_over(names: impl IntoIterator<Item = String>) -> Arc<Self> {
        let fault = Arc::new(Fault { left: AtomicI64::new(i64::MAX), error: 0 });
        Arc::new(Self { fault, passed_over: names.into_iter().collect() })
    }

    /// Operations so far, none of which fails.
    pub fn counting() -> Arc<Self> {
        Self::new(i64::MAX, 0)
    }

    pub fn operations(&self) -> i64 {
        i64::MAX - self.fault.left.load(Ordering::SeqCst)
    }

    /// Whether the operation that fails was reached.
    pub fn has_failed(&self) -> bool {
        self.fault.left.load(Ordering::SeqCst) < 0
    }
}

impl Fault {
    fn step(&self) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(io::Error::from_raw_os_error(self.error)),
            _ => Ok(()),
        }
    }
}

impl FileSystemLayer for FailingFiles {
    fn inner(&self) -> &dyn FileSystem {
        &OsFileSystem
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.fault.step()?;
        let inner = OsFileSystem.open(path, mode)?;
        Ok(Arc::new(FailingFile { inner, fault: Arc::clone(&self.fault) }))
    }

    /// Fails as opening does.
    fn id(&self, path: &Path) -> io::Result<FileId> {
        FileSystemLayer::open(self, path, OpenMode::Read)?.id()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        self.fault.step()?;
        let mut entries = OsFileSystem.list(path)?;
        entries.retain(|entry| !self.passed_over.iter().any(|name| entry.name == name.as_str()));
        Ok(entries)
    }
}

#[derive(Debug)]
struct FailingFile {
    inner: Arc<dyn File>,
    fault: Arc<Fault>,
}

impl FileLayer for FailingFile {
    fn inner(&self) -> &dyn File {
        &*self.inner
    }

    fn len(&self) -> io::Result<u64> {
        self.fault.step()?;
        self.inner.len()
    }

    fn allocated(&self) -> io::Result<u64> {
        self.fault.step()?;
        self.inner.allocated()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.fault.step()?;
        self.inner.read_at(buffer, offset)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        self.fault.step()?;
        self.inner.try_lock(exclusive)
    }

    fn id(&self) -> io::Result<FileId> {
        self.fault.step()?;
        self.inner.id()
    }
}
