//! The segment preloader: opens, reads, verifies and closes segments before they are asked for.
//!
//! The consumer asks for the segments of a plan in order. A worker thread reads ahead of it, no further than it is
//! told, so memory is bounded. A consumer that has to wait does not only wait: verifying is more work than reading
//! events, so it reads the next segment that nobody has begun. There is no state in which somebody waits for work that
//! nobody does: what is not ready is being read by the worker, or the consumer reads it itself.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use flashstrike_telemetry::clock;

use crate::error::{Code, Error, Result};
use crate::segment_reader::{ReadFailure, SegmentReader, Shelf, Wanted};
use crate::telemetry::{Instruments, ReadTelemetry};

type Outcome = std::result::Result<SegmentReader, ReadFailure>;

/// Reads the segments of a plan ahead of its consumer. Dropping it ends the worker and waits for it.
#[derive(Debug)]
pub(crate) struct SegmentPreloader {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    /// The worker sleeps and has something to do again.
    owes_wake: bool,
}

#[derive(Debug)]
struct Shared {
    shelf: Shelf,
    plan: Vec<Wanted>,
    /// Segments that may be ready or being read at a time.
    ahead: usize,
    instruments: Instruments,
    cancelled: AtomicBool,
    state: Mutex<State>,
    /// Wakes the worker.
    to_do: Condvar,
    /// Wakes the consumer.
    is_ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The first position of the plan that nobody has begun to read.
    next: usize,
    /// Positions being read by the worker.
    in_flight: usize,
    ready: BTreeMap<usize, Outcome>,
    /// A segment of the plan that was read before, which nobody needs to read.
    kept: Option<(usize, SegmentReader)>,
    worker_sleeps: bool,
}

