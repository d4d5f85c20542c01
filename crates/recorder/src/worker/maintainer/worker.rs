//! The maintainer's thread: when it looks at what there is to do, and what it knows then.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use flashstrike_platform::machine::lower_priority_of_thread;
use flashstrike_recovery::Result;
use flashstrike_recovery::files::sync_names;
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::SegmentMaintainerUpdater;

use super::Queue;
use super::backoff::Backoff;
use super::cursors;
use super::inventory::{Facts, Inventory, Totals};
use super::rules::Holds;
use crate::retention::Retention;
use crate::shared::{Shared, lock};

/// What is to go is gathered for so long, and the removal of what was compressed is synced so much later: both then share
/// a few syncs, each of which interrupts a processor that may be the appender's.
pub(super) const GATHERING: Duration = Duration::from_millis(250);
/// How often to look whether a cursor that holds something has moved on: it belongs to another process, which tells
/// nobody.
pub(super) const CURSOR_PAUSE: Duration = Duration::from_secs(1);
/// Segments removed at a time: they share one `wal.meta` and one sync of the directory.
pub(super) const MOST_AT_ONCE: usize = 16;

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) sealed: Inventory,
    pub(super) level: i32,
    pub(super) retention: Retention,
    pub(super) floor: Option<u64>,
    pub(super) deletion: Backoff,
    compression: Backoff,
    /// Until when what is to go is gathered.
    pub(super) gathering: Option<Instant>,
    /// When the removal of what was compressed is to be synced, unless a later sync of the directory covers it.
    pub(super) sync_due: Option<Instant>,
    /// When to look again although nothing was said.
    look_again: Option<Instant>,
    pub(super) telemetry: SegmentMaintainerUpdater,
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
        lower_priority_of_thread();
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

    pub(super) fn look_again_at(&mut self, at: Instant) -> bool {
        self.look_again = Some(self.look_again.map_or(at, |earlier| earlier.min(at)));
        false
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

    pub(super) fn sync_directory(&mut self) -> Result<()> {
        let context = &self.shared.context;
        sync_names(&*context.files, &context.directory)?;
        self.sync_due = None;
        Ok(())
    }

    /// What is held without a look at the cursors, which are files.
    pub(super) fn floor_alone(&self) -> Holds {
        Holds { floor: self.floor, cursor: None }
    }

    pub(super) fn holds(&self) -> Result<Holds> {
        Ok(Holds { cursor: cursors::slowest(&self.shared.context)?, ..self.floor_alone() })
    }

    pub(super) fn totals(&mut self) -> Result<Totals> {
        Totals::of(&mut self.sealed, &self.shared, &self.retention)
    }

    pub(super) fn facts(&mut self, at: usize) -> Result<Facts> {
        self.sealed[at].facts(&self.shared.context)
    }
}
