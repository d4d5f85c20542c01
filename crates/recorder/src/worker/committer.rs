//! `Committer`: group commit.
//!
//! Whoever wants events durable asks, and one sync serves all who asked before it began. There is no delay: the
//! first asker starts a sync at once, and while it runs the next group gathers.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flashstrike_recovery::{Code, Error, Result};
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::CommitterUpdater;

use crate::shared::{Shared, lock};

#[derive(Debug, Default)]
struct Requests {
    /// The highest id that somebody waits for.
    wanted: u64,
    /// How many have asked since the last sync began.
    askers: u64,
    /// The appender has published this many bytes since the last sync began; kept only with a policy that needs it.
    bytes: u64,
    /// When the first of them was published.
    undurable_since: Option<Instant>,
    closing: bool,
    /// A sync has failed: nobody waits any more.
    failed: bool,
}

#[derive(Debug)]
struct Desk {
    shared: Arc<Shared>,
    requests: Mutex<Requests>,
    asked: Condvar,
    answered: Condvar,
    /// Held during a sync, so that there is one at a time.
    turn: Mutex<CommitterUpdater>,
    policy: SyncPolicy,
}

/// Syncs that nobody asks for. Without any, durability is what `durable()`, rotation and `close()` give.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SyncPolicy {
    /// Sync published events this long after they were published.
    pub(crate) interval: Option<Duration>,
    /// Sync when this many bytes were published.
    pub(crate) bytes: Option<u64>,
}

impl SyncPolicy {
    fn is_off(self) -> bool {
        self.interval.is_none() && self.bytes.is_none()
    }
}

/// A handle on group commit; clones share it and may wait on any thread.
#[derive(Debug, Clone)]
pub struct CommitHandle(Arc<Desk>);

/// The thread that syncs when asked.
#[derive(Debug)]
pub struct Committer {
    handle: CommitHandle,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the worker.
    ///
    /// # Errors
    /// `WAL_IO` if the thread cannot be started.
    pub(crate) fn start(
        shared: Arc<Shared>,
        policy: SyncPolicy,
        telemetry: CommitterUpdater,
    ) -> Result<Self> {
        let desk = Arc::new(Desk {
            shared,
            requests: Mutex::default(),
            asked: Condvar::new(),
            answered: Condvar::new(),
            turn: Mutex::new(telemetry),
            policy,
        });
        let worker = Arc::clone(&desk);
        let thread = super::spawn("wal-commit", move || worker.run())?;
        Ok(Self { handle: CommitHandle(desk), thread: Some(thread) })
    }

    /// A handle for other threads.
    pub fn handle(&self) -> &CommitHandle {
        &self.handle
    }

    pub(crate) fn close(&mut self) {
        lock(&self.handle.0.requests).closing = true;
        self.handle.0.asked.notify_all();
        super::join(&mut self.thread);
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}

impl CommitHandle {
    /// Asks for a sync that covers this published event, without waiting. An id that is not published asks for all that
    /// is.
    pub fn request(&self, event_id: u64) {
        let mut requests = lock(&self.0.requests);
        // The worker would never be done with an id that no sync can cover.
        requests.wanted = requests.wanted.max(event_id.min(self.0.shared.staging.written_event_id()));
        requests.askers += 1;
        drop(requests);
        self.0.asked.notify_one();
    }

