//! Appends, and sees to it that there is always a segment to append to.

mod rotation;
mod sampling;

use std::sync::Arc;

use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::layout::MAX_EVENT_ID;
use flashstrike_segment::payload;
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::ManagerUpdater;

use crate::refused::{ids_are_implicit, ids_used_up, not_increasing, not_yet_there, too_large, wrong_size};
use crate::retention::Retention;
use crate::segment_writer::SegmentWriter;
use crate::shared::Shared;
use crate::worker::committer::CommitHandle;
use crate::worker::maintainer::SegmentMaintainer;
use crate::worker::preparer::SegmentPreparer;
use crate::worker::sealer::SegmentSealer;

use sampling::Sampling;

/// Rotation and planning of work around the [`SegmentWriter`].
#[derive(Debug)]
pub struct Manager {
    writer: SegmentWriter,
    shared: Arc<Shared>,
    preparer: SegmentPreparer,
    sealer: SegmentSealer,
    maintainer: SegmentMaintainer,
    committer: CommitHandle,
    telemetry: ManagerUpdater,
    event_size: usize,
    /// Largest payload that fits an empty segment.
    largest_payload: usize,
    /// A full block fits the open segment: the next block may be begun.
    room: bool,
    /// The next segment was wanted and could not be had.
    next_is_missing: bool,
    sampling: Sampling,
}

impl Manager {
    pub(crate) fn new(
        writer: SegmentWriter,
        shared: Arc<Shared>,
        preparer: SegmentPreparer,
        sealer: SegmentSealer,
        maintainer: SegmentMaintainer,
        committer: CommitHandle,
        telemetry: ManagerUpdater,
    ) -> Self {
        let event_size = usize::from(shared.context.event_size);
        let largest_payload = shared.context.largest_payload();
        let mut made = Self {
            writer,
            shared,
            preparer,
            sealer,
            maintainer,
            committer,
            telemetry,
            event_size,
            largest_payload,
            room: false,
            next_is_missing: false,
            sampling: Sampling::new(),
        };
        made.note_written();
        made
    }

    /// Id of the last event appended; 0 before the first.
    #[inline]
    pub fn last_event_id(&self) -> u64 {
        self.writer.last_event_id()
    }

