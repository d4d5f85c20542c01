//! Sealed segments verified for themselves, so that several can be at once, and joined in order.
//!
//! All that a sealed segment needs of the one before it stands in its metadata block, which its chain covers: where the
//! chain goes on, the last event id, the time. So its blocks can be verified by whoever likes, and whether it continues
//! the log is a comparison. Only what is good without any doubt is joined. For everything else there is
//! [`LogVerifier::segment`], which alone decides what damage is.

use super::chain::Previous;
use super::{ChainVerifier, LogIdentity, LogVerifier, Position, SegmentBytes, SegmentReport, SegmentStart};
use crate::block_header::KIND_EVENTS;
use crate::bytes::all_zero;
use crate::layout::BLOCK_HEADER_SIZE;
use crate::{BlockHeader, Metadata};

/// A sealed segment whose every block verifies, from the metadata block on, and agrees with its header.
#[derive(Debug, Clone)]
pub struct ApartSegment {
    index: u32,
    block: BlockHeader,
    metadata: Metadata,
    report: SegmentReport,
    /// As it is behind a log of this segment alone.
    verifier: LogVerifier,
}

impl ApartSegment {
    /// Verifies a segment for itself; `None` if it is not sealed or anything at all is wrong with it, or odd. `log` is what
    /// is known of the log.
    #[must_use]
    pub fn verify(log: Option<&LogIdentity>, segment: &SegmentBytes<'_>) -> Option<Self> {
        let SegmentBytes { index, bytes, cold } = segment;
        let start = SegmentStart::read(bytes).ok()?;
        let is_cold_damaged = cold.as_ref().is_some_and(|cold| cold.damage.is_some());
        let mut verifier = ApartVerifier::new(log, *index, &start, cold.is_some())?;
        if is_cold_damaged || (cold.is_none() && bytes.len() as u64 != verifier.segment_size()) {
            return None;
        }
        while !verifier.is_complete() {
            let rest = bytes.get(verifier.offset() as usize..)?;
            let len = verifier.next_len(rest)?;
            verifier.block(rest.get(..len)?)?;
        }
        let is_rest_zero = all_zero(bytes.get(verifier.offset() as usize..).unwrap_or(&[]));
        if is_rest_zero { verifier.finish() } else { None }
    }
}

/// Verifies a sealed segment for itself, block by block as it is read, so that little of it is in memory at a time.
/// `None` anywhere: it is not good without any doubt.
#[derive(Debug, Clone)]
pub struct ApartVerifier {
    index: u32,
    block: BlockHeader,
    metadata: Metadata,
    chain: ChainVerifier,
    report: SegmentReport,
    verifier: LogVerifier,
}

impl ApartVerifier {
    /// Begins with what the first bytes of a segment say. `log` is what is known of the log.
    #[must_use]
    pub fn new(log: Option<&LogIdentity>, index: u32, start: &SegmentStart, is_cold: bool) -> Option<Self> {
        let (block, metadata) = start.metadata.clone()?;
        let header = start.header.as_ref().filter(|header| header.segment_index == index)?;
        let seal = start.sealed.as_ref()?;
        let mut verifier = LogVerifier::begin_at(log, None, index);
        verifier.prove(seal.last_event_id);
        let report = SegmentReport {
            index,
            is_cold,
            sealed: true,
            published: true,
            segment_size: start.segment_size(),
            salt: start.salt,
            created_ts_ns: Some(header.created_ts_ns),
            first_written_ts_ns: block.written_ts_ns,
            ..SegmentReport::default()
        };
        let chain = ChainVerifier::new(index, start, None, log).ok()?;
        Some(Self { index, block, metadata, chain, report, verifier })
    }

    /// Bytes of the segment, and of its file unless that is compressed.
    #[must_use]
    pub fn segment_size(&self) -> u64 {
        self.metadata.segment_size.into()
    }

    /// Where the next block begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.chain.offset()
    }

    /// Whether all blocks were seen. Behind them there has to be nothing but zeros.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.chain.is_complete() == Some(true)
    }

    /// Bytes of the next block, whose header `bytes` begin with.
    #[must_use]
    pub fn next_len(&self, bytes: &[u8]) -> Option<usize> {
        let len = BlockHeader::decode(bytes.get(..BLOCK_HEADER_SIZE)?).ok()?.block_len();
        (self.offset() + len as u64 <= self.segment_size()).then_some(len)
    }

    /// Verifies the next block: all of `bytes`.
    #[must_use]
    pub fn block(&mut self, bytes: &[u8]) -> Option<()> {
        let header = self.chain.block(bytes).ok()?;
        if let Some(event_id) = header.proves_durable() {
            self.verifier.prove(event_id);
        }
        if header.kind == KIND_EVENTS && self.verifier.first_event_id == 0 {
            self.verifier.first_event_id = header.first_event_id;
        }
        self.report.last_event_id = header.last_event_id;
        self.report.last_chain = header.chained_checksum;
        self.report.last_written_ts_ns = header.written_ts_ns;
        Some(())
    }

    /// The segment, if its header says the same as its blocks.
    #[must_use]
    pub fn finish(self) -> Option<ApartSegment> {
        let Self { index, block, metadata, chain, mut report, mut verifier } = self;
        let link = chain.finish().ok()?;
        report.blocks = chain.next_block_index();
        report.events = chain.event_count();
        report.events_on_their_own = report.events;
        report.first_event_id = verifier.first_event_id;
        report.end_offset = chain.offset();
        verifier.events = report.events;
        verifier.previous = Previous::Block(link);
        verifier.next_block_index = report.blocks;
        verifier.end = Some(Position { segment: Some(index), offset: report.end_offset });
        Some(ApartSegment { index, block, metadata, report, verifier })
    }
}

impl LogVerifier {
    /// Takes the next segment as it was verified for itself; `None`, and nothing has changed, if it does not simply
    /// continue the log: then [`segment`](LogVerifier::segment) says what is wrong.
    #[must_use]
    pub fn join(&mut self, apart: &ApartSegment) -> Option<SegmentReport> {
        let ApartSegment { index, block, metadata, report, verifier } = apart;
        let is_time_right = match self.previous {
            Previous::Block(link) => block.written_ts_ns >= link.written_ts_ns,
            _ => true,
        };
        let is_next = self.is_expected(*index)
            && !self.is_damaged()
            && self.unpublished.is_none()
            && self.previous.is_continued_by(block, metadata)
            && is_time_right
            && self.log.differs(metadata).is_none();
        if !is_next {
            return None;
        }
        self.arrive_at(*index);
        self.learn(metadata);
        self.continue_with(verifier);
        self.segments.push(report.clone());
        Some(report.clone())
    }
}
