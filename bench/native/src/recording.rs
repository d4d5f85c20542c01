//! What recording a metric costs, and what reading all of them does.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use flashstrike_telemetry::clock::now_ns;
use flashstrike_telemetry::exposition::{Exposition, Format};
use flashstrike_telemetry::kinds::{Counter, Duration, Operation};
use flashstrike_telemetry::layout::Apart;
use flashstrike_telemetry::{RecorderTelemetry, Status, encode_snapshot};

use crate::{Failure, Figures};

/// Latencies as they come: of all magnitudes, not one bucket over and over.
const LATENCIES: usize = 4096;
/// So many calls share a look at the clock.
const READS: u64 = 50;

/// Records so many times what a component records, and reads a recorder's metrics.
pub(crate) fn round(calls: u64) -> Figures {
    find_clock_rate();
    let mut figures = recorded(calls);
    figures.extend(read(calls.min(READS)));
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
    Figures::from([
        ("snapshotUs", copied / 1e3),
        ("snapshotBytesUs", bytes / 1e3),
        ("expositionUs", text / 1e3),
        ("memoryKib", size_of_val(telemetry.metrics()) as f64 / 1024.0),
    ])
}

/// Two threads that record at the same time: each a metric of its own, as the log has them; two metrics side by side
/// in one struct, as it does not; and one thread alone.
pub(crate) fn neighbours_round(calls: u64) -> Result<Figures, Failure> {
    /// Two words on one line, which nobody keeps apart.
    #[derive(Default)]
    #[repr(C, align(64))]
    struct Shared([Counter; 2]);

    let (apart, shared) = (<[Apart<Counter>; 2]>::default(), Shared::default());
    let alone = Apart::<Counter>::default();
    Ok(Figures::from([
        ("aloneNs", ns_per_call(calls, |_| alone.add(black_box(1)))),
        ("apartNs", two_threads(calls, [&apart[0], &apart[1]])?),
        ("sharedNs", two_threads(calls, [&shared.0[0], &shared.0[1]])?),
    ]))
}

/// Each thread counts in its own counter; nanoseconds a call, of the slower one.
fn two_threads(calls: u64, counters: [&Counter; 2]) -> Result<f64, Failure> {
    let begin = Barrier::new(2);
    thread::scope(|scope| {
        let threads = counters.map(|counter| {
            let begin = &begin;
            scope.spawn(move || {
                begin.wait();
                ns_per_call(calls, |_| counter.add(black_box(1)))
            })
        });
        let mut slowest = 0_f64;
        for thread in threads {
            slowest = slowest.max(thread.join().map_err(|_| "a thread panicked")?);
        }
        Ok(slowest)
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
    while start.elapsed().as_millis() < 20 {
        black_box(now_ns());
    }
}
