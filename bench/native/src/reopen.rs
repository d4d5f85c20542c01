//! Opening a large log for appending after its process was killed.

use std::path::Path;
use std::time::Instant;

use flashstrike_recorder::Recorder;

use crate::events::options;
use crate::large_log::{append_and_be_killed, large_log};
use crate::{Failure, Figures};

pub(crate) fn round(logs: &Path, bytes: u64, many_unsealed: bool) -> Result<Figures, Failure> {
    let log = large_log(logs, bytes)?;
    append_and_be_killed(&log, many_unsealed)?;
    let options = options(&log)?;
    let start = Instant::now();
    let mut recorder = Recorder::open(&options)?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let segments = recorder.report().segments.clone();
    recorder.close()?;
    Ok(Figures::from([
        ("openMs", ms),
        ("segments", f64::from(segments.count)),
        ("verified", f64::from(segments.verified)),
    ]))
}
