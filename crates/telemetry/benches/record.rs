//! What recording costs: `cargo bench -p flashstrike-telemetry --bench record`.
//!
//! Each line is the median of 301 alternating rounds in ns a call, and the least beside it. A round is shorter than
//! the time slice of a shared machine, so most of them are not interrupted. Everything below a nanosecond is the loop.
#![cfg(not(loom))]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use flashstrike_telemetry::clock::now_ns;
use flashstrike_telemetry::histogram::bucket_index;
use flashstrike_telemetry::kinds::{Counter, Distribution, Duration, Operation};
use flashstrike_telemetry::page::{PageOptions, TelemetryPage};
use flashstrike_telemetry::{RecorderTelemetry, Snapshot, Status, decode_snapshot, encode_snapshot};

const ROUNDS: usize = 301;

struct Contender<'a> {
    name: &'static str,
    calls: u64,
    run: Box<dyn FnMut(u64) + 'a>,
    ns_per_call: Vec<f64>,
}

fn contender<'a>(name: &'static str, calls: u64, mut run: impl FnMut(u64) + 'a) -> Contender<'a> {
    let run = Box::new(move |calls| (0..calls).for_each(|call| run(black_box(call))));
    Contender { name, calls, run, ns_per_call: Vec::new() }
}

/// Metrics in a file in memory, which is removed in the end.
struct SharedPage {
    path: PathBuf,
    telemetry: Arc<RecorderTelemetry>,
}

impl SharedPage {
    fn new() -> Self {
        let path = Path::new("/dev/shm").join(format!("record-bench-{}.page", std::process::id()));
        let telemetry = RecorderTelemetry::on_page(&PageOptions::new(&path), Vec::new());
        Self { telemetry: telemetry.expect("/dev/shm is in memory"), path }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn main() {
    // Let the clock find its rate first; before that it is `Instant`.
    let until = Instant::now() + std::time::Duration::from_millis(50);
    while Instant::now() < until {
        black_box(now_ns());
    }

    let (operation, duration, distribution, counter) =
        (Operation::default(), Duration::default(), Distribution::default(), Counter::default());
    // Latencies as they come: of all magnitudes, not one bucket over and over.
    let latencies: Vec<u64> =
        (0..1_u64 << 12).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) + 50).collect();
    let latency = |call: u64| latencies[(call % 4096) as usize];
    let telemetry = RecorderTelemetry::new();
    let writer = telemetry.segment_writer_updater();
    let manager = telemetry.manager_updater();
    let page = SharedPage::new();
    let paged_writer = page.telemetry.segment_writer_updater();
    let paged_manager = page.telemetry.manager_updater();
    let mut reader = TelemetryPage::attach(&page.path).expect("it was just made");
    let snapshot = telemetry.snapshot();
    let bytes = encode_snapshot(&snapshot);
    let many = 20_000;
    let mut contenders = [
        contender("the loop alone", many, |call| {
            black_box(latency(call));
        }),
        contender("bucket_index", many, |call| {
            black_box(bucket_index(latency(call) as f64 * 1e-9));
        }),
        contender("Duration::record", many, |call| duration.record(latency(call))),
        contender("Operation::record", many, |call| operation.record(latency(call), Status::Ok)),
        contender("Distribution::record", many, |call| distribution.record(latency(call))),
        contender("Counter::add", many, |call| counter.add(call)),
        contender("clock::now_ns", many, |_| {
            black_box(now_ns());
        }),
        contender("Instant::now", many, |_| {
            black_box(Instant::now());
        }),
        contender("now_ns + on_write_block (a timed operation)", many, |_| writer.on_write_block(now_ns())),
        contender("  the same on a shared page", many, |_| paged_writer.on_write_block(now_ns())),
        contender("on_append_block + on_block_fill (a block of 256)", many, |_| {
            manager.on_append_block(256, 16_384);
            writer.on_block_fill(256);
        }),
        contender("  the same on a shared page", many, |_| {
            paged_manager.on_append_block(256, 16_384);
            paged_writer.on_block_fill(256);
        }),
        contender("RecorderTelemetry::snapshot", 20, |_| {
            black_box(telemetry.snapshot());
        }),
        contender("TelemetryPage::snapshot", 20, |_| {
            black_box(reader.snapshot().expect("its own page"));
        }),
        contender("encode_snapshot", 20, |_| {
            black_box(encode_snapshot(&snapshot));
        }),
        contender("decode_snapshot", 20, |_| {
            black_box::<Snapshot>(decode_snapshot(&bytes).expect("its own bytes"));
        }),
        contender("dump", 20, |_| {
            black_box(snapshot.to_string());
        }),
    ];
    for round in 0..=ROUNDS {
        for contender in &mut contenders {
            let began = Instant::now();
            (contender.run)(contender.calls);
            let ns = began.elapsed().as_nanos() as f64 / contender.calls as f64;
            // The first round warms caches and memory up.
            if round > 0 {
                contender.ns_per_call.push(ns);
            }
        }
    }
    for contender in &mut contenders {
        contender.ns_per_call.sort_by(f64::total_cmp);
        let ns = &contender.ns_per_call;
        println!("{:<50} {:>10.2} ns   (least {:.2})", contender.name, ns[ROUNDS / 2], ns[0]);
    }
    println!("{:<50} {:>10} bytes", "a recorder's snapshot as bytes", bytes.len());
}
