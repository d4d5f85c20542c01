//! What a process had acknowledged when it was killed.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use flashstrike_recovery::files::{FileSystem, Mapping, OpenMode, OsFileSystem};

const PAGE: usize = 4096;
const STAGED: usize = 0;
const DURABLE: usize = 8;
const OPENED: usize = 16;
const PHASE: usize = 24;
#[cfg(target_os = "linux")]
const THREAD: usize = 32;

/// A page of shared memory that a child stores to and its parent reads after the child's death. A store that has
/// executed survives `kill -9`, and costs the child no system call at which it would be easier to hit.
#[derive(Debug, Clone)]
pub struct AckPage(Mapping);

impl AckPage {
    /// Makes the page in a new file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OsFileSystem.open(path, OpenMode::CreateNew(0o600))?;
        file.allocate(0, PAGE as u64)?;
        file.map(PAGE).map(Self)
    }

    /// The page that another process has made.
    pub fn open(path: &Path) -> io::Result<Self> {
        OsFileSystem.open(path, OpenMode::ReadWrite)?.map(PAGE).map(Self)
    }

    /// `append()` has returned this id.
    pub fn staged(&self, event_id: u64) {
        self.store(STAGED, event_id);
    }

    /// Somebody was told that this id is durable.
    pub fn durable(&self, event_id: u64) {
        self.0.atomic_u64(DURABLE).fetch_max(event_id, Ordering::SeqCst);
    }

    /// The log was opened once more.
    pub fn opened(&self) {
        self.0.atomic_u64(OPENED).fetch_add(1, Ordering::SeqCst);
    }

    /// What the child is doing now, as a number of the test's.
    pub fn phase(&self, phase: u64) {
        self.store(PHASE, phase);
    }

    /// The calling thread is the one that appends.
    #[cfg(target_os = "linux")]
    pub fn this_thread_appends(&self) {
        self.store(THREAD, rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs().into());
    }

    /// The id of the thread that appends; 0: not told yet.
    #[cfg(target_os = "linux")]
    pub fn appending_thread(&self) -> i32 {
        self.load(THREAD) as i32
    }

    /// The last id that `append()` returned.
    pub fn last_staged(&self) -> u64 {
        self.load(STAGED)
    }

    /// The highest id that somebody was told to be durable.
    pub fn last_durable(&self) -> u64 {
        self.load(DURABLE)
    }

    /// How often the log was opened.
    pub fn times_opened(&self) -> u64 {
        self.load(OPENED)
    }

    /// What the child was doing last.
    pub fn last_phase(&self) -> u64 {
        self.load(PHASE)
    }

    fn store(&self, at: usize, value: u64) {
        self.0.atomic_u64(at).store(value, Ordering::SeqCst);
    }

    fn load(&self, at: usize) -> u64 {
        self.0.atomic_u64(at).load(Ordering::SeqCst)
    }
}
