//! Staging events and publishing them as blocks.

use std::sync::atomic::Ordering;

use flashstrike_recovery::files::Mapping;
use flashstrike_recovery::machine::wall_clock_ns;
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::layout::{ALIGN, BLOCK_HEADER_SIZE, MAX_EVENT_ID, UNDURABLE_UNKNOWN, round64};
use flashstrike_segment::{BlockFields, KIND_EVENTS, Link, payload, seal_block};
use flashstrike_telemetry::clock;

use super::SegmentWriter;
use super::publication::{self, SharedMemory};
use crate::refused::{ids_used_up, too_large, wrong_size};

impl SegmentWriter {
    /// Whether a block with this much payload fits the open segment, with the last 64 bytes left zero.
    #[inline]
    pub fn fits(&self, payload_len: usize) -> bool {
        self.active.as_ref().is_some_and(|active| {
            active.end + BLOCK_HEADER_SIZE + round64(payload_len) + ALIGN <= active.mapping.len()
        })
    }

    /// Adds one event to the block being filled under the id that follows the last one, keeps ids and counts, and
    /// publishes the block when it is full. Gives the id. The first 8 bytes of a fixed-size event are taken for the id
    /// and overwritten in the log; a variable-length event larger than a block becomes a block of its own.
    ///
    /// The first event of a segment [activates](Self::activate) it. [`Manager::append`](crate::Manager::append) does the
    /// same as this and goes on in the next segment.
    ///
    /// # Errors
    /// `WAL_SCHEMA` for a fixed-size event of another size; `WAL_BACKPRESSURE` if no segment is open or the block that
    /// the event would begin does not fit it; `WAL_EVENT_TOO_LARGE` if no segment holds it; `WAL_EVENT_ID` if the last
    /// event has the highest id there is; `WAL_POISONED`. The event is then not in the log.
    pub fn append(&mut self, event: &[u8]) -> Result<u64> {
        self.poison.check()?;
        let event_id = self.last_event_id + 1;
        if event_id > MAX_EVENT_ID {
            return Err(ids_used_up(event_id));
        }
        let event_size = usize::from(self.context.event_size);
        if event_size == 0 {
            self.append_entry(event_id, event)?;
        } else if event.len() == event_size {
            self.begin_block(self.staging.area_len())?;
            self.append_fixed(event_id, event);
        } else {
            return Err(wrong_size(event.len(), event_size));
        }
        Ok(event_id)
    }

    fn append_entry(&mut self, event_id: u64, event: &[u8]) -> Result<()> {
        let length = payload::entry_len(event.len());
        if length > self.staging.area_len() {
            let largest = self.context.largest_payload();
            if length > largest {
                return Err(too_large(length, largest));
            }
        }
        if length > self.room() {
            self.flush_partial();
        }
        self.begin_block(length.max(self.staging.area_len()))?;
        if length <= self.room() {
            self.append_variable(event);
        } else {
            let mut entry = Vec::with_capacity(length);
            payload::encode_entry(&mut entry, event);
            self.publish_large(&entry, 1, event_id, event_id);
        }
        Ok(())
    }

    /// Before the first event of a block: sees to it that the segment is activated and that publishing never fails for
    /// want of room.
    fn begin_block(&mut self, payload_len: usize) -> Result<()> {
        if self.count > 0 {
            return Ok(());
        }
        if self.is_open() && !self.is_active() {
            self.activate();
        }
        if self.fits(payload_len) {
            return Ok(());
        }
        Err(Error::new(Code::Backpressure, "the segment has no room for it; close it and open the next one"))
    }

    /// Stages one fixed-size event under this id, and publishes the block when it is full.
    ///
    /// The caller has checked the size and the id, and that a full block fits.
    #[inline]
    pub(crate) fn append_fixed(&mut self, event_id: u64, event: &[u8]) {
        debug_assert_eq!(event.len(), usize::from(self.context.event_size));
        self.staging.put(self.used, event);
        self.staging.put(self.used, &event_id.to_le_bytes());
        self.used += event.len();
        self.count += 1;
        self.last_event_id = event_id;
        self.staging.set_count(self.count);
        if self.used + event.len() > self.staging.area_len() {
            self.flush_partial();
        }
    }

    /// Stages one variable-length event; its entry fits behind those staged.
    #[inline]
    pub(crate) fn append_variable(&mut self, event: &[u8]) {
        let length = payload::entry_len(event.len());
        let at = self.used;
        // The zeros first: what an earlier block left here must not become padding.
        self.staging.put(at + length - 8, &[0; 8]);
        self.staging.put(at, &(event.len() as u32).to_le_bytes());
        self.staging.put(at + 4, event);
        self.used += length;
        self.count += 1;
        self.last_event_id += 1;
        self.staging.set_count(self.count);
        if self.used == self.staging.area_len() {
            self.flush_partial();
        }
    }

