//! Which consecutive blocks can be handed out together.

use flashstrike_segment::{BlockHeader, KIND_EVENTS};

use crate::inspect::StagedEvents;
use crate::pool::{WINDOW_LEN, WINDOW_OVERLAP, WINDOW_STRIDE};
use crate::report::IdRange;

/// Consecutive verified blocks of events that lie in the window of the first one's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Which part of the segment's memory they lie in.
    pub(crate) part: usize,
    /// Where the header of the first one begins in the segment.
    pub(crate) offset: u64,
    /// Where it begins in the part.
    pub(crate) start: usize,
    /// Where the last one ends in the part, padding included.
    pub(crate) end: usize,
    /// The lowest id of an event: the first one's.
    pub(crate) first_event_id: u64,
    /// The highest id of an event: the last one's.
    pub(crate) last_event_id: u64,
    /// Events in all.
    pub(crate) events: u64,
    /// Bytes of payload in all.
    pub(crate) payload_bytes: u64,
}

fn window_start(offset: usize) -> usize {
    offset / WINDOW_STRIDE * WINDOW_STRIDE
}

impl Extent {
    /// Those of its blocks that hold wanted events; `memory` is the part that they lie in.
    pub(crate) fn clip(self, memory: &[u8], wanted: IdRange) -> Option<Self> {
        if wanted.contains(self.first_event_id) && wanted.contains(self.last_event_id) {
            return Some(self);
        }
        if !wanted.overlaps(self.first_event_id, self.last_event_id) {
            return None;
        }
        let mut clipped: Option<Self> = None;
        for (at, header) in headers(&memory[self.start..self.end]) {
            if !wanted.overlaps(header.first_event_id, header.last_event_id) {
                continue;
            }
            let clipped = clipped.get_or_insert(Self {
                offset: self.offset + at as u64,
                start: self.start + at,
                first_event_id: header.first_event_id,
                events: 0,
                payload_bytes: 0,
                ..self
            });
            clipped.end = self.start + at + header.block_len();
            clipped.last_event_id = header.last_event_id;
            clipped.events += u64::from(header.event_count);
            clipped.payload_bytes += u64::from(header.payload_len);
        }
        clipped
    }

    /// The same blocks at the beginning of memory of their own.
    pub(crate) fn aside(self) -> Self {
        Self { part: 0, start: 0, end: self.end - self.start, ..self }
    }

    /// Staged events, made into a block of so many bytes at the beginning of memory of its own.
    pub(crate) fn of_staged(staged: &StagedEvents, length: usize) -> Self {
        Self {
            part: 0,
            offset: 0,
            start: 0,
            end: length,
            first_event_id: staged.first_event_id,
            last_event_id: staged.last_event_id,
            events: staged.count.into(),
            payload_bytes: staged.payload.len() as u64,
        }
    }
}

/// The headers of blocks that stand one behind the other, each with where it begins, as far as they are headers.
pub(crate) fn headers(blocks: &[u8]) -> impl Iterator<Item = (usize, BlockHeader)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (start, header) = (at, BlockHeader::decode(blocks.get(at..)?).ok()?);
        at += header.block_len();
        Some((start, header))
    })
}

/// Gathers blocks, in order, into extents.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    done: Vec<Extent>,
    open: Option<Extent>,
}

impl Extents {
    /// Adds the block at `offset` of a segment that lies in memory as it does in its file.
    pub(crate) fn push(&mut self, offset: usize, header: &BlockHeader) {
        self.push_in_part(0, offset, offset as u64, header);
    }

    /// Adds the block that begins at `start` of a part; blocks of other kinds than events end an extent and are left
    /// out.
    pub(crate) fn push_in_part(&mut self, part: usize, start: usize, offset: u64, header: &BlockHeader) {
        if header.kind != KIND_EVENTS {
            self.done.extend(self.open.take());
            return;
        }
        let end = start + header.block_len();
        match &mut self.open {
            // A large block stays alone, and so does what would reach beyond the window.
            Some(open)
                if open.part == part
                    && open.end == start
                    && header.block_len() <= WINDOW_OVERLAP
                    && end - window_start(open.start) <= WINDOW_LEN =>
            {
                open.end = end;
                // Blocks of a damaged log that verify on their own may stand in any order.
                open.first_event_id = open.first_event_id.min(header.first_event_id);
                open.last_event_id = open.last_event_id.max(header.last_event_id);
                open.events += u64::from(header.event_count);
                open.payload_bytes += u64::from(header.payload_len);
            }
            open => self.done.extend(open.replace(Extent {
                part,
                offset,
                start,
                end,
                first_event_id: header.first_event_id,
                last_event_id: header.last_event_id,
                events: header.event_count.into(),
                payload_bytes: header.payload_len.into(),
            })),
        }
    }

