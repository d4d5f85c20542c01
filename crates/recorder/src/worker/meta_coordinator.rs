//! `MetaCoordinator`: keeps `wal.meta` at most a second behind the durable id, off the hot path.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flashstrike_recovery::{Code, Result};
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::MetaCoordinatorUpdater;

use crate::shared::{Shared, lock};

/// From an advance of the durable id to the write: half of what the format allows, which leaves the rest for the disk.
const DELAY: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct State {
    /// The durable id has advanced since the last write.
    dirty: bool,
    closing: bool,
}

#[derive(Debug, Default)]
struct Pending {
    state: Mutex<State>,
    changed: Condvar,
}

/// What the coordinator is told that the durable id advanced with; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct MetaSignal(Arc<Pending>);

impl MetaSignal {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// The durable id has advanced. Enters the kernel once per write at most.
    pub(crate) fn advanced(&self) {
        let mut state = lock(&self.0.state);
        if !state.dirty {
            state.dirty = true;
            drop(state);
            self.0.changed.notify_one();
        }
    }
}

/// Writes `wal.meta` on a thread of its own.
#[derive(Debug)]
pub(crate) struct MetaCoordinator {
    signal: MetaSignal,
    thread: Option<JoinHandle<()>>,
}

impl MetaCoordinator {
    /// Starts the worker.
    ///
    /// # Errors
    /// `WAL_IO` if the thread cannot be started.
    pub(crate) fn start(shared: Arc<Shared>, telemetry: MetaCoordinatorUpdater) -> Result<Self> {
        let signal = shared.meta_signal().clone();
        let worker = Worker { pending: Arc::clone(&signal.0), shared, due: None, failing: false, telemetry };
        let thread = super::spawn("wal-meta", move || worker.run())?;
        Ok(Self { signal, thread: Some(thread) })
    }

    /// Ends the worker.
    pub(crate) fn close(&mut self) {
        lock(&self.signal.0.state).closing = true;
        self.signal.0.changed.notify_all();
        super::join(&mut self.thread);
    }
}

impl Drop for MetaCoordinator {
    fn drop(&mut self) {
        self.close();
    }
}

struct Worker {
    pending: Arc<Pending>,
    shared: Arc<Shared>,
    /// When to write, once the durable id has advanced.
    due: Option<Instant>,
    /// The last write has failed.
    failing: bool,
    telemetry: MetaCoordinatorUpdater,
}

impl Worker {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _poison = super::PoisonOnPanic { shared: &shared, worker: "wal-meta" };
        let mut start = clock::now_ns();
        while let Some((is_due, slept)) = self.wait() {
            if is_due {
                let stored = self.shared.store_meta(false);
                self.note(stored);
            }
            self.telemetry.on_loop(is_due, start, slept.as_nanos() as u64);
            start = clock::now_ns();
        }
    }

    /// It is not the truth, so nothing is lost by a failure; it is tried again, and told once until it passes.
    fn note(&mut self, stored: Result<()>) {
        let was_failing = std::mem::replace(&mut self.failing, stored.is_err());
        if let Err(error) = stored {
            lock(&self.pending.state).dirty = true;
            if !was_failing || error.code() == Code::Poisoned {
                self.shared.tell_failure(error);
            }
        }
    }

    /// Sleeps until the durable id has advanced, and the next time until the delay is over; gives whether it is, and how
    /// long it slept. `None` when it is time to end.
    fn wait(&mut self) -> Option<(bool, Duration)> {
        let start = Instant::now();
        let mut state = lock(&self.pending.state);
        while !state.closing {
            state = match self.due.map(|due| due.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => {
                    self.due = None;
                    state.dirty = false;
                    return Some((true, start.elapsed()));
                }
                Some(left) => {
                    self.pending.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None if state.dirty => {
                    self.due = Some(Instant::now() + DELAY);
                    return Some((false, start.elapsed()));
                }
                None => self.pending.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        None
    }
}
