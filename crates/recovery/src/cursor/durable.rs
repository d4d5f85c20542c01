//! What of a log is durable, seen from outside of its writer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::files::FileId;
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
    /// What was proved before; what a file says later is never less, until somebody may have cut the log.
    proved: u64,
    /// The log has had events up to here since then.
    end: u64,
    writing: Option<Writing>,
    /// How many times `writing` was found changed.
    changes: u64,
}

/// Who writes, or has written last. Only somebody who comes anew can cut a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Writing {
    staging: Option<FileId>,
    /// A repair by hand makes `wal.meta` anew, as a living writer does every now and then.
    meta: Option<FileId>,
}

impl DurableWatch {
    pub(super) fn new(log: &LogPlace, log_id: [u8; 16]) -> Self {
        let whose = Whose { log_id, boot_id: log.boot_id };
        let staging = StagingWatch::new(&log.files, &log.directory, whose);
        Self { log_id, known: Mutex::new(Known { staging, proved: 0, end: 0, writing: None, changes: 0 }) }
    }

    /// What `wal.staging` and, if that is of no use, `wal.meta` say now.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn look(&self, log: &LogPlace) -> Result<Said> {
        let mut known = self.known();
        if known.staging.refresh()? {
            known.proved = 0;
        }
        let said = match known.staging.said()? {
            Some(said) => said,
            None => self.meta(log)?,
        };
        known.proved = known.proved.max(said.durable_event_id);
        Ok(Said { durable_event_id: known.proved, ..said })
    }

    /// Counts who has come anew to write to the log, or to repair it: what was known before says nothing any more.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn changes(&self, log: &LogPlace) -> Result<u64> {
        let mut known = self.known();
        known.staging.refresh()?;
        let meta = if known.staging.writer_alive()? { None } else { log.meta_id()? };
        let writing = Writing { staging: known.staging.file_id(), meta };
        if known.writing != Some(writing) {
            known.writing = Some(writing);
            known.changes += 1;
            known.proved = 0;
            known.end = 0;
        }
        Ok(known.changes)
    }

    /// The end of the log if that is in front of this event. Beside a living writer, what he calls durable is there.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn end_before(&self, log: &LogPlace, event_id: u64) -> Result<Option<u64>> {
        {
            let known = self.known();
            if event_id <= known.end || known.staging.writer_alive()? {
                return Ok(None);
            }
        }
        let end = log.look()?.last_id();
        self.known().end = end;
        Ok((event_id > end).then_some(end))
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
