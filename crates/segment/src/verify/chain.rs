//! Whether a block verifies in place: whether it follows from the block before it.

use super::expectation::LogExpectation;
use super::{Reason, SegmentStart};
use crate::block_header::{BlockHeader, KIND_EVENTS, KIND_METADATA, KIND_SKIPPABLE};
use crate::checksum::xxh3;
use crate::{Metadata, Seal, Unsupported};

/// What the next block has to follow from: the last block, of any kind, that verified in place. By default it is what the
/// first block of a log follows from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// Its chained checksum.
    pub chain: u64,
    /// Its last event id.
    pub last_event_id: u64,
    /// When it was written, ns since the Unix epoch.
    pub written_ts_ns: u64,
}

impl Link {
    /// What the block behind the one with this header has to follow from.
    #[must_use]
    pub fn of(header: &BlockHeader) -> Self {
        Self {
            chain: header.chained_checksum,
            last_event_id: header.last_event_id,
            written_ts_ns: header.written_ts_ns,
        }
    }
}

/// What is known of the block before a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Previous {
    /// Nothing: the log begins here, or its earlier segments have been removed.
    #[default]
    Unknown,
    /// The header of the sealed segment before it.
    Sealed { chain_low: u32, last_event_id: u64 },
    /// The block itself.
    Block(Link),
}

impl Previous {
    /// Whether a metadata block continues this one.
    pub(crate) fn is_continued_by(self, block: &BlockHeader, metadata: &Metadata) -> bool {
        match self {
            Self::Unknown => true,
            Self::Sealed { chain_low, last_event_id } => {
                block.last_event_id == last_event_id && metadata.previous_chain as u32 == chain_low
            }
            Self::Block(link) => {
                block.last_event_id == link.last_event_id && metadata.previous_chain == link.chain
            }
        }
    }
}

/// The blocks of one segment so far, all verified in place.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    segment: u32,
    metadata: Option<Metadata>,
    event_size: u16,
    previous: Previous,
    pub(crate) next_index: u32,
    pub(crate) events: u64,
    pub(crate) first_event_id: u64,
    pub(crate) first_written_ts_ns: u64,
}

impl Chain {
    pub(crate) fn new(segment: u32, start: &SegmentStart, previous: Previous) -> Self {
        Self {
            segment,
            metadata: start.metadata.as_ref().map(|(_, metadata)| metadata.clone()),
            event_size: start.event_size.unwrap_or(0),
            previous,
            next_index: 0,
            events: 0,
            first_event_id: 0,
            first_written_ts_ns: 0,
        }
    }

    /// The last block, if it has been seen.
    pub(crate) fn link(&self) -> Option<Link> {
        if let Previous::Block(link) = self.previous { Some(link) } else { None }
    }

    pub(crate) fn previous(&self) -> Previous {
        self.previous
    }

    /// Goes to behind the block of `link`, when so many had verified before. The metadata block is not kept, which only
    /// the first block of a segment needs.
    pub(super) fn go_to(&mut self, block_index: u32, link: Link) {
        self.next_index = block_index;
        self.previous = Previous::Block(link);
        self.metadata = None;
    }

    /// Adds a block that verifies on its own, if it verifies in place. `offset` is only for messages.
    pub(crate) fn push(
        &mut self,
        header: &BlockHeader,
        payload: &[u8],
        offset: u64,
        log: &LogExpectation,
    ) -> Result<(), Reason> {
        self.check_place(header, payload)?;
        match header.kind {
            KIND_METADATA => self.check_metadata(header, payload, log)?,
            KIND_EVENTS => self.check_event_ids(header)?,
            kind if kind & KIND_SKIPPABLE != 0 => self.check_skipped_ids(header)?,
            kind => return Err(Unsupported::BlockKind { segment: self.segment, offset, kind }.into()),
        }
        if self.next_index == 0 {
            self.first_written_ts_ns = header.written_ts_ns;
        }
        if header.kind == KIND_EVENTS {
            if self.events == 0 {
                self.first_event_id = header.first_event_id;
            }
            self.events += u64::from(header.event_count);
        }
        self.next_index += 1;
        self.previous = Previous::Block(Link::of(header));
        Ok(())
    }

