//! Verifying a large log, and reading its files without looking at them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions};

use crate::large_log::large_log;
use crate::{Failure, Figures};

const PIECE: usize = 1 << 20;

pub(crate) fn round(logs: &Path, bytes: u64) -> Result<Figures, Failure> {
    let log = large_log(logs, bytes)?;
    let recovery = Recovery::open(RecoveryOptions::new(&log))?;
    let mut read = 0;
    let start = Instant::now();
    let summary = recovery.verify(&mut |progress| read = progress.bytes_done)?;
    let seconds = start.elapsed().as_secs_f64();
    if summary.state != LogState::Clean {
        return Err(format!("the log is {}: {:?}", summary.state.as_str(), summary.bad).into());
    }
    Ok(figures(read, seconds))
}

pub(crate) fn raw_round(logs: &Path, bytes: u64) -> Result<Figures, Failure> {
    let log = large_log(logs, bytes)?;
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    let start = Instant::now();
    for entry in fs::read_dir(&log)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().ends_with(".wal") {
            continue;
        }
        let mut file = File::open(entry.path())?;
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => total += read as u64,
            }
        }
    }
    Ok(figures(total, start.elapsed().as_secs_f64()))
}

#[expect(clippy::cast_precision_loss, reason = "a speed")]
fn figures(bytes: u64, seconds: f64) -> Figures {
    Figures::from([("bytesPerSecond", bytes as f64 / seconds), ("seconds", seconds)])
}
