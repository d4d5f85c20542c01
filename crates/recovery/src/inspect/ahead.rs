//! Verifying sealed segments on several threads, each segment for itself.
//!
//! Whether they continue each other is found when they are joined, in order, by whoever verifies the log. He verifies
//! anew, one after the other, everything that is not good without any doubt, so that there is one place that says what
//! damage is.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, MAX_SEGMENT_START, SEGMENT_HEADER_SIZE};
use flashstrike_segment::{ApartSegment, ApartVerifier, SegmentBytes, SegmentHeader, SegmentStart};
use flashstrike_telemetry::clock;

use super::body::{Scratch, is_zero};
use super::verify::{Known, ReadFile};
use crate::directory::hot_path;
use crate::error::{Error, Result};
use crate::files::{CACHED_PIECE, File, read_full_at};
use crate::telemetry::ReadTelemetry;

/// More threads than that wait for memory and disk.
const MAX_THREADS: usize = 4;
/// What compressed segments may take in memory together, with what they hold; an uncompressed one is read a piece at a
/// time.
const MAX_MEMORY: usize = 512 << 20;
// The beginning of a segment is read as one piece.
const _: () = assert!(CACHED_PIECE >= MAX_SEGMENT_START);

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
    limits: Limits,
    state: Mutex<State>,
    /// One more segment was verified.
    verified: Condvar,
    room: Room,
}

/// How much is done at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    threads: usize,
    /// Compressed segments in memory.
    whole: usize,
}

impl Limits {
    fn of(cores: usize, segments: usize, segment_size: usize) -> Self {
        let threads = cores.min(MAX_THREADS).min(segments);
        Self { threads, whole: (MAX_MEMORY / segment_size.max(1)).clamp(1, threads.max(1)) }
    }
}

/// Memory for whole segments, shared by all threads.
struct Room {
    memory: Mutex<Vec<Scratch>>,
    given_back: Condvar,
}

impl Room {
    fn new(segments: usize) -> Self {
        let memory = std::iter::repeat_with(Scratch::default).take(segments).collect();
        Self { memory: Mutex::new(memory), given_back: Condvar::new() }
    }

    /// Waits until there is some.
    fn get(&self) -> Borrowed<'_> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(scratch) = memory.pop() {
                return Borrowed { scratch, room: self };
            }
            memory = self.given_back.wait(memory).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Memory that is given back also where a verification panics.
