//! The file system and its files, each method behind the record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use flashstrike_recovery::files::{
    DirectoryEntry, DirectoryLock, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode, OsFileSystem,
};

use super::operation::{Kind, Operation};
use super::record::{CurrentPath, Record};
use super::rule::Rule;
use crate::PATIENCE;

/// A file system that counts, traces and, where its rules say so, fails. Clones share everything.
#[derive(Debug, Clone)]
pub struct FaultFileSystem {
    inner: Arc<dyn FileSystem>,
    record: Arc<Record>,
}

#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    record: Arc<Record>,
    path: CurrentPath,
}

impl Default for FaultFileSystem {
    fn default() -> Self {
        Self::new(Arc::new(OsFileSystem))
    }
}

impl FaultFileSystem {
    /// Around another file system, without a rule.
    pub fn new(inner: Arc<dyn FileSystem>) -> Self {
        Self { inner, record: Arc::default() }
    }

    /// Around the operating system's files, with this rule.
    pub fn with(rule: Rule) -> Self {
        let made = Self::default();
        made.add(rule);
        made
    }

    /// As the log takes it.
    pub fn shared(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.clone())
    }

    /// One more rule. Of those that apply to an operation the one added first counts.
    pub fn add(&self, rule: Rule) {
        self.record.add(rule);
    }

    /// Takes all rules back; a stopped world goes on.
    pub fn heal(&self) {
        self.record.clear_rules();
    }

    /// The world stops now: when this returns, no operation is going on, and none is done any more. What the files hold
    /// then is what a process leaves that dies at this moment.
    ///
    /// # Panics
    /// If an operation that has begun does not end within [`PATIENCE`]: it waits at a gate.
    pub fn stop(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.record.stop() {
            assert!(Instant::now() < deadline, "an operation does not end");
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// How many operations there were.
    pub fn count(&self) -> u64 {
        self.record.count()
    }

    /// All operations so far, in the order in which they began.
    pub fn trace(&self) -> Vec<Operation> {
        self.record.trace()
    }

    /// The operations at which a rule has done something, those after a stop included.
    pub fn struck(&self) -> Vec<Operation> {
        self.record.struck()
    }

    /// The present, to compare with the ticks of operations.
    pub fn tick(&self) -> u64 {
        self.record.tick()
    }

    fn file(&self, path: &Path, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultFile { inner, record: Arc::clone(&self.record), path: self.record.opened(path) })
    }
}

impl FileSystem for FaultFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let kind = match mode {
            OpenMode::Read | OpenMode::ReadWrite => Kind::Open,
            OpenMode::CreateNew(_) | OpenMode::Create(_) => Kind::Create,
        };
        let file = self.record.run(kind, path, || self.inner.open(path, mode))?;
        Ok(self.file(path, file))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.record.run(Kind::Rename, to, || {
            self.inner.rename(from, to, replace)?;
            self.record.renamed(from, to);
            Ok(())
        })
    }

    /// Changes nothing and cannot fail in a way that matters: no operation that a fault strikes.
    fn id(&self, path: &Path) -> io::Result<FileId> {
        self.inner.id(path)
    }

    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        self.record.run(Kind::TryLock, path, || self.inner.lock_directory(path))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.record.run(Kind::HardLink, to, || self.inner.hard_link(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.record.run(Kind::Remove, path, || self.inner.remove_file(path))
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.record.run(Kind::CreateDirectory, path, || self.inner.create_directory(path, mode))
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.record.run(Kind::SyncDirectory, path, || self.inner.sync_directory(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        self.record.run(Kind::List, path, || self.inner.list(path))
    }

    fn kind(&self, path: &Path) -> io::Result<FileSystemKind> {
        self.record.run(Kind::AskKind, path, || self.inner.kind(path))
    }

    fn disable_copy_on_write(&self, path: &Path) -> io::Result<()> {
        self.record.run(Kind::DisableCopyOnWrite, path, || self.inner.disable_copy_on_write(path))
    }
}

impl FaultFile {
    fn run<T>(&self, kind: Kind, work: impl FnOnce(&dyn File) -> io::Result<T>) -> io::Result<T> {
        self.record.run(kind, &self.path(), || work(&*self.inner))
    }

    fn path(&self) -> PathBuf {
        self.path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl File for FaultFile {
    fn len(&self) -> io::Result<u64> {
        self.run(Kind::Length, |file| file.len())
    }

    fn allocated(&self) -> io::Result<u64> {
        self.run(Kind::Length, |file| file.allocated())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.run(Kind::Read, |file| file.read_at(buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let work = || self.inner.write_all_at(bytes, offset);
        self.record.run_or_half(Kind::Write, &self.path(), work, || {
            // Whether the half could be written or not, the operation has failed.
            let _ = self.inner.write_all_at(&bytes[..bytes.len() / 2], offset);
        })
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.run(Kind::Allocate, |file| file.allocate(offset, length))
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        self.run(Kind::FillWithZeros, |file| file.fill_with_zeros(offset, length))
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        self.run(Kind::PunchHole, |file| file.punch_hole(offset, length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.run(Kind::SyncData, |file| file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.run(Kind::SyncAll, |file| file.sync_all())
    }

    fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()> {
        self.run(Kind::StartWriteBack, |file| file.start_write_back(offset, length))
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.run(Kind::DropCache, |file| file.drop_cache())
    }

    fn map(&self, length: usize) -> io::Result<Mapping> {
        self.run(Kind::Map, |file| file.map(length))
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        self.run(Kind::TryLock, |file| file.try_lock(exclusive))
    }

    fn unlock(&self) -> io::Result<()> {
        self.run(Kind::Unlock, |file| file.unlock())
    }

    fn id(&self) -> io::Result<FileId> {
        self.run(Kind::Id, |file| file.id())
    }
}
