//! The maintainer's thread.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use flashstrike_recovery::cursor::CursorsLock;
use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::files::{remove_if_there, sync_names};
use flashstrike_recovery::machine::wall_clock_ns;
use flashstrike_recovery::{Code, Result};
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::SegmentMaintainerUpdater;

use super::Queue;
use super::backoff::Backoff;
use super::compression::Compression;
use super::cursors;
use super::inventory::{Facts, Inventory, SealedSegment, Totals};
use super::rules::{Holds, comes_of_age_in, is_to_be_compressed, is_to_go};
use crate::event::Event;
use crate::retention::Retention;
use crate::shared::{Shared, lock};

/// What is to go is gathered for so long, and the removal of what was compressed is synced so much later: both then share
/// a few syncs, each of which interrupts a processor that may be the appender's.
const GATHERING: Duration = Duration::from_millis(250);
/// How often to look whether a cursor that holds something has moved on: it belongs to another process, which tells
/// nobody.
const CURSOR_PAUSE: Duration = Duration::from_secs(1);
/// How often to look whether a segment has come of age, at least: the wall clock may be set, and it goes on while the
/// machine sleeps.
const AGE_PAUSE: Duration = Duration::from_secs(60);
/// How often to look whether somebody who creates a cursor has done so.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Segments removed at a time: they share one `wal.meta` and one sync of the directory.
const MOST_AT_ONCE: usize = 16;
/// The lowest priority there is for a thread that shall run at all.
const NICEST: i32 = 19;

