//! Reading a healthy segment: piece by piece, each verified while it is still in the cache.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use flashstrike_segment::cold::{FrameReader, SeekTable};
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, MAX_SEGMENT_START, SEGMENT_HEADER_SIZE, round64};
use flashstrike_segment::{ChainVerifier, SegmentStart};

use super::{Extents, ReadFailure, Seam, SegmentReader, Shelf, Wanted};
use crate::directory::{cold_path, hot_path};
use crate::error::Error;
use crate::files::{File, read_full_at, read_to_end};
use crate::telemetry::ReadTelemetry;

/// Bytes read at a time: enough that the system call does not count, few enough to be still in the second-level cache
/// when they are verified.
const PIECE: usize = 512 << 10;

/// Reads and verifies a segment; `None` if anything is not as it should be, or nobody wants it any more.
pub(super) fn read(
    shelf: &Shelf,
    wanted: &Wanted,
    cancelled: &AtomicBool,
    telemetry: &ReadTelemetry,
) -> Result<Option<SegmentReader>, ReadFailure> {
    let hot_path = hot_path(&shelf.source.directory, wanted.index);
    if let Some(file) = shelf.source.open(&hot_path, Some(telemetry))? {
        let length = file.len().map_err(|error| Error::io("read", &hot_path, &error))?;
        let mut source = Hot { file: &*file, length: length as usize };
        return read_from(shelf, wanted, &mut source, cancelled)
            .map_err(|error| Error::io("read", &hot_path, &error).into());
    }
    let cold_path = cold_path(&shelf.source.directory, wanted.index);
    let Some(file) = shelf.source.open(&cold_path, Some(telemetry))? else {
        return Err(ReadFailure::Vanished);
    };
    let failed = |error: io::Error| Error::io("read", &cold_path, &error);
    let length = file.len().map_err(failed)?;
    // Incompressible content makes a file a little longer than the segment.
    if length > shelf.pool.capacity() as u64 * 2 {
        return Ok(None);
    }
    let bytes = read_to_end(&*file, length).map_err(failed)?;
    let Ok(table) = SeekTable::read(&bytes) else { return Ok(None) };
    let mut source = Cold { bytes: &bytes, table: &table, reader: FrameReader::default(), next: 0 };
    Ok(read_from(shelf, wanted, &mut source, cancelled).map_err(failed)?)
}

/// Where a segment's bytes come from, front to back.
trait Pieces {
    /// Bytes there are in all.
    fn length(&self) -> usize;
    /// Reads what comes next to its place in `into`, which holds `have` bytes; gives how many it holds then. `None`:
    /// what comes next cannot be read.
    fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<Option<usize>>;
}

struct Hot<'a> {
    file: &'a dyn File,
    length: usize,
}

impl Pieces for Hot<'_> {
    fn length(&self) -> usize {
        self.length
    }

    fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<Option<usize>> {
        let end = into.len().min(have + PIECE);
        let read = read_full_at(self.file, &mut into[have..end], have as u64)?;
        Ok((read > 0).then_some(have + read))
    }
}

struct Cold<'a> {
    bytes: &'a [u8],
    table: &'a SeekTable,
    reader: FrameReader,
    next: usize,
}

impl Pieces for Cold<'_> {
    fn length(&self) -> usize {
        self.table.content_len() as usize
    }

    fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<Option<usize>> {
        let Some(frame) = self.table.frames().get(self.next) else { return Ok(None) };
        let (from, to) = (frame.range(), frame.content_range());
        let (Some(from), Some(into)) = (self.bytes.get(from), into.get_mut(to.clone())) else {
            return Ok(None);
        };
        if to.start != have || self.reader.read(from, into).is_err() {
            return Ok(None);
        }
        self.next += 1;
        Ok(Some(to.end))
    }
}

fn read_from(
    shelf: &Shelf,
    wanted: &Wanted,
    source: &mut dyn Pieces,
    cancelled: &AtomicBool,
) -> io::Result<Option<SegmentReader>> {
    // Longer than the segment or the other copy's length: not as it should be.
    if source.length() > shelf.pool.capacity() || source.length() < SEGMENT_HEADER_SIZE + BLOCK_HEADER_SIZE {
        return Ok(None);
    }
    let mut loan = shelf.pool.borrow(source.length())?;
    let memory = &mut loan.bytes_mut()[..round64(source.length())];
    let mut have = 0;
    while have < memory.len().min(MAX_SEGMENT_START) {
        match source.more(memory, have)? {
            Some(more) => have = more,
            None => break,
        }
    }
    let Ok(start) = SegmentStart::read(&memory[..have]) else { return Ok(None) };
    let is_this_segment = start.header.as_ref().is_some_and(|header| header.segment_index == wanted.index);
    let Some((block, metadata)) = start.metadata.as_ref().filter(|_| is_this_segment) else {
        return Ok(None);
    };
    let (continues, first_written_ts_ns) =
        ((metadata.previous_chain, block.last_event_id), block.written_ts_ns);
    let Ok(mut chain) = ChainVerifier::new(wanted.index, &start, None, shelf.log.as_ref()) else {
        return Ok(None);
    };
    let mut extents = Extents::default();
    loop {
        let at = chain.offset() as usize;
        match (wanted.end, chain.is_complete()) {
            (Some(end), _) if at as u64 == end => break,
            (None, Some(true)) => break,
            // Neither sealed nor known to end anywhere, or beyond its end.
            (None, None) => return Ok(None),
            (Some(end), _) if at as u64 > end => return Ok(None),
            _ => {}
        }
        if cancelled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // All of the next block has to be there before it can be verified.
        let needed =
            at + if have >= at + BLOCK_HEADER_SIZE { claimed_len(&memory[at..]) } else { BLOCK_HEADER_SIZE };
        if needed > have {
            match source.more(memory, have)? {
                Some(more) if needed <= memory.len() => have = more,
                _ => return Ok(None),
            }
            continue;
        }
        let Ok(header) = chain.block(&memory[at..needed]) else { return Ok(None) };
        extents.push(at, &header);
    }
    let link = match wanted.end {
        Some(_) => chain.link(),
        None => chain.finish().ok(),
    };
    let Some(link) = link else { return Ok(None) };
    let end = chain.offset();
    let seam = Seam { index: wanted.index, continues, first_written_ts_ns, link, end };
    Ok(Some(SegmentReader { loan, extents: extents.finish(), seam }))
}

/// Bytes that a block header claims for its block. Whether that is so, verification says when they are there.
fn claimed_len(header: &[u8]) -> usize {
    const PAYLOAD_LEN: usize = 40;
    let claimed = header[PAYLOAD_LEN..].first_chunk().map_or(0, |raw| u32::from_le_bytes(*raw));
    BLOCK_HEADER_SIZE + round64(claimed as usize)
}
