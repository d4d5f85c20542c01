//! From what was found to what the log is.

use std::path::PathBuf;

use flashstrike_segment::layout::is_segment_size;
use flashstrike_segment::{Damage, Note, Reason, SegmentHeader, SegmentStart, State, Verdict, names};

use super::InspectOptions;
use super::facts::{Inspection, MetaFacts, PreparedFacts, SegmentFacts, StagingFacts};
use super::source::continued_event_id;
use super::verify::{Files, Found};
use crate::directory::{Listing, SegmentFiles};

/// Everything but the blocks.
pub(super) struct Survey {
    pub(super) directory: PathBuf,
    pub(super) listing: Listing,
    pub(super) meta: MetaFacts,
    /// See [`Inspection::own_log_id`].
    pub(super) own_log_id: Option<[u8; 16]>,
    pub(super) first_segment: u32,
    pub(super) first: Option<SegmentStart>,
    pub(super) options: InspectOptions,
}

impl Survey {
    /// Says what the log is.
    pub(super) fn conclude(self, found: Found) -> Inspection {
        let Found { verdict, durable_on_disk, staging, files, tail: _ } = found;
        let (state, damage, mut remarks) = self.judge(&verdict);
        let (event_size, segment_size) =
            verdict.identity.as_ref().map_or((0, 0), |identity| (identity.event_size, identity.segment_size));
        let segments: Vec<SegmentFacts> = verdict
            .segments
            .iter()
            .filter(|report| report.blocks > 0)
            .map(|report| {
                let file = files.get(&report.index);
                let sealed = file.and_then(|file| file.header.as_ref()?.sealed.clone());
                let mut facts = SegmentFacts::of(report, sealed, event_size, segment_size);
                let length = file.and_then(|file| file.length);
                facts.wrong_length = length.is_some_and(|length| length != facts.length);
                facts
            })
            .collect();
        let end = segments.last().map(|last| last.index);
        let prepared = self.prepared(&verdict, &files, end);
        let expected = end.map_or(self.first_segment, |end| end + 1);
        let has_gap = prepared.iter().zip(expected..).any(|(prepared, expected)| prepared.index != expected);
        let is_unusable = has_gap || prepared.iter().any(|prepared| prepared.usable.is_none());
        let is_cut = state != State::Clean && is_unusable;
        let behind =
            if is_cut { prepared.iter().map(|prepared| prepared.index).collect() } else { Vec::new() };
        remarks.extend(remarks_of(&verdict, &staging, &segments, &files));
        let unproven = self.unproven(&verdict, &staging, end);
        let gone_event_id = self.first.as_ref().and_then(continued_event_id).unwrap_or(0);
        Inspection {
            state,
            damage,
            first_event_id: self.first_event_id(&verdict),
            gone_event_id,
            retired: self.listing.segments.range(..self.first_segment).map(|(&i, &f)| (i, f)).collect(),
            directory: self.directory,
            depth: self.options.depth,
            own_log_id: self.own_log_id,
            first_segment: self.first_segment,
            identity: verdict.identity.clone(),
            last_event_id: verdict.g,
            durable_event_id: verdict.proved_event_id,
            durable_on_disk,
            link: verdict.link,
            prepared: if is_cut { Vec::new() } else { prepared },
            behind,
            staging,
            unproven,
            notes: remarks,
            verified: segments.len() as u32,
            writer_alive: self.options.beside_writer,
            meta: self.meta,
            listing: self.listing,
            segments,
            verdict,
        }
    }

    /// Beside a living writer, what does not verify in an unsealed segment is the end for now.
    fn judge(&self, verdict: &Verdict) -> (State, Option<Damage>, Vec<String>) {
        let Some(bad) = &verdict.bad else { return (verdict.state, None, Vec::new()) };
        let place = bad.position.segment;
        let is_missing = matches!(bad.reason, Reason::SegmentMissing);
        let is_sealed = verdict.segments.iter().any(|report| Some(report.index) == place && report.sealed)
            || verdict.segments.iter().all(|report| Some(report.index) != place);
        if self.options.beside_writer && !is_missing && !is_sealed {
            let remark = format!("taken for the end for now, a writer being alive: {bad}");
            return (State::Clean, None, vec![remark]);
        }
        (verdict.state, Some(bad.clone()), Vec::new())
    }

    fn first_event_id(&self, verdict: &Verdict) -> u64 {
        let sealed = self.first.as_ref().and_then(|first| first.sealed.as_ref());
        match sealed {
            _ if verdict.segments.first().is_some_and(|report| report.index == self.first_segment) => {
                verdict.first_event_id
            }
            Some(seal) => seal.first_event_id,
            None => verdict.first_event_id,
        }
    }

    /// Every segment behind the end.
    fn prepared(&self, verdict: &Verdict, files: &Files, end: Option<u32>) -> Vec<PreparedFacts> {
        let first = end.map_or(self.first_segment, |end| end + 1).max(self.first_segment);
        let behind = self.listing.segments.range(first..);
        behind
            .map(|(&index, listed)| PreparedFacts { index, usable: usable(index, *listed, verdict, files) })
            .collect()
    }

