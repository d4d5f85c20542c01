//! Which segment to compress next, and what is known of it afterwards.

use std::time::Instant;

use flashstrike_recovery::{Code, Result};
use flashstrike_telemetry::clock;

use super::compression::Compression;
use super::inventory::{SealedSegment, Totals};
use super::rules::is_to_be_compressed;
use super::worker::{CURSOR_PAUSE, GATHERING, MOST_AT_ONCE, Worker};
use crate::event::Event;

impl Worker {
    /// Compresses the oldest segment that is still hot, if the limits say so and nobody holds it.
    pub(super) fn compress_one(&mut self) -> Result<bool> {
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
}
