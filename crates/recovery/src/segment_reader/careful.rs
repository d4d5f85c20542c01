//! Reading a segment that is not as it should be, or of which the other copy may be better.

use flashstrike_segment::{Damage, Following, LogVerifier, Position, Reason, SegmentBytes, SegmentStart};

use super::{Boundary, Extents, ReadContext, ReadFailure, SegmentReader, Wanted};
use crate::directory::hot_path;
use crate::error::Error;
use crate::inspect::Scratch;
use crate::telemetry::ReadTelemetry;

/// Reads a segment with the verifier of whole logs, as if the log began with it.
pub(super) fn read(
    context: &ReadContext,
    wanted: &Wanted,
    telemetry: &ReadTelemetry,
) -> Result<SegmentReader, ReadFailure> {
    let index = wanted.index;
    let mut scratch = Scratch::default();
    let body = context.source.body(index, &mut scratch, Some(telemetry))?.ok_or(ReadFailure::Vanished)?;
    let mut bytes = scratch.bytes(&body);
    if let Some(end) = wanted.end {
        bytes = &bytes[..bytes.len().min(end as usize)];
    }
    let mut verifier = LogVerifier::begin_at(context.log.as_ref(), None, index);
    let mut next = Next { context, index, is_asked: wanted.end.is_none(), error: None };
    let mut extents = Extents::default();
    let report = verifier.segment(SegmentBytes { index, bytes, cold: body.cold }, &mut next, &mut |block| {
        extents.push(block.offset as usize, &block.header);
    });
    if let Some(error) = next.error {
        return Err(error.into());
    }
    let report = report.map_err(|unsupported| Error::unsupported(&context.source.directory, &unsupported))?;
    // Where the log is known to end in this segment, what its header claims behind that does not matter.
    let is_behind = |damage: &Damage| {
        let Position { segment, offset } = damage.position;
        segment == Some(index) && wanted.end.is_some_and(|end| offset >= end)
    };
    if let Some(damage) = verifier.bad().filter(|damage| !is_behind(damage)) {
        return Err(ReadFailure::Damaged(damage.clone()));
    }
    let at = |offset, reason| {
        ReadFailure::Damaged(Damage { position: Position { segment: Some(index), offset }, reason })
    };
    if wanted.end.is_some_and(|end| end != report.end_offset) {
        return Err(at(report.end_offset, Reason::Unpublished));
    }
    let link = verifier.finish().link.ok_or_else(|| at(report.end_offset, Reason::NoMetadataBlock))?;
    let start = SegmentStart::read(bytes)
        .map_err(|unsupported| Error::unsupported(&context.source.directory, &unsupported))?;
    let metadata = start.metadata.ok_or_else(|| at(report.end_offset, Reason::NoMetadataBlock))?;
    let path = hot_path(&context.source.directory, index);
    let length = report.end_offset as usize;
    let mut loan = context.pool.borrow(length).map_err(|error| Error::io("get memory for", &path, &error))?;
    let present = bytes.len().min(length);
    let memory = &mut loan.bytes_mut()[..length];
    memory[..present].copy_from_slice(&bytes[..present]);
    memory[present..].fill(0);
    let boundary = Boundary::of(index, &metadata, link, report.end_offset);
    Ok(SegmentReader::of_verified(loan, extents, boundary, None))
}

/// The segment behind: it tells where this one ends, if this one's header does not.
struct Next<'a> {
    context: &'a ReadContext,
    index: u32,
    /// Where this one ends is not known otherwise, and the log goes on behind it.
    is_asked: bool,
    error: Option<Error>,
}

impl Following for Next<'_> {
    fn next_start(&mut self) -> Option<SegmentStart> {
        if !self.is_asked {
            return None;
        }
        match self.context.source.start(self.index + 1, None) {
            Ok(start) => start,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn any_block(&mut self) -> bool {
        // Only segments of which blocks are known, or which stand before such, are ever read.
        true
    }
}
