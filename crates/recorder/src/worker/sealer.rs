//! `SegmentSealer`: seals the segments that appending has left, in order.
//!
//! Apart from the maintainer, which compresses at the lowest priority and takes its time: appending waits for a sealer
//! that falls behind, and never for the other.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::maintainer::Sealed;
use crate::closed_segment::ClosedSegment;
use crate::event::Event;
use crate::shared::{MAX_UNSEALED_SEGMENTS, Shared, lock};
use flashstrike_recovery::Result;

/// A segment waits so long before it is sealed: a burst of appends does not share the disk and the memory with the
/// syncs of what it has just left behind.
const SEAL_DELAY: Duration = Duration::from_millis(200);
/// But with so many waiting, sealing begins at once: appending must not come to the limit of unsealed segments.
const MOST_WAITING: usize = 5;

#[derive(Debug)]
struct State {
    /// Oldest first, each with the time when it is due.
    left: VecDeque<(Instant, ClosedSegment)>,
    /// Segments that appending went on in, which nobody has been told of yet.
    begun: VecDeque<u32>,
    /// One is being sealed.
    busy: bool,
    /// Somebody waits for the sealing.
    urgent: bool,
    closing: bool,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

/// Seals on a thread of its own, so that the appender never waits for a disk.
#[derive(Debug)]
pub struct SegmentSealer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl SegmentSealer {
    /// Starts the worker.
    ///
    /// # Errors
    /// `WAL_IO` if the thread cannot be started.
    pub(crate) fn start(shared: Arc<Shared>, sealed: Sealed) -> Result<Self> {
        // Room for all that may wait, so that handing one over allocates nothing.
        let state = State {
            left: VecDeque::with_capacity(MAX_UNSEALED_SEGMENTS),
            begun: VecDeque::with_capacity(MAX_UNSEALED_SEGMENTS),
            busy: false,
            urgent: false,
            closing: false,
        };
        let queue = Arc::new(Queue { state: Mutex::new(state), changed: Condvar::new() });
        let worker = Arc::clone(&queue);
        let thread = super::spawn("wal-seal", move || worker.run(&shared, &sealed))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Takes over a segment that appending has left for segment `next`; they come in the order of their indexes. Tells
    /// the rotation too, so that the appender does not have to.
    pub(crate) fn seal(&self, segment: ClosedSegment, next: u32) {
        let due = Instant::now() + SEAL_DELAY;
        let mut state = lock(&self.queue.state);
        state.left.push_back((due, segment));
        state.begun.push_back(next);
        drop(state);
        self.queue.changed.notify_all();
    }

    /// Waits until fewer than `limit` segments wait to be sealed, at most until `deadline`; gives whether.
    pub(crate) fn wait_below(&self, limit: usize, deadline: Instant) -> bool {
        let mut state = lock(&self.queue.state);
        while state.left.len() + usize::from(state.busy) >= limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state.urgent = true;
            self.queue.changed.notify_all();
            state = self.queue.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends the worker after it has sealed what it was given.
    pub(crate) fn close(&mut self) {
        lock(&self.queue.state).closing = true;
        self.queue.changed.notify_all();
        super::join(&mut self.thread);
    }
}

impl Drop for SegmentSealer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn run(&self, shared: &Shared, sealed: &Sealed) {
        let _poison = super::PoisonOnPanic { shared, worker: "wal-seal" };
        while let Some(segment) = self.next(shared) {
            let (index, last_event_id) = (segment.index(), segment.seal.last_event_id);
            let holds_events = segment.holds_events();
            // What is promised has to be found by its name.
            match segment.seal(&shared.poison).and_then(|closed_ts_ns| {
                shared.check_lock()?;
                Ok(closed_ts_ns)
            }) {
                Ok(closed_ts_ns) => {
                    shared.remove_sealed(index);
                    // All before it were sealed, and so synced, before it.
                    shared.advance_durable(last_event_id);
                    shared.tell(&Event::Sealed { segment: index });
                    sealed.add(index, last_event_id, closed_ts_ns, holds_events);
                }
                Err(error) => shared.tell_failure(error),
            }
            lock(&self.state).busy = false;
            self.changed.notify_all();
            shared.tell_room();
        }
    }

    fn next(&self, shared: &Shared) -> Option<ClosedSegment> {
        let mut state = lock(&self.state);
        loop {
            while let Some(segment) = state.begun.pop_front() {
                drop(state);
                shared.note_segments();
                shared.tell(&Event::Rotated { segment });
                state = lock(&self.state);
            }
            let Some((due, _)) = state.left.front() else {
                if state.closing {
                    return None;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let early = due.saturating_duration_since(Instant::now());
            let hurry = state.closing || state.urgent || state.left.len() >= MOST_WAITING;
            if early.is_zero() || hurry {
                state.busy = true;
                state.urgent = false;
                return state.left.pop_front().map(|(_, segment)| segment);
            }
            state = self.changed.wait_timeout(state, early).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
