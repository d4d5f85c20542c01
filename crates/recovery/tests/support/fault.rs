//! A file system that stops working at the n-th operation, as if the process had died there, and that remembers what was
//! changed before.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flashstrike_recovery::files::{
    DirectoryEntry, File, FileId, FileLayer, FileSystem, FileSystemLayer, OpenMode, OsFileSystem,
};

/// Every operation that is allowed counts down; at zero, that one and all later ones fail.
#[derive(Debug)]
pub struct StoppingFiles {
    inner: OsFileSystem,
    left: Arc<AtomicU64>,
    is_half_done: bool,
    done: Arc<Mutex<Vec<Done>>>,
}

/// Something that was done to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    Written { path: PathBuf, offset: u64, bytes: Vec<u8> },
    Synced(PathBuf),
    SyncedDirectory(PathBuf),
    Renamed { from: PathBuf, to: PathBuf },
    Removed(PathBuf),
}

impl StoppingFiles {
    /// Allows `operations` operations. With `is_half_done`, the write that fails has written one half.
    pub fn new(operations: u64, is_half_done: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: OsFileSystem,
            left: Arc::new(AtomicU64::new(operations)),
            is_half_done,
            done: Arc::default(),
        })
    }

    /// What was done, in order.
    pub fn done(&self) -> Vec<Done> {
        self.done.lock().unwrap().clone()
    }

    fn remember(&self, done: Done) {
        self.done.lock().unwrap().push(done);
    }

    fn step(&self) -> io::Result<()> {
        step(&self.left)
    }
}

fn step(left: &AtomicU64) -> io::Result<()> {
    match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other("the process has died here")),
    }
}

impl FileSystemLayer for StoppingFiles {
    fn inner(&self) -> &dyn FileSystem {
        &self.inner
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.step()?;
        let inner = self.inner.open(path, mode)?;
        Ok(Arc::new(StoppingFile {
            inner,
            path: path.to_path_buf(),
            left: Arc::clone(&self.left),
            is_half_done: self.is_half_done,
            done: Arc::clone(&self.done),
        }))
    }

    /// An operation, as opening is.
    fn id(&self, path: &Path) -> io::Result<FileId> {
        FileSystemLayer::open(self, path, OpenMode::Read)?.id()
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.step()?;
        self.inner.rename(from, to, replace)?;
        self.remember(Done::Renamed { from: from.to_path_buf(), to: to.to_path_buf() });
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.remove_file(path)?;
        self.remember(Done::Removed(path.to_path_buf()));
        Ok(())
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.step()?;
        self.inner.create_directory(path, mode)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.sync_directory(path)?;
        self.remember(Done::SyncedDirectory(path.to_path_buf()));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        self.step()?;
        self.inner.list(path)
    }
}

#[derive(Debug)]
struct StoppingFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    left: Arc<AtomicU64>,
    is_half_done: bool,
    done: Arc<Mutex<Vec<Done>>>,
}

impl StoppingFile {
    fn remember(&self, done: Done) {
        self.done.lock().unwrap().push(done);
    }
}

impl FileLayer for StoppingFile {
    fn inner(&self) -> &dyn File {
        &*self.inner
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        step(&self.left)?;
        self.inner.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let outcome = step(&self.left);
        if outcome.is_err() && self.is_half_done {
            self.inner.write_all_at(&bytes[..bytes.len() / 2], offset)?;
        }
        outcome?;
        self.inner.write_all_at(bytes, offset)?;
        self.remember(Done::Written { path: self.path.clone(), offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        step(&self.left)?;
        self.inner.allocate(offset, length)
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        step(&self.left)?;
        self.inner.fill_with_zeros(offset, length)
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        step(&self.left)?;
        self.inner.punch_hole(offset, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        step(&self.left)?;
        self.inner.sync_data()?;
        self.remember(Done::Synced(self.path.clone()));
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        step(&self.left)?;
        self.inner.sync_all()?;
        self.remember(Done::Synced(self.path.clone()));
        Ok(())
    }
}
