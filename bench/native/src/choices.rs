//! What an operator chooses between: segment sizes, syncs that nobody asks for, compression levels.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use flashstrike_recorder::{Code, Recorder, RecorderOptions};
use flashstrike_segment::cold;
use flashstrike_telemetry::Value;

use crate::append::{PATIENCE, open_prepared};
use crate::events::{EVENT_BYTES, Events, options};
use crate::scratch::Scratch;
use crate::{Failure, Figures};

/// Between two events of the contests that are about waiting and not about speed.
const PERIOD: Duration = Duration::from_micros(1);
/// Bytes that are compressed at a time.
const SAMPLE_BYTES: usize = 32 << 20;

/// Appends so many events as fast as they can be, into segments of this size.
pub(crate) fn segment_size(directory: &Path, events: u64, segment_bytes: u32) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "segment-size")?;
    let mut options = options(scratch.path())?;
    options.segment_bytes = segment_bytes;
    options.prepared_segments = RecorderOptions::new(".").prepared_segments;
    let mut recorder = open_prepared(&options)?;
    let (seconds, waits) = append_all(&mut recorder, events, None)?;
    let (made, making) = duration(&recorder, "prepare_segment");
    recorder.close()?;
    Ok(Figures::from([
        ("nsPerEvent", seconds * 1e9 / events as f64),
        ("waits", waits),
        ("prepareMs", making / made.max(1.0) / 1e6),
    ]))
}

/// Appends so many events, a million a second, with syncs that nobody asks for; 0: without.
pub(crate) fn unasked_syncs(
    directory: &Path,
    events: u64,
    interval_ms: u32,
    bytes: u64,
) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "unasked-syncs")?;
    let mut options = options(scratch.path())?;
    options.sync_interval_ms = (interval_ms > 0).then_some(interval_ms);
    options.sync_bytes = (bytes > 0).then_some(bytes);
    let mut recorder = open_prepared(&options)?;
    let mut most = 0;
    let (seconds, waits) = append_all(&mut recorder, events, Some(&mut most))?;
    let (syncs, _) = duration(&recorder, "sync");
    recorder.close()?;
    Ok(Figures::from([
        ("nsPerEvent", seconds * 1e9 / events as f64),
        ("waits", waits),
        ("syncs", syncs),
        ("mostUndurable", most as f64),
    ]))
}

/// Compresses events as a segment holds them.
pub(crate) fn compression(level: i32) -> Result<Figures, Failure> {
    let source = Events::new();
    let mut content = Vec::with_capacity(SAMPLE_BYTES);
    for number in 0..(SAMPLE_BYTES / EVENT_BYTES) as u64 {
        let mut event = *source.get(number);
        // What differs from event to event in a real log, too.
        event[0..8].copy_from_slice(&(number + 1).to_le_bytes());
        event[8..16].copy_from_slice(&(1_700_000_000_000 + number * 3 + number % 7).to_le_bytes());
        event[16..24].copy_from_slice(&(10_000 + number.wrapping_mul(2_654_435_761) % 1000).to_le_bytes());
        event[36..40].copy_from_slice(&(number as u32).to_le_bytes());
        content.extend_from_slice(&event);
    }
    let start = Instant::now();
    let file = cold::compress(&content, level)?;
    let seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let read = black_box(cold::read_all(&file, SAMPLE_BYTES));
    let reading = start.elapsed().as_secs_f64();
    if read.bytes != content {
        return Err("what was compressed reads otherwise".into());
    }
    Ok(Figures::from([
        ("readEventsPerSecond", (content.len() / EVENT_BYTES) as f64 / reading),
        ("bytesPerSecond", content.len() as f64 / seconds),
        ("share", file.len() as f64 / content.len() as f64),
        ("frameMs", seconds * 1e3 / (content.len() >> 20) as f64),
    ]))
}

/// Appends; with `most`, a million a second, and it is raised to the most events that were not durable at a time.
fn append_all(
    recorder: &mut Recorder,
    events: u64,
    mut most: Option<&mut u64>,
) -> Result<(f64, f64), Failure> {
    let source = Events::new();
    let mut waits = 0.0;
    let start = Instant::now();
    let mut due = start;
    for number in 0..events {
        if let Some(most) = &mut most {
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            due += PERIOD;
            **most = (**most).max(recorder.last_event_id() - recorder.durable_event_id());
        }
        match recorder.append(source.get(number)) {
            Ok(_) => {}
            Err(error) if error.code() == Code::Backpressure => {
                waits += 1.0;
                recorder.drain(PATIENCE)?;
                recorder.append(source.get(number))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((start.elapsed().as_secs_f64(), waits))
}

/// How often an operation was done, and how long all of it took, in nanoseconds.
fn duration(recorder: &Recorder, name: &str) -> (f64, f64) {
    let snapshot = recorder.telemetry().snapshot();
    let found = snapshot.metrics().iter().find_map(|metric| match &metric.value {
        Value::Operation { ok, latency, .. } if metric.descriptor.name == name => {
            Some((*ok as f64, latency.sum() as f64))
        }
        _ => None,
    });
    found.unwrap_or_default()
}
