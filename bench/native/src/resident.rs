//! How much memory a recorder and a replay take, and whether it grows.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flashstrike_recorder::{Code, MAX_UNSEALED_SEGMENTS, Retention};
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

use crate::append::{PATIENCE, open_prepared};
use crate::events::{Events, options};
use crate::large_log::large_log;
use crate::scratch::Scratch;
use crate::{Failure, Figures};

const PREPARED_SEGMENTS: u32 = 4;
/// What is kept on the disk while a recorder is watched: a gibibyte.
const KEPT_SEGMENTS: u32 = 16;
const LOOK: Duration = Duration::from_millis(50);
/// The first quarter of the time is compared with the last one.
const PART: usize = 4;

/// A recorder with four prepared segments of 64 MiB: at rest, then appending for so long as fast as it can.
pub(crate) fn recorder_round(directory: &Path, seconds: f64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "resident")?;
    let mut options = options(scratch.path())?;
    options.prepared_segments = PREPARED_SEGMENTS;
    options.retention =
        Retention { hot_segments: Some(KEPT_SEGMENTS), cold_segments: Some(0), ..Retention::default() };
    let mut recorder = open_prepared(&options)?;
    let at_rest = resident_bytes()?;
    let source = Events::new();
    let watch = Watch::start();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut number = 0;
    while Instant::now() < end {
        for _ in 0..4096 {
            match recorder.append(black_box(source.get(number))) {
                Ok(_) => number += 1,
                Err(error) if error.code() == Code::Backpressure => recorder.drain(PATIENCE)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
    let mut figures = watch.figures()?;
    figures.insert("atRestBytes", at_rest);
    let segment_bytes = f64::from(options.segment_bytes);
    let prepared = options.prepared_segments;
    figures.insert("mappedBytes", f64::from(1 + prepared) * segment_bytes);
    figures.insert("mostMappedBytes", f64::from(MAX_UNSEALED_SEGMENTS as u32 + prepared) * segment_bytes);
    figures.insert("events", number as f64);
    recorder.close()?;
    Ok(figures)
}

/// Replays of a large log, one after the other, until the time is over.
pub(crate) fn replay_round(logs: &Path, bytes: u64, seconds: f64) -> Result<Figures, Failure> {
    let log = large_log(logs, bytes)?;
    let recovery = Recovery::open(RecoveryOptions::new(log))?;
    let watch = Watch::start();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut replays = 0_u32;
    while Instant::now() < end || replays == 0 {
        let mut replay = recovery.replay(ReplayOptions::default())?;
        while let Some(run) = replay.next_run()? {
            black_box(run.bytes().iter().step_by(64).fold(0_u64, |sum, byte| sum + u64::from(*byte)));
        }
        replays += 1;
    }
    let mut figures = watch.figures()?;
    figures.insert("segmentBytes", f64::from(recovery.report().segment_size));
    figures.insert("replays", f64::from(replays));
    Ok(figures)
}

/// Looks at the resident set of this process until it is asked for what it has seen.
struct Watch {
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<Result<Vec<f64>, String>>,
}

impl Watch {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut bytes = Vec::new();
            while !seen.load(Ordering::Relaxed) || bytes.is_empty() {
                bytes.push(resident_bytes().map_err(|failure| failure.to_string())?);
                thread::sleep(LOOK);
            }
            Ok(bytes)
        });
        Self { over, thread }
    }

    fn figures(self) -> Result<Figures, Failure> {
        self.over.store(true, Ordering::Relaxed);
        let bytes = self.thread.join().map_err(|_| "the watch has panicked")??;
        let part = (bytes.len() / PART).max(1);
        let highest = |bytes: &[f64]| bytes.iter().copied().fold(0.0, f64::max);
        Ok(Figures::from([
            ("highestBytes", highest(&bytes)),
            ("firstBytes", highest(&bytes[..part])),
            ("lastBytes", highest(&bytes[bytes.len() - part..])),
        ]))
    }
}

/// Memory of this process that is in the machine's memory, shared pages of mapped files included.
fn resident_bytes() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u32 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(f64::from(kib) * 1024.0)
}
