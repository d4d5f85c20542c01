//! Going from one segment to the next in a replay that finds the next segment preloaded.

use std::path::Path;
use std::time::{Duration, Instant};

use flashstrike_recorder::{Code, Recorder};
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions, Run};

use crate::append::PATIENCE;
use crate::events::{Events, options};
use crate::latencies::Latencies;
use crate::{Failure, Figures};

/// Segments are read in runs of at most 4 MiB; these have two.
const SEGMENT_BYTES: u32 = 6 << 20;
/// Segments of the log, which is replayed as often as it takes.
const SEGMENTS: u32 = 64;
/// How long the preloader has for the next segment, twice what it takes.
const HEAD_START: Duration = Duration::from_millis(5);

/// Goes from one segment to the next so many times. The log is made in the first round.
pub(crate) fn round(directory: &Path, hand_offs: u64) -> Result<Figures, Failure> {
    let log = directory.join("log");
    if !log.exists() {
        make_log(&log)?;
    }
    let recovery = Recovery::open(RecoveryOptions::new(log))?;
    let mut into_segment = Latencies::with_capacity(hand_offs);
    let mut inside_segment = Latencies::with_capacity(hand_offs);
    while into_segment.count() < hand_offs {
        replay(&recovery, &mut into_segment, &mut inside_segment)?;
    }
    let (hand_off, inside) = (into_segment.figures(), inside_segment.figures());
    Ok(Figures::from([
        ("p50Us", hand_off["p50Us"]),
        ("p99Us", hand_off["p99Us"]),
        ("insideP50Us", inside["p50Us"]),
        ("insideP99Us", inside["p99Us"]),
    ]))
}

fn replay(
    recovery: &Recovery,
    into_segment: &mut Latencies,
    inside_segment: &mut Latencies,
) -> Result<(), Failure> {
    let mut replay = recovery.replay(ReplayOptions::default())?;
    let mut before = None;
    loop {
        preload();
        let start = Instant::now();
        let run = replay.next_run()?;
        let took = start.elapsed();
        let Some(run) = run else { return Ok(()) };
        if run.segment() == before {
            inside_segment.add(took);
        } else if before.is_some() {
            into_segment.add(took);
        }
        before = run.segment();
        use_events(&run);
    }
}

/// Lets the preloader work without giving the processor up: a consumer that has slept would pay for waking up too.
fn preload() {
    let start = Instant::now();
    while start.elapsed() < HEAD_START {
        std::hint::spin_loop();
    }
}

/// Reads all that was handed over, as a consumer does.
fn use_events(run: &Run<'_>) {
    std::hint::black_box(run.bytes().iter().fold(0_u64, |sum, byte| sum + u64::from(*byte)));
}

fn make_log(directory: &Path) -> Result<(), Failure> {
    let mut options = options(directory)?;
    options.segment_bytes = SEGMENT_BYTES;
    let mut recorder = Recorder::open(&options)?;
    let source = Events::new();
    let mut number = 0;
    while recorder.manager()?.writer().position().is_none_or(|(index, _)| index < SEGMENTS) {
        match recorder.append(source.get(number)) {
            Ok(_) => number += 1,
            Err(error) if error.code() == Code::Backpressure => recorder.drain(PATIENCE)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(recorder.close()?)
}
