//! What a repair cuts, whoever asks for it, and what the log is then.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{Seal, SegmentHeader, State, names};

use super::evidence::LogEnd;
use super::quarantine::{Quarantine, for_each_piece};
use super::rewrite::{self, checked_body};
use super::{AppendPoint, Repaired};
use crate::directory::{cold_path, hot_path};
use crate::error::{Error, Result};
use crate::files::{File, FileSystem, OpenMode, remove_if_there, replace_file, sync_names};
use crate::inspect::{Inspection, PreparedFacts, SegmentFacts, SegmentSource, is_zero};
use crate::report::{CutReport, IdRange};

/// What a repair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Everything that appending needs.
    Append,
    /// Cutting, and nothing else: what could not be undone is left to the next writer.
    Cut,
    /// Saying what would be cut.
    Plan,
}

/// One repair, step by step.
pub(super) struct Repair<'a> {
    pub(super) files: &'a dyn FileSystem,
    pub(super) directory: &'a Path,
    pub(super) inspection: &'a Inspection,
    pub(super) file_mode: u32,
    pub(super) purpose: Purpose,
    pub(super) source: SegmentSource,
    pub(super) quarantine: Quarantine<'a>,
    /// Segments as they are after the steps done so far.
    pub(super) segments: Vec<SegmentFacts>,
    /// Segments that a new file has replaced: their every byte has been written and synced.
    pub(super) replaced: BTreeSet<u32>,
    pub(super) prepared: Vec<(u32, SegmentHeader)>,
    pub(super) cuts: Vec<CutReport>,
    pub(super) notes: Vec<String>,
    /// The highest id in anything that was cut.
    pub(super) highest_cut: u64,
}

impl<'a> Repair<'a> {
    pub(super) fn new(
        files: &'a Arc<dyn FileSystem>,
        directory: &'a Path,
        inspection: &'a Inspection,
        file_mode: u32,
        at: SystemTime,
        purpose: Purpose,
    ) -> Self {
        let is_dry = purpose == Purpose::Plan;
        Self {
            files: &**files,
            directory,
            inspection,
            file_mode,
            source: SegmentSource::new(files, directory),
            quarantine: Quarantine::new(&**files, directory, file_mode, LogEnd::of(inspection), at, is_dry),
            purpose,
            segments: inspection.segments.clone(),
            replaced: BTreeSet::new(),
            prepared: Vec::new(),
            cuts: Vec::new(),
            notes: Vec::new(),
            highest_cut: 0,
        }
    }

    /// Removes the segments behind the cut from the highest down, each durably before the next: what is left at any
    /// time has no gap.
    pub(super) fn remove_behind(&mut self) -> Result<()> {
        for &index in self.inspection.behind.iter().rev() {
            self.remove_segment(index)?;
        }
        Ok(())
    }

    pub(super) fn remove_segment(&self, index: u32) -> Result<()> {
        remove_if_there(self.files, &hot_path(self.directory, index))?;
        remove_if_there(self.files, &cold_path(self.directory, index))?;
        self.sync_directory()
    }

    /// Cuts what stands behind the end in the segment the log ends in.
    pub(super) fn cut(&mut self) -> Result<()> {
        let Some(last) = self.segments.last().cloned() else { return Ok(()) };
        match self.tail_cut(&last)? {
            TailCut::Nothing => Ok(()),
            TailCut::InPlace { length } => self.zero(&last, length),
            TailCut::NewFile => {
                let header = SegmentHeader { sealed: None, ..last.header.clone() };
                self.replace(&last, &header)?;
                let last = self.segments.last_mut().expect("it was there");
                *last = SegmentFacts {
                    header,
                    header_damaged: false,
                    is_cold: false,
                    wrong_length: false,
                    unpublished_remains: false,
                    counts: Seal { closed_ts_ns: 0, ..last.counts.clone() },
                    ..last.clone()
                };
                Ok(())
            }
        }
    }

    /// What has to be done to the segment the log ends in.
    pub(super) fn tail_cut(&self, last: &SegmentFacts) -> Result<TailCut> {
        let is_damage_in_segments =
            self.inspection.damage.as_ref().is_some_and(|damage| damage.position.segment.is_some());
        if self.inspection.state == State::Clean || !is_damage_in_segments || last.is_whole_and_sealed() {
            return Ok(TailCut::Nothing);
        }
        // A file of another length is replaced anyway, and what was kept of it must not be edited through its other name.
        if last.is_cold || last.is_sealed() || last.wrong_length {
            return Ok(TailCut::NewFile);
        }
        let path = hot_path(self.directory, last.index);
        let file = self.open(&path, OpenMode::Read)?;
        let length = used_behind(&*file, last.end).map_err(|error| Error::io("read", &path, &error))?;
        Ok(match (length, self.inspection.state) {
            (0, _) => TailCut::Nothing,
            (length, State::Torn) => TailCut::InPlace { length },
            // Readers may have the file mapped, with events in it that were durable.
            _ => TailCut::NewFile,
        })
    }

