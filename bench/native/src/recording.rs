//! What recording a metric costs, and what reading all of them does.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use flashstrike_telemetry::clock::now_ns;
use flashstrike_telemetry::exposition::{Exposition, Format};
use flashstrike_telemetry::kinds::{Counter, Duration, Operation};
use flashstrike_telemetry::{RecorderTelemetry, Status, encode_snapshot};

use crate::{Failure, Figures};

/// Latencies as they come: of all magnitudes, not one bucket over and over.
const LATENCIES: usize = 4096;
/// Most times that everything is read.
const MOST_READS: u64 = 500;

/// Records so many times what a component records, and reads a recorder's metrics.
pub(crate) fn round(calls: u64) -> Figures {
    find_clock_rate();
    let mut figures = recorded(calls);
    figures.extend(read(calls.min(MOST_READS)));
    figures
}

fn recorded(calls: u64) -> Figures {
    let latencies: Vec<u64> =
        (0..LATENCIES as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) + 50).collect();
    let latency = |call: u64| black_box(latencies[call as usize % LATENCIES]);
    let (counter, duration, operation) = (Counter::default(), Duration::default(), Operation::default());
    let bare = ns_per_call(calls, |call| {
        latency(call);
    });
    let count = ns_per_call(calls, |call| counter.add(latency(call)));
    let record = ns_per_call(calls, |call| duration.record(latency(call)));
    let clock = ns_per_call(calls, |_| {
        black_box(now_ns());
    });
    let instant = ns_per_call(calls, |_| {
        black_box(Instant::now());
    });
    let timed = ns_per_call(calls, |_| {
        let start = now_ns();
        operation.record(now_ns().saturating_sub(black_box(start)), Status::Ok);
    });
    Figures::from([
        ("loopNs", bare),
        ("countNs", count),
        ("recordNs", record),
        ("clockNs", clock),
        ("instantNs", instant),
        ("operationNs", timed),
    ])
}

fn read(times: u64) -> Figures {
    let telemetry = RecorderTelemetry::new();
    let snapshot = telemetry.snapshot();
    let copied = ns_per_call(times, |_| {
        black_box(telemetry.snapshot());
    });
    let bytes = ns_per_call(times, |_| {
        black_box(encode_snapshot(&snapshot));
    });
    let text = ns_per_call(times, |_| {
        black_box(Exposition::new().write(Format::Text, &[(0, &snapshot)], &[]));
    });
    let shown = Exposition::new().write(Format::Text, &[(0, &snapshot)], &[]);
    let shown = String::from_utf8_lossy(&shown);
    let families = shown.lines().filter(|line| line.starts_with("# TYPE ")).count();
    let histograms = shown.lines().filter(|line| line.ends_with(" histogram")).count();
    Figures::from([
        ("snapshotUs", copied / 1e3),
        ("snapshotBytesUs", bytes / 1e3),
        ("expositionUs", text / 1e3),
        ("memoryKib", size_of_val(telemetry.metrics()) as f64 / 1024.0),
        ("histograms", histograms as f64),
        ("numbers", (families - histograms) as f64),
    ])
}

/// Two threads that record at the same time, as the two that write blocks and `wal.meta` do: in recorders of their own,
/// far from each other; in one recorder, whose structs for the two are neighbours; and both in one struct.
pub(crate) fn neighbours_round(calls: u64) -> Result<Figures, Failure> {
    let (one, other) = (RecorderTelemetry::new(), RecorderTelemetry::new());
    let (one, other) = (one.metrics(), other.metrics());
    let block = || one.segment_writer.block_fill.record(black_box(256));
    let flush_far = || other.meta_store.meta_flush.record(black_box(1_000), Status::Ok);
    let flush_near = || one.meta_store.meta_flush.record(black_box(1_000), Status::Ok);
    Ok(Figures::from([
        ("farNs", two_threads(calls, block, flush_far)?),
        ("neighboursNs", two_threads(calls, block, flush_near)?),
        ("oneStructNs", two_threads(calls, flush_near, flush_near)?),
    ]))
}

/// Nanoseconds a call, of the slower thread.
fn two_threads(calls: u64, one: impl Fn() + Send, other: impl Fn()) -> Result<f64, Failure> {
    let begin = &Barrier::new(2);
    thread::scope(|scope| {
        let first = scope.spawn(move || {
            begin.wait();
            ns_per_call(calls, |_| one())
        });
        begin.wait();
        let second = ns_per_call(calls, |_| other());
        Ok(second.max(first.join().map_err(|_| "a thread panicked")?))
    })
}

fn ns_per_call(calls: u64, mut call: impl FnMut(u64)) -> f64 {
    (0..calls / 10).for_each(&mut call);
    let start = Instant::now();
    (0..calls).for_each(|number| call(black_box(number)));
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Until the clock knows its rate, it is the system's.
fn find_clock_rate() {
    let start = Instant::now();
    while start.elapsed().as_millis() < 25 {
        black_box(now_ns());
    }
}
