//! What a synced event makes the device write.

use std::path::Path;

use crate::append::open_prepared;
use crate::device::Written;
use crate::events::{EVENT_BYTES, Events, options};
use crate::scratch::Scratch;
use crate::{Failure, Figures};

/// Appends and syncs one event after the other; segments are prepared, and on the disk, before the counting starts.
pub(crate) fn round(directory: &Path, syncs: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "sync-bytes")?;
    let mut options = options(scratch.path())?;
    options.small_syncs = true;
    options.prepared_segments = 1;
    let mut recorder = open_prepared(&options)?;
    let source = Events::new();
    recorder.append(source.get(0))?;
    recorder.durable_sync(None)?;
    let at = recorder.manager()?.writer().position().ok_or("no segment is open")?;
    let written = Written::to_device_of(scratch.path())?;
    for number in 1..=syncs {
        recorder.append(source.get(number))?;
        recorder.durable_sync(None)?;
    }
    let written = written.bytes()?;
    let end = recorder.manager()?.writer().position().ok_or("no segment is open")?;
    if end.0 != at.0 {
        return Err("so many syncs do not fit into a segment".into());
    }
    recorder.close()?;
    Ok(Figures::from([
        ("deviceBytesPerSync", written as f64 / syncs as f64),
        ("logBytesPerSync", (end.1 - at.1) as f64 / syncs as f64),
        ("eventBytes", EVENT_BYTES as f64),
    ]))
}
