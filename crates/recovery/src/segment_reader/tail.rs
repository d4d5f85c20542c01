//! The index of the segment in which the log ends, which was verified when the log was looked at.

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{BlockHeader, ChainPlace, ChainVerifier, Link, SegmentHeader, SegmentStart};
use flashstrike_telemetry::clock;

use super::index::{FileMark, Form, IndexBuilder};
use super::{ReadContext, SegmentReader};
use crate::telemetry::ReadTelemetry;

impl SegmentReader {
    /// Remembers the places of a segment that lies in memory as it does in its file.
    pub(crate) fn remember_places(&self, context: &ReadContext, telemetry: &ReadTelemetry) {
        let start = clock::now_ns();
        if let Some((index, mark, verifier)) = self.places(context) {
            context.remember(index, self.boundary, mark, verifier, start, telemetry);
        } else {
            telemetry.record().reader.on_build_index(start, false);
        }
    }

    fn places(&self, context: &ReadContext) -> Option<(IndexBuilder, FileMark, ChainVerifier)> {
        let bytes = self.parts.first()?.as_ref()?.bytes();
        let mut blocks = bytes.get(..usize::try_from(self.boundary.end).ok()?)?;
        let start = SegmentStart::read(blocks).ok()?;
        let verifier = ChainVerifier::new(self.boundary.index, &start, None, context.log.as_ref()).ok()?;
        let header = SegmentHeader { sealed: None, ..start.header? };
        let mut index = IndexBuilder::of_hot();
        let mut offset = SEGMENT_HEADER_SIZE as u64;
        blocks = blocks.get(SEGMENT_HEADER_SIZE..)?;
        while !blocks.is_empty() {
            let block = BlockHeader::decode(blocks).ok()?;
            blocks = blocks.get(block.block_len()..)?;
            offset += block.block_len() as u64;
            index.push(ChainPlace { offset, block_index: block.block_index + 1, link: Link::of(&block) });
        }
        let (id, length) = self.file?;
        Some((index, FileMark { id, length, form: Form::Hot(header) }, verifier))
    }
}
