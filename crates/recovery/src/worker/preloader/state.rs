//! Which segments of a plan are begun, ready and taken, and whether the worker rests.

use crate::segment_reader::{ReadFailure, SegmentReader};

/// What reading a segment has come to.
pub(super) type Outcome = std::result::Result<SegmentReader, ReadFailure>;

/// How far the reading of a plan has come.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The first position of the plan that nobody has begun to read.
    pub(super) next: usize,
    /// Positions being read by the worker.
    pub(super) in_flight: usize,
    pub(super) ready: Vec<(usize, Outcome)>,
    /// As many of them as telemetry was told of last.
    pub(super) told_ready: usize,
    /// A segment of the plan that was read before, which nobody needs to read.
    pub(super) kept: Option<(usize, SegmentReader)>,
    /// Positions that the consumer has asked for.
    pub(super) taken: usize,
    /// Read to their ends, to be closed.
    pub(super) finished: Vec<SegmentReader>,
    pub(super) worker: Rest,
}

/// Whether the worker rests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Rest {
    #[default]
    No,
    /// It will look for itself soon.
    Naps,
    /// Until it is woken.
    Sleeps,
}

impl State {
    /// Nothing read but what is `kept`, and memory for what taking a segment puts down.
    pub(super) fn new(kept: Option<(usize, SegmentReader)>, ahead: usize) -> Self {
        let ready = Vec::with_capacity(ahead + 1);
        Self { kept, ready, finished: Vec::with_capacity(ahead + 2), ..Self::default() }
    }

    /// Begins the first position that nobody has begun of those planned, if at most `others` segments are ready or being read.
    pub(super) fn claim(&mut self, planned: usize, others: usize) -> Option<usize> {
        if self.kept.as_ref().is_some_and(|(position, _)| *position == self.next) {
            self.next += 1;
        }
        if self.next == planned || self.ready.len() + self.in_flight > others {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    pub(super) fn remove(&mut self, position: usize) -> Option<Outcome> {
        if let Some((_, reader)) = self.kept.take_if(|(kept, _)| *kept == position) {
            // Where it was passed by nobody yet, somebody would begin to read it.
            self.next = self.next.max(position + 1);
            return Some(Ok(reader));
        }
        let at = self.ready.iter().position(|(ready, _)| *ready == position)?;
        Some(self.ready.swap_remove(at).1)
    }

    /// Whether the worker has to be woken, now that the consumer has taken a segment.
    pub(super) fn needs_wake(&self, planned: usize) -> bool {
        let can_wait = match self.worker {
            Rest::No => true,
            Rest::Naps => !self.ready.is_empty(),
            Rest::Sleeps => false,
        };
        !can_wait && self.next < planned
    }
}

#[cfg(test)]
mod tests {
    use flashstrike_segment::Link;

    use super::*;
    use crate::segment_reader::{Boundary, PreviousBlock};

    fn segment(index: u32) -> SegmentReader {
        let (link, continues) = (Link::default(), PreviousBlock::default());
        let boundary = Boundary { index, continues, first_written_ts_ns: 0, link, end: 0 };
        SegmentReader::of_nothing(boundary)
    }

    #[test]
    fn what_was_read_before_is_begun_by_nobody_whoever_comes_first() {
        for is_taken_first in [true, false] {
            let mut state = State::new(Some((2, segment(2))), 9);
            assert_eq!([state.claim(4, 9), state.claim(4, 9)], [Some(0), Some(1)]);
            if is_taken_first {
                assert!(state.remove(2).is_some_and(|outcome| outcome.is_ok()));
                assert_eq!(state.claim(4, 9), Some(3));
            } else {
                assert_eq!(state.claim(4, 9), Some(3));
                assert!(state.remove(2).is_some_and(|outcome| outcome.is_ok()));
            }
            assert_eq!(state.claim(4, 9), None);
        }
    }
}
