//! What an open found, did and could not prove.

use std::path::PathBuf;
use std::time::Duration;

use flashstrike_segment::{Damage, State};
use serde::Serialize;

use crate::inspect::{Inspection, StagingFacts};
use crate::mode::Mode;
use crate::repair::Repaired;

/// The report that every open gives. As JSON its keys are in camel case, `None` is `null`, and ids and lengths are numbers
/// (ids are below 2⁵³).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How the log was opened.
    pub mode: Mode,
    /// What it was before anything was changed: `clean`, `torn` or `corrupt`.
    pub state: LogState,
    /// 32 hexadecimal digits; `None` until a metadata block was ever published.
    pub log_id: Option<String>,
    /// Bytes of a fixed-size event; 0: variable-length events.
    pub event_size: u16,
    /// Bytes of a segment; 0 if not known yet.
    pub segment_size: u32,
    /// The segment files.
    pub segments: SegmentsReport,
    /// Id of the first event; 0: none.
    pub first_event_id: u64,
    /// Id of the last event, staged ones included; 0: none.
    pub last_event_id: u64,
    /// Highest id that was known to be durable before this open.
    pub durable_event_id: u64,
    /// What stood in the staging memory.
    pub staged: StagedReport,
    /// The first position that does not verify.
    pub damage: Option<DamageReport>,
    /// What was cut off, and where it was kept. Only opening for append cuts.
    pub cuts: Vec<CutReport>,
    /// Ids that were given out and are gone: published or durable once, or staged and not taken.
    pub lost: Option<IdRange>,
    /// Whether another process was appending meanwhile; its newest events may be missing here.
    pub writer_alive: bool,
    /// What no evidence covers, in words.
    pub unproven: Vec<String>,
    /// Everything else worth knowing, in words: damaged headers, foreign files, leftovers.
    pub notes: Vec<String>,
    /// Time that opening took, in nanoseconds.
    pub elapsed_ns: u64,
}

/// The verdict on a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LogState {
    /// Every published block verifies in place, and nothing that was durable is missing.
    Clean,
    /// The log ends in blocks that do not verify and that nothing proves durable.
    Torn,
    /// Something that was proved durable is damaged or missing.
    Corrupt,
}

impl LogState {
    /// `clean`, `torn` or `corrupt`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Torn => "torn",
            Self::Corrupt => "corrupt",
        }
    }
}

impl From<State> for LogState {
    fn from(state: State) -> Self {
        match state {
            State::Clean => Self::Clean,
            State::Torn => Self::Torn,
            State::Corrupt => Self::Corrupt,
        }
    }
}

/// The segment files of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentsReport {
    /// Index of the first one that belongs to the log.
    pub first: u32,
    /// Index of the last one with a published block.
    pub last: u32,
    /// Number of them.
    pub count: u32,
    /// Uncompressed ones.
    pub hot: u32,
    /// Compressed ones without an uncompressed twin.
    pub cold: u32,
    /// Ones without a block, ready for use.
    pub prepared: u32,
    /// Ones whose every block was verified by this open.
    pub verified: u32,
}

/// What stood in the staging memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedReport {
    /// Events taken from it.
    pub events: u32,
    /// Id of the first one taken; 0: none.
    pub first_event_id: u64,
    /// Id of the last one taken; 0: none.
    pub last_event_id: u64,
    /// Why events that stood there were not taken.
    pub not_taken: Option<String>,
}

/// A position and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DamageReport {
    /// Index of the segment; `None`: it is `wal.staging` that is damaged.
    pub segment: Option<u32>,
    /// Byte offset, in the uncompressed segment.
    pub offset: u64,
    /// What is wrong.
    pub reason: String,
}

