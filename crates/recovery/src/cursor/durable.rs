//! What of a log is durable, seen from outside of its writer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::inspect::MetaFacts;
use crate::watch::{Said, StagingWatch, Whose};

use super::wait::LogPlace;

/// Looks at what is durable, again and again. Threads may share it: none of them waits for another for longer than it
/// takes to read a few words.
#[derive(Debug)]
pub(super) struct DurableWatch {
    log_id: [u8; 16],
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    staging: StagingWatch,
    /// What was proved before; what a file says later is never less.
    proved: u64,
}

impl DurableWatch {
    pub(super) fn new(log: &LogPlace, log_id: [u8; 16]) -> Self {
        let whose = Whose { log_id, boot_id: log.boot_id };
        let staging = StagingWatch::new(&log.files, &log.directory, whose);
        Self { log_id, known: Mutex::new(Known { staging, proved: 0 }) }
    }

    /// What `wal.staging` and, if that is of no use, `wal.meta` say now.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn look(&self, log: &LogPlace) -> Result<Said> {
        let mut known = self.known();
        known.staging.refresh()?;
        let said = match known.staging.said()? {
            Some(said) => said,
            None => self.meta(log)?,
        };
        known.proved = known.proved.max(said.durable_event_id);
        Ok(Said { durable_event_id: known.proved, ..said })
    }

    /// Takes note of what something else proves.
    pub(super) fn prove(&self, event_id: u64) {
        let mut known = self.known();
        known.proved = known.proved.max(event_id);
    }

    /// Whether somebody holds the log for appending.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn writer_alive(&self) -> Result<bool> {
        self.known().staging.writer_alive()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meta(&self, log: &LogPlace) -> Result<Said> {
        let nothing = Said { written_event_id: 0, durable_event_id: 0, is_poisoned: false };
        Ok(match log.meta()? {
            MetaFacts::Valid(meta) if meta.log_id == self.log_id => Said {
                written_event_id: meta.last_event_id,
                durable_event_id: meta.durable_event_id,
                is_poisoned: false,
            },
            _ => nothing,
        })
    }
}