    /// Appends one event and gives its id, the last one plus 1. Of a fixed-size event the first 8 bytes are taken for
    /// the id and are overwritten.
    ///
    /// # Errors
    /// `WAL_SCHEMA` for a fixed-size event of another size, `WAL_EVENT_TOO_LARGE`, `WAL_BACKPRESSURE`, `WAL_FULL`,
    /// `WAL_POISONED`. The event is then not in the log.
    #[inline]
    pub fn append(&mut self, event: &[u8]) -> Result<u64> {
        let event_id = self.writer.last_event_id() + 1;
        match self.append_as(event_id, event) {
            Ok(()) => Ok(event_id),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Appends one fixed-size event under an id of the caller's.
    ///
    /// # Errors
    /// As [`append`](Self::append); `WAL_EVENT_ID` unless the id is higher than the last one and at most 2⁵³−1, and for
    /// byte logs, whose events are numbered by the recorder.
    #[inline]
    pub fn append_with_id(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        let outcome = if self.event_size == 0 {
            Err(ids_are_implicit(event_id))
        } else if event_id <= self.writer.last_event_id() {
            Err(not_increasing(event_id, self.writer.last_event_id()))
        } else {
            self.append_as(event_id, event)
        };
        outcome.map_err(|error| self.refused(error))
    }

    /// Counts an append that has failed.
    #[cold]
    fn refused(&self, error: Error) -> Error {
        self.telemetry.on_append_failed();
        error
    }

    #[inline]
    fn append_as(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        if self.sampling.takes_next() {
            return self.append_timed(event_id, event);
        }
        self.append_untimed(event_id, event)
    }

    #[cold]
    fn append_timed(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        let start = clock::now_ns();
        self.append_untimed(event_id, event)?;
        self.telemetry.on_append_sampled(start);
        Ok(())
    }

    #[inline]
    fn append_untimed(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        if event_id > MAX_EVENT_ID {
            return Err(ids_used_up(event_id));
        }
        if self.event_size > 0 {
            if event.len() != self.event_size {
                return Err(wrong_size(event.len(), self.event_size));
            }
            self.make_ready()?;
            self.writer.append_fixed(event_id, event);
        } else {
            let length = payload::entry_len(event.len());
            if length > self.writer.room() {
                return self.append_beyond_block(event_id, event);
            }
            self.make_ready()?;
            self.writer.append_variable(event);
        }
        if self.writer.staged_count() == 0 {
            self.after_block();
        }
        Ok(())
    }

    /// A variable-length event that does not fit behind what is staged.
    #[cold]
    fn append_beyond_block(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        self.check_payload(payload::entry_len(event.len()))?;
        self.publish()?;
        if payload::entry_len(event.len()) <= self.writer.room() {
            return self.append_untimed(event_id, event);
        }
        let mut entry = Vec::with_capacity(payload::entry_len(event.len()));
        payload::encode_entry(&mut entry, event);
        self.append_block(&entry, 1, event_id, event_id)
    }

    /// Appends several events in one block: all of them or none. Gives the id of the last one; they get the ids that
    /// follow the last one appended.
    ///
    /// # Errors
    /// As [`append`](Self::append); `WAL_EVENT_TOO_LARGE` if they do not fit one empty segment together.
    pub fn append_batch<E: AsRef<[u8]>>(&mut self, events: &[E]) -> Result<u64> {
        let start = self.sampling.takes_one_of(events.len()).then(clock::now_ns);
        let last = self.append_all(events).map_err(|error| self.refused(error))?;
        if let Some(start) = start {
            self.telemetry.on_batch_sampled(start, events.len() as u64);
        }
        Ok(last)
    }

    fn append_all<E: AsRef<[u8]>>(&mut self, events: &[E]) -> Result<u64> {
        let first = self.writer.last_event_id() + 1;
        if events.is_empty() {
            return Ok(self.writer.last_event_id());
        }
        let count = u32::try_from(events.len()).map_err(|_| too_large(events.len(), self.largest_payload))?;
        let last = first + u64::from(count) - 1;
        if last > MAX_EVENT_ID {
            return Err(ids_used_up(last));
        }
        let mut laid_out = Vec::new();
        for (event_id, event) in (first..).zip(events) {
            let event = event.as_ref();
            if self.event_size == 0 {
                payload::encode_entry(&mut laid_out, event);
            } else if event.len() == self.event_size {
                laid_out.extend_from_slice(&event_id.to_le_bytes());
                laid_out.extend_from_slice(&event[8..]);
            } else {
                return Err(wrong_size(event.len(), self.event_size));
            }
        }
        self.append_laid_out(&laid_out, count, first, last)?;
        Ok(last)
    }

    /// Appends events whose payload is already laid out as in a block, in one block.
    fn append_laid_out(&mut self, laid_out: &[u8], count: u32, first: u64, last: u64) -> Result<()> {
        self.check_payload(laid_out.len())?;
        if laid_out.len() > self.writer.room() {
            self.publish()?;
        }
        if laid_out.len() > self.writer.room() {
            return self.append_block(laid_out, count, first, last);
        }
        self.make_ready()?;
        self.writer.append_laid_out(laid_out, count, last);
        if self.writer.staged_count() == 0 {
            self.after_block();
        }
        Ok(())
    }

    /// Appends events that together are larger than the staging memory as a block of their own, published before this
    /// returns. `laid_out` is the block's payload as the format lays it out, `first` and `last` their ids.
    ///
    /// # Errors
    /// As [`append_batch`](Self::append_batch); `WAL_EVENT_ID` if the payload does not hold `count` events with ids
    /// from `first` to `last` that increase.
    pub fn append_large(&mut self, laid_out: &[u8], count: u32, first: u64, last: u64) -> Result<()> {
        self.append_block(laid_out, count, first, last).map_err(|error| self.refused(error))
    }

    fn append_block(&mut self, laid_out: &[u8], count: u32, first: u64, last: u64) -> Result<()> {
        self.check_payload(laid_out.len())?;
        let before = self.writer.last_event_id();
        let fits = payload::validate(laid_out, self.shared.context.event_size, count, first, last).is_ok();
        if !fits || first <= before || (self.event_size == 0 && first != before + 1) {
            return Err(not_increasing(first, before));
        }
        self.publish()?;
        self.shared.poison.check()?;
        if !self.writer.fits(laid_out.len()) {
            self.next_segment()?;
        }
        self.writer.publish_large(laid_out, count, first, last);
        self.after_block();
        Ok(())
    }

    /// Publishes what is staged as a block, full or not: `written`.
    ///
    /// # Errors
    /// `WAL_POISONED`; what is staged then stays staged.
    pub fn publish(&mut self) -> Result<()> {
        self.shared.poison.check()?;
        if self.writer.staged_count() > 0 {
            self.writer.flush_partial();
            self.after_block();
        }
        Ok(())
    }

    /// As [`publish`](Self::publish) for events that JavaScript on this thread has staged and counted itself; makes room
    /// for the next block too, so that the next event can be staged without asking.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` if they are not what the log may hold, and nothing is published then. Any other error is about
    /// the next block: what was staged is published.
    pub fn publish_staged(&mut self) -> Result<()> {
        self.shared.poison.check()?;
        if self.shared.staging.count() > 0 {
            // Whoever staged should have asked before; where it did not, there may be no room for a block.
            self.make_room()?;
        }
        self.writer.adopt_staged()?;
        self.publish()?;
        self.make_room()
    }

    /// After a block was published: nothing here waits or enters the kernel, unless a sync is due.
    fn after_block(&mut self) {
        let written = self.shared.staging.written_event_id();
        self.room = self.writer.fits(self.shared.staging.area_len());
        self.note_written();
        self.committer.published(self.writer.last_block_bytes(), written);
        self.telemetry.on_append_block(self.writer.last_block_events(), self.writer.last_block_bytes());
        self.telemetry.set_last_event_id(self.writer.last_event_id());
        self.telemetry.set_written_event_id(written);
    }

    fn note_written(&mut self) {
        if let Some((segment, end)) = self.writer.position() {
            self.shared.set_end(segment, end);
        }
    }

    /// Changes how much of the log is kept from now on.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED` for limits that cannot be; they are then what they were.
    pub fn set_retention(&mut self, retention: Retention) -> Result<()> {
        let context = &self.shared.context;
        retention
            .validate(context.segment_bytes)
            .map_err(|message| Error::new(Code::Unsupported, message).at_path(&context.directory))?;
        self.maintainer.set_retention(retention);
        Ok(())
    }

    /// Says that no event before this one is needed any more, and that it and all behind it are: no limit removes or
    /// compresses a segment with one of these. Where no limit says how much is kept (`cold_segments`, `bytes`, `age`), the
    /// segments with nothing but earlier events are removed, else when the limits say so. The next call replaces this
    /// one, and nothing is kept of it when the log is closed; before the first one nothing is held.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` unless the id is from 1 to the last one plus 1.
    pub fn truncate_before(&mut self, event_id: u64) -> Result<()> {
        let last = self.last_event_id();
        if !(1..=last + 1).contains(&event_id) {
            return Err(not_yet_there(event_id, last));
        }
        self.maintainer.truncate_before(event_id);
        Ok(())
    }

    /// An append that a binding does itself was refused for what a call of [`publish_staged`](Self::publish_staged) said.
    pub fn note_append_refused(&mut self) {
        self.telemetry.on_append_failed();
    }

    /// An append that a binding has done itself began at `start_ns`.
    pub fn note_append_took(&mut self, start_ns: u64) {
        self.telemetry.on_append_sampled(start_ns);
    }

    /// Ends the workers that prepare and seal, after everything left to seal was sealed.
    pub(crate) fn end_workers(&mut self) {
        self.sealer.close();
        self.maintainer.close();
        self.preparer.close();
    }

    /// Gives the open segment back. Everything is synced that ever will be.
    pub(crate) fn let_go(&mut self) {
        self.writer.let_go();
    }

    /// The segment writer, for what it can tell.
    pub fn writer(&self) -> &SegmentWriter {
        &self.writer
    }

    fn check_payload(&self, payload_len: usize) -> Result<()> {
        if payload_len > self.largest_payload {
            Err(too_large(payload_len, self.largest_payload))
        } else {
            Ok(())
        }
    }
}