    /// Zeroes `length` bytes behind the end of a segment and syncs.
    pub(super) fn zero(&self, facts: &SegmentFacts, length: u64) -> Result<()> {
        let path = hot_path(self.directory, facts.index);
        let file = self.open(&path, OpenMode::ReadWrite)?;
        let zeros = vec![0; (1 << 20).min(length as usize)];
        let mut at = facts.end;
        while at < facts.end + length {
            let part = zeros.len().min((facts.end + length - at) as usize);
            file.write_all_at(&zeros[..part], at)
                .map_err(|error| Error::io("zero the tail of", &path, &error))?;
            at += part as u64;
        }
        rewrite::sync_data(self.files, self.directory, &*file, &path)
    }

    /// Puts a new file with these blocks and this header in a segment's place.
    pub(super) fn replace(&mut self, facts: &SegmentFacts, header: &SegmentHeader) -> Result<()> {
        let body = checked_body(&self.source, facts, u64::MAX)?;
        let temporary = self.directory.join(names::new_name(facts.index));
        let path = hot_path(self.directory, facts.index);
        let failed = |what: &'static str| {
            let temporary = temporary.clone();
            move |error: io::Error| Error::io(what, &temporary, &error)
        };
        replace_file(self.files, &temporary, &path, self.file_mode, |file| {
            file.allocate(0, facts.length).map_err(failed("allocate"))?;
            file.write_all_at(&header.encode(), 0).map_err(failed("write"))?;
            let blocks = &body.blocks()[SEGMENT_HEADER_SIZE..];
            file.write_all_at(blocks, SEGMENT_HEADER_SIZE as u64).map_err(failed("write"))?;
            file.sync_all().map_err(failed("sync"))
        })?;
        self.sync_directory()?;
        let cold = cold_path(self.directory, facts.index);
        if facts.is_cold {
            remove_if_there(self.files, &cold)?;
            self.sync_directory()?;
        }
        self.replaced.insert(facts.index);
        Ok(())
    }

    /// The prepared segments that can be used as they are, without a gap behind the end of the log.
    pub(super) fn usable_prepared(&self) -> Vec<(u32, SegmentHeader)> {
        let all = &self.inspection.prepared;
        let next = self.segments.last().map(|last| last.index + 1).or(all.first().map(|first| first.index));
        let is_next = |(expected, prepared): (u32, &PreparedFacts)| match &prepared.usable {
            Some(header) if prepared.index == expected => Some((expected, header.clone())),
            _ => None,
        };
        (next.unwrap_or(0)..).zip(all).map_while(is_next).collect()
    }

    /// Removes segments that retention has given up, oldest first.
    pub(super) fn finish_retirement(&mut self) -> Result<()> {
        if !self.inspection.retired.is_empty() {
            // Whoever has raised the first segment may have died before the new `wal.meta` had its name for certain, and
            // the old one would miss what goes.
            self.sync_directory()?;
        }
        for &index in self.inspection.retired.keys() {
            self.remove_segment(index)?;
            self.notes.push(format!("removed segment {index}, which retention had given up"));
        }
        Ok(())
    }

    pub(super) fn conclude(self) -> Repaired {
        let Inspection { link, staging, durable_event_id, .. } = self.inspection;
        let append = match self.segments.last() {
            Some(last) if last.is_sealed() => AppendPoint::Next(last.index + 1),
            Some(last) => AppendPoint::Active(last.clone()),
            None => AppendPoint::Next(self.prepared.first().map_or(0, |(index, _)| *index)),
        };
        let first_segment = match (&append, self.segments.is_empty()) {
            (AppendPoint::Next(index), true) => *index,
            _ => self.inspection.first_segment,
        };
        let kept = self.inspection.last_id();
        let highest = self.highest_cut.max(*durable_event_id);
        let is_active =
            |facts: &SegmentFacts| matches!(&append, AppendPoint::Active(last) if last.index == facts.index);
        Repaired {
            identity: self.inspection.identity.clone().filter(|_| !self.segments.is_empty()),
            first_segment,
            link: link.unwrap_or_default(),
            first_event_id: self.inspection.first_event_id,
            durable_event_id: *durable_event_id,
            rotated: self
                .segments
                .iter()
                .filter(|facts| !facts.is_sealed() && !is_active(facts))
                .cloned()
                .collect(),
            prepared: self.prepared,
            staged: staging.taken.clone(),
            cuts: self.cuts,
            lost: (highest > kept).then_some(IdRange { from: kept + 1, to: highest }),
            notes: self.notes,
            append,
        }
    }

    pub(super) fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        self.files.open(path, mode).map_err(|error| Error::io("open", path, &error))
    }

    pub(super) fn sync_directory(&self) -> Result<()> {
        sync_names(self.files, self.directory)
    }
}

pub(super) enum TailCut {
    Nothing,
    /// These bytes behind the end are zeroed where they stand.
    InPlace {
        length: u64,
    },
    /// The good prefix goes into a new file.
    NewFile,
}

/// How many bytes from `offset` on reach to the last one that is not zero, in whole lines of 64.
pub(super) fn used_behind(file: &dyn File, offset: u64) -> io::Result<u64> {
    let length = file.len()?.saturating_sub(offset);
    let mut used = 0;
    for_each_piece(file, offset, length, |at, piece| {
        if !is_zero(piece) {
            let last = piece.chunks(64).rposition(|line| !is_zero(line)).unwrap_or(0);
            used = at - offset + (piece.len().min((last + 1) * 64)) as u64;
        }
        Ok(())
    })?;
    Ok(used)
}
