//! The time inside an append at a fixed rate or at full speed, while every worker of the recorder has something to do.

use std::hint::{black_box, spin_loop};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flashstrike_recorder::{Code, Event, RecorderOptions, Retention};
use flashstrike_telemetry::RecorderTelemetry;
use flashstrike_telemetry::exposition::{Exposition, Format};

use crate::append::{PATIENCE, open_prepared};
use crate::events::{Events, options};
use crate::latencies::percentiles_ns;
use crate::scratch::Scratch;
use crate::{Failure, Figures};

/// Between two events: a million a second.
pub(crate) const PERIOD: Duration = Duration::from_micros(1);
/// At a million events a second 20 segments a second.
const SEGMENT_BYTES: u32 = 3 << 20;
/// They bridge a fifth of a second in which the disk, or the processor, is somebody else's.
const PREPARED_SEGMENTS: u32 = 8;
/// Of both kinds: from the first second on segments are compressed and removed at the rate at which they are filled.
const KEPT_SEGMENTS: u32 = 8;
/// Appended at the same rate before the clock starts.
const WARM_UP_EVENTS: u64 = 200_000;

/// Appends so many events, one a `period`; with `scrape_period`, while somebody reads all metrics as often as that.
pub(crate) fn round(
    directory: &Path,
    events: u64,
    period: Duration,
    scrape_period: Option<Duration>,
) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "paced")?;
    let mut options = options(scratch.path())?;
    options.segment_bytes = SEGMENT_BYTES;
    options.prepared_segments = PREPARED_SEGMENTS;
    let kept = Some(KEPT_SEGMENTS);
    options.retention = Retention { hot_segments: kept, cold_segments: kept, ..Retention::default() };
    let work = Work::observe(&mut options);
    let mut recorder = open_prepared(&options)?;
    let telemetry = Arc::clone(recorder.telemetry());
    let source = Events::new();
    let mut waits = 0_u32;
    let mut append = |number: u64| -> Result<(), Failure> {
        let event = black_box(source.get(number));
        match recorder.append(event) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Code::Backpressure => {
                waits += 1;
                recorder.drain(PATIENCE)?;
                recorder.append(event)?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    };
    let is_over = AtomicBool::new(false);
    let ns = thread::scope(|scope| {
        if let Some(period) = scrape_period {
            let (telemetry, is_over) = (&telemetry, &is_over);
            scope.spawn(move || scrape(telemetry, period, is_over));
        }
        let ns = pace(WARM_UP_EVENTS, period, &mut append).and_then(|_| pace(events, period, &mut append));
        is_over.store(true, Ordering::Relaxed);
        ns
    })?;
    let rotations = recorder.manager()?.writer().position().map_or(0, |(index, _)| index);
    let (compressed, deleted) = work.done();
    recorder.close()?;
    let mut figures = percentiles_ns(ns);
    figures.insert("compressed", f64::from(compressed));
    figures.insert("deleted", f64::from(deleted));
    figures.insert("waits", f64::from(waits));
    figures.insert("rotations", f64::from(rotations));
    Ok(figures)
}

/// Reads and writes out all metrics once a period, as Prometheus has it done.
fn scrape(telemetry: &RecorderTelemetry, period: Duration, is_over: &AtomicBool) {
    let mut exposition = Exposition::new();
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if Instant::now() >= due {
            black_box(exposition.write(Format::Text, &[(0, &telemetry.snapshot())], &[]));
            due += period;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What the maintainer says that it has done.
#[derive(Default)]
struct Work {
    compressed: AtomicU32,
    deleted: AtomicU32,
}

impl Work {
    fn observe(options: &mut RecorderOptions) -> Arc<Self> {
        let work = Arc::new(Self::default());
        let told = Arc::clone(&work);
        options.observer = Some(Arc::new(move |event: &Event| {
            let count = match event {
                Event::Compressed { .. } => &told.compressed,
                Event::Deleted { .. } => &told.deleted,
                _ => return,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }));
        work
    }

    fn done(&self) -> (u32, u32) {
        (self.compressed.load(Ordering::Relaxed), self.deleted.load(Ordering::Relaxed))
    }
}

/// The same loop around nothing: what the clock, the machine and its host cost by themselves.
pub(crate) fn empty_round(events: u64) -> Result<Figures, Failure> {
    let source = Events::new();
    let mut nothing = |number: u64| -> Result<(), Failure> {
        black_box(source.get(number));
        Ok(())
    };
    pace(WARM_UP_EVENTS, PERIOD, &mut nothing)?;
    Ok(percentiles_ns(pace(events, PERIOD, &mut nothing)?))
}

/// Does `work` once a period and gives how long it took each time, in nanoseconds. What comes late is made up for at
/// once; the time is that inside `work`, whenever it began.
fn pace(
    events: u64,
    period: Duration,
    work: &mut impl FnMut(u64) -> Result<(), Failure>,
) -> Result<Vec<u32>, Failure> {
    // Not zeros, which the system would only promise: every page is there before the clock starts.
    let mut ns = vec![u32::MAX; events as usize];
    let start = Instant::now();
    let mut due = start;
    for (number, slot) in (0..events).zip(&mut ns) {
        let mut before = Instant::now();
        while before < due {
            spin_loop();
            before = Instant::now();
        }
        work(number)?;
        *slot = u32::try_from(before.elapsed().as_nanos()).unwrap_or(u32::MAX);
        due += period;
    }
    Ok(ns)
}
