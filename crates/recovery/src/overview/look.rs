//! Finding what an overview tells.

use std::io;

use flashstrike_segment::WalMeta;
use flashstrike_segment::cold::SeekTable;
use flashstrike_segment::{LogVerifier, NothingFollows, SegmentBytes, SegmentReport, SegmentStart};

use super::{
    CursorOverview, MetaOverview, Overview, QuarantineOverview, SegmentOverview, SegmentState,
    StagingOverview,
};
use crate::cursor::CursorEntry;
use crate::directory::{SegmentFiles, cold_path, hot_path};
use crate::error::{Error, Result};
use crate::files::{File, read_full_at};
use crate::inspect::{Inspection, MetaFacts, Scratch, SegmentFacts, SegmentSource};
use crate::lock::holder;
use crate::repair::quarantine;
use crate::report::{DamageReport, StagedReport, hex};

/// A log, and what was found of it.
pub(super) struct Look<'a> {
    pub(super) source: SegmentSource,
    pub(super) inspection: &'a Inspection,
    pub(super) durable_event_id: u64,
}

impl Look<'_> {
    pub(super) fn overview(&self) -> Result<Overview> {
        let (files, directory, inspection) = (&*self.source.files, &*self.source.directory, self.inspection);
        let segments = self.segments()?;
        let own = inspection.own_log_id;
        let identity = match &inspection.identity {
            Some(identity) if own.is_none_or(|own| own == identity.log_id) => Some(identity.clone()),
            _ => self.source.identity_in(inspection.listing.segments.keys(), own)?,
        };
        let belongs = |segment: &&SegmentOverview| {
            matches!(segment.state, SegmentState::Sealed | SegmentState::Unsealed | SegmentState::Active)
                && !self.is_behind_damage(segment.index)
                // Also a stranger that the log seemed to begin with.
                || inspection.segment(segment.index).is_some()
        };
        let cursors = self.cursors(identity.as_ref().map(|identity| &identity.log_id))?;
        let staged = StagedReport::of(&inspection.staging);
        let events = segments.iter().filter(belongs).map(|segment| segment.events).sum::<u64>();
        let first = segments.iter().filter(belongs).find(|segment| segment.first_event_id > 0);
        Ok(Overview {
            directory: directory.to_string_lossy().into_owned(),
            log_id: identity.as_ref().map(|identity| hex(&identity.log_id)),
            event_size: identity.as_ref().map_or(0, |identity| identity.event_size),
            segment_size: identity.as_ref().map_or(0, |identity| identity.segment_size),
            schema: identity.map(|identity| identity.schema),
            state: inspection.state.into(),
            verified_segments: inspection.verified,
            damage: inspection.damage.as_ref().map(DamageReport::from),
            events: events + u64::from(staged.events),
            first_event_id: match inspection.first_event_id {
                0 => first.map_or(staged.first_event_id, |segment| segment.first_event_id),
                first => first,
            },
            last_event_id: inspection.last_id(),
            durable_event_id: self.durable_event_id,
            writer_alive: inspection.writer_alive,
            writer_pid: if inspection.writer_alive { holder(files, directory)? } else { None },
            file_system: files.kind(directory).ok().map(|kind| kind.name().to_owned()),
            segments,
            staging: StagingOverview { present: inspection.listing.staging, staged },
            meta: MetaOverview::of(&inspection.meta),
            cursors,
            quarantine: self.quarantine()?,
            leftovers: inspection.listing.leftovers.clone(),
            unproven: inspection.unproven_beyond(self.durable_event_id),
            notes: inspection.notes.clone(),
        })
    }

    fn segments(&self) -> Result<Vec<SegmentOverview>> {
        let listed = &self.inspection.listing.segments;
        let mut all = Vec::with_capacity(listed.len());
        let mut expected = None;
        for (&index, &segment_files) in listed {
            let from = self.inspection.first_segment.max(expected.unwrap_or(self.inspection.first_segment));
            // A number far away is somebody's mistake and not a million missing segments.
            if index >= self.inspection.first_segment && index.saturating_sub(from) <= 1_000 {
                all.extend((from..index).map(|missing| SegmentOverview::of(missing, SegmentState::Missing)));
            }
            all.push(self.segment(index, segment_files)?);
            expected = Some(index + 1);
        }
        Ok(all)
    }

    fn segment(&self, index: u32, listed: SegmentFiles) -> Result<SegmentOverview> {
        let mut made = match self.inspection.segment(index) {
            Some(facts) => {
                let is_last = self.inspection.segments.last().is_some_and(|last| last.index == index);
                let mut made = SegmentOverview::read(facts, is_last);
                let is_doubtful = self.inspection.own_log_id.is_some();
                if is_doubtful && self.source.start(index, None)?.is_some_and(|start| self.is_foreign(&start))
                {
                    made.state = SegmentState::Foreign;
                }
                made
            }
            None => self.unread(index)?,
        };
        if index < self.inspection.first_segment {
            made.state = SegmentState::Retired;
        }
        self.measure(&mut made, listed)?;
        Ok(made)
    }

    /// Whether it is there and does not belong to what the log is worth.
    fn is_behind_damage(&self, index: u32) -> bool {
        self.inspection.damage.is_some() && self.is_behind_end(index)
    }

    /// Whether its writer has begun it since the log was looked at, or may have: it was prepared then, and its events
    /// lie beyond the last one that is named.
    fn is_begun_since(&self, index: u32) -> bool {
        let Inspection { damage, writer_alive, .. } = self.inspection;
        *writer_alive && damage.is_none() && self.is_behind_end(index)
    }

    fn is_behind_end(&self, index: u32) -> bool {
        let Inspection { segments, first_segment, .. } = self.inspection;
        index >= segments.last().map_or(*first_segment, |last| last.index + 1)
    }

    /// What header and metadata block say, and of one that is not sealed its blocks.
    fn unread(&self, index: u32) -> Result<SegmentOverview> {
        let mut made = SegmentOverview::of(index, SegmentState::Unreadable);
        let Some(start) = self.source.start(index, None)? else { return Ok(made) };
        if let Some(header) = &start.header {
            made.created_ms = millis(header.created_ts_ns);
        }
        made.header_damaged = start.header.is_none();
        if self.is_foreign(&start) {
            made.state = SegmentState::Foreign;
            return Ok(made);
        }
        if start.header.is_some() && self.is_begun_since(index) {
            made.state = SegmentState::Prepared;
            return Ok(made);
        }
        if let Some((block, _)) = &start.metadata {
            made.first_written_ms = millis(block.written_ts_ns);
        }
        let prepared = self.inspection.prepared.iter().find(|prepared| prepared.index == index);
        if let Some(seal) = &start.sealed {
            let is_readable = start.metadata.is_some();
            made.state = if is_readable { SegmentState::Sealed } else { SegmentState::Unreadable };
            made.events = seal.event_count.into();
            made.blocks = seal.block_count;
            (made.first_event_id, made.last_event_id) = (seal.first_event_id, seal.last_event_id);
            (made.last_written_ms, made.sealed_ms) = (millis(seal.closed_ts_ns), millis(seal.closed_ts_ns));
        } else if !start.published && start.header.is_some() {
            // Beside a writer nobody has looked into them: it fills them just now.
            let is_usable =
                self.inspection.writer_alive || prepared.is_none_or(|prepared| prepared.usable.is_some());
            made.state = if is_usable { SegmentState::Prepared } else { SegmentState::Unreadable };
        } else if start.metadata.is_some() {
            if let Some(report) = self.read_alone(index)? {
                made.count(&report);
            }
            made.state = SegmentState::Unsealed;
        }
        Ok(made)
    }

    fn is_foreign(&self, start: &SegmentStart) -> bool {
        let Inspection { own_log_id, identity, .. } = self.inspection;
        let own = own_log_id.or(identity.as_ref().map(|identity| identity.log_id));
        own.zip(start.log_id()).is_some_and(|(own, found)| own != found)
    }

    /// The blocks of a segment as far as they verify, whatever stands in front of it; `None`: they cannot be read.
    fn read_alone(&self, index: u32) -> Result<Option<SegmentReport>> {
        let mut scratch = Scratch::default();
        let Some(body) = self.source.body(index, &mut scratch, None)? else { return Ok(None) };
        let segment = SegmentBytes { index, bytes: scratch.bytes(&body), cold: body.cold };
        let mut verifier = LogVerifier::begin_at(None, None, index);
        Ok(verifier.segment(segment, &mut NothingFollows, &mut |_| {}).ok())
    }

    fn measure(&self, made: &mut SegmentOverview, listed: SegmentFiles) -> Result<()> {
        let directory = &self.source.directory;
        let paths =
            [(listed.hot, hot_path(directory, made.index)), (listed.cold, cold_path(directory, made.index))];
        for (at, (_, path)) in paths.iter().enumerate().filter(|(_, (is_there, _))| *is_there) {
            // It may be compressed or removed just now.
            let Some(file) = self.source.open(path, None)? else { continue };
            let failed = |error| Error::io("read", path, &error);
            let length = file.len().map_err(failed)?;
            made.file_bytes += length;
            made.disk_bytes += file.allocated().map_err(failed)?;
            made.files.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            if at == 1 && !listed.hot {
                made.is_cold = true;
                let content = content_len(&*file, length).map_err(failed)?;
                made.used_bytes = made.used_bytes.or(content);
                #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
                let ratio = |content: u64| content as f64 / length.max(1) as f64;
                made.ratio = content.map(ratio);
            }
        }
        Ok(())
    }

    fn cursors(&self, log_id: Option<&[u8; 16]>) -> Result<Vec<CursorOverview>> {
        let entries = CursorEntry::list(&*self.source.files, &self.source.directory, log_id)?;
        let end = self.inspection.last_id();
        Ok(entries.into_iter().map(|entry| CursorOverview::of(entry, end)).collect())
    }

    fn quarantine(&self) -> Result<Vec<QuarantineOverview>> {
        let all = quarantine(&*self.source.files, &self.source.directory)?;
        let said = all.into_iter().map(|kept| {
            let evidence = kept.evidence;
            QuarantineOverview {
                name: kept.stem,
                bytes: kept.bytes,
                file: evidence.as_ref().map(|evidence| evidence.file.clone()),
                offset: evidence.as_ref().map(|evidence| evidence.offset),
                first_event_id: evidence.as_ref().map(|evidence| evidence.first_event_id),
                last_event_id: evidence.as_ref().map(|evidence| evidence.last_event_id),
                cut_at: evidence.as_ref().map(|evidence| evidence.cut_at.clone()),
                undone_at: evidence.as_ref().and_then(|evidence| evidence.undone_at.clone()),
                reason: evidence.map(|evidence| evidence.reason),
            }
        });
        Ok(said.collect())
    }
}

