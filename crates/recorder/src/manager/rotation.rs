//! Room for the next block: the next segment, and waiting for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_recovery::{Code, Error, Result};
use flashstrike_telemetry::clock;

use super::Manager;
use crate::refused::too_many_unsealed;
use crate::shared::MAX_UNSEALED_SEGMENTS;

/// While waiting for room, time after which to look whether the log was poisoned meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Manager {
    /// Before an event is staged: the log is not poisoned, and the block it begins, if it begins one, will fit.
    #[inline]
    pub(super) fn make_ready(&mut self) -> Result<()> {
        if self.writer.staged_count() == 0 { self.make_room() } else { self.shared.poison.check() }
    }

    /// Sees to it that a full block fits, and otherwise goes on in the next segment. Done before the first event of a
    /// block is staged, so that publishing a block never fails for want of room.
    #[inline]
    pub(super) fn make_room(&mut self) -> Result<()> {
        self.shared.poison.check()?;
        if self.room {
            return Ok(());
        }
        self.begin_block()
    }

    #[cold]
    fn begin_block(&mut self) -> Result<()> {
        if !self.writer.fits(self.shared.staging.area_len()) {
            self.next_segment()?;
        }
        self.room = true;
        self.next_is_missing = false;
        Ok(())
    }

    /// Goes on in the next segment; the one before is left to the sealer. Nothing is staged.
    pub(super) fn next_segment(&mut self) -> Result<()> {
        let start = clock::now_ns();
        let mut outcome = self.try_next_segment();
        if outcome.is_err() {
            // Who makes room tells it to those who said before that they miss it; so it is said, and looked again.
            self.shared.starve();
            outcome = self.try_next_segment();
        }
        self.next_is_missing = outcome.is_err();
        if outcome.is_err() {
            self.telemetry.on_init_active_segment(start, false);
        }
        outcome
    }

    fn try_next_segment(&mut self) -> Result<()> {
        let start = clock::now_ns();
        self.check_unsealed()?;
        let next = self.preparer.get_next_segment()?;
        let index = next.header.segment_index;
        self.telemetry.on_work_planning(start);
        let persist = clock::now_ns();
        let closed = self.writer.close_segment(false)?;
        let init = clock::now_ns();
        self.writer.open_prepared_segment(next);
        if let Some(file) = self.writer.file() {
            self.shared.add_unsealed(Arc::clone(file));
        }
        self.writer.activate();
        self.note_written();
        self.telemetry.on_init_active_segment(init, true);
        if let Some(closed) = closed {
            let hand_over = clock::now_ns();
            // Only now, so that whoever is told of the rotation finds the next segment counted.
            self.sealer.seal(closed, index);
            self.telemetry.on_persist_current_segment(hand_over - (init - persist));
        }
        self.telemetry.on_segment_rotation(start);
        Ok(())
    }

    /// Publishes what is staged and goes on in the next segment, whether or not this one is full. Does nothing if the
    /// open segment holds no event.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn rotate(&mut self) -> Result<()> {
        self.publish()?;
        if self.writer.holds_events() {
            self.room = false;
            self.next_segment()?;
            self.room = true;
        }
        Ok(())
    }

    /// Waits until there is room for what was refused last: the next block, or the next segment. At most until
    /// `deadline`.
    ///
    /// # Errors
    /// What stands in the way at the deadline: `WAL_BACKPRESSURE`, `WAL_FULL`, `WAL_IO`; `WAL_POISONED` at once.
    pub fn drain(&mut self, deadline: Instant) -> Result<()> {
        loop {
            match self.look_for_room() {
                Err(error) if is_about_room(&error) && Instant::now() < deadline => {}
                outcome => return outcome,
            }
            // Neither of the two waits ends when the log is poisoned.
            let soon = deadline.min(Instant::now() + LOOK_AGAIN);
            self.sealer.wait_below(MAX_UNSEALED_SEGMENTS - 1, soon);
            let _ = self.preparer.wait_ready(soon);
        }
    }

    /// Segments that are ready to be gone on in.
    pub fn segments_ready(&self) -> usize {
        self.preparer.ready()
    }

    fn look_for_room(&mut self) -> Result<()> {
        if !self.next_is_missing {
            return self.make_room();
        }
        self.shared.poison.check()?;
        self.look_for_next().or_else(|_| {
            // As in `next_segment`: whoever waits to be told must be told.
            self.shared.starve();
            self.look_for_next()
        })
    }

    fn look_for_next(&self) -> Result<()> {
        self.check_unsealed()?;
        self.preparer.wait_ready(Instant::now())
    }

    fn check_unsealed(&self) -> Result<()> {
        if self.shared.unsealed_count() >= MAX_UNSEALED_SEGMENTS { Err(too_many_unsealed()) } else { Ok(()) }
    }
}

fn is_about_room(error: &Error) -> bool {
    matches!(error.code(), Code::Backpressure | Code::Full | Code::Io)
}
