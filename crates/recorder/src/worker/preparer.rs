//! `SegmentPreparer`: the next segments, allocated, synced by name and pre-faulted before anyone needs them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flashstrike_recovery::{Code, Error, Result};
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::{SegmentPreparerUpdater, SegmentPreparerWorkerUpdater};

use super::pace::Pace;
use crate::options::MAX_PREPARED_SEGMENTS;
use crate::prepared_segment::PreparedSegment;
use crate::segment_writer::UntouchedPages;
use crate::shared::{Shared, lock};

/// Between two tries after a failure, for example on a full disk.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct State {
    ready: VecDeque<PreparedSegment>,
    /// Why the last try failed; gone with the next success.
    failure: Option<Error>,
    pace: Pace,
    closing: bool,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    /// A segment was taken, or it is time to end.
    wanted: Condvar,
    /// A segment is ready, or a try has failed.
    changed: Condvar,
}

/// Keeps segments ready ahead of the appender, on a thread of its own.
#[derive(Debug)]
pub struct SegmentPreparer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    telemetry: SegmentPreparerUpdater,
}

impl SegmentPreparer {
    /// Starts the worker; it keeps `target` segments ready, or more if they are used faster than they are made: those
    /// made before, and new ones from `first_index` on.
    ///
    /// # Errors
    /// `WAL_IO` if the thread cannot be started.
    pub(crate) fn start(
        shared: Arc<Shared>,
        first_index: u32,
        untouched: Untouched,
        target: usize,
        telemetry: SegmentPreparerUpdater,
        worker_telemetry: SegmentPreparerWorkerUpdater,
    ) -> Result<Self> {
        let pace = Pace::new(target, MAX_PREPARED_SEGMENTS as usize);
        let state = State {
            // Room for all there will ever be, so that taking and handing over allocate nothing.
            ready: VecDeque::with_capacity(pace.most()),
            failure: None,
            pace,
            closing: false,
        };
        let queue =
            Arc::new(Queue { state: Mutex::new(state), wanted: Condvar::new(), changed: Condvar::new() });
        let worker = Worker {
            shared,
            queue: Arc::clone(&queue),
            next_index: first_index,
            untouched,
            telemetry: worker_telemetry,
        };
        let thread = super::spawn("wal-prepare", move || worker.run())?;
        Ok(Self { queue, thread: Some(thread), telemetry })
    }

    /// Takes the next segment, without waiting.
    ///
    /// # Errors
    /// `WAL_BACKPRESSURE` if none is ready yet; the worker's error (`WAL_FULL`, `WAL_IO`) if it cannot make one.
    pub fn get_next_segment(&mut self) -> Result<PreparedSegment> {
        let start = clock::now_ns();
        let mut state = lock(&self.queue.state);
        let Some(next) = state.ready.pop_front() else {
            return Err(refusal(&state));
        };
        state.pace.taken(Instant::now());
        drop(state);
        self.queue.wanted.notify_one();
        self.telemetry.on_get_next_segment(start);
        Ok(next)
    }

    /// Segments that are ready.
    pub fn ready(&self) -> usize {
        lock(&self.queue.state).ready.len()
    }

