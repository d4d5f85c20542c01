//! Appends to one segment after the other.
//!
//! The path of an event: its bytes go into the staging memory, a store counts it, and when the block is full, it is
//! sealed with one pass of each checksum, copied into the mapped segment and published by one aligned store. No call
//! into the kernel, no allocation and no lock on the way.

use std::path::Path;
use std::sync::Arc;

use flashstrike_recovery::files::Mapping;
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::layout::{
    ALIGN, BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE, UNDURABLE_UNKNOWN, round64,
};
use flashstrike_segment::{
    BlockFields, KIND_EVENTS, KIND_METADATA, Link, Metadata, Seal, SegmentHeader, payload, seal_block,
};
use flashstrike_telemetry::recorder::SegmentWriterUpdater;
use flashstrike_telemetry::{IntegrityFailure, clock};

use crate::closed_segment::ClosedSegment;
use crate::poison::Poison;
use crate::prepared_segment::PreparedSegment;
use crate::segment_file::SegmentFile;
use crate::shared::{LogContext, wall_clock_ns};
use crate::staging::Staging;

/// The segment being filled.
#[derive(Debug)]
struct ActiveSegment {
    file: Arc<SegmentFile>,
    /// Payload of the metadata block, if this writer publishes it.
    metadata: Vec<u8>,
    mapping: Mapping,
    header: SegmentHeader,
    /// Where the next block goes.
    end: usize,
    block_count: u32,
    event_count: u32,
    first_event_id: u64,
}

/// Where appending goes on in a segment that has blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    /// Offset behind the last block.
    pub end: u64,
    /// Blocks so far, the metadata block included.
    pub block_count: u32,
    /// Events so far.
    pub event_count: u32,
    /// Id of the first event, 0 without one.
    pub first_event_id: u64,
}

/// One thread appends; ownership may move to another thread, a reference may not.
///
/// It keeps the chain of blocks over all its segments, and the block being filled.
#[derive(Debug)]
pub struct SegmentWriter {
    context: Arc<LogContext>,
    staging: Staging,
    active: Option<ActiveSegment>,
    link: Link,
    /// Events in the block being filled, the bytes they take and the id of the last one.
    count: u32,
    used: usize,
    last_event_id: u64,
    /// Events and payload bytes of the last block published, for telemetry.
    last_block: (u64, u64),
    poison: Arc<Poison>,
    telemetry: SegmentWriterUpdater,
    /// A reference must not move between threads while the owner appends.
    _not_sync: std::marker::PhantomData<std::cell::Cell<()>>,
}

impl SegmentWriter {
    /// A writer that goes on behind the block `link`, with nothing staged and no segment open.
    pub fn new(
        context: Arc<LogContext>,
        staging: Staging,
        link: Link,
        telemetry: SegmentWriterUpdater,
    ) -> Self {
        let poison = Arc::new(Poison::new(staging.clone()));
        Self {
            context,
            staging,
            poison,
            active: None,
            last_event_id: link.last_event_id,
            link,
            last_block: (0, 0),
            count: 0,
            used: 0,
            telemetry,
            _not_sync: std::marker::PhantomData,
        }
    }

    /// Id of the last event appended.
    #[inline]
    pub fn last_event_id(&self) -> u64 {
        self.last_event_id
    }

    /// Events in the block being filled.
    #[inline]
    pub fn staged_count(&self) -> u32 {
        self.count
    }

    /// The last block published.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Index of the open segment and the offset behind its last block.
    pub fn position(&self) -> Option<(u32, usize)> {
        self.active.as_ref().map(|active| (active.header.segment_index, active.end))
    }

