//! Reading verified blocks once more, to write the same bytes again.

use std::path::Path;

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::staging::STAGING_POISONED;
use flashstrike_segment::{BlockHeader, ChainVerifier, SegmentStart, names};

use crate::directory::hot_path;
use crate::error::{Code, Error, Result};
use crate::files::{File, FileSystem, OpenMode};
use crate::inspect::{Body, Scratch, SegmentFacts, SegmentSource};

/// A segment's blocks as they were found, verified once more: a page that never reached the device may have been read
/// from it since.
pub(crate) struct CheckedBody {
    scratch: Scratch,
    body: Body,
    end: usize,
    unproved_from: usize,
}

impl CheckedBody {
    /// Header and blocks.
    pub(crate) fn blocks(&self) -> &[u8] {
        &self.scratch.bytes(&self.body)[..self.end]
    }

    /// Where what is not proved to be on the device begins: behind the last block with a proved event. A segment of
    /// which no event is proved begins with its header.
    pub(super) fn unproved_from(&self) -> usize {
        self.unproved_from
    }

    /// The bytes from there on.
    pub(super) fn unproved(&self) -> &[u8] {
        &self.blocks()[self.unproved_from..]
    }
}

/// Reads a segment again and checks that its blocks are still those that `facts` were made from.
pub(crate) fn checked_body(
    source: &SegmentSource,
    facts: &SegmentFacts,
    proved_event_id: u64,
) -> Result<CheckedBody> {
    let path = hot_path(&source.directory, facts.index);
    let changed = |at: usize| {
        let message =
            format!("{} is not any more what it was when it was verified; try again", path.display());
        Error::new(Code::Corrupt, message).at(facts.index, at as u64).at_path(&path)
    };
    let mut scratch = Scratch::default();
    let body = source.body(facts.index, &mut scratch, None)?.ok_or_else(|| changed(0))?;
    let end = facts.end as usize;
    // The padding at the very end may be among the zeros that were not read.
    let body = scratch.extend(body, end).map_err(|error| Error::io("read", &path, &error))?;
    let bytes = &scratch.bytes(&body)[..end];
    let start = SegmentStart::read(bytes)
        .map_err(|unsupported| Error::unsupported(&source.directory, &unsupported))?;
    let mut chain =
        ChainVerifier::new(facts.index, &start, None, None).map_err(|_| changed(SEGMENT_HEADER_SIZE))?;
    let mut unproved_from = 0;
    let mut at = SEGMENT_HEADER_SIZE;
    while at < end {
        let header: BlockHeader = chain.block(&bytes[at..]).map_err(|_| changed(at))?;
        at += header.block_len();
        if header.event_count > 0 && header.last_event_id <= proved_event_id {
            unproved_from = at;
        }
    }
    if chain.link().map(|link| link.chain as u32) != Some(facts.counts.last_chain_low) {
        return Err(changed(end));
    }
    Ok(CheckedBody { scratch, body, end, unproved_from })
}

/// Syncs a file of the log. If that fails, the cached pages are dropped, so that the next opening sees what is really
/// on the device instead of what should be there, and staging says that its blocks may be gone.
pub(super) fn sync_data(
    files: &dyn FileSystem,
    directory: &Path,
    file: &dyn File,
    path: &Path,
) -> Result<()> {
    file.sync_data().map_err(|error| {
        let _ = file.drop_cache();
        mark_poisoned(files, directory);
        Error::io("sync", path, &error)
    })
}

/// Notes in the staging memory that is in place that a sync has failed: on the same boot too, blocks before the staged
/// events may be gone then, which is a loss to report and no damage.
///
/// Nothing is told of a failure: without the mark the next opening refuses what it could have cut, which loses nothing.
pub fn mark_poisoned(files: &dyn FileSystem, directory: &Path) {
    if let Ok(file) = files.open(&directory.join(names::WAL_STAGING), OpenMode::ReadWrite) {
        let _ = file.write_all_at(&1_u32.to_le_bytes(), STAGING_POISONED as u64);
    }
}