/// Bytes that were cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CutReport {
    /// Index of the segment; `None`: `wal.staging` or `wal.meta`.
    pub segment: Option<u32>,
    /// Where they began.
    pub offset: u64,
    /// How many were kept.
    pub bytes: u64,
    /// Id of the first event that their block headers name; 0: none can be read.
    pub first_event_id: u64,
    /// Highest id that they name; 0: none can be read.
    pub last_event_id: u64,
    /// The file they were kept in.
    pub kept_in: PathBuf,
    /// Why.
    pub reason: String,
}

/// A range of event ids, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdRange {
    /// The first id.
    pub from: u64,
    /// The last id.
    pub to: u64,
}

impl IdRange {
    pub(crate) fn contains(self, event_id: u64) -> bool {
        (self.from..=self.to).contains(&event_id)
    }

    /// Whether any id from `first` to `last` is in it.
    pub(crate) fn overlaps(self, first: u64, last: u64) -> bool {
        last >= self.from && first <= self.to
    }
}

impl From<&Damage> for DamageReport {
    fn from(damage: &Damage) -> Self {
        Self {
            segment: damage.position.segment,
            offset: damage.position.offset,
            reason: damage.reason.to_string(),
        }
    }
}

impl StagedReport {
    pub(crate) fn of(staging: &StagingFacts) -> Self {
        let (events, first_event_id, last_event_id) = staging
            .taken
            .as_ref()
            .map_or((0, 0, 0), |taken| (taken.count, taken.first_event_id, taken.last_event_id));
        Self { events, first_event_id, last_event_id, not_taken: staging.refused.clone() }
    }
}

impl SegmentsReport {
    fn of(inspection: &Inspection) -> Self {
        let listed = &inspection.listing.segments;
        let first = inspection.first_segment;
        let last = inspection.segments.last().map_or(first, |last| last.index);
        let of_log = || listed.range(first..=last).map(|(_, files)| files);
        let is_empty = inspection.segments.is_empty();
        let count = |wanted: &dyn Fn(bool) -> bool| {
            if is_empty { 0 } else { of_log().filter(|files| wanted(files.hot)).count() as u32 }
        };
        Self {
            first,
            last,
            count: count(&|_| true),
            hot: count(&|hot| hot),
            cold: count(&|hot| !hot),
            prepared: inspection.prepared.iter().filter(|prepared| prepared.usable.is_some()).count() as u32,
            verified: inspection.verified,
        }
    }
}

impl Report {
    /// What a reader found, which changes nothing. `durable_event_id` is what was known to be durable then.
    pub fn of_read(inspection: &Inspection, durable_event_id: u64, mode: Mode, elapsed: Duration) -> Self {
        let identity = inspection.identity.as_ref();
        Self {
            mode,
            state: inspection.state.into(),
            log_id: identity.map(|identity| hex(&identity.log_id)),
            event_size: identity.map_or(0, |identity| identity.event_size),
            segment_size: identity.map_or(0, |identity| identity.segment_size),
            segments: SegmentsReport::of(inspection),
            first_event_id: inspection.first_id(),
            last_event_id: inspection.last_id(),
            durable_event_id,
            staged: StagedReport::of(&inspection.staging),
            damage: inspection.damage.as_ref().map(DamageReport::from),
            cuts: Vec::new(),
            lost: None,
            writer_alive: inspection.writer_alive,
            unproven: inspection.unproven_beyond(durable_event_id),
            notes: inspection.notes.clone(),
            elapsed_ns: elapsed.as_nanos() as u64,
        }
    }

    /// What opening for append found and did. `durable_event_id` is what was known to be durable before.
    pub fn of_append(
        inspection: &Inspection,
        durable_event_id: u64,
        repaired: &Repaired,
        mode: Mode,
        elapsed: Duration,
    ) -> Self {
        let mut report = Self::of_read(inspection, durable_event_id, mode, elapsed);
        report.cuts.clone_from(&repaired.cuts);
        report.lost = repaired.lost;
        report.notes.extend(repaired.notes.iter().cloned());
        report
    }

    /// The report as JSON text.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
