//! The segment preloader: opens, reads, verifies and closes segments before they are asked for.
//!
//! The consumer asks for the segments of a plan in order. A worker thread reads ahead of it, no further than it is
//! told, so memory is bounded. A consumer that has to wait does not only wait: verifying is more work than reading
//! events, so it reads the next segment that nobody has begun. There is no state in which somebody waits for work that
//! nobody does: what is not ready is being read by the worker, or the consumer reads it itself.
//!
//! Going from one segment to the next is to cost the consumer next to nothing. So it is the worker that closes what was
//! read to its end; and since waking a thread takes longer than all the rest, a worker without work naps for a while
//! and looks for itself, before it sleeps until it is woken. Only where nothing is ready any more a nap is cut short.

mod state;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use flashstrike_telemetry::clock;

use crate::error::{Code, Error, Result};
use crate::segment_reader::{ReadContext, ReadFailure, SegmentReader, Wanted};
use crate::telemetry::{Instruments, ReadTelemetry};
use state::{Outcome, Rest, State};

/// Short beside what reading a segment takes, long beside what waking up costs the worker.
const NAP: Duration = Duration::from_millis(1);
/// So many naps after the last work: then a consumer is so slow that waking the worker does not count.
const NAPS: u32 = 50;

/// Reads the segments of a plan ahead of its consumer. Dropping it ends the worker and waits for it.
#[derive(Debug)]
pub(crate) struct SegmentPreloader {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    /// The worker rests and has something to do again that cannot wait.
    owes_wake: bool,
    /// There is something to read ahead, and no worker yet.
    owes_worker: bool,
}

#[derive(Debug)]
struct Shared {
    context: ReadContext,
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

impl SegmentPreloader {
    /// Begins to read a plan, at most `ahead` segments (at least one) before they are asked for. `kept` was read before.
    /// `is_sought`: perhaps only the first event is wanted, so no segment is read ahead of the first one, with which it
    /// would compete for the processor.
    ///
    /// # Errors
    /// `WAL_IO` if no thread can be started.
    pub(crate) fn start(
        context: ReadContext,
        plan: Vec<Wanted>,
        kept: Option<SegmentReader>,
        ahead: usize,
        instruments: Instruments,
        is_sought: bool,
    ) -> Result<Self> {
        let kept = kept.and_then(|kept| {
            let wanted =
                |wanted: &Wanted| wanted.index == kept.index() && wanted.end == Some(kept.boundary().end);
            Some((plan.iter().position(wanted)?, kept))
        });
        // One segment is read by whoever asks for it.
        let needs_worker = plan.len() > 1 + usize::from(kept.is_some());
        let shared = Arc::new(Shared {
            context,
            plan,
            ahead: ahead.max(1),
            instruments,
            cancelled: AtomicBool::new(false),
            state: Mutex::new(State::new(kept, ahead)),
            to_do: Condvar::new(),
            is_ready: Condvar::new(),
        });
        let mut preloader = Self { shared, worker: None, owes_wake: false, owes_worker: needs_worker };
        if !is_sought {
            preloader.start_worker()?;
        }
        Ok(preloader)
    }

    fn start_worker(&mut self) -> Result<()> {
        if std::mem::take(&mut self.owes_worker) {
            let shared = Arc::clone(&self.shared);
            let worker = std::thread::Builder::new()
                .name("wal-preloader".to_owned())
                .spawn(move || shared.work())
                .map_err(|error| {
                    Error::io("start a thread for", &self.shared.context.source.directory, &error)
                })?;
            self.worker = Some(worker);
        }
        Ok(())
    }

    /// Segments of the plan.
    pub(crate) fn len(&self) -> usize {
        self.shared.plan.len()
    }

    /// Index of the segment at a position of the plan.
    pub(crate) fn wanted(&self, position: usize) -> u32 {
        self.shared.plan[position].index
    }