    /// Whether the open segment holds a published event.
    pub fn holds_events(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.event_count > 0)
    }

    /// Events in the last block published.
    pub(crate) fn last_block_events(&self) -> u64 {
        self.last_block.0
    }

    /// Payload bytes of the last block published.
    pub(crate) fn last_block_bytes(&self) -> u64 {
        self.last_block.1
    }

    pub(crate) fn context(&self) -> &Arc<LogContext> {
        &self.context
    }

    /// The next block continues this one. Nothing is staged and no segment is open.
    pub(crate) fn go_on_behind(&mut self, link: Link) {
        debug_assert!(self.count == 0 && self.active.is_none(), "between two segments");
        self.link = link;
        self.last_event_id = link.last_event_id;
    }

    /// A check of a segment has failed.
    pub(crate) fn note_integrity_failure(&self, kind: IntegrityFailure) {
        self.telemetry.on_integrity_failure(kind);
    }

    /// What ends appending for good.
    pub(crate) fn poison(&self) -> &Arc<Poison> {
        &self.poison
    }

    /// The file of the open segment.
    pub(crate) fn file(&self) -> Option<&Arc<SegmentFile>> {
        self.active.as_ref().map(|active| &active.file)
    }

    /// Creates segment `index` and opens it without a block.
    ///
    /// # Errors
    /// As [`PreparedSegment::create`].
    pub fn open_new_segment(&mut self, index: u32) -> Result<()> {
        let start = clock::now_ns();
        let made = PreparedSegment::create(&self.context, index);
        self.telemetry.on_open_new_segment(start, &made);
        self.open_prepared_segment(made?);
        Ok(())
    }

    /// Opens a segment made ahead. The one before must have been closed.
    pub fn open_prepared_segment(&mut self, prepared: PreparedSegment) {
        debug_assert!(self.active.is_none(), "the segment before was closed");
        self.active = Some(ActiveSegment {
            file: prepared.file,
            metadata: prepared.metadata,
            mapping: prepared.mapping,
            header: prepared.header,
            end: SEGMENT_HEADER_SIZE,
            block_count: 0,
            event_count: 0,
            first_event_id: 0,
        });
    }

    /// Opens a segment that has blocks, where verification has found their end.
    pub(crate) fn resume(
        &mut self,
        file: Arc<SegmentFile>,
        mapping: Mapping,
        header: SegmentHeader,
        at: ResumePoint,
    ) {
        debug_assert!(self.active.is_none(), "the segment before was closed");
        self.active = Some(ActiveSegment {
            file,
            metadata: Vec::new(),
            mapping,
            header,
            end: at.end as usize,
            block_count: at.block_count,
            event_count: at.event_count,
            first_event_id: at.first_event_id,
        });
    }

    /// The segment that [`resume`](Self::resume) has opened took so long.
    pub(crate) fn note_open_existing(&mut self, start_ns: u64, opened: bool) {
        self.telemetry.on_open_existing_segment(start_ns, opened);
    }

    /// Publishes the metadata block: from here on the segment belongs to the log. Memory stores only.
    ///
    /// # Panics
    /// If no new segment is open.
    pub fn activate(&mut self) {
        let active = self.active.as_mut().expect("a segment is open");
        let mut metadata = std::mem::take(&mut active.metadata);
        Metadata::set_previous_chain(&mut metadata, self.link.chain);
        let last = self.link.last_event_id;
        self.publish(KIND_METADATA, last, last, 0, &metadata);
        self.active.as_mut().expect("a segment is open").metadata = metadata;
    }

    /// Pre-faults every page of the open segment that is still to be filled, so that no append takes a page fault. A
    /// sync undoes it.
    ///
    /// # Errors
    /// `WAL_IO`; without it appends work, only slower.
    pub fn touch(&self) -> Result<()> {
        let Some(active) = &self.active else { return Ok(()) };
        active
            .mapping
            .populate_from(active.end, self.context.small_syncs)
            .map_err(|error| Error::io("pre-fault", &active.file.path, &error))
    }

    /// Whether a block with this much payload fits the open segment, with the last 64 bytes left zero.
    #[inline]
    pub fn fits(&self, payload_len: usize) -> bool {
        self.active.as_ref().is_some_and(|active| {
            active.end + BLOCK_HEADER_SIZE + round64(payload_len) + ALIGN <= active.mapping.len()
        })
    }

    /// Adds one fixed-size event to the block being filled under the id that follows the last one, keeps ids and counts,
    /// and publishes the block when it is full. Gives the id. The first 8 bytes of `event` are taken for the id and
    /// overwritten in the log.
    ///
    /// [`Manager::append`](crate::Manager::append) does the same and goes on in the next segment.
    ///
    /// # Errors
    /// `WAL_SCHEMA` for a byte log or an event of another size; `WAL_BACKPRESSURE` if no full block fits the open
    /// segment any more; `WAL_POISONED`. The event is then not in the log.
    pub fn append(&mut self, event: &[u8]) -> Result<u64> {
        self.poison.check()?;
        if self.context.event_size == 0 || event.len() != usize::from(self.context.event_size) {
            return Err(wrong_size(event.len(), self.context.event_size.into()));
        }
        if self.count == 0 && !self.fits(self.staging.area_len()) {
            return Err(Error::new(
                Code::Backpressure,
                "the segment is full; close it and open the next one",
            ));
        }
        let event_id = self.last_event_id + 1;
        self.append_fixed(event_id, event);
        Ok(event_id)
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
        self.staging.committed(last);
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
        self.staging.committed(last);
        self.telemetry.on_write_block(start);
        self.telemetry.on_block_fill(u64::from(events));
    }

    fn publish(&mut self, kind: u16, first: u64, last: u64, events: u32, payload: &[u8]) {
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
        // Payload, then the first 56 header bytes, then the 8 that publish: a reader that sees those sees all.
        active.mapping.write(at + BLOCK_HEADER_SIZE, payload);
        active.mapping.write(at, &header[..56]);
        let last_word = u64::from_le_bytes(header[56..].try_into().expect("8 bytes"));
        active.mapping.atomic_u64(at + 56).store(last_word, std::sync::atomic::Ordering::Release);
        active.end = at + BLOCK_HEADER_SIZE + round64(payload.len());
        active.block_count += 1;
        active.event_count += events;
        if active.first_event_id == 0 && events > 0 {
            active.first_event_id = first;
        }
        self.link = Link { chain, last_event_id: last, written_ts_ns: fields.written_ts_ns };
        self.last_block = (u64::from(events), payload.len() as u64);
    }

    /// With `sync`, waits until all that is published in the open segment is on the device; without, starts to write
    /// it back and promises nothing.
    ///
    /// # Errors
    /// `WAL_POISONED` if the sync fails; it is never tried again. Starting to write back does not fail.
    pub fn flush(&self, sync: bool) -> Result<()> {
        let Some(active) = &self.active else { return Ok(()) };
        if sync {
            active.file.sync(&self.poison)
        } else {
            // A hint: what it could not start, the next sync does.
            let _ = active.file.file.start_write_back(0, active.end as u64);
            Ok(())
        }
    }

    /// Publishes what is staged and leaves the open segment.
    ///
    /// With `seal` it is synced, sealed and synced again; then it is unmapped, and a large part behind the last block
    /// is given back to the file system. One that holds no event is synced and stays unsealed. A sealed header claims
    /// that everything up to it is durable, so every segment before it must have been sealed. Without `seal` the
    /// caller gets what sealing it later needs.
    ///
    /// # Errors
    /// `WAL_POISONED` if a sync fails; the segment is then left unsealed.
    pub fn close_segment(&mut self, seal: bool) -> Result<Option<ClosedSegment>> {
        let start = clock::now_ns();
        self.flush_partial();
        let Some(active) = self.active.take() else { return Ok(None) };
        active.file.finish();
        let closed = ClosedSegment {
            seal: Seal {
                block_count: active.block_count,
                event_count: active.event_count,
                first_event_id: active.first_event_id,
                last_event_id: self.link.last_event_id,
                closed_ts_ns: 0,
                last_chain_low: self.link.chain as u32,
            },
            end: active.end as u64,
            file: active.file,
            memory: Some((active.mapping, active.metadata)),
            header: active.header,
        };
        if !seal {
            self.telemetry.on_close_segment(start, true);
            return Ok(Some(closed));
        }
        let sealed = closed.seal(&self.poison);
        self.telemetry.on_close_segment(start, &sealed);
        sealed.map(|()| None)
    }

    /// The directory of the log.
    pub fn directory(&self) -> &Path {
        &self.context.directory
    }
}

#[cold]
pub(crate) fn wrong_size(got: usize, expected: usize) -> Error {
    Error::new(Code::Schema, format!("an event of this log has {expected} bytes, this one {got}"))
}

fn event_id_at(payload: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(payload[offset..offset + 8].try_into().expect("8 bytes"))
}
