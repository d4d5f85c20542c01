//! Reading a healthy segment: piece by piece, each verified while it is still in the cache.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use flashstrike_segment::cold::{FrameReader, SeekTable};
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, MAX_SEGMENT_START, SEGMENT_HEADER_SIZE, round64};
use flashstrike_segment::{ChainVerifier, SegmentHeader, SegmentStart};
use flashstrike_telemetry::clock;

use super::index::{FileMark, Form, IndexBuilder};
use super::parts::{More, Parts, Pieces};
use super::{Boundary, Extents, ReadContext, ReadFailure, SegmentReader, Wanted};
use crate::directory::{cold_path, hot_path};
use crate::error::Error;
use crate::files::{CACHED_PIECE, File, read_full_at, read_to_end};
use crate::telemetry::ReadTelemetry;

/// Reads and verifies a segment; `None` if anything is not as it should be, or nobody wants it any more.
pub(super) fn read(
    context: &ReadContext,
    wanted: &Wanted,
    cancelled: &AtomicBool,
    telemetry: &ReadTelemetry,
) -> Result<Option<SegmentReader>, ReadFailure> {
    let hot_path = hot_path(&context.source.directory, wanted.index);
    if let Some(file) = context.source.open(&hot_path, Some(telemetry))? {
        let length = file.len().map_err(|error| Error::io("read", &hot_path, &error))?;
        let failed = |error: io::Error| Error::io("read", &hot_path, &error);
        let mut source = Hot { file: &*file, length: length as usize };
        let read = read_from(context, wanted, &mut source, IndexBuilder::of_hot(), cancelled);
        let Some(Whole { reader, chain, index, header }) = read.map_err(failed)? else { return Ok(None) };
        // What was noted of the blocks while they were verified belongs to that.
        let start = clock::now_ns();
        let mark = FileMark { id: file.id().map_err(failed)?, length, form: Form::Hot(header) };
        context.remember(index, reader.boundary(), mark, chain, start, telemetry);
        return Ok(Some(reader));
    }
    let cold_path = cold_path(&context.source.directory, wanted.index);
    let Some(file) = context.source.open(&cold_path, Some(telemetry))? else {
        return Err(ReadFailure::Vanished);
    };
    let failed = |error: io::Error| Error::io("read", &cold_path, &error);
    let length = file.len().map_err(failed)?;
    // Incompressible content makes a file a little longer than the segment.
    if length > context.segment_size as u64 * 2 {
        return Ok(None);
    }
    let bytes = read_to_end(&*file, length).map_err(failed)?;
    let Ok(table) = SeekTable::read(&bytes) else { return Ok(None) };
    let mut source = Cold { bytes: &bytes, table: &table, reader: FrameReader::default(), next: 0 };
    let read = read_from(context, wanted, &mut source, IndexBuilder::of_cold(&table), cancelled);
    let Some(Whole { reader, chain, index, .. }) = read.map_err(failed)? else { return Ok(None) };
    let start = clock::now_ns();
    let mark = FileMark { id: file.id().map_err(failed)?, length, form: Form::Cold(table) };
    context.remember(index, reader.boundary(), mark, chain, start, telemetry);
    Ok(Some(reader))
}

/// A segment that was read and verified to its end.
struct Whole {
    reader: SegmentReader,
    chain: ChainVerifier,
    index: IndexBuilder,
    header: SegmentHeader,
}

struct Hot<'a> {
    file: &'a dyn File,
    length: usize,
}

impl Pieces for Hot<'_> {
    fn length(&self) -> usize {
        self.length
    }

    fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<More> {
        let length = into.len().min(CACHED_PIECE);
        if length == 0 {
            return Ok(More::NeedsRoom(1));
        }
        read_full_at(self.file, &mut into[..length], have as u64).map(More::Bytes)
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

    fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<More> {
        let Some(frame) = self.table.frames().get(self.next) else { return Ok(More::Nothing) };
        let (from, content) = (frame.range(), frame.content_range());
        let Some(from) = self.bytes.get(from) else { return Ok(More::Nothing) };
        let Some(into) = into.get_mut(..content.len()) else { return Ok(More::NeedsRoom(content.len())) };
        if content.start != have || self.reader.read(from, into).is_err() {
            return Ok(More::Nothing);
        }
        self.next += 1;
        Ok(More::Bytes(content.len()))
    }
}

fn read_from(
    context: &ReadContext,
    wanted: &Wanted,
    source: &mut dyn Pieces,
    mut index: IndexBuilder,
    cancelled: &AtomicBool,
) -> io::Result<Option<Whole>> {
    // Longer than the segment or the other copy's length: not as it should be.
    let length = source.length();
    if length > context.segment_size || length < SEGMENT_HEADER_SIZE + BLOCK_HEADER_SIZE {
        return Ok(None);
    }
    let mut parts = Parts::new(&context.pool, length.min(MAX_SEGMENT_START))?;
    while parts.have() < length.min(MAX_SEGMENT_START) {
        if !parts.more(source, 0, length.min(MAX_SEGMENT_START))? {
            break;
        }
    }
    let Ok(start) = SegmentStart::read(parts.bytes(0)) else { return Ok(None) };
    let header = start.header.clone().filter(|header| header.segment_index == wanted.index);
    let (Some(header), Some(metadata)) = (header, &start.metadata) else { return Ok(None) };
    let Ok(mut chain) = ChainVerifier::new(wanted.index, &start, None, context.log.as_ref()) else {
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
        let needed = at
            + if parts.have() >= at + BLOCK_HEADER_SIZE {
                claimed_len(parts.bytes(at))
            } else {
                BLOCK_HEADER_SIZE
            };
        if needed > parts.have() {
            if needed > round64(length) || !parts.more(source, at, needed)? {
                return Ok(None);
            }
            continue;
        }
        let Ok(block) = chain.block(&parts.bytes(at)[..needed - at]) else { return Ok(None) };
        let (part, place) = parts.place(at);
        extents.push_in_part(part, place, at as u64, &block);
        chain.place().into_iter().for_each(|behind| index.push(behind));
    }
    let link = match wanted.end {
        Some(_) => chain.link(),
        None => chain.finish().ok(),
    };
    let Some(link) = link else { return Ok(None) };
    let boundary = Boundary::of(wanted.index, metadata, link, chain.offset());
    Ok(Some(Whole { reader: SegmentReader::new(parts.finish(), extents, boundary), chain, index, header }))
}

/// Bytes that a block header claims for its block. Whether that is so, verification says when they are there.
pub(crate) fn claimed_len(header: &[u8]) -> usize {
    const PAYLOAD_LEN: usize = 40;
    let claimed = header[PAYLOAD_LEN..].first_chunk().map_or(0, |raw| u32::from_le_bytes(*raw));
    BLOCK_HEADER_SIZE + round64(claimed as usize)
}
