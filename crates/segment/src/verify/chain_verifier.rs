//! Following the chain of one segment while it is read, from its beginning or from any place that is known of it.

use super::block::{Setting, on_its_own};
use super::chain::{Chain, Link, Previous};
use super::expectation::LogExpectation;
use super::view::View;
use super::{LogIdentity, Reason, SegmentStart};
use crate::Seal;
use crate::block_header::BlockHeader;

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
        self.chain.go_to(place.block_index, place.link);
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