impl SegmentOverview {
    fn of(index: u32, state: SegmentState) -> Self {
        Self {
            index,
            state,
            files: Vec::new(),
            is_cold: false,
            events: 0,
            first_event_id: 0,
            last_event_id: 0,
            blocks: 0,
            used_bytes: None,
            file_bytes: 0,
            disk_bytes: 0,
            ratio: None,
            created_ms: 0,
            first_written_ms: 0,
            last_written_ms: 0,
            sealed_ms: 0,
            header_damaged: false,
        }
    }

    /// What its blocks say.
    fn count(&mut self, report: &SegmentReport) {
        self.events = report.events;
        self.blocks = report.blocks;
        self.first_event_id = report.first_event_id;
        self.last_event_id = if report.events == 0 { 0 } else { report.last_event_id };
        self.last_written_ms = millis(report.last_written_ts_ns);
        self.used_bytes = Some(report.end_offset);
    }

    /// Of a segment whose blocks were read.
    fn read(facts: &SegmentFacts, is_last: bool) -> Self {
        let state = match (facts.is_sealed(), is_last) {
            (true, _) => SegmentState::Sealed,
            (false, true) => SegmentState::Active,
            (false, false) => SegmentState::Unsealed,
        };
        Self {
            events: facts.counts.event_count.into(),
            first_event_id: facts.counts.first_event_id,
            last_event_id: if facts.counts.event_count == 0 { 0 } else { facts.counts.last_event_id },
            blocks: facts.counts.block_count,
            used_bytes: Some(facts.end),
            created_ms: millis(facts.header.created_ts_ns),
            first_written_ms: millis(facts.first_written_ts_ns),
            last_written_ms: millis(facts.last_written_ts_ns),
            sealed_ms: millis(facts.counts.closed_ts_ns),
            header_damaged: facts.header_damaged,
            ..Self::of(facts.index, state)
        }
    }
}

