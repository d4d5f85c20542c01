//! Verifying every segment of a log, which may not even open.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::directory::{absolute, no_segment};
use crate::error::Result;
use crate::files::FileSystem;
use crate::inspect::{Depth, InspectOptions, Inspection, Progress, Watch, observe};
use crate::machine::known_boot_id;
use crate::report::{DamageReport, LogState};

/// What a verification of every segment found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Clean, torn or corrupt.
    pub state: LogState,
    /// Events in the log, staged ones that belong to it included.
    pub events: u64,
    /// Id of the first event; 0: none.
    pub first_id: u64,
    /// Id of the last event; 0: none.
    pub last_id: u64,
    /// Staged events among them.
    pub staged: u64,
    /// The first position that does not verify.
    pub bad: Option<DamageReport>,
    /// The highest id known to be durable.
    pub durable_event_id: u64,
    /// Segments verified.
    pub segments: u32,
    /// What no evidence covers, in words.
    pub unproven: Vec<String>,
    /// Everything else worth knowing, in words.
    pub notes: Vec<String>,
    /// Time it took, in nanoseconds.
    pub elapsed_ns: u64,
}

impl Summary {
    /// The summary as JSON text.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}

/// Verifies every segment of a log as it is now. Damage is no error but the result, also such as no mode opens.
///
/// `boot_id` is what to take for that of the machine; `None`: what the machine says.
///
/// # Errors
/// `WAL_NOT_FOUND` without a log; `WAL_UNSUPPORTED`; `WAL_IO`.
pub fn verify(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    boot_id: Option<[u8; 16]>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Summary> {
    let began = Instant::now();
    let directory = absolute(directory)?;
    let boot_id = known_boot_id(boot_id)?;
    let inspecting = InspectOptions { depth: Depth::Everything, boot_id, beside_writer: false };
    let mut watch = Watch { telemetry: None, progress: Some(progress) };
    let (inspection, _) = observe(files, &directory, &inspecting, &mut watch)?;
    if inspection.listing.is_empty() {
        return Err(no_segment(&directory, &inspection.listing, None));
    }
    let durable_event_id = inspection.known_durable(files, boot_id)?;
    Ok(summary(&inspection, durable_event_id, began.elapsed()))
}

pub(crate) fn summary(inspection: &Inspection, durable_event_id: u64, elapsed: Duration) -> Summary {
    Summary {
        state: inspection.state.into(),
        events: inspection.verdict.events,
        first_id: inspection.verdict.first_event_id,
        // Appending goes on behind the last event there ever was, which need not be in the log any more.
        last_id: if inspection.verdict.events == 0 { 0 } else { inspection.last_id() },
        staged: inspection.staging.taken.as_ref().map_or(0, |taken| taken.count.into()),
        bad: inspection.damage.as_ref().map(DamageReport::from),
        durable_event_id,
        segments: inspection.verified,
        unproven: inspection.unproven_beyond(durable_event_id),
        notes: inspection.notes.clone(),
        elapsed_ns: elapsed.as_nanos() as u64,
    }
}
