//! One segment, read and verified as a whole before anything of it is used.
//!
//! The fast path reads the file in pieces into private memory and verifies the blocks of each piece while it is still
//! in the cache, into parts of memory that each begin with a block. Whatever it meets that is not as in a healthy log,
//! down to a header that does not verify, is left to the careful path, which reads again, looks at the other copy if
//! there are two, and asks the format's verifier of whole logs for the verdict.

mod boundary;
mod careful;
mod extents;
mod fast;
mod index;
mod indexed;
mod indexes;
mod parts;
mod reading;
mod tail;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flashstrike_segment::{BlockHeader, ChainPlace, ChainVerifier, Damage, Link, LogIdentity};
use flashstrike_telemetry::clock;

pub(crate) use boundary::{Boundary, PreviousBlock};
pub(crate) use extents::{Extent, Extents, headers};
pub(crate) use fast::claimed_len;
pub(crate) use index::SegmentIndex;
pub(crate) use indexed::{IndexedSegment, Next, first_written_at};
pub(crate) use indexes::{MOST_BYTES as MOST_INDEX_BYTES, SegmentIndexes};
pub(crate) use reading::Reading;

use index::{FileMark, IndexBuilder};

use crate::error::Error;
use crate::files::FileId;
use crate::inspect::SegmentSource;
use crate::pool::{Loan, Pool};
use crate::telemetry::{ReadTelemetry, integrity_failure};

/// A segment to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) index: u32,
    /// Where its blocks end, if that is known from elsewhere: it is unsealed, or its rest was given up. A sealed one
    /// says itself.
    pub(crate) end: Option<u64>,
}

/// What segments are read from, and into.
#[derive(Debug, Clone)]
pub(crate) struct ReadContext {
    pub(crate) source: SegmentSource,
    /// Memory for the parts of segments.
    pub(crate) pool: Arc<Pool>,
    /// Bytes of the log's segments.
    pub(crate) segment_size: usize,
    pub(crate) log: Option<LogIdentity>,
    /// What is remembered of the segments that were verified as a whole.
    pub(crate) indexes: Arc<SegmentIndexes>,
}

impl ReadContext {
    /// Copies blocks that fit no window, or stand in no segment, into memory of their own in the place of what was put
    /// aside before.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(crate) fn put_aside(&self, before: Option<Loan>, bytes: &[u8]) -> crate::error::Result<Loan> {
        // Given back first, it is lent again if it is long enough.
        drop(before);
        let failed = |error| Error::io("get memory for", &self.source.directory, &error);
        let mut aside = self.pool.borrow_apart(bytes.len()).map_err(failed)?;
        aside.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        Ok(aside)
    }

    /// Remembers a segment that was just verified as a whole, whose index is being built since `start`.
    fn remember(
        &self,
        index: IndexBuilder,
        boundary: Boundary,
        file: FileMark,
        verifier: ChainVerifier,
        start: u64,
        telemetry: &ReadTelemetry,
    ) {
        if let Some(index) = index.finish(boundary, file, verifier) {
            self.indexes.remember(index);
            telemetry.record().reader.on_build_index(start, true);
        }
    }
}

/// Why a segment could not be read.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// Neither of its files is there.
    Vanished,
    /// The caller does not want it any more.
    Cancelled,
    /// It does not verify.
    Damaged(Damage),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for ReadFailure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A segment in memory, verified from its first block to its end.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    /// Its memory; `None` for parts that were given back.
    parts: Vec<Option<Loan>>,
    extents: Vec<Extent>,
    boundary: Boundary,
    /// What it was read from, as far as that was told.
    file: Option<(FileId, u64)>,
}

impl SegmentReader {
    /// Opens a segment, reads and verifies it.
    pub(crate) fn open(
        context: &ReadContext,
        wanted: &Wanted,
        cancelled: &AtomicBool,
        telemetry: &ReadTelemetry,
    ) -> Result<Self, ReadFailure> {
        let start = clock::now_ns();
        let outcome = match fast::read(context, wanted, cancelled, telemetry) {
            Ok(Some(reader)) => Ok(reader),
            Ok(None) if cancelled.load(Ordering::Relaxed) => Err(ReadFailure::Cancelled),
            Ok(None) => careful::read(context, wanted, telemetry),
            Err(failure) => Err(failure),
        };
        let recorder = telemetry.record();
        recorder.reader.on_verify_segment(start, outcome.is_ok());
        if let Err(ReadFailure::Damaged(damage)) = &outcome {
            recorder.reader.on_integrity_failure(integrity_failure(&damage.reason));
        }
        outcome
    }

    /// A segment that somebody else has read and verified, from an uncompressed file if he says from which and how long
    /// it is.
    pub(crate) fn of_verified(
        loan: Loan,
        extents: Extents,
        boundary: Boundary,
        file: Option<(FileId, u64)>,
    ) -> Self {
        Self { file, ..Self::new(vec![loan], extents, boundary) }
    }

    #[cfg(test)]
    pub(crate) fn of_nothing(boundary: Boundary) -> Self {
        Self::new(Vec::new(), Extents::default(), boundary)
    }

    fn new(parts: Vec<Loan>, extents: Extents, boundary: Boundary) -> Self {
        let parts = parts.into_iter().map(Some).collect();
        Self { parts, extents: extents.finish(), boundary, file: None }
    }

    /// The number in its name.
    pub(crate) fn index(&self) -> u32 {
        self.boundary.index
    }

    /// A part of its memory that was not given back.
    pub(crate) fn part(&self, part: usize) -> &Loan {
        self.parts[part].as_ref().expect("a part is given back when nothing of it is wanted any more")
    }

    /// Gives back the memory of a part of which nothing is wanted any more.
    pub(crate) fn give_back(&mut self, part: usize) {
        self.parts[part] = None;
    }

    /// Consecutive blocks of events, in order.
    pub(crate) fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Whether a place lies between two of its blocks, and is what it was. Nothing of its memory may have been given
    /// back.
    pub(crate) fn has_place(&self, place: &ChainPlace) -> bool {
        let begins_before = |extent: &&Extent| extent.offset < place.offset;
        let Some(extent) = self.extents.iter().rfind(begins_before) else { return false };
        let blocks = &self.part(extent.part).bytes()[extent.start..];
        let end_of = |at: usize, header: &BlockHeader| extent.offset + (at + header.block_len()) as u64;
        let last = headers(blocks).find(|(at, header)| end_of(*at, header) >= place.offset);
        last.is_some_and(|(at, header)| {
            end_of(at, &header) == place.offset && Link::of(&header) == place.link
        })
    }

    /// Where it begins and ends.
    pub(crate) fn boundary(&self) -> Boundary {
        self.boundary
    }
}
