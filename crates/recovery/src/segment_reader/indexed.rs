//! Reading a segment from a place inside it on, with the index that was made when it was verified as a whole.
//!
//! What is read is verified in place again, chunk by chunk and before any of it is used, against the places of the
//! index: nothing is ever handed out but the bytes that were verified, whatever the file has become since. Whatever
//! does not fit is no verdict here; who asked reads the segment as if there were no index.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use flashstrike_segment::cold::FrameReader;
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE};
use flashstrike_segment::{ChainPlace, KIND_EVENTS, SegmentHeader};
use flashstrike_telemetry::clock;

use super::fast::claimed_len;
use super::index::{FileMark, Form, SegmentIndex};
use super::{Extent, Extents, ReadContext, headers};
use crate::directory::{cold_path, hot_path};
use crate::files::{File, read_full_at};
use crate::pool::Loan;
use crate::report::IdRange;
use crate::telemetry::ReadTelemetry;

/// Most chunks that are read together. The first time it is one, since whoever seeks wants the first event soon; who
/// reads on gets more.
const MOST_CHUNKS: usize = 8;

/// What comes next of an indexed segment.
#[derive(Debug)]
pub(crate) enum Next {
    /// Consecutive blocks of events, which have been verified.
    Extent(Extent),
    /// All that was asked for has been handed out.
    End,
    /// What follows is not what it was when the index was made.
    Lost,
}

/// The file of an index is not what it was.
#[derive(Debug)]
pub(crate) struct Lost;

/// A segment that was verified as a whole before, read from a place inside it.
#[derive(Debug)]
pub(crate) struct IndexedSegment {
    context: ReadContext,
    index: Arc<SegmentIndex>,
    bytes: IndexedBytes,
    reverse: bool,
    /// Chunks that were not read yet.
    left: Range<usize>,
    /// How many are read together the next time.
    together: usize,
    loan: Option<Loan>,
    /// What was read and not handed out yet; the next one is last.
    extents: Vec<Extent>,
}

impl IndexedSegment {
    /// Opens the file of an index and reads the first chunk with events of this range, in reverse the last one; `None`
    /// if it is not the file any more, or not what it was.
    pub(crate) fn seek(
        context: ReadContext,
        index: Arc<SegmentIndex>,
        range: IdRange,
        reverse: bool,
        telemetry: &ReadTelemetry,
    ) -> Option<Self> {
        let first = index.chunk_of(|end| end.link.last_event_id < range.from);
        let last = index.chunk_of(|end| end.link.last_event_id < range.to);
        let left = first..(last + 1).min(index.chunks());
        Self::open(context, index, left, reverse, telemetry)
    }

    /// Id of the first event of the first block written at this time or later; `None`: there is none in this segment.
    pub(crate) fn event_at(
        context: ReadContext,
        index: Arc<SegmentIndex>,
        written_ts_ns: u64,
        telemetry: &ReadTelemetry,
    ) -> Result<Option<u64>, Lost> {
        let first = index.chunk_of(|end| end.link.written_ts_ns < written_ts_ns);
        let left = first..index.chunks();
        let mut segment = Self::open(context, index, left, false, telemetry).ok_or(Lost)?;
        loop {
            match segment.next() {
                Next::Lost => return Err(Lost),
                Next::End => return Ok(None),
                Next::Extent(extent) => {
                    let bytes = &segment.loan().ok_or(Lost)?.bytes()[extent.start..extent.end];
                    if let Some(id) = first_written_at(bytes, written_ts_ns) {
                        if let IndexedBytes::Cold(mut cold) = segment.bytes {
                            cold.file = None;
                            segment.context.indexes.keep_decompressed(cold);
                        }
                        return Ok(Some(id));
                    }
                }
            }
        }
    }

    fn open(
        context: ReadContext,
        index: Arc<SegmentIndex>,
        left: Range<usize>,
        reverse: bool,
        telemetry: &ReadTelemetry,
    ) -> Option<Self> {
        let start = clock::now_ns();
        let bytes = IndexedBytes::open(&context, &index, telemetry)?;
        let mut segment =
            Self { context, index, bytes, reverse, left, together: 1, loan: None, extents: Vec::new() };
        let is_read = segment.left.is_empty() || segment.read().is_some();
        telemetry.record().reader.on_seek_event(start);
        is_read.then_some(segment)
    }

