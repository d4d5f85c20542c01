//! Appends to one segment after the other.
//!
//! The path of an event: its bytes go into the staging memory, a store counts it, and when the block is full, it is
//! sealed with one pass of each checksum, copied into the mapped segment and published by one aligned store. No call
//! into the kernel, no allocation and no lock on the way.

mod append;
mod publication;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_recovery::files::Mapping;
use flashstrike_recovery::{Error, Result};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{KIND_METADATA, Link, Metadata, Seal, SegmentHeader};
use flashstrike_telemetry::recorder::SegmentWriterUpdater;
use flashstrike_telemetry::{IntegrityFailure, clock};

use crate::closed_segment::ClosedSegment;
use crate::poison::Poison;
use crate::prepared_segment::PreparedSegment;
use crate::segment_file::SegmentFile;
use crate::shared::LogContext;
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
    /// This writer has made the file, and nobody else knows of it before it holds a block.
    is_own: bool,
}

/// The pages of the open segment that are still to be filled and not pre-faulted yet.
#[derive(Debug)]
pub(crate) struct UntouchedPages {
    mapping: Mapping,
    path: PathBuf,
    at: usize,
    small_folios: bool,
}

impl UntouchedPages {
    /// Pre-faults the next `length` bytes.
    pub(crate) fn touch(&mut self, length: usize) -> Result<()> {
        let end = self.at.saturating_add(length).min(self.mapping.len());
        let touched = self.mapping.populate(self.at..end, self.small_folios);
        self.at = end;
        touched.map_err(|error| Error::io("pre-fault", &self.path, &error))
    }

    /// Whether none is left.
    pub(crate) fn is_done(&self) -> bool {
        self.at == self.mapping.len()
    }
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
///
/// Dropping it publishes what is staged and leaves the open segment valid and unsealed; it promises nothing of
/// durability, since a drop has nobody to tell that a sync has failed. A segment that [`open_new_segment`] has made and
/// that never got a block is removed. Where nothing may be written, because the log is poisoned or the thread panics,
/// all stays as it is: what is staged is in memory that survives, and the next opening takes it over.
///
/// [`open_new_segment`]: Self::open_new_segment
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

    fn is_open(&self) -> bool {
        self.active.is_some()
    }

    /// Whether a segment is open and belongs to the log.
    fn is_active(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.block_count > 0)
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
        self.staging.published(link.last_event_id);
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
        self.open(made?, true);
        Ok(())
    }

    /// Opens a segment made ahead. The one before must have been closed.
    pub fn open_prepared_segment(&mut self, prepared: PreparedSegment) {
        self.open(prepared, false);
    }

    fn open(&mut self, prepared: PreparedSegment, is_own: bool) {
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
            is_own,
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
            is_own: false,
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
        self.untouched().map_or(Ok(()), |mut rest| rest.touch(usize::MAX))
    }

    /// The pages that [`touch`](Self::touch) pre-faults, for whoever does it on another thread.
    pub(crate) fn untouched(&self) -> Option<UntouchedPages> {
        self.active.as_ref().map(|active| UntouchedPages {
            mapping: active.mapping.clone(),
            path: active.file.path.clone(),
            at: active.end,
            small_folios: self.context.small_syncs,
        })
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
    /// With `seal` it is synced, sealed and synced again; then it is unmapped, and a large part behind the last block is
    /// given back to the file system. It stays in the page cache, since whoever follows or replays the log reads it
    /// next. One that holds no event is synced and stays unsealed. A sealed header claims that everything up to it is
    /// durable, so every segment before it must have been sealed. Without `seal` the caller gets what sealing it later
    /// needs.
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
        sealed.map(|_| None)
    }

    /// Unmaps the open segment and closes its file; whatever was published there stays.
    pub(crate) fn let_go(&mut self) {
        self.active = None;
    }

    /// The directory of the log.
    pub fn directory(&self) -> &Path {
        &self.context.directory
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if self.poison.is_set() || std::thread::panicking() {
            return;
        }
        // Whoever staged without asking for room leaves it staged.
        if self.is_active() && self.fits(self.used) {
            self.flush_partial();
        }
        if let Some(active) = self.active.take_if(|active| active.is_own && active.block_count == 0) {
            let _ = self.context.files.remove_file(&active.file.path);
        }
    }
}
