//! Verifying sealed segments on several threads, each segment for itself.
//!
//! Whether they continue each other is found when they are joined, in order, by whoever verifies the log. He verifies
//! anew, one after the other, everything that is not good without any doubt, so that there is one place that says what
//! damage is.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use flashstrike_segment::{ApartSegment, SegmentBytes, SegmentHeader};
use flashstrike_telemetry::clock;

use super::source::Scratch;
use super::verify::{Known, ReadFile};
use crate::error::Result;
use crate::telemetry::ReadTelemetry;

/// More threads than that wait for memory and disk.
const MAX_THREADS: usize = 4;
/// Each thread has a segment in memory.
const MAX_MEMORY: usize = 512 << 20;

/// A segment that is good for itself.
pub(super) struct GoodSegment {
    pub(super) apart: ApartSegment,
    pub(super) file: ReadFile,
    pub(super) bytes: u64,
}

/// A verification of sealed segments, from the first to the last.
pub(super) struct Ahead<'a> {
    known: &'a Known<'a>,
    telemetry: Option<&'a ReadTelemetry>,
    threads: usize,
    state: Mutex<State>,
    /// One more segment was verified.
    verified: Condvar,
}

#[derive(Default)]
struct State {
    /// Segments that nobody verifies yet.
    rest: VecDeque<u32>,
    /// Those that somebody verifies.
    begun: Vec<u32>,
    /// `None`: it is not good, or not there any more.
    found: BTreeMap<u32, Result<Option<Box<GoodSegment>>>>,
}

impl<'a> Ahead<'a> {
    /// Of these segments, those that are sealed; of none, where only one of them could be verified at a time.
    pub(super) fn new(known: &'a Known<'a>, segments: &[u32], telemetry: Option<&'a ReadTelemetry>) -> Self {
        let is_sealed = |index: &u32| {
            let start = known.starts.get(index);
            start.is_some_and(|start| start.sealed.is_some() && start.metadata.is_some())
        };
        let mut rest: VecDeque<u32> = segments.iter().copied().filter(is_sealed).collect();
        let segment_size = known.log.as_ref().map_or(usize::MAX, |log| log.segment_size.max(1) as usize);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(MAX_THREADS).min(MAX_MEMORY / segment_size).min(rest.len());
        if threads < 2 {
            rest.clear();
        }
        let state = Mutex::new(State { rest, ..State::default() });
        Self { known, telemetry, threads, state, verified: Condvar::new() }
    }

    /// Begins. Without a thread every segment is verified by whoever needs it.
    pub(super) fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        if self.lock().rest.is_empty() {
            return;
        }
        for _ in 0..self.threads {
            let _ = std::thread::Builder::new()
                .name("wal-verify".to_owned())
                .spawn_scoped(scope, || self.verify_all());
        }
    }

    /// A segment that was found good for itself; `None`: it has to be verified here.
    ///
    /// # Errors
    /// That of the operating system on which verifying it has failed: it is no reason to try again.
    pub(super) fn good(&self, index: u32) -> Result<Option<Box<GoodSegment>>> {
        let mut state = self.lock();
        loop {
            if let Some(found) = state.found.remove(&index) {
                return found;
            }
            if !state.begun.contains(&index) {
                // Nobody will: the threads could not be started, or are behind.
                state.rest.retain(|&waiting| waiting != index);
                return Ok(None);
            }
            state = self.verified.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nobody needs the rest.
    pub(super) fn stop(&self) {
        self.lock().rest.clear();
    }

    fn verify_all(&self) {
        let mut scratch = Scratch::default();
        loop {
            let mut state = self.lock();
            let Some(index) = state.rest.pop_front() else { return };
            state.begun.push(index);
            drop(state);
            // Whoever waits for this segment must get an answer; a panic finds nothing, so it is verified in its turn.
            let verify = std::panic::AssertUnwindSafe(|| self.verify(index, &mut scratch));
            let found = std::panic::catch_unwind(verify).unwrap_or(Ok(None));
            let mut state = self.lock();
            state.begun.retain(|&begun| begun != index);
            state.found.insert(index, found.map(|good| good.map(Box::new)));
            drop(state);
            self.verified.notify_all();
        }
    }

    fn verify(&self, index: u32, scratch: &mut Scratch) -> Result<Option<GoodSegment>> {
        let began = clock::now_ns();
        let Some(body) = self.known.source.body(index, scratch, self.telemetry)? else { return Ok(None) };
        let bytes = scratch.bytes(&body);
        let segment = SegmentBytes { index, bytes, cold: body.cold.clone() };
        let Some(apart) = ApartSegment::verify(self.known.log.as_ref(), segment) else { return Ok(None) };
        if let Some(telemetry) = self.telemetry {
            telemetry.record().reader.on_verify_segment(began, true);
        }
        let file = ReadFile {
            length: body.cold.is_none().then_some(body.file_len),
            header: SegmentHeader::decode(bytes).ok(),
            is_blank: false,
        };
        Ok(Some(GoodSegment { apart, file, bytes: bytes.len() as u64 }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
