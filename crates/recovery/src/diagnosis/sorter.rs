//! Sorting the bytes of a segment into blocks that verify and what lies between them.

use std::collections::VecDeque;

use flashstrike_segment::{BlockHeader, KIND_SKIPPABLE};

use super::Gap;
use crate::inspect::is_zero;
use crate::segment_reader::{Extent, Extents};

/// What a segment has.
#[derive(Debug)]
pub(super) enum Found {
    Blocks(u32, Extent),
    Gap(Gap),
}

/// Sorts what verifies in a segment, and what lies between.
pub(super) struct Sorter<'a> {
    pub(super) index: u32,
    pub(super) bytes: &'a [u8],
    /// The first damage of the log, if it is here and no gap has told it yet.
    pub(super) bad: Option<(usize, String)>,
    /// Everything before has been sorted.
    pub(super) at: usize,
    pub(super) last_event_id: u64,
    pub(super) extents: Extents,
    pub(super) sorted: VecDeque<Found>,
}

impl Sorter<'_> {
    /// The next block that verifies on its own.
    pub(super) fn block(&mut self, offset: usize, header: &BlockHeader) {
        self.at = skip_known(self.bytes, self.at, offset);
        // A block out of place verifies on its own, too.
        if self.at < offset || self.bad.as_ref().is_some_and(|(place, _)| *place <= offset) {
            self.gap(offset);
        }
        self.extents.push(offset, header);
        self.last_event_id = header.last_event_id;
        self.at = offset + header.block_len();
    }

    /// A gap up to `end`.
    fn gap(&mut self, end: usize) {
        self.flush();
        let bad = self.bad.take_if(|(place, _)| *place <= end);
        // The metadata block may verify on its own and not in its place.
        let from = bad.as_ref().map_or(self.at, |(place, _)| self.at.min(*place));
        self.sorted.push_back(Found::Gap(Gap {
            segment: self.index,
            offset: from as u64,
            length: end.saturating_sub(from) as u64,
            after_event_id: self.last_event_id,
            reason: bad.map_or_else(|| "nothing verifies here".to_owned(), |(_, reason)| reason),
        }));
    }

    fn flush(&mut self) {
        let extents = std::mem::take(&mut self.extents).finish();
        self.sorted.extend(extents.into_iter().map(|extent| Found::Blocks(self.index, extent)));
    }

    /// No block follows; `is_damage` says whether something that is not zero is to be called a gap.
    pub(super) fn finish(mut self, is_damage: bool) -> (VecDeque<Found>, u64) {
        self.at = skip_known(self.bytes, self.at, self.bytes.len());
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        if self.bad.is_some() || (is_damage && !is_zero(rest)) {
            self.gap(self.at + rest.len());
        }
        self.flush();
        (self.sorted, self.last_event_id)
    }
}

/// Steps over blocks of kinds that this version skips.
fn skip_known(bytes: &[u8], from: usize, limit: usize) -> usize {
    let mut at = from;
    while at < limit {
        match bytes.get(at..).and_then(|rest| BlockHeader::decode(rest).ok()) {
            Some(header) if header.kind & KIND_SKIPPABLE != 0 => at += header.block_len(),
            _ => break,
        }
    }
    at.min(limit.max(from))
}