    /// Waits until this published event is durable; the worker's next sync covers it.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` for an event that is not published: flush first. `WAL_POISONED` if a sync has failed; `WAL_CLOSED`
    /// if the log is closed first.
    pub fn wait(&self, event_id: u64) -> Result<()> {
        self.request(event_id);
        let mut requests = lock(&self.0.requests);
        loop {
            if self.0.shared.staging.durable_event_id() >= event_id {
                return Ok(());
            }
            self.0.shared.poison.check()?;
            if requests.closing {
                return Err(crate::closed());
            }
            self.check_published(event_id)?;
            requests = self.0.answered.wait(requests).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Syncs on the calling thread unless a sync that covers this published event has just been made.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` for an event that is not published: flush first. `WAL_POISONED`.
    pub fn sync_here(&self, event_id: u64) -> Result<()> {
        self.0.shared.poison.check()?;
        self.check_published(event_id)?;
        self.0.sync(event_id, 1)
    }

    fn check_published(&self, event_id: u64) -> Result<()> {
        let written = self.0.shared.staging.written_event_id();
        if event_id <= written {
            return Ok(());
        }
        let message =
            format!("event {event_id} is not published yet, the last one that is is {written}; flush first");
        Err(Error::new(Code::EventId, message).at_event(event_id))
    }

    /// The appender has published a block.
    #[inline]
    pub(crate) fn published(&self, bytes: u64, event_id: u64) {
        if !self.0.policy.is_off() {
            self.0.published(bytes, event_id);
        }
    }
}

impl Desk {
    fn run(&self) {
        while let Some((wanted, askers)) = self.wait_for_work() {
            // A failure is told to all who wait, and nobody is served any more.
            let _ = self.sync(wanted, askers);
        }
    }

    fn published(&self, bytes: u64, event_id: u64) {
        let mut requests = lock(&self.requests);
        requests.bytes += bytes;
        let first = requests.undurable_since.is_none();
        requests.undurable_since.get_or_insert_with(Instant::now);
        let due = self.policy.bytes.is_some_and(|limit| requests.bytes >= limit);
        if due {
            requests.wanted = requests.wanted.max(event_id);
        }
        drop(requests);
        if due || first {
            self.asked.notify_one();
        }
    }

    /// One sync for all that is published. Does nothing if somebody else's has covered `event_id` meanwhile.
    fn sync(&self, event_id: u64, askers: u64) -> Result<()> {
        let telemetry = lock(&self.turn);
        let before = self.shared.staging.durable_event_id();
        if before >= event_id {
            // The maintainer's sync has covered it: nothing is left that a policy would have to sync.
            if before >= self.shared.staging.written_event_id() {
                let mut requests = lock(&self.requests);
                requests.undurable_since = None;
                requests.bytes = 0;
            }
            return Ok(());
        }
        let mut requests = lock(&self.requests);
        let bytes = std::mem::take(&mut requests.bytes);
        requests.undurable_since = None;
        drop(requests);
        let start = clock::now_ns();
        let outcome = self.shared.sync_published();
        // Recorded first: whoever is told that an event is durable finds its sync in the metrics.
        telemetry.on_sync(start, &outcome, askers, bytes);
        if let Ok(written) = outcome {
            self.shared.advance_durable(written);
        }
        let durable = self.shared.staging.durable_event_id();
        telemetry.set_durable_lag(self.shared.staging.written_event_id().saturating_sub(durable));
        drop(telemetry);
        // With the lock, so that a waiter that has just looked and is about to sleep is not passed over.
        let mut requests = lock(&self.requests);
        requests.failed |= outcome.is_err();
        self.answered.notify_all();
        drop(requests);
        if let Err(error) = &outcome {
            self.shared.tell_failure(error.clone());
        }
        outcome.map(drop)
    }

    /// Sleeps until a sync is due; `None` when it is time to end.
    fn wait_for_work(&self) -> Option<(u64, u64)> {
        let mut requests = lock(&self.requests);
        loop {
            if requests.closing {
                self.answered.notify_all();
                return None;
            }
            let staging = &self.shared.staging;
            if !requests.failed && requests.wanted > staging.durable_event_id() {
                return Some((requests.wanted, std::mem::take(&mut requests.askers)));
            }
            // The maintainer makes events durable too, and does not know who waits for them here.
            self.answered.notify_all();
            let due = self.policy.interval.zip(requests.undurable_since).filter(|_| !requests.failed);
            requests = if let Some((interval, since)) = due {
                let pause = interval.saturating_sub(since.elapsed());
                if pause.is_zero() {
                    return Some((staging.written_event_id(), std::mem::take(&mut requests.askers)));
                }
                self.asked.wait_timeout(requests, pause).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.asked.wait(requests).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}
