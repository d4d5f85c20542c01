//! Replaying a log from the page cache, every block verified.

use std::path::Path;
use std::time::Instant;

use flashstrike_recorder::Recorder;
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

use crate::append::append_all;
use crate::events::{EVENT_BYTES, options};
use crate::{Failure, Figures};

/// Replays a log that is made in the first round, twice: the first time the process gets memory from the system.
pub(crate) fn round(directory: &Path, events: u64) -> Result<Figures, Failure> {
    let log = directory.join("log");
    if !log.exists() {
        let mut recorder = Recorder::open(&options(&log)?)?;
        append_all(&mut recorder, events)?;
        recorder.close()?;
    }
    replay(&log, events)?;
    let seconds = replay(&log, events)?;
    Ok(Figures::from([("eventsPerSecond", events as f64 / seconds)]))
}

/// Sums up three fields of every event; gives the seconds from opening the log to the last one.
fn replay(log: &Path, events: u64) -> Result<f64, Failure> {
    let start = Instant::now();
    let recovery = Recovery::open(RecoveryOptions::new(log))?;
    let mut replay = recovery.replay(ReplayOptions::default())?;
    let (mut count, mut sum) = (0, 0_u64);
    while let Some(run) = replay.next_run()? {
        for block in run.blocks() {
            for event in block.payload.chunks_exact(EVENT_BYTES) {
                let field =
                    |at: usize| event[at..].first_chunk().map_or(0, |field| u64::from_le_bytes(*field));
                count += 1;
                sum = sum.wrapping_add(field(0)).wrapping_add(field(8)).wrapping_add(field(16));
            }
        }
    }
    std::hint::black_box(sum);
    let seconds = start.elapsed().as_secs_f64();
    if count != events {
        return Err(format!("{count} events were read, not {events}").into());
    }
    Ok(seconds)
}