    /// Stages several events whose payload is already laid out as in a block: all of them, by one store of the count.
    pub(crate) fn append_laid_out(&mut self, payload: &[u8], events: u32, last_event_id: u64) {
        self.staging.put(self.used, payload);
        self.used += payload.len();
        self.count += events;
        self.last_event_id = last_event_id;
        self.staging.set_count(self.count);
        let least = if self.context.event_size == 0 { 8 } else { usize::from(self.context.event_size) };
        if self.used + least > self.staging.area_len() {
            self.flush_partial();
        }
    }

    /// Bytes of payload that can still be staged before the block must be published.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.staging.area_len() - self.used
    }

    /// Takes over the events that someone else on this thread has staged and counted: JavaScript, which stores them
    /// itself.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` if they are not what the log may hold. Nothing is published then.
    pub fn adopt_staged(&mut self) -> Result<()> {
        let count = self.staging.count();
        let area = self.staging.payload(self.staging.area_len());
        let before = self.link.last_event_id;
        let Some((used, last)) = payload::staged_extent(area, self.context.event_size, count, before) else {
            let message = "the staged events are not whole, or their ids do not increase";
            return Err(Error::new(Code::EventId, message).at_event(before));
        };
        (self.count, self.used, self.last_event_id) = (count, used, last);
        Ok(())
    }

    /// Publishes the block being filled, full or not. Does nothing if it is empty.
    pub fn flush_partial(&mut self) {
        if self.count == 0 {
            return;
        }
        let start = clock::now_ns();
        let staging = self.staging.clone();
        let payload = staging.payload(self.used);
        let first =
            if self.context.event_size == 0 { self.link.last_event_id + 1 } else { event_id_at(payload, 0) };
        let (count, last) = (self.count, self.last_event_id);
        self.publish(KIND_EVENTS, first, last, count, payload);
        self.staging.published(last);
        self.count = 0;
        self.used = 0;
        self.telemetry.on_write_block(start);
        self.telemetry.on_block_fill(u64::from(count));
    }

    /// Publishes a block that never was in the staging memory; nothing is staged, and it fits.
    pub(crate) fn publish_large(&mut self, payload: &[u8], events: u32, first: u64, last: u64) {
        debug_assert_eq!(self.count, 0, "what is staged comes first");
        let start = clock::now_ns();
        self.publish(KIND_EVENTS, first, last, events, payload);
        self.last_event_id = last;
        self.staging.published(last);
        self.telemetry.on_write_block(start);
        self.telemetry.on_block_fill(u64::from(events));
    }

    pub(super) fn publish(&mut self, kind: u16, first: u64, last: u64, events: u32, payload: &[u8]) {
        let active = self.active.as_mut().expect("a segment is open");
        active.mapping.prefetch(active.end, BLOCK_HEADER_SIZE + payload.len());
        let durable = self.staging.durable_event_id();
        let fields = BlockFields {
            first_event_id: first,
            last_event_id: last,
            written_ts_ns: wall_clock_ns().max(self.link.written_ts_ns),
            block_index: active.block_count,
            event_count: events,
            undurable: u32::try_from(last - durable.min(last)).unwrap_or(UNDURABLE_UNKNOWN),
            salt: active.header.salt,
            kind,
        };
        let (header, chain) = seal_block(&fields, payload, self.link.chain);
        let at = active.end;
        publication::publish(&active.mapping, at, &header, payload);
        active.end = at + BLOCK_HEADER_SIZE + round64(payload.len());
        active.block_count += 1;
        active.event_count += events;
        if active.first_event_id == 0 && events > 0 {
            active.first_event_id = first;
        }
        self.link = Link { chain, last_event_id: last, written_ts_ns: fields.written_ts_ns };
        self.last_block = (u64::from(events), payload.len() as u64);
    }
}

impl SharedMemory for Mapping {
    #[inline]
    fn write(&self, offset: usize, bytes: &[u8]) {
        Mapping::write(self, offset, bytes);
    }

    #[inline]
    fn store(&self, offset: usize, word: u64, order: Ordering) {
        self.atomic_u64(offset).store(word, order);
    }
}

fn event_id_at(payload: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(payload[offset..offset + 8].try_into().expect("8 bytes"))
}