impl CursorOverview {
    /// Of a log that ends with this id.
    fn of(entry: CursorEntry, end: u64) -> Self {
        let (slot, error) = match entry.position {
            Ok(slot) => (Some(slot), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let behind = slot.as_ref().and_then(|slot| end.checked_sub(slot.event_id));
        let is_ahead = slot.is_some() && behind.is_none();
        Self {
            name: entry.name,
            event_id: slot.as_ref().map(|slot| slot.event_id),
            updated_ms: slot.as_ref().map_or(0, |slot| millis(slot.updated_ts_ns)),
            behind,
            held: entry.held,
            problem: error.or_else(|| is_ahead.then(|| "it stands beyond the end of the log".to_owned())),
        }
    }
}

impl MetaOverview {
    fn of(facts: &MetaFacts) -> Self {
        let (state, said): (_, Option<&WalMeta>) = match facts {
            MetaFacts::Missing => ("missing", None),
            MetaFacts::Damaged => ("damaged", None),
            MetaFacts::Valid(meta) => ("valid", Some(meta)),
            MetaFacts::Foreign(meta) => ("foreign", Some(meta)),
        };
        Self {
            state,
            closed_cleanly: said.map(|meta| meta.clean),
            last_event_id: said.map(|meta| meta.last_event_id),
            durable_event_id: said.map(|meta| meta.durable_event_id),
            first_segment: said.map(|meta| meta.first_segment),
            last_segment: said.map(|meta| meta.last_segment),
        }
    }
}

fn millis(ts_ns: u64) -> u64 {
    ts_ns / 1_000_000
}

/// Bytes of the content of a compressed segment, as its seek table says; `None`: that is damaged.
fn content_len(file: &dyn File, length: u64) -> io::Result<Option<u64>> {
    /// Number of frames, descriptor, magic.
    const FOOTER: u64 = 9;
    let mut last = [0; FOOTER as usize];
    let read = read_full_at(file, &mut last, length.saturating_sub(FOOTER))?;
    let Ok(tail_len) = SeekTable::tail_len(&last[..read]) else { return Ok(None) };
    if tail_len as u64 > length {
        return Ok(None);
    }
    let mut tail = vec![0; tail_len];
    let read = read_full_at(file, &mut tail, length - tail_len as u64)?;
    Ok(SeekTable::parse(&tail[..read], length).ok().map(|table| table.content_len()))
}
