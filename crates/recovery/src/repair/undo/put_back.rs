//! Writing kept bytes back to where they stood.

use std::path::Path;
use std::sync::Arc;

use flashstrike_segment::names::{self, SegmentKind};

use super::super::evidence::Evidence;
use super::super::quarantine::{for_each_piece, same_bytes};
use crate::directory::hot_path;
use crate::error::{Error, Result};
use crate::files::{File, FileSystem, OpenMode, open_if_there, replace_file, sync_names};
use crate::inspect::is_zero;

/// The log that gets its bytes back.
pub(super) struct Target<'a> {
    pub(super) files: &'a dyn FileSystem,
    pub(super) directory: &'a Path,
    pub(super) file_mode: u32,
}

impl Target<'_> {
    pub(super) fn put_back(&self, stem: &str, evidence: &Evidence) -> Result<()> {
        let kept_path = self.directory.join(names::QUARANTINE).join(format!("{stem}.bin"));
        let kept = self.open(&kept_path)?;
        let path = self.directory.join(&evidence.file);
        let base = match (evidence.offset, evidence.segment()) {
            (0, _) | (_, None) => None,
            (_, Some(segment)) => Some(self.open(&hot_path(self.directory, segment.index))?),
        };
        if self.is_back(&path, evidence, &*kept)? {
            return Ok(());
        }
        let temporary = self.directory.join(match evidence.segment() {
            Some(segment) if segment.kind == SegmentKind::Hot => names::new_name(segment.index),
            _ => names::temporary_name(&evidence.file),
        });
        let failed = |error: std::io::Error| Error::io("write", &temporary, &error);
        let end = evidence.offset + evidence.bytes;
        let length = match &base {
            Some(base) => base.len().map_err(failed)?.max(end),
            None => evidence.bytes,
        };
        replace_file(self.files, &temporary, &path, self.file_mode, |file| {
            if length > 0 {
                file.allocate(0, length).map_err(failed)?;
            }
            if let Some(base) = &base {
                copy(&**base, file, length).map_err(failed)?;
            }
            copy_over(&*kept, file, evidence).map_err(failed)?;
            file.sync_all().map_err(failed)
        })?;
        sync_names(self.files, self.directory)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.files.open(path, OpenMode::Read).map_err(|error| Error::io("open", path, &error))
    }

    /// Whether an undo that was stopped has put it back already.
    fn is_back(&self, path: &Path, evidence: &Evidence, kept: &dyn File) -> Result<bool> {
        let Some(file) = open_if_there(self.files, path)? else { return Ok(false) };
        let failed = |error| Error::io("compare", path, &error);
        if evidence.offset == 0 && file.len().map_err(failed)? != evidence.bytes {
            return Ok(false);
        }
        same_bytes(kept, &*file, evidence.offset, evidence.bytes).map_err(failed)
    }
}

/// Copies what is not zero; the target holds nothing but zeros so far.
fn copy(from: &dyn File, to: &dyn File, length: u64) -> std::io::Result<()> {
    for_each_piece(
        from,
        0,
        length,
        |position, piece| {
            if is_zero(piece) { Ok(()) } else { to.write_all_at(piece, position) }
        },
    )
}

/// Zeros among the kept bytes count too: they may lie over something.
fn copy_over(kept: &dyn File, to: &dyn File, evidence: &Evidence) -> std::io::Result<()> {
    for_each_piece(kept, 0, evidence.bytes, |position, piece| {
        to.write_all_at(piece, evidence.offset + position)
    })
}
