//! Everything that lies in a log's directory, for people who look at it. Nothing is changed and no permission to write is
//! needed; segments that are sealed are not read, only their headers.

mod look;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::directory::{absolute, no_segment};
use crate::error::Result;
use crate::files::FileSystem;
use crate::inspect::{Depth, InspectOptions, SegmentSource, Watch, observe};
use crate::machine::known_boot_id;
use crate::report::{DamageReport, LogState, StagedReport};
use look::Look;

/// A log and what it consists of. As JSON its keys are in camel case, and `None` is `null`; times are milliseconds since
/// the Unix epoch, 0: not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Where it lies.
    pub directory: String,
    /// 32 hexadecimal digits; `None` where no segment says it any more.
    pub log_id: Option<String>,
    /// Bytes of a fixed-size event; 0: variable-length events.
    pub event_size: u16,
    /// Bytes of a segment; 0: not known.
    pub segment_size: u32,
    /// The log's schema as JSON text; `None` where no segment says it any more.
    pub schema: Option<String>,
    /// What it is as far as it was verified: from the first unsealed segment on, which is all of it only if
    /// `verified_segments` is as many as it has.
    pub state: LogState,
    /// Segments of which every block was verified.
    pub verified_segments: u32,
    /// The first position that does not verify.
    pub damage: Option<DamageReport>,
    /// Events in its segments as their headers say, and staged ones.
    pub events: u64,
    /// Id of the first event; 0: none.
    pub first_event_id: u64,
    /// Id of the last event, staged ones included; 0: none.
    pub last_event_id: u64,
    /// Highest id known to be durable.
    pub durable_event_id: u64,
    /// Whether somebody has it open for appending.
    pub writer_alive: bool,
    /// The process that has; `None` without one.
    pub writer_pid: Option<u32>,
    /// What it lies on, for example `ext4`.
    pub file_system: Option<String>,
    /// Its segments in order, also those that are missing.
    pub segments: Vec<SegmentOverview>,
    /// What stands in `wal.staging`.
    pub staging: StagingOverview,
    /// What `wal.meta` says.
    pub meta: MetaOverview,
    /// Its named cursors.
    pub cursors: Vec<CursorOverview>,
    /// What recovery has cut off.
    pub quarantine: Vec<QuarantineOverview>,
    /// Unfinished files, which the next writer removes.
    pub leftovers: Vec<String>,
    /// What no evidence covers, in words.
    pub unproven: Vec<String>,
    /// Everything else worth knowing, in words.
    pub notes: Vec<String>,
}

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SegmentState {
    /// Never appended to again.
    Sealed,
    /// The one that is appended to.
    Active,
    /// Left by the appender and not sealed yet.
    Unsealed,
    /// Without a block, ready for use.
    Prepared,
    /// Given up by retention; the next writer finishes its removal.
    Retired,
    /// Its metadata block names another log.
    Foreign,
    /// Neither header nor metadata block can be read.
    Unreadable,
    /// It has to be there and is not.
    Missing,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentOverview {
    /// The number in its name.
    pub index: u32,
    /// What it is.
    pub state: SegmentState,
    /// Names of its files: one, or the compressed and the uncompressed one.
    pub files: Vec<String>,
    /// Whether it is read from its compressed file.
    pub is_cold: bool,
    /// Events in it.
    pub events: u64,
    /// Id of its first event; 0: none.
    pub first_event_id: u64,
    /// Id of its last event; 0: none.
    pub last_event_id: u64,
    /// Blocks in it, the metadata block included; 0: not known.
    pub blocks: u32,
    /// Bytes of the segment up to the end of its last block; `None`: a sealed one that was not read.
    pub used_bytes: Option<u64>,
    /// Lengths of its files together.
    pub file_bytes: u64,
    /// What they take on disk.
    pub disk_bytes: u64,
    /// Uncompressed bytes for each compressed one; `None` unless it is cold.
    pub ratio: Option<f64>,
    /// When it was prepared.
    pub created_ms: u64,
    /// When its first block was written.
    pub first_written_ms: u64,
    /// When its last block was written; of a sealed one that was not read, when it was sealed.
    pub last_written_ms: u64,
    /// When it was sealed; 0 also: it is not.
    pub sealed_ms: u64,
    /// Its header does not verify; the next writer writes it anew.
    pub header_damaged: bool,
}

/// What stands in `wal.staging`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagingOverview {
    /// Whether it is there.
    pub present: bool,
    /// What of it belongs to the log. Beside a living writer nobody looks.
    #[serde(flatten)]
    pub staged: StagedReport,
}

/// What `wal.meta` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetaOverview {
    /// `valid`, `missing`, `damaged` or `foreign`.
    pub state: &'static str,
    /// Whether the log was closed in order.
    pub closed_cleanly: Option<bool>,
    /// The last event when it was written.
    pub last_event_id: Option<u64>,
    /// What it calls durable.
    pub durable_event_id: Option<u64>,
    /// Where the log begins.
    pub first_segment: Option<u32>,
    /// Where it ended when it was written.
    pub last_segment: Option<u32>,
}

/// One named cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CursorOverview {
    /// Its name.
    pub name: String,
    /// The last event done with; `None` if it cannot be read.
    pub event_id: Option<u64>,
    /// When it was committed last.
    pub updated_ms: u64,
    /// Events up to the end of the log that are not done with, as their ids count.
    pub behind: Option<u64>,
    /// Whether somebody holds it.
    pub held: bool,
    /// Why it holds back everything, or is not of this log.
    pub problem: Option<String>,
}

/// One thing in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineOverview {
    /// Name of both its files, without the ending.
    pub name: String,
    /// Bytes of its `.bin`; `None`: that is gone.
    pub bytes: Option<u64>,
    /// The file they stood in; `None` here and below: no `.json` says it.
    pub file: Option<String>,
    /// Where they began in it.
    pub offset: Option<u64>,
    /// Ids that their block headers name; 0: none can be read.
    pub first_event_id: Option<u64>,
    /// See `first_event_id`.
    pub last_event_id: Option<u64>,
    /// When they were cut, as `YYYYMMDDThhmmssZ`: the name of the repair.
    pub cut_at: Option<String>,
    /// When they were put back.
    pub undone_at: Option<String>,
    /// Why they were cut.
    pub reason: Option<String>,
}

impl Overview {
    /// As JSON text.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}

/// Looks at a log.
///
/// `boot_id` is what to take for that of the machine; `None`: what the machine says.
///
/// # Errors
/// `WAL_NOT_FOUND` without a log; `WAL_UNSUPPORTED` if a newer version wrote it; `WAL_IO`. Damage is no error here.
pub fn overview(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    boot_id: Option<[u8; 16]>,
) -> Result<Overview> {
    let directory = absolute(directory)?;
    let boot_id = known_boot_id(boot_id)?;
    let inspecting = InspectOptions { depth: Depth::Unsealed, boot_id, beside_writer: false };
    let (inspection, _) = observe(files, &directory, &inspecting, &mut Watch::default())?;
    if inspection.listing.is_empty() {
        return Err(no_segment(&directory, &inspection.listing, None));
    }
    let durable_event_id = inspection.known_durable(files, boot_id)?;
    let source = SegmentSource::new(files, &directory);
    Look { source, inspection: &inspection, durable_event_id }.overview()
}