    /// Takes the segment at a position of the plan, which has to be asked for in order, and gives the one before to be
    /// closed.
    pub(crate) fn take(&mut self, position: usize, finished: Option<SegmentReader>) -> Outcome {
        let Self { shared, worker, owes_wake, .. } = self;
        let mut finished = finished;
        if worker.is_none() {
            shared.close(finished.take());
        }
        let mut state = shared.lock();
        state.taken = position + 1;
        state.finished.extend(finished);
        loop {
            if let Some(outcome) = state.remove(position) {
                *owes_wake = state.needs_wake(shared.plan.len());
                shared.tell_depth(&mut state);
                return outcome;
            }
            if let Some(other) = shared.claim_for_consumer(&mut state, position) {
                let finished: Vec<_> = state.finished.drain(..).collect();
                drop(state);
                shared.close(finished);
                let outcome = shared.read(other, &shared.instruments.consumer);
                if other == position {
                    return outcome;
                }
                state = shared.lock();
                state.ready.push((other, outcome));
                shared.tell_depth(&mut state);
                continue;
            }
            if state.worker != Rest::No {
                // It was owed a wake from the time before.
                shared.to_do.notify_one();
            }
            state = shared.is_ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the worker if taking a segment has given it something to do. Apart from [`take`](Self::take), since it
    /// takes longer than the rest of going from one segment to the next.
    pub(crate) fn wake_worker(&mut self) {
        if self.owes_worker && self.shared.lock().taken > 0 {
            // Without one the consumer reads everything himself.
            let _ = self.start_worker();
        }
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
        let mut state = self.shared.lock();
        let finished = std::mem::take(&mut state.finished);
        state.ready.clear();
        self.shared.tell_depth(&mut state);
        drop(state);
        self.shared.close(finished);
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
        state.claim(self.plan.len(), others)
    }

    fn read(&self, position: usize, telemetry: &ReadTelemetry) -> Outcome {
        let start = clock::now_ns();
        let outcome = SegmentReader::open(&self.context, &self.plan[position], &self.cancelled, telemetry);
        self.instruments.preloader.record().preloader.on_preload_segment(start, outcome.is_ok());
        outcome
    }

    /// The worker's life.
    fn work(&self) {
        let mut naps = NAPS;
        loop {
            let start = clock::now_ns();
            let mut state = self.lock();
            let finished = state.finished.pop();
            let claimed = state.claim(self.plan.len(), self.ahead - 1);
            state.in_flight += usize::from(claimed.is_some());
            if self.cancelled.load(Ordering::Relaxed) {
                state.finished.extend(finished);
                return;
            }
            if claimed.is_some() || finished.is_some() {
                drop(state);
                // First, since its memory is what is read into next.
                self.close(finished);
                if let Some(position) = claimed {
                    self.read_ahead(position);
                }
                self.instruments.preloader.record().preloader.on_loop(true, start, 0);
                naps = NAPS;
                continue;
            }
            if state.taken == self.plan.len() {
                return;
            }
            let slept = self.rest(state, naps > 0);
            naps = naps.saturating_sub(1);
            self.instruments.preloader.record().preloader.on_loop(false, start, slept);
        }
    }

    /// Has the worker nap, or sleep until it is woken; gives how many nanoseconds it took.
    fn rest(&self, mut state: MutexGuard<'_, State>, naps: bool) -> u64 {
        let slept_at = clock::now_ns();
        if naps {
            state.worker = Rest::Naps;
            state = self.to_do.wait_timeout(state, NAP).unwrap_or_else(PoisonError::into_inner).0;
        } else {
            state.worker = Rest::Sleeps;
            state = self.to_do.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.worker = Rest::No;
        drop(state);
        clock::now_ns().saturating_sub(slept_at)
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
        state.ready.push((position, outcome));
        self.tell_depth(&mut state);
        drop(state);
        self.is_ready.notify_one();
    }

    /// With the lock, so that the last one to change the depth is the last one to tell it.
    fn tell_depth(&self, state: &mut MutexGuard<'_, State>) {
        let ready = state.ready.len();
        let before = std::mem::replace(&mut state.told_ready, ready);
        self.instruments.preloader.tell_ready(before, ready);
    }

    /// Closes what the consumer has read to its end: the rest of its memory is free for the next segment.
    fn close(&self, finished: impl IntoIterator<Item = SegmentReader>) {
        for reader in finished {
            let start = clock::now_ns();
            drop(reader);
            self.instruments.preloader.record().preloader.on_finish_segment(start, true);
            self.instruments.preloading.record().reader.on_close_segment(start, true);
        }
    }
}
