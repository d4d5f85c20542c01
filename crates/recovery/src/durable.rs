//! What is known to be durable, to whoever only looks at a log.

use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::files::FileSystem;
use crate::inspect::Inspection;
use crate::watch::{StagingWatch, Whose};

/// The highest id of the log that is known to be durable: what its blocks and `wal.meta` prove, or what its writer has
/// said in `wal.staging` on this boot, also one that has died since. `wal.meta` is written only now and then.
///
/// # Errors
/// `WAL_IO`.
pub(crate) fn known_durable(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    boot_id: Option<[u8; 16]>,
    inspection: &Inspection,
) -> Result<u64> {
    let proved = inspection.durable_event_id;
    let Some(identity) = &inspection.identity else { return Ok(proved) };
    let staging = StagingWatch::open(files, directory, Whose { log_id: identity.log_id, boot_id })?;
    let said = staging.said()?.map_or(0, |said| said.durable_event_id);
    // Beside a writer it may speak of what was appended since the look.
    Ok(proved.max(said.min(inspection.last_event_id)))
}
