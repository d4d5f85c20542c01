//! Writing kept bytes back to where they stood.

use std::path::Path;
use std::sync::Arc;

use flashstrike_segment::WalMeta;
use flashstrike_segment::names::{self, SegmentKind};

use super::super::evidence::Evidence;
use super::super::quarantine::{for_each_piece, same_bytes};
use crate::directory::hot_path;
use crate::error::{Error, Result};
use crate::files::{File, FileSystem, OpenMode, open_if_there, read_full_at, replace_file, sync_names};
use crate::inspect::is_zero;
use crate::meta_file::replace_meta;

/// A longer one is no `wal.meta`.
const MOST_META_BYTES: usize = 4096;

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

    /// Puts `wal.meta` back, and says in it too what has become certain since: what is durable, and what is not there any
    /// more. One that does not verify stays where it is kept, if one that does has taken its place.
    pub(super) fn put_back_meta(
        &self,
        stem: &str,
        evidence: &Evidence,
        now: Option<&WalMeta>,
        durable_event_id: u64,
    ) -> Result<()> {
        let path = self.directory.join(names::QUARANTINE).join(format!("{stem}.bin"));
        let mut bytes = vec![0; usize::try_from(evidence.bytes).unwrap_or(0).min(MOST_META_BYTES)];
        let read = read_full_at(&*self.open(&path)?, &mut bytes, 0);
        bytes.truncate(read.map_err(|error| Error::io("read", &path, &error))?);
        match (WalMeta::decode(&bytes), now) {
            (Ok(kept), Some(now)) if kept.log_id == now.log_id => {
                let meta = WalMeta {
                    durable_event_id: kept.durable_event_id.max(now.durable_event_id).max(durable_event_id),
                    first_segment: kept.first_segment.max(now.first_segment),
                    ..kept
                };
                replace_meta(self.files, self.directory, self.file_mode, &meta.encode())
            }
            (Err(_), Some(_)) => Ok(()),
            _ => self.put_back(stem, evidence),
        }
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
