//! What is remembered of a segment that was verified as a whole: enough to read on from any place of it.
//!
//! An index holds a place every so many blocks, with all that the block behind it has to follow from. So the blocks
//! between two of its places verify in place without those before them, and nothing of them has to be believed: if they
//! lead from one place to the next, they are the very bytes that were verified.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flashstrike_segment::cold::SeekTable;
use flashstrike_segment::{ChainPlace, ChainVerifier, SegmentHeader};

use super::Boundary;
use crate::directory::{cold_path, hot_path};
use crate::error::Result;
use crate::files::FileId;
use crate::plan::{follows_the_one_before, is_contradicted};
use crate::segment_reader::ReadContext;
use crate::telemetry::ReadTelemetry;

/// Most bytes between two places, unless a single block has more. Reading and verifying so many takes some ten
/// microseconds.
const STRIDE: u64 = 128 << 10;

/// The file that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileMark {
    pub(super) id: FileId,
    pub(super) length: u64,
    pub(super) form: Form,
}

/// What a file has that another one in its place would hardly have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Hot(SegmentHeader),
    Cold(SeekTable),
}

/// Places of a segment that was verified as a whole.
#[derive(Debug)]
pub(crate) struct SegmentIndex {
    pub(super) boundary: Boundary,
    pub(super) file: FileMark,
    /// Each begins a chunk; the last one is the end.
    pub(super) places: Vec<ChainPlace>,
    /// Verifies from any of the places on.
    pub(super) verifier: ChainVerifier,
    /// Whether it continues the segment before, once somebody has asked.
    pub(super) follows: OnceLock<bool>,
    /// Whether the segment behind does not contradict, once somebody has asked.
    pub(super) is_followed: OnceLock<bool>,
}

impl SegmentIndex {
    /// Whether it continues the segment before, as far as that says.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED`, `WAL_IO`.
    pub(crate) fn follows(&self, context: &ReadContext, telemetry: &ReadTelemetry) -> Result<bool> {
        if let Some(&follows) = self.follows.get() {
            return Ok(follows);
        }
        let follows = follows_the_one_before(context, &self.boundary, telemetry)?;
        Ok(*self.follows.get_or_init(|| follows))
    }

    /// Whether the segment behind does not contradict, as far as that says anything.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED`, `WAL_IO`.
    pub(crate) fn is_followed(&self, context: &ReadContext, telemetry: &ReadTelemetry) -> Result<bool> {
        if let Some(&is_followed) = self.is_followed.get() {
            return Ok(is_followed);
        }
        let is_followed = !is_contradicted(context, &self.boundary, telemetry)?;
        Ok(*self.is_followed.get_or_init(|| is_followed))
    }

    /// The number in the segment's name.
    pub(crate) fn segment(&self) -> u32 {
        self.boundary.index
    }

    /// Where the segment begins and ended when it was verified.
    pub(crate) fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Where the file lies that was verified.
    pub(crate) fn path(&self, directory: &Path) -> PathBuf {
        match self.file.form {
            Form::Hot(_) => hot_path(directory, self.segment()),
            Form::Cold(_) => cold_path(directory, self.segment()),
        }
    }

    /// The file that was verified.
    pub(crate) fn file_id(&self) -> FileId {
        self.file.id
    }

    pub(super) fn chunks(&self) -> usize {
        self.places.len() - 1
    }

    /// The first chunk whose end is not `before` what is sought; `chunks()` if there is none.
    pub(super) fn chunk_of(&self, is_before: impl Fn(&ChainPlace) -> bool) -> usize {
        self.places[1..].partition_point(is_before)
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let frames = match &self.file.form {
            Form::Hot(_) => 0,
            Form::Cold(table) => size_of_val(table.frames()),
        };
        size_of::<Self>() + size_of_val(self.places.as_slice()) + frames
    }
}

/// Gathers places while a segment is verified.
#[derive(Debug)]
pub(super) struct IndexBuilder {
    places: Vec<ChainPlace>,
    /// Behind the block seen last.
    end: Option<ChainPlace>,
    /// Where the frames of a compressed segment end, later ones first; a chunk lies in one frame, except for a block
    /// that lies in two.
    frames: Vec<u64>,
}

impl IndexBuilder {
    pub(super) fn of_hot() -> Self {
        Self { places: Vec::new(), end: None, frames: Vec::new() }
    }

    pub(super) fn of_cold(table: &SeekTable) -> Self {
        let end_of = |frame: &flashstrike_segment::cold::Frame| frame.content_range().end as u64;
        Self { frames: table.frames().iter().rev().map(end_of).collect(), ..Self::of_hot() }
    }

    /// One more block has been verified; `after` is the place behind it.
    pub(super) fn push(&mut self, after: ChainPlace) {
        if let Some(before) = self.end.replace(after)
            && self.begins_chunk(before.offset, after.offset)
        {
            self.places.push(before);
        }
    }

    fn begins_chunk(&mut self, begin: u64, end: u64) -> bool {
        let frames = self.frames.len();
        while self.frames.last().is_some_and(|&frame| frame <= begin) {
            self.frames.pop();
        }
        let is_in_two = self.frames.last().is_some_and(|&frame| frame < end);
        let is_full = self.places.last().is_none_or(|chunk| end - chunk.offset > STRIDE);
        is_full || is_in_two || self.frames.len() < frames
    }

    /// The index of a segment of which all blocks were seen; `None` if it holds none but the metadata block.
    /// `verifier` has verified any of them.
    pub(super) fn finish(
        mut self,
        boundary: Boundary,
        file: FileMark,
        mut verifier: ChainVerifier,
    ) -> Option<SegmentIndex> {
        let first = *self.places.first()?;
        self.places.extend(self.end);
        self.places.shrink_to_fit();
        verifier.go_to(&first);
        let (follows, is_followed) = (OnceLock::new(), OnceLock::new());
        Some(SegmentIndex { boundary, file, places: self.places, verifier, follows, is_followed })
    }
}

#[cfg(test)]
mod tests {
    use flashstrike_segment::Link;

    use super::*;

    #[test]
    fn a_chunk_is_neither_long_nor_in_two_frames() {
        let table = SeekTable::read(&flashstrike_segment::cold::compress(&vec![7; 3_000_000], 3).unwrap());
        let ends: Vec<u64> = [1 << 20, 2 << 20, 3_000_000].into();
        for step in [1000, 8128, 65_536, 100_000, 200_000, 1_500_000] {
            let mut builder = IndexBuilder::of_cold(table.as_ref().unwrap());
            let blocks: Vec<u64> = (0..3_000_000 / step).map(|at| 64 + at * step).collect();
            for (at, &offset) in blocks.iter().enumerate() {
                let link = Link::default();
                builder.push(ChainPlace { offset, block_index: at as u32, link });
            }
            let places: Vec<u64> = builder.places.iter().map(|place| place.offset).collect();
            assert_eq!(places.first(), blocks.first().filter(|_| blocks.len() > 1));
            let end = *blocks.last().unwrap();
            for (&begin, &end) in places.iter().zip(places[1..].iter().chain([&end])) {
                let is_one_block = end - begin == step;
                assert!(end - begin <= STRIDE || is_one_block);
                let is_in_two = ends.iter().any(|&frame| begin < frame && frame < end);
                assert!(!is_in_two || is_one_block, "{step}: {begin} to {end}");
            }
        }
    }
}