    /// What no evidence covers.
    fn unproven(&self, verdict: &Verdict, staging: &StagingFacts, end: Option<u32>) -> Vec<String> {
        let beginning = self.beginning_unproven(end).map(|note| note.to_string());
        let rest = [self.end_unproven(verdict, staging, end), self.staged_unproven(verdict)];
        beginning.into_iter().chain(rest.into_iter().flatten()).collect()
    }

    /// Whether segments before the first one that is there could be missed; also where verification began behind it.
    fn beginning_unproven(&self, end: Option<u32>) -> Option<Note> {
        let segment = self.first_segment;
        let is_proved = self.meta.valid().is_some() || segment == 0 || end.is_none();
        (!is_proved).then_some(Note::BeginningUnproven { segment })
    }

    /// Whether blocks behind the last one could have vanished as a whole without a trace.
    fn end_unproven(&self, verdict: &Verdict, staging: &StagingFacts, end: Option<u32>) -> Option<String> {
        let name = names::WAL_META;
        let why = match self.meta {
            MetaFacts::Valid(_) => return None,
            MetaFacts::Missing => format!("{name} is missing"),
            MetaFacts::Damaged => format!("{name} is damaged"),
            MetaFacts::Foreign(_) => format!("{name} is of another log"),
        };
        if self.options.beside_writer || staging.proves_end {
            return None;
        }
        if end.is_none() {
            let named = staging.highest_event_id;
            return match self.meta {
                _ if staging.is_alone => Some(format!(
                    "{why} and no segment holds an event, but {} names events up to {named}: of a log whose segments are \
                     gone as a whole nothing more would be left",
                    names::WAL_STAGING
                )),
                MetaFacts::Damaged => Some(format!(
                    "{why} and no segment holds an event: whether there were any cannot be told"
                )),
                _ => None,
            };
        }
        Some(format!(
            "{why}: nothing else says where the log ended, so events behind {} whose blocks are gone as a whole would not \
             be missed",
            verdict.last_event_id
        ))
    }

    /// Whether staged events could have been there.
    fn staged_unproven(&self, verdict: &Verdict) -> Option<String> {
        if self.options.beside_writer || self.listing.staging {
            return None;
        }
        let name = names::WAL_STAGING;
        match &self.meta {
            // Whatever it says: behind a log that was closed nothing is appended before that is taken back.
            MetaFacts::Valid(meta) if !meta.clean || meta.last_event_id < verdict.g => Some(format!(
                "{name} is missing although the log was not closed: events that its writer had appended last, and that \
                 were in no block yet, are lost if there were any"
            )),
            _ => None,
        }
    }
}

/// The header of a segment without a block, if it can be used as it is.
fn usable(index: u32, listed: SegmentFiles, verdict: &Verdict, files: &Files) -> Option<SegmentHeader> {
    let report = verdict.segments.iter().find(|report| report.index == index)?;
    let file = files.get(&index)?;
    // Not even the header of a torn block may be left, which would be taken for a gap once blocks stand before it.
    let is_empty = !report.published && !report.header_damaged && !report.sealed && file.is_blank;
    let has_length = file.length.is_some_and(is_segment_size);
    let fits = |header: &SegmentHeader| {
        verdict.identity.as_ref().is_none_or(|identity| identity.event_size == header.event_size)
    };
    let is_usable = is_empty && has_length && listed.hot && !listed.cold;
    file.header.clone().filter(|header| is_usable && fits(header))
}

fn remarks_of(
    verdict: &Verdict,
    staging: &StagingFacts,
    segments: &[SegmentFacts],
    files: &Files,
) -> Vec<String> {
    let mut all: Vec<String> = verdict
        .notes
        .iter()
        .filter(|note| !is_told_elsewhere(note, verdict, staging))
        .map(ToString::to_string)
        .collect();
    for facts in segments.iter().filter(|facts| facts.wrong_length) {
        let (segment, expected) = (facts.index, facts.length);
        let found = files.get(&segment).and_then(|file| file.length).unwrap_or(0);
        all.push(Note::WrongLength { segment, found, expected }.to_string());
    }
    all
}

/// Whether a note says nothing to whoever reads the rest of the report.
fn is_told_elsewhere(note: &Note, verdict: &Verdict, staging: &StagingFacts) -> bool {
    match note {
        // Among what is unproven: there is no log that it could be another than.
        Note::StagingIgnored { .. } if staging.is_alone => true,
        // Among what is unproven; from the files, since zeros at the end were not read into memory. Nothing was lost by
        // staging in which nothing stood, which every log has behind the first boot.
        Note::BeginningUnproven { .. }
        | Note::WrongLength { .. }
        | Note::StagingIgnored { event_count: 0 } => true,
        // As the cause of the damage there.
        Note::ColdDamage { segment, .. } => verdict.bad.as_ref().is_some_and(|bad| {
            bad.position.segment == Some(*segment) && matches!(bad.reason, Reason::ColdFile { .. })
        }),
        _ => false,
    }
}
