//! Sealed segments verified for themselves, so that several can be at once, and joined in order.
//!
//! All that a sealed segment needs of the one before it stands in its metadata block, which its chain covers: where the
//! chain goes on, the last event id, the time. So its blocks can be verified by whoever likes, and whether it continues
//! the log is a comparison. Only what is good without any doubt is joined. For everything else there is
//! [`LogVerifier::segment`], which alone decides what damage is.

use super::chain::Previous;
use super::{LogIdentity, LogVerifier, NothingFollows, SegmentBytes, SegmentReport, SegmentStart};
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
    pub fn verify(log: Option<&LogIdentity>, segment: SegmentBytes<'_>) -> Option<Self> {
        let index = segment.index;
        let start = SegmentStart::read(segment.bytes).ok()?;
        let (block, metadata) = start.metadata?;
        let is_cold_damaged = segment.cold.as_ref().is_some_and(|cold| cold.damage.is_some());
        if start.sealed.is_none() || is_cold_damaged {
            return None;
        }
        let mut verifier = LogVerifier::begin_at(log, None, index);
        let report = verifier.segment(segment, &mut NothingFollows, &mut |_| {}).ok()?;
        let is_good = !verifier.is_damaged() && report.sealed && !report.header_damaged;
        is_good.then_some(Self { index, block, metadata, report, verifier })
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