    pub(crate) fn index(&self) -> &SegmentIndex {
        &self.index
    }

    /// The memory in which the extents lie.
    pub(crate) fn loan(&self) -> Option<&Loan> {
        self.loan.as_ref()
    }

    /// What was handed out begins or ends here: in reverse all that was wanted from here on, else all up to here.
    pub(crate) fn stand(&self) -> ChainPlace {
        self.index.places[if self.reverse { self.left.end } else { self.left.start }]
    }

    /// Whether so much has been read that more is likely to be.
    pub(crate) fn is_read_on(&self) -> bool {
        self.together == MOST_CHUNKS
    }

    /// The next extent; the memory of those before it may be used again.
    pub(crate) fn next(&mut self) -> Next {
        loop {
            if let Some(extent) = self.extents.pop() {
                return Next::Extent(extent);
            }
            if self.left.is_empty() {
                return Next::End;
            }
            if self.read().is_none() {
                return Next::Lost;
            }
        }
    }

    /// Reads and verifies the next chunks.
    fn read(&mut self) -> Option<()> {
        let count = self.together.min(self.left.len());
        let Range { start, end } = self.left;
        let chunks = if self.reverse { end - count..end } else { start..start + count };
        let (from, to) = (self.index.places[chunks.start], self.index.places[chunks.end]);
        let length = usize::try_from(to.offset.checked_sub(from.offset)?).ok()?;
        let loan = match self.loan.take() {
            Some(loan) if loan.bytes().len() >= length => self.loan.insert(loan),
            _ => self.loan.insert(self.context.pool.borrow_for(length).ok()?),
        };
        let memory = &mut loan.bytes_mut()[..length];
        self.bytes.fill(memory, from.offset, self.reverse).ok()?;
        let mut extents = verify(&self.index, &from, &to, memory)?.finish();
        if !self.reverse {
            extents.reverse();
        }
        self.extents = extents;
        self.left = if self.reverse { start..chunks.start } else { chunks.end..end };
        self.together = (self.together * 2).min(MOST_CHUNKS);
        Some(())
    }
}

/// Checks that the blocks in `bytes` lead from one place of an index to another.
fn verify(index: &SegmentIndex, from: &ChainPlace, to: &ChainPlace, bytes: &[u8]) -> Option<Extents> {
    let mut verifier = index.verifier.clone();
    verifier.go_to(from);
    let mut extents = Extents::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let block = rest.get(..claimed_len(rest.get(..BLOCK_HEADER_SIZE)?))?;
        let header = verifier.block(block).ok()?;
        extents.push_in_part(0, at, from.offset + at as u64, &header);
        at += block.len();
    }
    (verifier.place() == Some(*to)).then_some(extents)
}

/// Id of the first event of the first of these blocks that was written at this time or later.
pub(crate) fn first_written_at(blocks: &[u8], written_ts_ns: u64) -> Option<u64> {
    let mut events = headers(blocks)
        .map(|(_, header)| header)
        .filter(|header| header.kind == KIND_EVENTS && header.event_count > 0);
    events.find(|header| header.written_ts_ns >= written_ts_ns).map(|header| header.first_event_id)
}

/// Where the bytes of an indexed segment come from.
#[derive(Debug)]
enum IndexedBytes {
    Hot(Arc<dyn File>),
    Cold(Box<ColdBytes>),
}

/// A compressed file, frame by frame.
#[derive(Debug)]
pub(super) struct ColdBytes {
    /// `None` while nobody reads it: a file that is kept open takes its place on the disk also when it was removed.
    file: Option<Arc<dyn File>>,
    index: Arc<SegmentIndex>,
    reader: FrameReader,
    compressed: Vec<u8>,
    /// The frame decompressed last, and its content.
    content: Vec<u8>,
    frame: Option<usize>,
}

