//! `Committer`: group commit.
//!
//! Whoever wants events durable asks, and one sync serves all who asked before it began. There is no delay: the
//! first asker starts a sync at once, and while it runs the next group gathers.
//!
//! Asking takes no lock: it raises a number and wakes the worker, so the appender never waits for a thread that is
//! just being woken. Only threads that wait for the answer share a mutex.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use flashstrike_recovery::{Code, Error, Result};
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::CommitterUpdater;

use super::PoisonOnPanic;
use super::undurable::Undurable;
use crate::shared::{Shared, lock};

#[derive(Debug)]
struct Requests {
    shared: Arc<Shared>,
    policy: SyncPolicy,
    /// The highest id that somebody waits for.
    wanted: AtomicU64,
    /// How many have asked since the last sync began.
    askers: AtomicU64,
    undurable: Undurable,
    opened: Instant,
    closing: AtomicBool,
    /// A sync has failed: nobody waits any more.
    failed: AtomicBool,
    /// Threads that wait for an answer.
    waiting: Mutex<u32>,
    answered: Condvar,
    /// Held during a sync, so that there is one at a time.
    turn: Mutex<CommitterUpdater>,
}

/// When the worker syncs and sleeps unasked. Without a policy, durability is what `durable()`, rotation and `close()`
/// give.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SyncPolicy {
    /// Sync published events this long after they were published.
    pub(crate) interval: Option<Duration>,
    /// Sync when this many bytes were published.
    pub(crate) bytes: Option<u64>,
    /// After a sync, look for the next asker so long before going to sleep.
    pub(crate) spin: Duration,
}

/// A handle on group commit; clones share it and may wait on any thread.
#[derive(Debug, Clone)]
pub struct CommitHandle {
    requests: Arc<Requests>,
    worker: Thread,
}

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
        let requests = Arc::new(Requests {
            shared,
            policy,
            wanted: AtomicU64::new(0),
            askers: AtomicU64::new(0),
            undurable: Undurable::new(),
            opened: Instant::now(),
            closing: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            waiting: Mutex::new(0),
            answered: Condvar::new(),
            turn: Mutex::new(telemetry),
        });
        let worker = Arc::clone(&requests);
        let thread = super::spawn("wal-commit", move || worker.run())?;
        let handle = CommitHandle { requests, worker: thread.thread().clone() };
        Ok(Self { handle, thread: Some(thread) })
    }

    /// A handle for other threads.
    pub fn handle(&self) -> &CommitHandle {
        &self.handle
    }

    pub(crate) fn close(&mut self) {
        self.handle.requests.closing.store(true, Ordering::SeqCst);
        self.handle.worker.unpark();
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
        // The worker would never be done with an id that no sync can cover.
        let wanted = event_id.min(self.requests.shared.staging.written_event_id());
        self.requests.askers.fetch_add(1, Ordering::Relaxed);
        self.requests.wanted.fetch_max(wanted, Ordering::AcqRel);
        self.worker.unpark();
    }

    /// Waits until this published event is durable; the worker's next sync covers it.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` for an event that is not published: flush first. `WAL_POISONED` if a sync has failed; `WAL_CLOSED`
    /// if the log is closed first.
    pub fn wait(&self, event_id: u64) -> Result<()> {
        self.request(event_id);
        let mut waiting = lock(&self.requests.waiting);
        *waiting += 1;
        let outcome = loop {
            match self.outcome(event_id) {
                Some(outcome) => break outcome,
                None => {
                    waiting = self.requests.answered.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        *waiting -= 1;
        outcome
    }

    /// What somebody who waits for this event can be told; nothing yet while a sync may still cover it.
    fn outcome(&self, event_id: u64) -> Option<Result<()>> {
        if self.requests.shared.staging.durable_event_id() >= event_id {
            return Some(Ok(()));
        }
        let refused = self.requests.shared.poison.check().and_then(|()| {
            if self.requests.closing.load(Ordering::SeqCst) {
                return Err(crate::closed());
            }
            self.check_published(event_id)
        });
        refused.err().map(Err)
    }

    /// Syncs on the calling thread unless a sync that covers this published event has just been made.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` for an event that is not published: flush first. `WAL_POISONED`.
    pub fn sync_here(&self, event_id: u64) -> Result<()> {
        self.requests.shared.poison.check()?;
        self.check_published(event_id)?;
        self.requests.sync(event_id, 1)
    }

    fn check_published(&self, event_id: u64) -> Result<()> {
        let written = self.requests.shared.staging.written_event_id();
        if event_id <= written {
            return Ok(());
        }
        let message =
            format!("event {event_id} is not published yet, the last one that is is {written}; flush first");
        Err(Error::new(Code::EventId, message).at_event(event_id))
    }

    /// The appender has published a block that ends with this id. Wakes the worker if a sync is due, or if it has to
    /// look at the clock from now on.
    #[inline]
    pub(crate) fn published(&self, bytes: u64, event_id: u64) {
        let requests = &*self.requests;
        let unsynced = requests.undurable.note_block(bytes);
        let due = requests.policy.bytes.is_some_and(|limit| unsynced >= limit);
        if due {
            requests.wanted.fetch_max(event_id, Ordering::AcqRel);
        }
        let first =
            requests.policy.interval.is_some() && requests.undurable.start_clock(|| requests.now_ns());
        if due || first {
            self.worker.unpark();
        }
    }
}

/// Whoever waits is told, whatever the worker ends with.
struct AnswerAtEnd<'a>(&'a Requests);

impl Drop for AnswerAtEnd<'_> {
    fn drop(&mut self) {
        self.0.answer();
    }
}

