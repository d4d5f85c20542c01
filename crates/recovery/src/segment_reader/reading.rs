//! A segment while its blocks are being handed out.

use super::{Extent, SegmentReader};

/// How far a segment is handed out, in one direction.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) reader: SegmentReader,
    reverse: bool,
    /// Extents handed out.
    given: usize,
    /// The part that the last one of them lies in.
    part: usize,
}

impl Reading {
    pub(crate) fn of(reader: SegmentReader, reverse: bool) -> Self {
        let extents = reader.extents();
        let first = if reverse { extents.last() } else { extents.first() };
        Self { part: first.map_or(0, |extent| extent.part), reader, reverse, given: 0 }
    }

    /// The next extent. The memory of the parts before is given back.
    pub(crate) fn next(&mut self) -> Option<Extent> {
        let extents = self.reader.extents();
        let at = if self.reverse { extents.len().checked_sub(self.given + 1)? } else { self.given };
        let extent = *extents.get(at)?;
        self.given += 1;
        if extent.part != self.part {
            self.reader.give_back(self.part);
            self.part = extent.part;
        }
        Some(extent)
    }
}
