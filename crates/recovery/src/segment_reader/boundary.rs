//! Where segments meet.

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{BlockHeader, Damage, Link, Metadata, Position, Reason, Seal, SegmentStart};

/// A block as the one behind it names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PreviousBlock {
    /// Its chained checksum.
    pub(crate) chain: u64,
    /// Its last event id.
    pub(crate) last_event_id: u64,
}

impl PreviousBlock {
    /// The block that a segment says it continues; `None` where its metadata block does not verify.
    pub(crate) fn of_segment(start: &SegmentStart) -> Option<Self> {
        start.metadata.as_ref().map(|(block, metadata)| Self::of_metadata(block, metadata))
    }

    /// The block that the segment with this metadata block continues.
    pub(crate) fn of_metadata(block: &BlockHeader, metadata: &Metadata) -> Self {
        Self { chain: metadata.previous_chain, last_event_id: block.last_event_id }
    }

    /// Whether it is what a sealed header says that its segment ends with.
    pub(crate) fn is_end_of(&self, seal: &Seal) -> bool {
        (seal.last_chain_low, seal.last_event_id) == (self.chain as u32, self.last_event_id)
    }
}

impl From<Link> for PreviousBlock {
    fn from(Link { chain, last_event_id, .. }: Link) -> Self {
        Self { chain, last_event_id }
    }
}

/// Where a segment begins and ends, as its neighbours have to fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub(crate) index: u32,
    /// What its first block continues.
    pub(crate) continues: PreviousBlock,
    pub(crate) first_written_ts_ns: u64,
    /// Its last block.
    pub(crate) link: Link,
    /// Where that ends.
    pub(crate) end: u64,
}

impl Boundary {
    /// Of a segment that begins with this metadata block and ends with the block of `link`, at `end`.
    pub(crate) fn of(index: u32, (block, metadata): &(BlockHeader, Metadata), link: Link, end: u64) -> Self {
        let continues = PreviousBlock::of_metadata(block, metadata);
        Self { index, continues, first_written_ts_ns: block.written_ts_ns, link, end }
    }

    /// Checks that this segment continues the one before it.
    pub(crate) fn check_continues(&self, older: &Self) -> Result<(), Damage> {
        let at =
            |index, offset, reason| Damage { position: Position { segment: Some(index), offset }, reason };
        if self.continues != older.link.into() {
            return Err(at(older.index, older.end, Reason::ContinuesAnotherBlock));
        }
        let (previous, found) = (older.link.written_ts_ns, self.first_written_ts_ns);
        if found < previous {
            return Err(at(self.index, SEGMENT_HEADER_SIZE as u64, Reason::TimeGoesBack { previous, found }));
        }
        Ok(())
    }
}
