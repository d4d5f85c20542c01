//! Which bytes a repair keeps before it removes or zeroes anything.

use std::io;
use std::path::PathBuf;

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{BlockHeader, KIND_EVENTS, SegmentHeader, State, names};

use super::cut::{Purpose, Repair, TailCut, used_behind};
use super::quarantine::{Keep, for_each_piece};
use crate::directory::{SegmentFiles, hot_path};
use crate::error::{Error, Result};
use crate::files::{File, OpenMode, open_if_there, read_full_at};
use crate::inspect::{Inspection, MetaFacts, SegmentFacts};
use crate::report::CutReport;

const UNTRUE_BEHIND_THE_CUT: &str = "it says of the log what is not true any more behind the cut";

/// Whether `wal.staging` proves what is cut, or holds events that were not taken.
pub(super) fn is_staging_removed(inspection: &Inspection) -> bool {
    let staging = &inspection.staging;
    let is_corrupt = inspection.state == State::Corrupt;
    staging.refused.is_some() || (is_corrupt && staging.present && staging.taken.is_none())
}

/// Whether `wal.meta` proves, or belongs to, what is cut.
pub(super) fn is_meta_replaced(inspection: &Inspection) -> bool {
    match inspection.meta {
        MetaFacts::Valid(_) => inspection.state == State::Corrupt,
        MetaFacts::Foreign(_) => true,
        MetaFacts::Missing | MetaFacts::Damaged => false,
    }
}

