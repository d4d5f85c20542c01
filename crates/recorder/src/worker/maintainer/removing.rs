//! Removing the oldest segments, as far as the limits say and nobody holds them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_recovery::Result;
use flashstrike_recovery::cursor::CursorsLock;
use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::files::remove_if_there;
use flashstrike_recovery::machine::wall_clock_ns;
use flashstrike_telemetry::clock;

use super::inventory::Totals;
use super::rules::{Holds, comes_of_age_in, is_to_go};
use super::worker::{CURSOR_PAUSE, GATHERING, MOST_AT_ONCE, Worker};
use crate::event::Event;

/// How often to look whether a segment has come of age, at least: the wall clock may be set, and it goes on while the
/// machine sleeps.
const AGE_PAUSE: Duration = Duration::from_secs(60);
/// How often to look whether somebody who creates a cursor has done so.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

impl Worker {
    /// Removes the oldest segments as far as the limits say and nobody holds them.
    pub(super) fn remove_what_goes(&mut self) -> Result<bool> {
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

    /// How many of the oldest segments are to be removed now, at most [`MOST_AT_ONCE`], and what is left then. Without
    /// `holds` only those that do not belong to the log any more.
    pub(super) fn going(&mut self, holds: Option<Holds>) -> Result<(usize, Totals)> {
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
}