    /// Waits until a segment is ready, at most until `deadline`.
    ///
    /// # Errors
    /// As [`get_next_segment`](Self::get_next_segment), at the deadline.
    pub(crate) fn wait_ready(&self, deadline: Instant) -> Result<()> {
        let mut state = lock(&self.queue.state);
        loop {
            if !state.ready.is_empty() {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(refusal(&state));
            }
            state = self.queue.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn close(&mut self) {
        lock(&self.queue.state).closing = true;
        self.queue.wanted.notify_one();
        super::join(&mut self.thread);
        // The next opening finds them by their names.
        lock(&self.queue.state).ready.clear();
    }
}

impl Drop for SegmentPreparer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Why there is no next segment, and what to do about it.
fn refusal(state: &State) -> Error {
    let not_ready = || Error::new(Code::Backpressure, "the next segment is not ready yet");
    let error = state.failure.clone().unwrap_or_else(not_ready);
    match error.code() {
        Code::Full => {
            error.with_advice("nothing was appended: make space, wait with drain() and append again")
        }
        Code::Backpressure | Code::Io => {
            error.with_advice("nothing was appended: wait with drain() and append again")
        }
        _ => error,
    }
}

struct Worker {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    next_index: u32,
    untouched: Untouched,
    telemetry: SegmentPreparerWorkerUpdater,
}

/// Made, but not pre-faulted yet.
#[derive(Debug)]
pub(crate) struct Untouched {
    /// Of the segment that is appended to.
    pub(crate) pages: Option<UntouchedPages>,
    pub(crate) segments: VecDeque<PreparedSegment>,
}

/// Bytes of the open segment that are pre-faulted between two looks at whether it is time to end.
const TOUCHED_AT_ONCE: usize = 4 << 20;

impl Worker {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _poison = super::PoisonOnPanic { shared: &shared, worker: "wal-prepare" };
        self.touch_open_segment();
        while self.wait_until_wanted() {
            let (start, began) = (clock::now_ns(), Instant::now());
            let made = self.prepare();
            self.telemetry.on_prepare_segment(start, &made);
            match made {
                Ok(segment) => self.hand_over(segment, began.elapsed()),
                Err(error) => {
                    let is_last = error.code() == Code::Poisoned;
                    self.report(error);
                    if is_last {
                        return;
                    }
                }
            }
        }
    }

    /// Pre-faults what is left of the segment that is appended to.
    fn touch_open_segment(&mut self) {
        let Some(mut pages) = self.untouched.pages.take() else { return };
        while !pages.is_done() && !lock(&self.queue.state).closing {
            if let Err(error) = pages.touch(TOUCHED_AT_ONCE) {
                // Without it appends work, only slower.
                return self.shared.tell_failure(error);
            }
        }
    }

    /// Sleeps until fewer segments than wanted are ready; false when it is time to end.
    fn wait_until_wanted(&mut self) -> bool {
        let mut state = lock(&self.queue.state);
        loop {
            self.telemetry.set_queue_depth(state.ready.len() as u64);
            if state.closing {
                return false;
            }
            if state.ready.len() < state.pace.wanted() {
                return true;
            }
            state = self.queue.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next segment, pre-faulted: one that is there already, or a new one.
    fn prepare(&mut self) -> Result<PreparedSegment> {
        let context = &self.shared.context;
        let segment = if let Some(segment) = self.untouched.segments.pop_front() {
            segment
        } else {
            self.shared.check_lock()?;
            let made = PreparedSegment::create(context, self.next_index)?;
            self.next_index += 1;
            made
        };
        match segment.touch(context) {
            Ok(()) => Ok(segment),
            Err(error) => {
                self.untouched.segments.push_front(segment);
                Err(error)
            }
        }
    }

    fn hand_over(&mut self, segment: PreparedSegment, took: Duration) {
        let mut state = lock(&self.queue.state);
        state.pace.made(took);
        state.ready.push_back(segment);
        state.failure = None;
        drop(state);
        self.queue.changed.notify_all();
        self.shared.tell_room();
    }

    /// Keeps the failure for the appender, tells it once, and waits a little before the next try.
    fn report(&mut self, error: Error) {
        if error.code() == Code::Full {
            self.telemetry.on_no_space();
        }
        let mut state = lock(&self.queue.state);
        let new = state.failure.as_ref().is_none_or(|before| before.code() != error.code());
        state.failure = Some(error.clone());
        self.queue.changed.notify_all();
        drop(state);
        if new {
            let code = error.code();
            self.shared.tell_failure(match code {
                Code::Full | Code::Io => error.with_advice(
                    "appends go on to the end of the current segment, and again as soon as one can be made",
                ),
                _ => error,
            });
            if code != Code::Full {
                // Space comes back while one waits; of anything else who waits for room has to know.
                self.shared.tell_room();
            }
        }
        let state = lock(&self.queue.state);
        if !state.closing {
            drop(self.queue.wanted.wait_timeout(state, RETRY_PAUSE));
        }
    }
}