impl Repair<'_> {
    /// Keeps a copy or a second name of everything that the later steps remove or zero.
    pub(super) fn keep_what_will_go(&mut self) -> Result<()> {
        self.keep_meta()?;
        self.keep_staging()?;
        let reason = self.inspection.damage.as_ref().map_or_else(String::new, ToString::to_string);
        for &index in &self.inspection.behind {
            self.keep_segment(index, self.inspection.listing.segments.get(&index).copied(), &reason)?;
        }
        if self.inspection.state == State::Corrupt {
            let because =
                format!("below the first segment that wal.meta names, and the log is corrupt: {reason}");
            for (&index, &segment_files) in &self.inspection.retired {
                self.keep_segment(index, Some(segment_files), &because)?;
            }
        }
        self.keep_tail(&reason)?;
        if self.purpose == Purpose::Append {
            self.keep_wrong_files()?;
            self.keep_unusable_prepared()?;
        }
        self.quarantine.sync()
    }

    /// `wal.meta`, if it is replaced and says what nothing else does: with it an undone repair leads to the same verdict
    /// as before.
    fn keep_meta(&mut self) -> Result<()> {
        let reason = match self.inspection.meta {
            MetaFacts::Valid(_) if is_meta_replaced(self.inspection) => UNTRUE_BEHIND_THE_CUT,
            MetaFacts::Foreign(_) => "of another log",
            // A repair by hand does not replace it.
            MetaFacts::Damaged if self.purpose == Purpose::Append => "it does not verify",
            MetaFacts::Valid(_) | MetaFacts::Damaged | MetaFacts::Missing => return Ok(()),
        };
        self.keep_other(names::WAL_META, reason)
    }

    /// `wal.staging`, if it holds events that are not taken, or proves what is cut.
    fn keep_staging(&mut self) -> Result<()> {
        let staging = &self.inspection.staging;
        if let Some(refused) = &staging.refused {
            self.highest_cut = self.highest_cut.max(staging.highest_event_id);
            self.keep_other(names::WAL_STAGING, &format!("staged events not taken: {refused}"))?;
        } else if is_staging_removed(self.inspection) {
            self.keep_other(names::WAL_STAGING, UNTRUE_BEHIND_THE_CUT)?;
        }
        Ok(())
    }

    /// Files that have the name of a prepared segment and hold something: nobody knows what, so nobody throws it away.
    fn keep_unusable_prepared(&mut self) -> Result<()> {
        for prepared in &self.inspection.prepared[self.usable_prepared().len()..] {
            let path = hot_path(self.directory, prepared.index);
            // Only its cold name may be there, or an interrupted repair has removed it.
            let Some(file) = open_if_there(self.files, &path)? else { continue };
            let failed = |error: io::Error| Error::io("read", &path, &error);
            let mut start = [0; SEGMENT_HEADER_SIZE];
            let read = read_full_at(&*file, &mut start, 0).map_err(failed)?;
            let has_header = SegmentHeader::decode(&start[..read]).is_ok();
            let from = if has_header { SEGMENT_HEADER_SIZE as u64 } else { 0 };
            if used_behind(&*file, from).map_err(failed)? > 0 {
                let files = self.inspection.listing.segments.get(&prepared.index).copied();
                self.keep_segment(
                    prepared.index,
                    files,
                    "no segment of this log, but it has the name of one",
                )?;
            }
        }
        Ok(())
    }

    /// What stands behind the end in the segment the log ends in.
    fn keep_tail(&mut self, reason: &str) -> Result<()> {
        let Some(last) = self.segments.last().cloned() else { return Ok(()) };
        match self.tail_cut(&last)? {
            TailCut::Nothing => {}
            TailCut::InPlace { length } => {
                let (path, name) = (hot_path(self.directory, last.index), names::hot_name(last.index));
                let file = self.open(&path, OpenMode::Read)?;
                let (first, highest) =
                    ids_in(&*file, last.end, length).map_err(|e| Error::io("read", &path, &e))?;
                let keep = Keep {
                    name: &name,
                    offset: last.end,
                    reason,
                    first_event_id: first,
                    last_event_id: highest,
                };
                let kept_in = self.quarantine.keep_bytes(&keep, &*file, length)?;
                self.note_cut(Some(last.index), last.end, length, kept_in, reason, (first, highest));
            }
            TailCut::NewFile => {
                let listed = self.inspection.listing.segments.get(&last.index).copied();
                return self.keep_segment(last.index, listed, reason);
            }
        }
        Ok(())
    }

    /// Files of which the copy that takes their place will not hold everything.
    fn keep_wrong_files(&mut self) -> Result<()> {
        for facts in self.segments.clone().iter().filter(|facts| facts.is_file_wrong()) {
            // Whoever cuts a file anyway has kept it.
            if self.cuts.iter().any(|cut| cut.segment == Some(facts.index) && cut.offset == 0) {
                continue;
            }
            let listed = self.inspection.listing.segments.get(&facts.index).copied();
            if facts.is_cold {
                self.keep_segment(facts.index, listed, "compressed, although it is not sealed")?;
            } else {
                self.keep_overlong(facts)?;
            }
        }
        Ok(())
    }

    /// A file that is longer than its segment may hold something behind; the copy of the right length will not.
    fn keep_overlong(&mut self, facts: &SegmentFacts) -> Result<()> {
        let path = hot_path(self.directory, facts.index);
        let file = self.open(&path, OpenMode::Read)?;
        let length = file.len().map_err(|error| Error::io("read", &path, &error))?;
        if length > facts.length {
            let files = SegmentFiles { hot: true, cold: false };
            self.keep_segment(facts.index, Some(files), "the file is longer than its segment")?;
        }
        Ok(())
    }

    fn keep_segment(&mut self, index: u32, listed: Option<SegmentFiles>, reason: &str) -> Result<()> {
        let listed = listed.unwrap_or_default();
        let (hot, cold) = (names::hot_name(index), names::cold_name(index));
        for (name, is_hot) in [(hot, true), (cold, false)] {
            if (is_hot && !listed.hot) || (!is_hot && !listed.cold) {
                continue;
            }
            let path = self.directory.join(&name);
            // An interrupted repair may have removed it after it was kept.
            let Some(file) = open_if_there(self.files, &path)? else { continue };
            let length = file.len().map_err(|error| Error::io("read", &path, &error))?;
            let (first, highest) = if is_hot {
                ids_in(&*file, 0, length).map_err(|error| Error::io("read", &path, &error))?
            } else {
                let start = self.source.start(index, None)?;
                start
                    .and_then(|start| start.sealed)
                    .map_or((0, 0), |seal| (seal.first_event_id, seal.last_event_id))
            };
            let keep = Keep { name: &name, offset: 0, reason, first_event_id: first, last_event_id: highest };
            let kept_in = self.quarantine.keep_file(&keep)?;
            self.note_cut(Some(index), 0, length, kept_in, reason, (first, highest));
        }
        Ok(())
    }

    pub(super) fn keep_other(&mut self, name: &str, reason: &str) -> Result<()> {
        let keep = Keep { name, offset: 0, reason, first_event_id: 0, last_event_id: 0 };
        let kept_in = self.quarantine.keep_file(&keep)?;
        let path = self.directory.join(name);
        let file = self.open(&path, OpenMode::Read)?;
        let length = file.len().map_err(|error| Error::io("read", &path, &error))?;
        self.note_cut(None, 0, length, kept_in, reason, (0, 0));
        Ok(())
    }

    fn note_cut(
        &mut self,
        segment: Option<u32>,
        offset: u64,
        bytes: u64,
        kept_in: PathBuf,
        reason: &str,
        (first_event_id, last_event_id): (u64, u64),
    ) {
        self.highest_cut = self.highest_cut.max(last_event_id);
        let reason = reason.to_owned();
        self.cuts.push(CutReport { segment, offset, bytes, first_event_id, last_event_id, kept_in, reason });
    }
}

/// The first and the highest id that headers of event blocks name in a part of a file; 0: none.
fn ids_in(file: &dyn File, offset: u64, length: u64) -> io::Result<(u64, u64)> {
    let (mut first, mut highest) = (0, 0);
    for_each_piece(file, offset, length, |_, piece| {
        for line in piece.chunks_exact(64) {
            let Ok(header) = BlockHeader::decode(line) else { continue };
            if header.kind == KIND_EVENTS && flashstrike_segment::payload::is_event_id(header.last_event_id) {
                first = if first == 0 { header.first_event_id } else { first };
                highest = highest.max(header.last_event_id);
            }
        }
        Ok(())
    })?;
    Ok((first, highest))
}
