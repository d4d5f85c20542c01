//! What a replay hands out.

use flashstrike_segment::layout::{UNDURABLE_UNKNOWN, round64};
use flashstrike_segment::{BlockFields, KIND_EVENTS, Link, seal_block};

use super::blocks::Blocks;
use crate::inspect::StagedEvents;
use crate::pool::{Loan, Window};
use crate::segment_reader::Extent;

/// Which memory a source lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A part of the segment's.
    Segment(usize),
    /// That of the segment that the replay began in, which was verified before.
    Indexed,
    Aside,
}

/// Blocks to be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) segment: Option<u32>,
    pub(super) offset: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) first_event_id: u64,
    pub(super) last_event_id: u64,
    pub(super) events: u64,
    pub(super) payload_bytes: u64,
}

impl Source {
    /// An extent of a segment; `None`: staged events, which stand in none yet.
    pub(super) fn of(extent: &Extent, place: Place, segment: Option<u32>) -> Self {
        Self {
            place,
            segment,
            offset: extent.offset,
            start: extent.start,
            end: extent.end,
            first_event_id: extent.first_event_id,
            last_event_id: extent.last_event_id,
            events: extent.events,
            payload_bytes: extent.payload_bytes,
        }
    }
}

/// Consecutive verified blocks of events. They stay as they are until the next run is asked for.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    bytes: &'a [u8],
    window: Window,
    source: Source,
}

impl<'a> Run<'a> {
    pub(super) fn new(source: Source, loan: &'a Loan) -> Self {
        Self {
            bytes: &loan.bytes()[source.start..source.end],
            window: loan.buffer().window_at(source.start),
            source,
        }
    }

    /// An extent of a segment; `None`: staged events, which stand in none yet.
    pub(crate) fn of_extent(extent: &Extent, segment: Option<u32>, loan: &'a Loan) -> Self {
        Self::new(Source::of(extent, Place::Segment(extent.part), segment), loan)
    }

    /// The blocks as on disk: each 64 bytes of header, then the payload padded to 64.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The part of a buffer that they lie in.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Where they begin in the window.
    pub fn start(&self) -> usize {
        self.source.start - self.window.start
    }

    /// Where they end in the window.
    pub fn end(&self) -> usize {
        self.source.end - self.window.start
    }

    /// Index of the segment they are from; `None`: they were staged, and stand in no segment yet.
    pub fn segment(&self) -> Option<u32> {
        self.source.segment
    }

    /// Where they begin in the segment; in a compressed one, in its content.
    pub fn offset(&self) -> u64 {
        self.source.offset
    }

    /// Id of the first event.
    pub fn first_event_id(&self) -> u64 {
        self.source.first_event_id
    }

    /// Id of the last event.
    pub fn last_event_id(&self) -> u64 {
        self.source.last_event_id
    }

    /// Number of events.
    pub fn event_count(&self) -> u64 {
        self.source.events
    }

    /// Block after block.
    pub fn blocks(&self) -> Blocks<'a> {
        Blocks::new(self.bytes)
    }
}

/// Staged events in the form of a block. No segment has it, so its index and salt say nothing.
pub(crate) fn staged_block(staged: &StagedEvents, link: Link) -> Vec<u8> {
    let fields = BlockFields {
        first_event_id: staged.first_event_id,
        last_event_id: staged.last_event_id,
        written_ts_ns: link.written_ts_ns,
        block_index: 0,
        event_count: staged.count,
        undurable: UNDURABLE_UNKNOWN,
        salt: 0,
        kind: KIND_EVENTS,
    };
    let (header, _) = seal_block(&fields, &staged.payload, link.chain);
    let mut block = header.to_vec();
    block.extend_from_slice(&staged.payload);
    block.resize(header.len() + round64(staged.payload.len()), 0);
    block
}
