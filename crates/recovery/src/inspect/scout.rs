//! Looking at prepared segments on a second thread.
//!
//! A prepared segment has a header and nothing else, but only looking at all of it says so: after a power cut it may be one
//! whose first blocks never reached the disk. That is as much reading as for a full segment, and it needs nothing of what
//! is found out about the others, so it is done beside their verification.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;

use super::body::is_zero;
use super::source::SegmentSource;
use crate::directory::hot_path;
use crate::error::{Error, Result};
use crate::files::{CACHED_PIECE, read_full_at};

/// Smaller segments are read faster than a thread is started.
const WORTHWHILE: u32 = 1 << 20;

/// A look at prepared segments, from the last one to the first. Whoever needs one before its turn looks at it himself.
pub(super) struct Scout<'a> {
    source: &'a SegmentSource,
    state: Mutex<State>,
    /// One more segment was looked at.
    looked: Condvar,
}

#[derive(Default)]
struct State {
    /// Segments that nobody looks at yet.
    rest: VecDeque<u32>,
    /// Length of the files that hold nothing but zeros behind their header; `None` for the others.
    found: BTreeMap<u32, Result<Option<u64>>>,
    /// The segment that is being looked at.
    current: Option<u32>,
}

impl<'a> Scout<'a> {
    /// A look at these segments, of so many bytes each.
    pub(super) fn new(source: &'a SegmentSource, segments: &[u32], segment_size: u32) -> Self {
        let is_worthwhile = segment_size >= WORTHWHILE;
        let rest = segments.iter().copied().filter(|_| is_worthwhile).collect();
        Self { source, state: Mutex::new(State { rest, ..State::default() }), looked: Condvar::new() }
    }

    /// Begins. Without a thread every segment is looked at by whoever needs it.
    pub(super) fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        if !self.lock().rest.is_empty() {
            let _ =
                std::thread::Builder::new().name("wal-scout".to_owned()).spawn_scoped(scope, || self.look());
        }
    }

    /// Length of the file of a segment that holds nothing but zeros behind its header; `None` if it has to be read. What
    /// was found is kept: whoever verifies the segment before asks as well.
    pub(super) fn blank(&self, index: u32) -> Result<Option<u64>> {
        let mut state = self.lock();
        loop {
            if let Some(found) = state.found.get(&index) {
                return found.clone();
            }
            if state.current != Some(index) {
                break;
            }
            state = self.looked.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(at) = state.rest.iter().position(|&waiting| waiting == index) else { return Ok(None) };
        state.rest.remove(at);
        drop(state);
        let found = blank(self.source, index);
        self.lock().found.insert(index, found.clone());
        found
    }

    /// Nobody needs the rest.
    pub(super) fn stop(&self) {
        self.lock().rest.clear();
    }

    fn look(&self) {
        loop {
            let mut state = self.lock();
            state.current = state.rest.pop_back();
            let Some(index) = state.current else { return };
            drop(state);
            // Whoever waits for this segment must get an answer; a panic finds nothing, so it is read in its turn.
            let looked = std::panic::AssertUnwindSafe(|| blank(self.source, index));
            let found = std::panic::catch_unwind(looked).unwrap_or(Ok(None));
            let mut state = self.lock();
            state.found.insert(index, found);
            state.current = None;
            drop(state);
            self.looked.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Length of a segment's file if everything behind its header is zero.
fn blank(source: &SegmentSource, index: u32) -> Result<Option<u64>> {
    let path = hot_path(&source.directory, index);
    let Some(file) = source.open(&path, None)? else { return Ok(None) };
    let failed = |error: io::Error| Error::io("read", &path, &error);
    let length = file.len().map_err(failed)?;
    let mut piece = vec![0; CACHED_PIECE];
    let mut at = SEGMENT_HEADER_SIZE as u64;
    while at < length {
        let read = read_full_at(&*file, &mut piece, at).map_err(failed)?;
        if !is_zero(&piece[..read]) {
            return Ok(None);
        }
        if read < piece.len() {
            break;
        }
        at += read as u64;
    }
    Ok(Some(length))
}