impl State {
    /// Begins the first position that nobody has begun, if at most `others` segments are ready or being read.
    fn claim(&mut self, shared: &Shared, others: usize) -> Option<usize> {
        if self.kept.as_ref().is_some_and(|(position, _)| *position == self.next) {
            self.next += 1;
        }
        if self.next == shared.plan.len() || self.ready.len() + self.in_flight > others {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    fn remove(&mut self, position: usize) -> Option<Outcome> {
        match self.kept.take_if(|(kept, _)| *kept == position) {
            Some((_, reader)) => Some(Ok(reader)),
            None => self.ready.remove(&position),
        }
    }
}

impl SegmentPreloader {
    /// Begins to read a plan, at most `ahead` segments (at least one) before they are asked for. `kept` was read before.
    ///
    /// # Errors
    /// `WAL_IO` if no thread can be started.
    pub(crate) fn start(
        shelf: Shelf,
        plan: Vec<Wanted>,
        kept: Option<SegmentReader>,
        ahead: usize,
        instruments: Instruments,
    ) -> Result<Self> {
        let kept = kept.and_then(|kept| {
            let wanted =
                |wanted: &Wanted| wanted.index == kept.index() && wanted.end == Some(kept.seam().end);
            Some((plan.iter().position(wanted)?, kept))
        });
        // One segment is read by whoever asks for it.
        let needs_worker = plan.len() > 1 + usize::from(kept.is_some());
        let shared = Arc::new(Shared {
            shelf,
            plan,
            ahead: ahead.max(1),
            instruments,
            cancelled: AtomicBool::new(false),
            state: Mutex::new(State { kept, ..State::default() }),
            to_do: Condvar::new(),
            is_ready: Condvar::new(),
        });
        let mut preloader = Self { shared, worker: None, owes_wake: false };
        if needs_worker {
            let shared = Arc::clone(&preloader.shared);
            let worker = std::thread::Builder::new()
                .name("wal-preloader".to_owned())
                .spawn(move || shared.work())
                .map_err(|error| {
                    Error::io("start a thread for", &preloader.shared.shelf.source.directory, &error)
                })?;
            preloader.worker = Some(worker);
        }
        Ok(preloader)
    }

    /// Segments of the plan.
    pub(crate) fn len(&self) -> usize {
        self.shared.plan.len()
    }

    /// Index of the segment at a position of the plan.
    pub(crate) fn wanted(&self, position: usize) -> u32 {
        self.shared.plan[position].index
    }

    /// Takes the segment at a position of the plan, which has to be asked for in order, and gives back the one before.
    pub(crate) fn take(&mut self, position: usize, finished: Option<SegmentReader>) -> Outcome {
        let shared = Arc::clone(&self.shared);
        if let Some(finished) = finished {
            shared.close(finished);
        }
        let mut state = shared.lock();
        loop {
            if let Some(outcome) = state.remove(position) {
                self.owes_wake = state.worker_sleeps;
                return outcome;
            }
            if let Some(other) = shared.claim_for_consumer(&mut state, position) {
                drop(state);
                let outcome = shared.read(other, &shared.instruments.consumer);
                if other == position {
                    return outcome;
                }
                state = shared.lock();
                state.ready.insert(other, outcome);
                continue;
            }
            if state.worker_sleeps {
                // It was owed a wake from the time before.
                shared.to_do.notify_one();
            }
            state = shared.is_ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the worker if taking a segment has given it something to do. Apart from [`take`](Self::take), since it
    /// takes longer than the rest of going from one segment to the next.
    pub(crate) fn wake_worker(&mut self) {
        if std::mem::take(&mut self.owes_wake) {
            self.shared.to_do.notify_one();
        }
    }
}

impl Drop for SegmentPreloader {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
        // With the lock, so that the worker is either before its look at the flag or asleep.
        drop(self.shared.lock());
        self.shared.to_do.notify_one();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the consumer reads itself while the segment at `position` is not ready: that one, if nobody has begun it;
    /// else the next one that nobody has begun, as long as memory allows.
    fn claim_for_consumer(&self, state: &mut State, position: usize) -> Option<usize> {
        // Memory allows one more than the worker takes, since the consumer has none at the moment.
        let others = if position < state.next { self.ahead } else { usize::MAX };
        state.claim(self, others)
    }

    fn read(&self, position: usize, telemetry: &ReadTelemetry) -> Outcome {
        let start = clock::now_ns();
        let outcome = SegmentReader::open(&self.shelf, &self.plan[position], &self.cancelled, telemetry);
        self.instruments.preloader.record().on_preload_segment(start, outcome.is_ok());
        outcome
    }

    /// The worker's life.
    fn work(&self) {
        loop {
            let start = clock::now_ns();
            let mut state = self.lock();
            let claimed = state.claim(self, self.ahead - 1);
            state.in_flight += usize::from(claimed.is_some());
            if self.cancelled.load(Ordering::Relaxed) || (claimed.is_none() && state.next == self.plan.len())
            {
                return;
            }
            let Some(position) = claimed else {
                let slept_at = clock::now_ns();
                state.worker_sleeps = true;
                state = self.to_do.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.worker_sleeps = false;
                drop(state);
                let slept = clock::now_ns().saturating_sub(slept_at);
                self.instruments.preloader.record().on_loop(false, start, slept);
                continue;
            };
            drop(state);
            self.read_ahead(position);
            self.instruments.preloader.record().on_loop(true, start, 0);
        }
    }

    fn read_ahead(&self, position: usize) {
        // Whoever waits for this segment must get an answer, whatever happens.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.read(position, &self.instruments.preloading)))
            .unwrap_or_else(|_| {
                let message = format!("reading segment {} ahead panicked", self.plan[position].index);
                Err(ReadFailure::Failed(Error::new(Code::Io, message)))
            });
        let mut state = self.lock();
        state.in_flight -= 1;
        state.ready.insert(position, outcome);
        let depth = state.ready.len();
        drop(state);
        self.is_ready.notify_one();
        self.instruments.preloader.record().set_queue_depth(depth as u64);
    }

    /// Closes what the consumer has read to its end: its memory is free for the next segment.
    fn close(&self, finished: SegmentReader) {
        let start = clock::now_ns();
        drop(finished);
        self.instruments.preloader.record().on_finish_segment(start, true);
        self.instruments.consumer.record().reader.on_close_segment(start, true);
    }
}
