//! Walking through verified blocks.

use std::ops::Range;

use flashstrike_segment::layout::BLOCK_HEADER_SIZE;
use flashstrike_segment::payload::ENTRY_HEADER_SIZE;
use flashstrike_segment::{BlockHeader, payload};

use super::ReplayOptions;
use super::run::{Place, Source};
use crate::segment_reader::headers;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its id.
    pub id: u64,
    /// Its bytes: of a fixed-size event all, with the id in the first 8; of a variable-length event those that were
    /// appended.
    pub bytes: &'a [u8],
}

/// One block of events.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// Its header.
    pub header: BlockHeader,
    /// Its payload, see [`flashstrike_segment::payload`].
    pub payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// Its events, in order. `event_size` is the log's.
    pub fn events(&self, event_size: u16) -> impl Iterator<Item = Event<'a>> + use<'a> {
        let fixed = (event_size > 0).then(|| payload::fixed_events(self.payload, event_size));
        let variable =
            (event_size == 0).then(|| payload::variable_events(self.payload, self.header.first_event_id));
        let count = self.header.event_count as usize;
        fixed
            .into_iter()
            .flatten()
            .chain(variable.into_iter().flatten())
            .take(count)
            .map(|(id, bytes)| Event { id, bytes })
    }
}

/// The blocks of a run.
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let header = BlockHeader::decode(self.rest).ok()?;
        let payload = self.rest.get(BLOCK_HEADER_SIZE..BLOCK_HEADER_SIZE + header.payload_len as usize)?;
        self.rest = self.rest.get(header.block_len()..).unwrap_or(&[]);
        Some(Block { header, payload })
    }
}

/// Where [`next_event`](super::Manager::next_event) stands: in a source, at a block, at an event.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    source: Option<Source>,
    /// Where the blocks begin that are still to come; the next one is last.
    blocks: Option<Vec<usize>>,
    /// The events of the current block that are still to come; the next one is last.
    events: Vec<Found>,
}

/// Where an event lies in the memory of its source.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) id: u64,
    pub(super) bytes: Range<usize>,
}

impl Cursor {
    pub(super) fn source(&self) -> Option<Source> {
        self.source
    }

    /// Goes to the beginning of a source.
    pub(super) fn open(&mut self, source: Source) {
        self.source = Some(source);
        self.blocks = None;
        self.events.clear();
    }

    pub(super) fn next(&mut self) -> Option<(Place, Found)> {
        let place = self.source?.place;
        self.events.pop().map(|found| (place, found))
    }

    /// Goes to the next block, in the memory of the source; false if there is none.
    pub(super) fn fill(&mut self, memory: &[u8], options: &ReplayOptions, event_size: u16) -> bool {
        let Some(source) = self.source else { return false };
        let blocks = self.blocks.get_or_insert_with(|| {
            let blocks = headers(&memory[source.start..source.end]);
            let mut blocks: Vec<_> = blocks.map(|(at, _)| source.start + at).collect();
            if !options.reverse {
                blocks.reverse();
            }
            blocks
        });
        let Some(at) = blocks.pop() else {
            self.source = None;
            return false;
        };
        let Some(block) = Blocks::new(&memory[at..source.end]).next() else { return false };
        let wanted = options.ids();
        let mut place = at + BLOCK_HEADER_SIZE;
        for event in block.events(event_size) {
            let (skip, whole) = if event_size == 0 {
                (ENTRY_HEADER_SIZE, payload::entry_len(event.bytes.len()))
            } else {
                (0, event.bytes.len())
            };
            if wanted.contains(event.id) {
                let start = place + skip;
                self.events.push(Found { id: event.id, bytes: start..start + event.bytes.len() });
            }
            place += whole;
        }
        if !options.reverse {
            self.events.reverse();
        }
        true
    }
}
