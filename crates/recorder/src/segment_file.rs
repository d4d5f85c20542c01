//! A segment's open file, as long as it may still need a sync.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flashstrike_recovery::files::File;
use flashstrike_recovery::{Error, Result};

use crate::poison::Poison;

/// One descriptor from a segment's first store to its last sync, shared by the committer and the sealer.
///
/// The kernel reports a failed write-back once per descriptor. So only one thread at a time syncs it, and a failure
/// poisons the log before another can ask and be told "done".
#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) index: u32,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    turn: Mutex<()>,
    /// No block will be published here any more.
    finished: AtomicBool,
    /// Synced after it was finished: nothing is left to sync.
    settled: AtomicBool,
}

impl SegmentFile {
    pub(crate) fn new(index: u32, path: PathBuf, file: Arc<dyn File>) -> Self {
        Self {
            index,
            path,
            file,
            turn: Mutex::new(()),
            finished: AtomicBool::new(false),
            settled: AtomicBool::new(false),
        }
    }

    /// The appender has published its last block here.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    /// Syncs what was published before this call.
    pub(crate) fn sync(&self, poison: &Poison) -> Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        poison.check()?;
        if self.settled.load(Ordering::Acquire) {
            return Ok(());
        }
        let finished = self.finished.load(Ordering::Acquire);
        self.file.sync_data().map_err(|error| poison.set(&Error::io("sync", &self.path, &error)))?;
        if finished {
            self.settled.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Writes the sealed header over the first one and syncs it.
    pub(crate) fn write_header(&self, header: &[u8; 64], poison: &Poison) -> Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        poison.check()?;
        self.file
            .write_all_at(header, 0)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| poison.set(&Error::io("seal", &self.path, &error)))
    }
}