pub(super) struct Worker {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    sealed: Inventory,
    level: i32,
    retention: Retention,
    floor: Option<u64>,
    deletion: Backoff,
    compression: Backoff,
    /// Until when what is to go is gathered.
    gathering: Option<Instant>,
    /// When the removal of what was compressed is to be synced, unless a later sync of the directory covers it.
    sync_due: Option<Instant>,
    /// When to look again although nothing was said.
    look_again: Option<Instant>,
    telemetry: SegmentMaintainerUpdater,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        sealed: Inventory,
        level: i32,
        telemetry: SegmentMaintainerUpdater,
    ) -> Self {
        let retention = lock(&queue.state).retention;
        Self {
            shared,
            queue,
            sealed,
            level,
            retention,
            floor: None,
            deletion: Backoff::default(),
            compression: Backoff::default(),
            gathering: None,
            sync_due: None,
            look_again: None,
            telemetry,
        }
    }

    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _poison = crate::worker::PoisonOnPanic { shared: &shared, worker: "wal-maintain" };
        // Of this thread alone, on Linux. Where it is refused, the work is done all the same.
        let _ = rustix::process::setpriority_process(None, NICEST);
        let mut start = clock::now_ns();
        while let Some(slept) = self.wait() {
            let did_work = self.turn();
            self.telemetry.on_persistence_loop(did_work, start, slept.as_nanos() as u64);
            start = clock::now_ns();
        }
        // The next opening would find both files of a segment and finish it: nothing depends on this one.
        let _ = self.sync_removals(true);
    }

    /// Sleeps until there is something to look at; `None` when it is time to end.
    fn wait(&mut self) -> Option<Duration> {
        let start = Instant::now();
        let mut state = lock(&self.queue.state);
        loop {
            if self.queue.closing.load(Ordering::SeqCst) {
                return None;
            }
            let now = Instant::now();
            if state.changed || self.look_again.is_some_and(|at| at <= now) {
                state.changed = false;
                self.retention = state.retention;
                self.floor = state.floor;
                self.sealed.extend(state.sealed.drain(..));
                self.look_again = None;
                return Some(start.elapsed());
            }
            state = match self.look_again {
                Some(at) => {
                    let pause = at.saturating_duration_since(now);
                    self.queue.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.queue.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Removes what is to go, and compresses one segment at most. Gives whether anything was done.
    fn turn(&mut self) -> bool {
        if self.shared.poison.is_set() {
            return false;
        }
        let now = Instant::now();
        let removed = match self.deletion.until(now) {
            None => {
                let outcome = self.remove_what_goes();
                self.note(outcome, |worker| &mut worker.deletion)
            }
            Some(until) => self.look_again_at(until),
        };
        let compressed = match self.compression.until(now) {
            None => {
                let outcome = self.sync_removals(false).and_then(|()| self.compress_one());
                self.note(outcome, |worker| &mut worker.compression)
            }
            Some(until) => self.look_again_at(until),
        };
        if removed || compressed {
            self.look_again = Some(Instant::now());
        }
        removed || compressed
    }

    fn note(&mut self, outcome: Result<bool>, backoff: impl Fn(&mut Self) -> &mut Backoff) -> bool {
        match outcome {
            Ok(false) => false,
            Ok(true) => {
                backoff(self).succeeded();
                true
            }
            Err(error) => {
                let now = Instant::now();
                if backoff(self).failed(&error, now) {
                    self.shared.tell_failure(error);
                }
                if let Some(until) = backoff(self).until(now) {
                    self.look_again_at(until);
                }
                false
            }
        }
    }

    fn look_again_at(&mut self, at: Instant) -> bool {
        self.look_again = Some(self.look_again.map_or(at, |earlier| earlier.min(at)));
        false
    }

    /// Removes the oldest segments as far as the limits say and nobody holds them.
    fn remove_what_goes(&mut self) -> Result<bool> {
        let has_retired = self.sealed.front().is_some_and(|first| first.index < self.shared.first_segment());
        if !self.retention.removes() && self.floor.is_none() && !has_retired {
            return Ok(false);
        }
        // Most of the time the limits alone say no.
        let (most, _) = self.going(Some(self.floor_alone()))?;
        if most == 0 {
            self.wait_for_age()?;
            return Ok(false);
        }
        let now = Instant::now();
        let gathered = *self.gathering.get_or_insert(now + GATHERING);
        if gathered > now && most < MOST_AT_ONCE {
            return Ok(self.look_again_at(gathered));
        }
        self.gathering = None;
        let shared = Arc::clone(&self.shared);
        let context = &shared.context;
        let Some(_lock) = CursorsLock::try_acquire(&*context.files, &context.directory, context.file_mode)?
        else {
            return Ok(self.look_again_at(Instant::now() + LOCK_PAUSE));
        };
        let holds = self.holds()?;
        let (count, _) = self.going(Some(holds))?;
        if count == 0 {
            return Ok(self.look_again_at(Instant::now() + CURSOR_PAUSE));
        }
        let behind = self.sealed[count - 1].index + 1;
        if count == self.sealed.len() && !shared.sync_first_unsealed()? {
            return Ok(self.look_again_at(Instant::now() + LOCK_PAUSE));
        }
        if shared.first_segment() < behind {
            shared.raise_first_segment(behind)?;
        }
        let removed = self.remove(count);
        let synced = self.sync_directory();
        removed.and(synced)?;
        Ok(true)
    }

    /// Syncs the removal of what was compressed, once that is due.
    fn sync_removals(&mut self, now: bool) -> Result<()> {
        match self.sync_due {
            Some(due) if now || due <= Instant::now() => self.sync_directory(),
            Some(due) => {
                self.look_again_at(due);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn sync_directory(&mut self) -> Result<()> {
        let context = &self.shared.context;
        sync_names(&*context.files, &context.directory)?;
        self.sync_due = None;
        Ok(())
    }

    /// How many of the oldest segments are to be removed now, at most [`MOST_AT_ONCE`], and what is left then. Without
    /// `holds` only those that do not belong to the log any more.
    fn going(&mut self, holds: Option<Holds>) -> Result<(usize, Totals)> {
        let first = self.shared.first_segment();
        let mut totals = self.totals()?;
        for at in 0..self.sealed.len().min(MOST_AT_ONCE) {
            let segment = &self.sealed[at];
            let is_hot = segment.is_hot();
            // Of those before the first one the log knows nothing any more; their removal was only not finished.
            if segment.index >= first {
                let Some(holds) = holds else { return Ok((at, totals)) };
                let facts = match self.facts(at) {
                    Ok(facts) => facts,
                    // Those before it need not wait for that.
                    Err(_) if at > 0 => return Ok((at, totals)),
                    Err(error) => return Err(error),
                };
                if !is_to_go(&self.retention, holds, &totals, &facts) {
                    return Ok((at, totals));
                }
            }
            totals.hot -= u64::from(is_hot);
            totals.cold -= u64::from(!is_hot);
            totals.bytes = totals.bytes.saturating_sub(self.sealed[at].bytes.unwrap_or(0));
        }
        Ok((self.sealed.len().min(MOST_AT_ONCE), totals))
    }

    /// Removes the files of the oldest segments, which do not belong to the log any more.
    fn remove(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let Some(segment) = self.sealed.front() else { break };
            let (index, is_hot) = (segment.index, segment.is_hot());
            let start = clock::now_ns();
            let removed = self.remove_files(index);
            self.telemetry.on_cold_segment_deletion(&removed, start);
            if is_hot {
                self.telemetry.on_hot_segment_retention(&removed, start);
            }
            removed?;
            self.sealed.pop_front();
            self.shared.count_sealed(|counts| {
                counts.hot -= u64::from(is_hot);
                counts.cold -= u64::from(!is_hot);
            });
            self.shared.tell(&Event::Deleted { segment: index });
        }
        Ok(())
    }

    fn remove_files(&self, index: u32) -> Result<()> {
        let context = &self.shared.context;
        remove_if_there(&*context.files, &cold_path(&context.directory, index))?;
        remove_if_there(&*context.files, &hot_path(&context.directory, index))
    }

    /// Compresses the oldest segment that is still hot, if the limits say so and nobody holds it.
    fn compress_one(&mut self) -> Result<bool> {
        let Some((going, totals)) = self.left_for_compression()? else { return Ok(false) };
        let Some(at) = self.next_to_compress(going)? else { return Ok(false) };
        // With two files somebody has died just before he removed one.
        let is_half_done = self.sealed[at].files.cold;
        if !is_half_done {
            let facts = self.facts(at)?;
            if !is_to_be_compressed(&self.retention, self.floor_alone(), &totals, &facts) {
                return Ok(false);
            }
            let holds = self.holds()?;
            if holds.hold(facts.last_event_id) {
                return Ok(self.look_again_at(Instant::now() + CURSOR_PAUSE));
            }
        }
        let index = self.sealed[at].index;
        let start = clock::now_ns();
        let outcome = Compression::of(&self.shared, index, self.level, &self.queue.closing).run();
        if let Ok(None) = outcome {
            return Ok(false);
        }
        self.telemetry.on_hot_segment_compression(&outcome, start);
        self.telemetry.on_hot_segment_retention(&outcome, start);
        self.sealed[at].is_damaged = outcome.as_ref().is_err_and(|error| error.code() == Code::Corrupt);
        let Some(sizes) = outcome? else { return Ok(false) };
        self.telemetry.on_compressed(sizes.content, sizes.file);
        let segment = &mut self.sealed[at];
        segment.files.hot = false;
        segment.files.cold = true;
        segment.bytes = None;
        self.sync_due = Some(Instant::now() + GATHERING);
        self.shared.count_sealed(|counts| {
            counts.hot -= 1;
            counts.cold += 1;
        });
        self.shared.tell(&Event::Compressed {
            segment: index,
            bytes_in: sizes.content,
            bytes_out: sizes.file,
        });
        Ok(true)
    }

    /// How many of the oldest segments are about to be removed, and need not be compressed before, and what is left
    /// then; `None`: more than are removed at a time, so that nothing is known of those behind them.
    fn left_for_compression(&mut self) -> Result<Option<(usize, Totals)>> {
        if self.deletion.until(Instant::now()).is_some() {
            return self.going(None).map(Some);
        }
        let may_go = self.retention.removes() || self.floor.is_some();
        // What a cursor holds of these is not compressed either.
        let (going, totals) = self.going(may_go.then(|| self.floor_alone()))?;
        Ok((going < MOST_AT_ONCE).then_some((going, totals)))
    }

    /// The oldest segment, from this one on, that has both files or else that is hot and need not be.
    fn next_to_compress(&mut self, first: usize) -> Result<Option<usize>> {
        let is_half_done = |segment: &SealedSegment| segment.files.hot && segment.files.cold;
        let half_done = self.sealed.iter().skip(first).position(|it| is_half_done(it) && !it.is_damaged);
        if let Some(behind) = half_done {
            return Ok(Some(first + behind));
        }
        if self.retention.hot_segments.is_none() {
            return Ok(None);
        }
        for at in first..self.sealed.len() {
            let segment = &self.sealed[at];
            if segment.is_hot() && !segment.is_damaged && self.facts(at)?.holds_events {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Looks again when the oldest segment comes of age, unless something else holds it then.
    fn wait_for_age(&mut self) -> Result<()> {
        if self.retention.age.is_none() || self.sealed.is_empty() {
            return Ok(());
        }
        let facts = self.facts(0)?;
        if self.floor_alone().hold(facts.last_event_id) {
            return Ok(());
        }
        if let Some(left) = comes_of_age_in(&self.retention, &facts, wall_clock_ns()) {
            self.look_again_at(Instant::now() + left.min(AGE_PAUSE));
        }
        Ok(())
    }

    /// What is held without a look at the cursors, which are files.
    fn floor_alone(&self) -> Holds {
        Holds { floor: self.floor, cursor: None }
    }

    fn holds(&self) -> Result<Holds> {
        Ok(Holds { cursor: cursors::slowest(&self.shared.context)?, ..self.floor_alone() })
    }

    fn totals(&mut self) -> Result<Totals> {
        Totals::of(&mut self.sealed, &self.shared, &self.retention)
    }

    fn facts(&mut self, at: usize) -> Result<Facts> {
        self.sealed[at].facts(&self.shared.context)
    }
}
