//! The facade: one open log, its appender and its workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_recovery::lock::LogLock;
use flashstrike_recovery::{Code, Error, Report, Result};
use flashstrike_telemetry::RecorderTelemetry;

use crate::manager::Manager;
use crate::options::RecorderOptions;
use crate::poison::OPEN_AGAIN;
use crate::retention::Retention;
use crate::shared::Shared;
use crate::staging::Staging;
use crate::worker::committer::{CommitHandle, Committer};
use crate::worker::meta_coordinator::MetaCoordinator;

/// A year: longer waits are the same to a caller, and a deadline stays in range.
const LONGEST_WAIT: Duration = Duration::from_secs(31_536_000);

/// Appends to a log. One thread appends; it may be moved to another thread, and other threads may wait for durability
/// through a [`CommitHandle`].
///
/// Dropping it closes it as [`close`](Self::close) does, without a way to say what failed.
#[derive(Debug)]
pub struct Recorder {
    pub(crate) manager: Manager,
    pub(crate) committer: Committer,
    pub(crate) coordinator: MetaCoordinator,
    pub(crate) shared: Arc<Shared>,
    pub(crate) report: Report,
    pub(crate) telemetry: Arc<RecorderTelemetry>,
    pub(crate) closed: bool,
    /// Given back last, after all workers have ended, also where closing panics.
    pub(crate) lock: Option<LogLock>,
}

impl Recorder {
    /// Opens the log in a directory for appending: creates it, or recovers it and goes on behind its last event.
    ///
    /// When it returns, every event found is durable and [`report`](Self::report) says what was found and done.
    ///
    /// # Errors
    /// `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_TORN` (mode `strict`), `WAL_SCHEMA`, `WAL_UNSUPPORTED`, `WAL_FULL`, `WAL_IO`.
    /// After a refusal nothing of the log has changed. Those of a page for the metrics are `WAL_LOCKED`, `WAL_UNSUPPORTED`,
    /// `WAL_FULL` and `WAL_IO`.
    pub fn open(options: &RecorderOptions) -> Result<Self> {
        crate::open::open(options)
    }

    /// Appends one event and gives its id. See [`Manager::append`].
    ///
    /// # Errors
    /// As [`Manager::append`], and `WAL_CLOSED`. The event is then not in the log.
    #[inline]
    pub fn append(&mut self, event: &[u8]) -> Result<u64> {
        self.check_open()?;
        self.manager.append(event)
    }

    /// Appends one fixed-size event under an id of the caller's.
    ///
    /// # Errors
    /// As [`Manager::append_with_id`], and `WAL_CLOSED`.
    #[inline]
    pub fn append_with_id(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        self.check_open()?;
        self.manager.append_with_id(event_id, event)
    }

    /// Appends several events in one block: all of them or none. Gives the id of the last.
    ///
    /// # Errors
    /// As [`Manager::append_batch`], and `WAL_CLOSED`.
    pub fn append_batch<E: AsRef<[u8]>>(&mut self, events: &[E]) -> Result<u64> {
        self.check_open()?;
        self.manager.append_batch(events)
    }

    /// Publishes what is staged: `written`.
    ///
    /// # Errors
    /// `WAL_POISONED`, `WAL_CLOSED`.
    pub fn flush(&mut self) -> Result<()> {
        self.check_open()?;
        self.manager.publish()
    }

    /// Waits until the event, and so everything before it, is durable, by a sync on this thread unless one that covers
    /// it has just been made. `None`: all appended so far.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` for an id beyond the last; `WAL_POISONED`; `WAL_CLOSED`.
    pub fn durable_sync(&mut self, event_id: Option<u64>) -> Result<()> {
        let event_id = self.publish_up_to(event_id)?;
        self.committer.handle().sync_here(event_id)
    }

    /// Asks for durability without waiting; the observer is told `Durable`. `None`: all appended so far.
    ///
    /// # Errors
    /// As [`durable_sync`](Self::durable_sync), as far as they show before the sync.
    pub fn request_durable(&mut self, event_id: Option<u64>) -> Result<()> {
        let event_id = self.publish_up_to(event_id)?;
        self.committer.handle().request(event_id);
        Ok(())
    }

