//! What of a log is durable, seen from outside of its writer.

use crate::error::Result;
use crate::inspect::MetaFacts;
use crate::watch::{Said, StagingWatch, Whose};

use super::wait::LogPlace;

/// Looks at what is durable, again and again.
#[derive(Debug)]
pub(super) struct DurableWatch {
    staging: StagingWatch,
    log_id: [u8; 16],
    /// What was proved before; what a file says later is never less.
    proved: u64,
}

impl DurableWatch {
    pub(super) fn new(log: &LogPlace, log_id: [u8; 16]) -> Self {
        let whose = Whose { log_id, boot_id: log.boot_id };
        Self { staging: StagingWatch::new(&log.files, &log.directory, whose), log_id, proved: 0 }
    }

    /// What `wal.staging` and, if that is of no use, `wal.meta` say now.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn look(&mut self, log: &LogPlace) -> Result<Said> {
        self.staging.refresh()?;
        let said = match self.staging.said() {
            Some(said) => said,
            None => self.meta(log)?,
        };
        self.prove(said.durable_event_id);
        Ok(Said { durable_event_id: self.proved, ..said })
    }

    /// Takes note of what something else proves.
    pub(super) fn prove(&mut self, event_id: u64) {
        self.proved = self.proved.max(event_id);
    }

    /// Whether somebody holds the log for appending.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn writer_alive(&self) -> Result<bool> {
        self.staging.writer_alive()
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