    /// Index, kind, chain and time.
    fn check_place(&self, header: &BlockHeader, payload: &[u8]) -> Result<(), Reason> {
        if header.block_index != self.next_index {
            return Err(Reason::BlockIndex { expected: self.next_index, found: header.block_index });
        }
        if (header.kind == KIND_METADATA) != (self.next_index == 0) {
            return Err(Reason::MetadataMisplaced);
        }
        let seed = match (&self.metadata, self.previous) {
            (Some(metadata), _) if self.next_index == 0 => metadata.previous_chain,
            (_, Previous::Block(link)) => link.chain,
            _ => 0,
        };
        if header.chained_checksum != header.chain(xxh3(payload, seed)) {
            return Err(Reason::Chain);
        }
        match self.link() {
            Some(link) if header.written_ts_ns < link.written_ts_ns => {
                Err(Reason::TimeGoesBack { previous: link.written_ts_ns, found: header.written_ts_ns })
            }
            _ => Ok(()),
        }
    }

    fn check_metadata(
        &self,
        header: &BlockHeader,
        payload: &[u8],
        log: &LogExpectation,
    ) -> Result<(), Reason> {
        let Some(metadata) = &self.metadata else {
            return Err(Metadata::decode(payload)
                .err()
                .map_or(Reason::ForeignMetadata("segment size"), Reason::from));
        };
        let differs = if metadata.segment_index != self.segment {
            Some("segment index")
        } else if metadata.salt != header.salt {
            Some("salt")
        } else if metadata.event_size != self.event_size {
            Some("event size")
        } else if header.first_event_id != header.last_event_id || header.event_count != 0 {
            Some("event id")
        } else if self.segment == 0 && (metadata.previous_chain != 0 || header.last_event_id != 0) {
            Some("beginning")
        } else {
            log.differs(metadata)
        };
        differs.map_or(Ok(()), |what| Err(Reason::ForeignMetadata(what)))
    }

    fn check_event_ids(&self, header: &BlockHeader) -> Result<(), Reason> {
        let previous = self.link().map_or(0, |link| link.last_event_id);
        let (first, last) = (header.first_event_id, header.last_event_id);
        let follows = if self.event_size == 0 { first == previous + 1 } else { first > previous };
        if follows { Ok(()) } else { Err(Reason::EventIds { previous, first, last }) }
    }

    /// A block of a kind that this version skips says as well up to which id the log goes.
    fn check_skipped_ids(&self, header: &BlockHeader) -> Result<(), Reason> {
        let previous = self.link().map_or(0, |link| link.last_event_id);
        let (first, last) = (header.first_event_id, header.last_event_id);
        let follows = last >= previous && last <= crate::layout::MAX_EVENT_ID;
        if follows { Ok(()) } else { Err(Reason::EventIds { previous, first, last }) }
    }

    /// Whether the sealed header agrees with all blocks of the segment.
    pub(crate) fn check_seal(&self, seal: &Seal) -> Result<(), Reason> {
        let (chain, last_event_id) = self.link().map_or((0, 0), |link| (link.chain, link.last_event_id));
        let first_event_id = if self.events == 0 { seal.first_event_id } else { self.first_event_id };
        for (what, sealed, found) in [
            ("block count", seal.block_count.into(), self.next_index.into()),
            ("event count", seal.event_count.into(), self.events),
            ("first event id", seal.first_event_id, first_event_id),
            ("last event id", seal.last_event_id, last_event_id),
            ("chain", seal.last_chain_low.into(), u64::from(chain as u32)),
        ] {
            if sealed != found {
                return Err(Reason::SealedHeader { what, sealed, found });
            }
        }
        Ok(())
    }
}
