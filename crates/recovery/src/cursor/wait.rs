//! Waiting until an event is durable, which somebody else has to make it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_segment::names;

use super::durable::DurableWatch;
use crate::error::{Code, Error, Result};
use crate::files::{FileId, FileSystem};
use crate::inspect::{Depth, InspectOptions, Inspection, MetaFacts, SegmentSource, Watch, observe};

/// How often to look whether an event has become durable.
const LOOK: Duration = Duration::from_micros(500);
/// How often to look whether there still is a writer who could make it durable.
const WRITER_LOOK: Duration = Duration::from_millis(50);

/// What of a recovery a cursor needs, which may outlive it.
#[derive(Debug, Clone)]
pub(super) struct LogPlace {
    pub(super) files: Arc<dyn FileSystem>,
    pub(super) directory: PathBuf,
    pub(super) boot_id: Option<[u8; 16]>,
}

impl LogPlace {
    /// The log as it is now.
    pub(super) fn look(&self) -> Result<Inspection> {
        let options = InspectOptions { depth: Depth::Unsealed, boot_id: self.boot_id, beside_writer: false };
        observe(&self.files, &self.directory, &options, &mut Watch::default()).map(|(found, _)| found)
    }

    /// Names the `wal.meta` that is there now.
    pub(super) fn meta_id(&self) -> Result<Option<FileId>> {
        let path = self.directory.join(names::WAL_META);
        match self.files.id(&path) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path, &error)),
        }
    }

    /// What `wal.meta` says now.
    pub(super) fn meta(&self) -> Result<MetaFacts> {
        SegmentSource::new(&self.files, &self.directory).meta()
    }
}

/// Tries again and again what has to wait for an event to be durable.
pub(super) fn until<T: Done>(mut attempt: impl FnMut(&mut DurableWait) -> Result<T>) -> Result<T::Outcome> {
    let mut wait = DurableWait::default();
    loop {
        if let Some(outcome) = attempt(&mut wait)?.done() {
            return Ok(outcome);
        }
        std::thread::sleep(LOOK);
    }
}

/// What an attempt gives.
pub(super) trait Done {
    /// What waiting is for.
    type Outcome;
    /// `None`: not yet.
    fn done(self) -> Option<Self::Outcome>;
}

impl Done for bool {
    type Outcome = ();
    fn done(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Done for Option<T> {
    type Outcome = T;
    fn done(self) -> Self {
        self
    }
}

/// What one who waits knows from looking before.
#[derive(Debug, Default)]
pub(super) struct DurableWait {
    /// When to ask for the writer again; `None`: now.
    next_look: Option<Instant>,
    /// The event has been written.
    is_written: bool,
}

impl DurableWait {
    /// Whether an event is durable.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` if there is no such event; `WAL_CLOSED` if there is nobody any more who could make it durable,
    /// `WAL_POISONED` if he cannot; `WAL_IO`.
    pub(super) fn poll(&mut self, log: &LogPlace, watch: &DurableWatch, event_id: u64) -> Result<bool> {
        let said = watch.look(log)?;
        if event_id <= said.durable_event_id {
            return match watch.end_before(log, event_id)? {
                None => Ok(true),
                Some(end) => Err(no_such_event(event_id, end)),
            };
        }
        if self.next_look.is_some_and(|next| Instant::now() < next) {
            return Ok(false);
        }
        if !watch.writer_alive()? {
            let found = log.look()?;
            if !found.writer_alive {
                // It may have synced, and ended, since the look above.
                watch.prove(found.durable_on_disk);
                let durable = watch.look(log)?.durable_event_id;
                return if event_id <= durable {
                    Ok(true)
                } else {
                    Err(left_behind(log, event_id, durable, found.last_id()))
                };
            }
        } else if said.is_poisoned {
            let message = format!(
                "event {event_id} does not become durable, since a sync of the writer has failed; it does when the log \
                 is opened for appending again, if it is still there"
            );
            return Err(Error::new(Code::Poisoned, message).at_event(event_id));
        } else if event_id > said.written_event_id && !self.is_written {
            // What was published a moment ago may not be counted yet, and what was appended a moment ago not be published.
            if event_id > log.look()?.last_id() {
                std::thread::sleep(WRITER_LOOK);
                let end = log.look()?.last_id();
                if event_id > end {
                    return Err(no_such_event(event_id, end));
                }
            }
            self.is_written = true;
        }
        self.next_look = Some(Instant::now() + WRITER_LOOK);
        Ok(false)
    }
}

fn left_behind(log: &LogPlace, event_id: u64, durable: u64, end: u64) -> Error {
    if event_id > end {
        return no_such_event(event_id, end);
    }
    let message = format!(
        "the writer of {} has ended before event {event_id} was durable; only what comes up to {durable} is. Open the log \
         for appending, which makes all of it durable, and commit again",
        log.directory.display()
    );
    Error::new(Code::Closed, message).at_event(event_id)
}

fn no_such_event(event_id: u64, end: u64) -> Error {
    let message =
        format!("there is no event {event_id} that a cursor could stand at: the log ends with {end}");
    Error::new(Code::EventId, message).at_event(event_id)
}