    fn publish_up_to(&mut self, event_id: Option<u64>) -> Result<u64> {
        self.check_open()?;
        let last = self.manager.last_event_id();
        let event_id = event_id.unwrap_or(last);
        if event_id > last {
            let message = format!("event {event_id} was not appended yet; the last one is {last}");
            return Err(Error::new(Code::EventId, message).at_event(event_id));
        }
        if event_id > self.written_event_id() {
            self.manager.publish()?;
        }
        self.shared.poison.check()?;
        Ok(event_id)
    }

    /// Ends appending for good, as a failed sync does, tells it and gives the error: for a binding that has met what
    /// must not be.
    pub fn poison(&self, cause: &Error) -> Error {
        let error = self.shared.poison.end(cause, OPEN_AGAIN);
        self.shared.tell_failure(error.clone());
        error
    }

    /// A handle through which other threads wait for durability and share syncs.
    pub fn commit_handle(&self) -> CommitHandle {
        self.committer.handle().clone()
    }

    /// Publishes what is staged and goes on in the next segment.
    ///
    /// # Errors
    /// As [`Manager::rotate`], and `WAL_CLOSED`.
    pub fn rotate(&mut self) -> Result<()> {
        self.check_open()?;
        self.manager.rotate()
    }

    /// Waits until there is room to append again after `WAL_BACKPRESSURE` or `WAL_FULL`, at most so long.
    ///
    /// # Errors
    /// What still stands in the way after that time; `WAL_POISONED`, `WAL_CLOSED` at once.
    pub fn drain(&mut self, patience: Duration) -> Result<()> {
        self.check_open()?;
        self.manager.drain(Instant::now() + patience.min(LONGEST_WAIT))
    }

    /// Changes how much of the log is kept from now on.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED` for limits that cannot be; `WAL_CLOSED`. The limits are then what they were.
    pub fn set_retention(&mut self, retention: Retention) -> Result<()> {
        self.check_open()?;
        self.manager.set_retention(retention)
    }

    /// Says that no event before this one is needed any more. See [`Manager::truncate_before`].
    ///
    /// # Errors
    /// As [`Manager::truncate_before`], and `WAL_CLOSED`.
    pub fn truncate_before(&mut self, event_id: u64) -> Result<()> {
        self.check_open()?;
        self.manager.truncate_before(event_id)
    }

    /// Id of the last event appended, 0 before the first: `staged`, it survives the death of the process.
    #[inline]
    pub fn last_event_id(&self) -> u64 {
        self.manager.last_event_id()
    }

    /// Id of the last event that is published in a segment.
    pub fn written_event_id(&self) -> u64 {
        self.shared.staging.written_event_id()
    }

    /// Id of the last event that survives a power cut.
    pub fn durable_event_id(&self) -> u64 {
        self.shared.staging.durable_event_id()
    }

    /// What opening found and did.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The metrics.
    pub fn telemetry(&self) -> &Arc<RecorderTelemetry> {
        &self.telemetry
    }

    /// The staging memory, for a binding that stores events into it itself.
    pub fn staging(&self) -> &Staging {
        &self.shared.staging
    }

    /// The part that appends, for a binding.
    ///
    /// # Errors
    /// `WAL_CLOSED`.
    pub fn manager(&mut self) -> Result<&mut Manager> {
        self.check_open()?;
        Ok(&mut self.manager)
    }

    /// Publishes and syncs everything, seals what was rotated, marks `wal.meta` clean, ends the workers and gives the
    /// lock, the files and the memory of the segments back; the ids, the report and the metrics can still be asked for.
    /// The last segment is not sealed. Does nothing the second time.
    ///
    /// # Errors
    /// `WAL_POISONED` or `WAL_IO`; the log is closed all the same.
    pub fn close(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let published = self.manager.publish();
        let durable =
            published.and_then(|()| self.committer.handle().sync_here(self.manager.last_event_id()));
        self.manager.end_workers();
        // Sealing may have failed although everything was durable before.
        let durable = durable.and_then(|()| self.shared.poison.check());
        self.committer.close();
        self.coordinator.close();
        // What is durable is worth noting in any case, but the log was closed cleanly only if that is all.
        let stored = self.shared.store_meta(durable.is_ok());
        // Not left to the drop: a garbage collector may come late, and the files would use up its process meanwhile.
        self.manager.let_go();
        self.shared.let_go();
        self.telemetry.close();
        self.lock = None;
        durable.and(stored)
    }

    #[inline]
    fn check_open(&self) -> Result<()> {
        if self.closed { Err(crate::closed()) } else { Ok(()) }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
