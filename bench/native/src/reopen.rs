//! Opening a large log for appending after its process was killed.

use std::path::Path;
use std::time::Instant;

use flashstrike_recorder::Recorder;

use crate::events::options;
use crate::large_log::{append_and_be_killed, large_log};
use crate::{Failure, Figures, sustained};

/// Opens it, and then writes as many bytes as were verified to a new file in `directory`, which is the reference.
pub(crate) fn round(
    directory: &Path,
    logs: &Path,
    bytes: u64,
    many_unsealed: bool,
) -> Result<Figures, Failure> {
    let log = large_log(logs, bytes)?;
    append_and_be_killed(&log, many_unsealed)?;
    let options = options(&log)?;
    let start = Instant::now();
    let mut recorder = Recorder::open(&options)?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let segments = recorder.report().segments.clone();
    recorder.close()?;
    let segment = u64::from(options.segment_bytes);
    // A single one is half full.
    let verified = if many_unsealed { u64::from(segments.verified) * segment } else { segment / 2 };
    Ok(Figures::from([
        ("openMs", ms),
        ("writeMs", sustained::write_synced(directory, verified)? * 1e3),
        ("segments", f64::from(segments.count)),
        ("verified", f64::from(segments.verified)),
    ]))
}