impl IndexedBytes {
    fn open(context: &ReadContext, index: &Arc<SegmentIndex>, telemetry: &ReadTelemetry) -> Option<Self> {
        let source = &context.source;
        let hot = source.open(&hot_path(&source.directory, index.segment()), Some(telemetry)).ok()?;
        let FileMark { id, length, form } = &index.file;
        let is_same = |file: &dyn File| file.id().is_ok_and(|found| found == *id);
        let has_length = |file: &dyn File| file.len().is_ok_and(|found| found == *length);
        match form {
            Form::Hot(header) => {
                let file = hot.filter(|file| is_same(&**file) && has_length(&**file))?;
                let mut found = [0; SEGMENT_HEADER_SIZE];
                read_full_at(&*file, &mut found, 0).ok()?;
                let mut found = SegmentHeader::decode(&found).ok()?;
                if header.sealed.is_none() {
                    // It may have been sealed since.
                    found.sealed = None;
                }
                (found == *header).then_some(Self::Hot(file))
            }
            // What is there uncompressed is read uncompressed.
            Form::Cold(_) if hot.is_some() => None,
            Form::Cold(table) => {
                let path = cold_path(&source.directory, index.segment());
                let file = source.open(&path, Some(telemetry)).ok()?;
                let file = file.filter(|file| is_same(&**file) && has_length(&**file))?;
                let mut tail = vec![0; table.tail_len_of_file()];
                let from = length.checked_sub(tail.len() as u64)?;
                read_full_at(&*file, &mut tail, from).ok()?;
                let found = flashstrike_segment::cold::SeekTable::parse(&tail, *length).ok()?;
                if found != *table {
                    return None;
                }
                let kept = context.indexes.take_decompressed();
                let kept = kept.filter(|kept| Arc::ptr_eq(&kept.index, index));
                let mut cold = kept.unwrap_or_else(|| {
                    Box::new(ColdBytes {
                        file: None,
                        index: Arc::clone(index),
                        reader: FrameReader::default(),
                        compressed: Vec::new(),
                        content: Vec::new(),
                        frame: None,
                    })
                });
                cold.file = Some(file);
                Some(Self::Cold(cold))
            }
        }
    }

    /// Fills memory with the segment's bytes from `offset` on.
    fn fill(&mut self, memory: &mut [u8], offset: u64, reverse: bool) -> io::Result<()> {
        match self {
            Self::Hot(file) => {
                let read = read_full_at(&**file, memory, offset)?;
                if read == memory.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
            Self::Cold(cold) => cold.fill(memory, offset, reverse),
        }
    }
}

impl ColdBytes {
    fn fill(&mut self, memory: &mut [u8], offset: u64, reverse: bool) -> io::Result<()> {
        let index = Arc::clone(&self.index);
        let Form::Cold(table) = &index.file.form else { return Err(io::ErrorKind::InvalidInput.into()) };
        let end = offset + memory.len() as u64;
        let frames = table.frames();
        let first = frames.partition_point(|frame| frame.content_range().end as u64 <= offset);
        let last = frames.partition_point(|frame| frame.content_offset < end);
        let mut wanted: Vec<usize> = (first..last).collect();
        if reverse {
            // The one that is decompressed already comes first.
            wanted.reverse();
        }
        for number in wanted {
            let frame = &frames[number];
            if self.frame != Some(number) {
                self.decompress(frame)?;
                self.frame = Some(number);
            }
            let content = frame.content_range();
            let (from, to) = (content.start.max(offset as usize), content.end.min(end as usize));
            let into = &mut memory[from - offset as usize..to - offset as usize];
            into.copy_from_slice(&self.content[from - content.start..to - content.start]);
        }
        Ok(())
    }

    fn decompress(&mut self, frame: &flashstrike_segment::cold::Frame) -> io::Result<()> {
        self.frame = None;
        self.compressed.resize(frame.len as usize, 0);
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let read = read_full_at(&**file, &mut self.compressed, frame.offset)?;
        self.content.resize(frame.content_len as usize, 0);
        self.reader.read(&self.compressed[..read], &mut self.content).map_err(io::Error::other)
    }
}
