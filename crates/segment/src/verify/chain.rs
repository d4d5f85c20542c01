//! Whether a block verifies in place: whether it follows from the block before it.

use super::block::{Setting, on_its_own};
use super::view::View;
use super::{LogIdentity, Reason, SegmentStart};
use crate::block_header::{BlockHeader, KIND_EVENTS, KIND_METADATA, KIND_SKIPPABLE};
use crate::checksum::xxh3;
use crate::{Metadata, Seal, Unsupported};

/// What the next block has to follow from: the last block, of any kind, that verified in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A place between two blocks of a segment, with all that the block behind it has to follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainPlace {
    /// Where the next block begins in the segment.
    pub offset: u64,
    /// The index it has to have.
    pub block_index: u32,
    /// The block before it.
    pub link: Link,
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

/// What is known of the log that a segment has to belong to; grows as segments are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogExpectation {
    pub(crate) log_id: Option<[u8; 16]>,
    pub(crate) event_size: Option<u16>,
    pub(crate) segment_size: Option<u32>,
    pub(crate) schema: Option<String>,
}

impl LogExpectation {
    pub(crate) fn of(log: &LogIdentity) -> Self {
        Self {
            log_id: Some(log.log_id),
            event_size: Some(log.event_size),
            segment_size: Some(log.segment_size),
            schema: Some(log.schema.clone()),
        }
    }

    /// What of the metadata is not the log's.
    pub(super) fn differs(&self, metadata: &Metadata) -> Option<&'static str> {
        if self.log_id.is_some_and(|log_id| log_id != metadata.log_id) {
            Some("log id")
        } else if self.event_size.is_some_and(|event_size| event_size != metadata.event_size) {
            Some("event size")
        } else if self.schema.as_ref().is_some_and(|schema| !same_json(schema, &metadata.schema)) {
            Some("schema")
        } else {
            None
        }
    }

    pub(crate) fn learn(&mut self, metadata: &Metadata) {
        self.log_id = Some(metadata.log_id);
        self.event_size = Some(metadata.event_size);
        self.segment_size = Some(metadata.segment_size);
        self.schema.get_or_insert_with(|| metadata.schema.clone());
    }

    pub(crate) fn identity(self) -> Option<LogIdentity> {
        Some(LogIdentity {
            log_id: self.log_id?,
            event_size: self.event_size?,
            segment_size: self.segment_size?,
            schema: self.schema?,
        })
    }
}

/// Schemas are compared parsed.
pub(crate) fn same_json(left: &str, right: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    left == right || (parse(left).is_some() && parse(left) == parse(right))
}

/// Verifies a segment block by block as it is read, front to back, without looking for anything behind damage: the fast
/// path of replay, whose blocks are used as soon as the whole segment has been found good.
///
/// ```
/// # use flashstrike_segment::*;
/// # let metadata = Metadata { log_id: [1; 16], previous_chain: 0, segment_index: 0, segment_size: 4096, salt: 9,
/// #     event_size: 0, schema: "{}".into() };
/// # let header = SegmentHeader { segment_index: 0, created_ts_ns: 1, salt: 9, event_size: 0, sealed: None };
/// # let mut segment = header.encode().to_vec();
/// # let fields = BlockFields { first_event_id: 0, last_event_id: 0, written_ts_ns: 1, block_index: 0, event_count: 0,
/// #     undurable: 0, salt: 9, kind: KIND_METADATA };
/// # let payload = metadata.encode();
/// # segment.extend(seal_block(&fields, &payload, 0).0);
/// # segment.extend(&payload);
/// # segment.resize(4096, 0);
/// let start = SegmentStart::read(&segment)?;
/// let mut verifier = ChainVerifier::new(0, &start, None, None)?;
/// let mut at = layout::SEGMENT_HEADER_SIZE;
/// while BlockHeader::is_published(&segment[at..]) {
///     let header = verifier.block(&segment[at..])?;
///     at += header.block_len();
/// }
/// let link = verifier.finish()?; // what the next segment has to continue
/// # assert_eq!(link.last_event_id, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChainVerifier {
    chain: Chain,
    setting: Setting,
    sealed: Option<Seal>,
    log: LogExpectation,
    offset: u64,
}

