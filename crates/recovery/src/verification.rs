//! Verifying a log that may not even open.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::directory::{absolute, not_found};
use crate::durable::known_durable;
use crate::error::Result;
use crate::files::FileSystem;
use crate::inspect::{Depth, InspectOptions, Progress, Watch, observe};
use crate::machine::known_boot_id;
use crate::recovery::{Summary, summary};

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
        return Err(not_found(&directory));
    }
    let durable_event_id = known_durable(files, &directory, boot_id, &inspection)?;
    Ok(summary(&inspection, durable_event_id, began.elapsed()))
}