impl Requests {
    fn run(&self) {
        let _answer = AnswerAtEnd(self);
        let _poison = PoisonOnPanic { shared: &self.shared, worker: "wal-commit" };
        while let Some((wanted, askers)) = self.wait_for_work() {
            // A failure is told to all who wait, and nobody is served any more.
            let _ = self.sync(wanted, askers);
            self.spin();
        }
    }

    fn now_ns(&self) -> u64 {
        self.opened.elapsed().as_nanos() as u64
    }

    /// One sync for all that is published. Does nothing if somebody else's has covered `event_id` meanwhile.
    fn sync(&self, event_id: u64, askers: u64) -> Result<()> {
        let telemetry = lock(&self.turn);
        if self.shared.staging.durable_event_id() >= event_id {
            self.answer();
            return Ok(());
        }
        let bytes = self.undurable.begin_sync();
        let start = clock::now_ns();
        let outcome = self.shared.sync_published();
        // Recorded first: whoever is told that an event is durable finds its sync in the metrics.
        telemetry.on_sync(start, &outcome, askers, bytes);
        match &outcome {
            Ok(written) => self.shared.advance_durable(*written),
            Err(_) => self.failed.store(true, Ordering::SeqCst),
        }
        drop(telemetry);
        self.answer();
        if let Err(error) = &outcome {
            self.shared.tell_failure(error.clone());
        }
        outcome.map(drop)
    }

    /// Wakes the threads that wait. With the lock, so that one that has just looked and is about to sleep is not passed
    /// over.
    fn answer(&self) {
        let waiting = lock(&self.waiting);
        if *waiting > 0 {
            self.answered.notify_all();
        }
    }

    /// The id that somebody waits for, if it needs a sync.
    fn due(&self) -> Option<u64> {
        if self.failed.load(Ordering::SeqCst) {
            return None;
        }
        let wanted = self.wanted.load(Ordering::Acquire);
        (wanted > self.shared.staging.durable_event_id()).then_some(wanted)
    }

    /// Looks for the next asker for a while: waking a sleeping thread takes longer than many a sync.
    fn spin(&self) {
        if self.policy.spin.is_zero() {
            return;
        }
        let start = Instant::now();
        while self.due().is_none()
            && !self.closing.load(Ordering::SeqCst)
            && start.elapsed() < self.policy.spin
        {
            std::hint::spin_loop();
        }
    }

    /// Sleeps until a sync is due; `None` when it is time to end.
    fn wait_for_work(&self) -> Option<(u64, u64)> {
        loop {
            if self.closing.load(Ordering::SeqCst) {
                return None;
            }
            let due = self.due().or_else(|| self.due_by_clock());
            if let Some(wanted) = due {
                return Some((wanted, self.askers.swap(0, Ordering::Relaxed)));
            }
            // The sealer makes events durable too, and does not know who waits for them here.
            self.answer();
            match self.pause() {
                Some(pause) => std::thread::park_timeout(pause),
                None => std::thread::park(),
            }
        }
    }

    /// The time until the interval's next sync, if one is to come.
    fn pause(&self) -> Option<Duration> {
        if self.failed.load(Ordering::SeqCst) {
            return None;
        }
        let interval = self.policy.interval?;
        let since = Duration::from_nanos(self.undurable.since_ns()?);
        Some((since + interval).saturating_sub(self.opened.elapsed()))
    }

    /// The same for a sync that nobody has asked for but the clock.
    fn due_by_clock(&self) -> Option<u64> {
        if !self.pause()?.is_zero() {
            return None;
        }
        // The sealer's sync may have covered it all; then nothing is left to look at the clock for.
        self.undurable.stop_clock();
        let written = self.shared.staging.written_event_id();
        (written > self.shared.staging.durable_event_id()).then_some(written)
    }
}