struct Borrowed<'a> {
    scratch: Scratch,
    room: &'a Room,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        self.room.memory.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        self.room.given_back.notify_one();
    }
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
    /// Of these segments, those that are sealed.
    pub(super) fn new(known: &'a Known<'a>, segments: &[u32], telemetry: Option<&'a ReadTelemetry>) -> Self {
        let is_sealed = |index: &u32| {
            let start = known.starts.get(index);
            start.is_some_and(|start| start.sealed.is_some() && start.metadata.is_some())
        };
        let rest: VecDeque<u32> = segments.iter().copied().filter(is_sealed).collect();
        let segment_size = known.log.as_ref().map_or(usize::MAX, |log| log.segment_size as usize);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let limits = Limits::of(cores, rest.len(), segment_size);
        let state = Mutex::new(State { rest, ..State::default() });
        Self { known, telemetry, limits, state, verified: Condvar::new(), room: Room::new(limits.whole) }
    }

    /// Begins, with one thread less than there shall be: whoever asks for the segments verifies them as well.
    pub(super) fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for _ in 1..self.limits.threads {
            let _ = std::thread::Builder::new().name("wal-verify".to_owned()).spawn_scoped(scope, || {
                let mut window = Vec::new();
                while self.verify_next(&mut window) {}
            });
        }
    }

    /// A segment that was found good for itself; `None`: nobody has found it so. They are asked for in their order.
    ///
    /// # Errors
    /// That of the operating system on which verifying it has failed: it is no reason to try again.
    pub(super) fn good(&self, index: u32, window: &mut Vec<u8>) -> Result<Option<Box<GoodSegment>>> {
        loop {
            let mut state = self.lock();
            if let Some(found) = state.found.remove(&index) {
                return found;
            }
            let is_begun = state.begun.contains(&index);
            if !is_begun && !state.rest.contains(&index) {
                return Ok(None);
            }
            if is_begun && state.rest.is_empty() {
                drop(self.verified.wait(state).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            drop(state);
            self.verify_next(window);
        }
    }

    /// Nobody needs the rest.
    pub(super) fn stop(&self) {
        self.lock().rest.clear();
    }

    /// Verifies the next segment that nobody verifies yet; false if there is none.
    fn verify_next(&self, window: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        let Some(index) = state.rest.pop_front() else { return false };
        state.begun.push(index);
        drop(state);
        // Whoever waits for this segment must get an answer; a panic finds nothing, so it is verified in its turn.
        let verify = std::panic::AssertUnwindSafe(|| self.verify(index, window));
        let found = std::panic::catch_unwind(verify).unwrap_or(Ok(None));
        let mut state = self.lock();
        state.begun.retain(|&begun| begun != index);
        state.found.insert(index, found.map(|good| good.map(Box::new)));
        drop(state);
        self.verified.notify_all();
        true
    }

    fn verify(&self, index: u32, window: &mut Vec<u8>) -> Result<Option<GoodSegment>> {
        let began = clock::now_ns();
        let files = self.known.source.files_of(index)?;
        // Which of two counts, all of the uncompressed one decides.
        let found = if files.hot && !files.cold {
            self.hot(index, window)?
        } else {
            self.whole(index, &mut self.room.get().scratch)?
        };
        if let (Some(telemetry), Some(_)) = (self.telemetry, &found) {
            telemetry.record().reader.on_verify_segment(began, true);
        }
        Ok(found)
    }

    /// An uncompressed segment, a piece at a time, so that it is verified while it is in the caches.
    fn hot(&self, index: u32, window: &mut Vec<u8>) -> Result<Option<GoodSegment>> {
        let path = hot_path(&self.known.source.directory, index);
        let Some(file) = self.known.source.open(&path, self.telemetry)? else { return Ok(None) };
        let failed = |error: io::Error| Error::io("read", &path, &error);
        let mut reading = Reading { file: &*file, window, begin: 0, end: 0, next: 0 };
        let file_len = file.len().map_err(failed)?;
        let Ok(start) = SegmentStart::read(reading.ahead(CACHED_PIECE).map_err(failed)?) else {
            return Ok(None);
        };
        let log = self.known.log.as_ref();
        let Some(mut verifier) = ApartVerifier::new(log, index, &start, false) else { return Ok(None) };
        if file_len != verifier.segment_size() {
            return Ok(None);
        }
        reading.pass(SEGMENT_HEADER_SIZE);
        while !verifier.is_complete() {
            let header = reading.ahead(BLOCK_HEADER_SIZE).map_err(failed)?;
            let Some(len) = verifier.next_len(header) else { return Ok(None) };
            let block = reading.ahead(len).map_err(failed)?;
            let verified = block.get(..len).and_then(|block| verifier.block(block));
            if verified.is_none() {
                return Ok(None);
            }
            reading.pass(len);
        }
        let bytes = verifier.offset();
        loop {
            let rest = reading.ahead(1).map_err(failed)?;
            if rest.is_empty() {
                break;
            }
            if !is_zero(rest) {
                return Ok(None);
            }
            let len = rest.len();
            reading.pass(len);
        }
        let Some(apart) = verifier.finish() else { return Ok(None) };
        let file = ReadFile { length: Some(file_len), header: start.header, is_blank: false };
        Ok(Some(GoodSegment { apart, file, bytes }))
    }

    fn whole(&self, index: u32, scratch: &mut Scratch) -> Result<Option<GoodSegment>> {
        let Some(body) = self.known.source.body(index, scratch, self.telemetry)? else { return Ok(None) };
        let bytes = scratch.bytes(&body);
        let segment = SegmentBytes { index, bytes, cold: body.cold.clone() };
        let Some(apart) = ApartSegment::verify(self.known.log.as_ref(), &segment) else { return Ok(None) };
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

/// A file that is read from the beginning to the end through a window.
struct Reading<'a> {
    file: &'a dyn File,
    window: &'a mut Vec<u8>,
    /// What was read and not passed.
    begin: usize,
    end: usize,
    /// Where to read on in the file.
    next: u64,
}

impl Reading<'_> {
    /// What comes next: at least `len` bytes, unless the file ends before.
    fn ahead(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.end - self.begin < len {
            self.window.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
            let wanted = len.max(CACHED_PIECE);
            if self.window.len() < wanted {
                self.window.resize(wanted, 0);
            }
            let read = read_full_at(self.file, &mut self.window[self.end..], self.next)?;
            self.end += read;
            self.next += read as u64;
        }
        Ok(&self.window[self.begin..self.end])
    }

    fn pass(&mut self, len: usize) {
        self.begin = (self.begin + len).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_every_size_are_verified_on_all_cores_and_only_compressed_ones_are_few_at_a_time() {
        for (segment_mib, whole) in [(1, 2), (64, 2), (256, 2), (257, 1), (512, 1), (1024, 1), (2048, 1)] {
            let limits = Limits::of(2, 10, segment_mib << 20);
            assert_eq!(limits, Limits { threads: 2, whole }, "{segment_mib} MiB");
        }
        assert_eq!(Limits::of(64, 10, 1 << 20).threads, MAX_THREADS);
        assert_eq!(Limits::of(4, 3, 1 << 20).threads, 3);
        // Where nothing says how large segments are.
        assert_eq!(Limits::of(4, 0, usize::MAX), Limits { threads: 0, whole: 1 });
    }

    #[test]
    fn no_more_segments_are_in_memory_than_there_is_room_for_also_after_a_panic() {
        let room = Room::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _memory = room.get();
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        assert_eq!(room.memory.lock().unwrap().len(), 1, "given back");
        let (got, gets) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let held = room.get();
            scope.spawn(|| {
                let _memory = room.get();
                got.send(()).unwrap();
            });
            assert!(gets.recv_timeout(std::time::Duration::from_millis(50)).is_err(), "there is one alone");
            drop(held);
            gets.recv().unwrap();
        });
    }
}