    /// All extents.
    pub(crate) fn finish(mut self) -> Vec<Extent> {
        self.done.extend(self.open);
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(payload_len: u32, first: u64, count: u32, kind: u16) -> BlockHeader {
        BlockHeader {
            first_event_id: first,
            last_event_id: first + u64::from(count) - 1,
            written_ts_ns: 0,
            chained_checksum: 0,
            block_index: 0,
            event_count: count,
            payload_len,
            undurable: 0,
            salt: 1,
            block_checksum: 0,
            kind,
        }
    }

    fn gathered(lengths: &[u32]) -> Vec<Extent> {
        let mut extents = Extents::default();
        let mut at = 64;
        for (first, &length) in (1..).zip(lengths) {
            let header = block(length, first, 1, KIND_EVENTS);
            extents.push(at, &header);
            at += header.block_len();
        }
        extents.finish()
    }

    fn is_large(extent: &Extent) -> bool {
        extent.end - window_start(extent.start) > WINDOW_LEN
    }

    #[test]
    fn an_extent_lies_in_one_part() {
        let mut extents = Extents::default();
        let header = block(64, 1, 1, KIND_EVENTS);
        for (part, start, offset) in [(0, 64, 64), (0, 192, 192), (1, 320, 320), (1, 448, 448), (2, 0, 576)] {
            extents.push_in_part(part, start, offset, &header);
        }
        let places = extents.finish().into_iter().map(|extent| (extent.part, extent.offset, extent.events));
        assert_eq!(places.collect::<Vec<_>>(), [(0, 64, 2), (1, 320, 2), (2, 576, 1)]);
    }

    #[test]
    fn extents_cover_every_block_and_lie_in_one_window() {
        for length in [0, 1, 8128, 65_000, 1_000_000, WINDOW_OVERLAP as u32 - 64, 3_000_000, 5_000_000] {
            let all = gathered(&[length; 40]);
            let mut at = 64;
            for extent in &all {
                assert_eq!(extent.start, at);
                at = extent.end;
                assert_eq!((extent.part, extent.offset), (0, extent.start as u64));
                let is_one_block = extent.events == 1;
                assert!(!is_large(extent) || is_one_block, "{length}: {extent:?}");
            }
            assert_eq!(all.iter().map(|extent| extent.events).sum::<u64>(), 40);
            if length as usize + 64 <= WINDOW_OVERLAP {
                assert!(all.iter().all(|extent| !is_large(extent)), "{length}");
            }
        }
    }

    #[test]
    fn an_extent_tells_the_lowest_and_the_highest_id_wherever_their_blocks_stand() {
        for order in [[1, 11, 21], [21, 11, 1], [11, 21, 1], [11, 1, 21]] {
            let mut extents = Extents::default();
            for (at, first) in (64..).step_by(128).zip(order) {
                extents.push(at, &block(64, first, 10, KIND_EVENTS));
            }
            let ids =
                extents.finish().into_iter().map(|extent| (extent.first_event_id, extent.last_event_id));
            assert_eq!(ids.collect::<Vec<_>>(), [(1, 30)], "{order:?}");
        }
    }

    #[test]
    fn blocks_of_other_kinds_are_left_out() {
        let mut extents = Extents::default();
        extents.push(64, &block(64, 1, 1, KIND_EVENTS));
        extents.push(192, &block(64, 1, 0, 0x8001));
        extents.push(320, &block(64, 2, 1, KIND_EVENTS));
        let all = extents.finish();
        assert_eq!(
            all.iter().map(|extent| (extent.start, extent.end)).collect::<Vec<_>>(),
            [(64, 192), (320, 448)]
        );
    }
}