impl ChainVerifier {
    /// Starts segment `segment`, which has to continue `previous` if that is known, and to belong to `log` if that is.
    pub fn new(
        segment: u32,
        start: &SegmentStart,
        previous: Option<Link>,
        log: Option<&LogIdentity>,
    ) -> Result<Self, Reason> {
        let (block, metadata) = start.metadata.as_ref().ok_or(Reason::NoMetadataBlock)?;
        let previous = previous.map_or(Previous::Unknown, Previous::Block);
        if !previous.is_continued_by(block, metadata) {
            return Err(Reason::ContinuesAnotherBlock);
        }
        Ok(Self {
            chain: Chain::new(segment, start, previous),
            setting: start.setting(None),
            sealed: start.sealed.clone(),
            log: log.map(LogExpectation::of).unwrap_or_default(),
            offset: crate::layout::SEGMENT_HEADER_SIZE as u64,
        })
    }

    /// The next block, metadata block included: `bytes` begin with its header and hold at least its payload and
    /// padding. Nothing may be made of the blocks of a sealed segment before [`ChainVerifier::finish`] has agreed.
    pub fn block(&mut self, bytes: &[u8]) -> Result<BlockHeader, Reason> {
        let view = View::new(bytes, bytes.len());
        let (header, payload) = on_its_own(&view, 0, self.setting)?;
        self.chain.push(&header, &payload, self.offset, &self.log)?;
        self.offset += header.block_len() as u64;
        Ok(header)
    }

    /// Checks the sealed header, if the segment is sealed, against its blocks; returns the last of them.
    pub fn finish(&self) -> Result<Link, Reason> {
        if let Some(seal) = &self.sealed {
            self.chain.check_seal(seal)?;
        }
        self.chain.link().ok_or(Reason::NoMetadataBlock)
    }

    /// Whether the sealed header says that all blocks have been seen; `None` if the segment is not sealed.
    #[must_use]
    pub fn is_complete(&self) -> Option<bool> {
        self.sealed.as_ref().map(|seal| self.chain.next_index >= seal.block_count)
    }

    /// Where the verifier stands; `None` before the first block.
    #[must_use]
    pub fn place(&self) -> Option<ChainPlace> {
        let block_index = self.chain.next_index;
        self.chain.link().map(|link| ChainPlace { offset: self.offset, block_index, link })
    }

    /// Goes to a place of the same segment that a verifier stood at when all blocks before had verified, this one or
    /// another. From then on the counts of the sealed header say nothing any more, so they are not looked at: whoever
    /// knows a later place too finds out by comparing whether he arrives there. Nor is the metadata block kept, which
    /// only the first block of a segment needs.
    ///
    /// ```
    /// # use flashstrike_segment::*;
    /// # let metadata = Metadata { log_id: [1; 16], previous_chain: 0, segment_index: 0, segment_size: 4096, salt: 9,
    /// #     event_size: 0, schema: "{}".into() };
    /// # let header = SegmentHeader { segment_index: 0, created_ts_ns: 1, salt: 9, event_size: 0, sealed: None };
    /// # let mut segment = header.encode().to_vec();
    /// # let metadata_fields = BlockFields { first_event_id: 0, last_event_id: 0, written_ts_ns: 1, block_index: 0,
    /// #     event_count: 0, undurable: 0, salt: 9, kind: KIND_METADATA };
    /// # let mut payload = metadata.encode();
    /// # let (block, chain) = seal_block(&metadata_fields, &payload, 0);
    /// # payload.resize(layout::round64(payload.len()), 0);
    /// # segment.extend(block);
    /// # segment.extend(&payload);
    /// # let fields = BlockFields { first_event_id: 1, last_event_id: 1, written_ts_ns: 1, block_index: 1,
    /// #     event_count: 1, undurable: 0, salt: 9, kind: KIND_EVENTS };
    /// # segment.extend(seal_block(&fields, &[0; 8], chain).0);
    /// # segment.resize(4096, 0);
    /// let start = SegmentStart::read(&segment)?;
    /// let mut verifier = ChainVerifier::new(0, &start, None, None)?;
    /// verifier.block(&segment[verifier.offset() as usize..])?;
    /// let place = verifier.place().unwrap();
    /// let last = verifier.block(&segment[place.offset as usize..])?;
    ///
    /// verifier.go_to(&place); // and once more
    /// assert_eq!(verifier.block(&segment[place.offset as usize..])?, last);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn go_to(&mut self, place: &ChainPlace) {
        self.chain.next_index = place.block_index;
        self.chain.previous = Previous::Block(place.link);
        self.chain.metadata = None;
        self.offset = place.offset;
        self.sealed = None;
        self.log = LogExpectation::default();
    }

    /// The last block that verified, `None` before the first.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.chain.link()
    }

    /// Index of the next block: the number of blocks so far.
    #[must_use]
    pub fn next_block_index(&self) -> u32 {
        self.chain.next_index
    }

    /// Events so far.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.chain.events
    }

    /// Where the next block begins in the segment.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}
