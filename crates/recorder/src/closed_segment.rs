//! A segment that appending has left, on its way to being sealed.

use std::sync::Arc;

use flashstrike_recovery::Result;
use flashstrike_recovery::files::Mapping;
use flashstrike_recovery::machine::wall_clock_ns;
use flashstrike_segment::{Seal, SegmentHeader};

use crate::poison::Poison;
use crate::segment_file::SegmentFile;

/// Less than this behind the last block is not worth giving back to the file system.
const MIN_HOLE_BYTES: u64 = 1 << 20;
/// Holes are punched in whole pages, so that the page with the last block stays as it is.
const PAGE_BYTES: u64 = 4096;

/// All that sealing a segment needs.
#[derive(Debug)]
pub struct ClosedSegment {
    pub(crate) file: Arc<SegmentFile>,
    /// Its pages and its metadata: kept so that giving memory back, which takes long, falls to whoever seals.
    pub(crate) memory: Option<(Mapping, Vec<u8>)>,
    pub(crate) header: SegmentHeader,
    /// Its `closed_ts_ns` is set when it is written.
    pub(crate) seal: Seal,
    /// Behind the last block.
    pub(crate) end: u64,
}

impl ClosedSegment {
    /// The segment's index.
    pub fn index(&self) -> u32 {
        self.file.index
    }

    /// Whether it holds an event; one that does not is never sealed.
    pub fn holds_events(&self) -> bool {
        self.seal.event_count > 0
    }

    /// Syncs the blocks, writes the header that claims them, syncs that, and gives back what is not needed any more.
    /// Gives when that was, in ns since the Unix epoch.
    ///
    /// # Errors
    /// `WAL_POISONED`; the segment then stays unsealed.
    pub(crate) fn seal(mut self, poison: &Poison) -> Result<u64> {
        // First, because a sync of pages that are mapped interrupts the appender's processor for each of them.
        drop(self.memory.take());
        self.file.sync(poison)?;
        let closed_ts_ns = wall_clock_ns();
        if !self.holds_events() {
            return Ok(closed_ts_ns);
        }
        self.seal.closed_ts_ns = closed_ts_ns;
        self.header.sealed = Some(self.seal.clone());
        self.file.write_header(&self.header.encode(), poison)?;
        // Hints, both: the segment is whole without them.
        let hole = self.end.next_multiple_of(PAGE_BYTES);
        let length = self.file.file.len().unwrap_or(0);
        if length >= hole + MIN_HOLE_BYTES {
            let _ = self.file.file.punch_hole(hole, length - hole);
        }
        Ok(closed_ts_ns)
    }
}
