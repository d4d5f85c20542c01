//! Snapshots taken while another thread records as fast as it can.
#![cfg(not(any(loom, feature = "unrecorded")))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flashstrike_telemetry::kinds::{Operation, Recorded};
use flashstrike_telemetry::{Snapshot, Status, Value, decode_snapshot, encode_snapshot};

const RECORDS: u64 = 20_000_000;
/// One in so many fails, so rarely that a count computed by subtraction would often be one below zero.
const FAILS_EVERY: u64 = 1_000;

/// Whoever records until then ends, also if the reader fails.
struct OverOnDrop<'a>(&'a AtomicBool);

impl Drop for OverOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Failures must be what failed, at any moment: computed as samples − successes, a snapshot between the two loads
/// showed 1.8e19 of them.
#[test]
fn failures_and_counts_are_never_more_than_there_were_and_never_go_back() {
    let metric = Operation::default();
    let is_over = AtomicBool::new(false);
    let (batches, snapshots) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let seen = snapshots.load(Ordering::Acquire);
                batches.fetch_add(1, Ordering::Release);
                for call in 1..=RECORDS {
                    let status = Status::from(call % FAILS_EVERY != 0);
                    metric.record(call % 1_000_000 + 1, status);
                }
                // Again, unless the reader was there meanwhile: on a busy machine it may come late.
                if snapshots.load(Ordering::Acquire) != seen || is_over.load(Ordering::Acquire) {
                    break;
                }
            }
            is_over.store(true, Ordering::Release);
        });
        let _over = OverOnDrop(&is_over);
        let mut last = (0, 0, 0, 0);
        while !is_over.load(Ordering::Acquire) {
            let Value::Operation { ok, failed, latency } = metric.snapshot() else {
                panic!("not an operation")
            };
            snapshots.fetch_add(1, Ordering::Release);
            let fails = batches.load(Ordering::Acquire) * (RECORDS / FAILS_EVERY);
            assert!(failed <= fails, "{failed} failures, ok {ok}");
            // Each record touches both in turn; a snapshot takes many records' time, so only the order is certain.
            let now = (ok, failed, latency.count(), latency.sum());
            assert!(
                now.0 >= last.0 && now.1 >= last.1 && now.2 >= last.2 && now.3 >= last.3,
                "{last:?} {now:?}"
            );
            assert_eq!(latency.count(), latency.counts().iter().sum::<u64>());
            if let (Some(min), Some(max)) = (latency.min(), latency.max()) {
                assert!(min <= max && max <= 1_000_000);
                let quantiles = [0.0, 0.5, 0.9, 0.99, 1.0].map(|q| latency.quantile(q).expect("not empty"));
                assert!(quantiles.is_sorted() && quantiles[0] >= min as f64 && quantiles[4] <= max as f64);
            }
            last = now;
        }
    });
    let Value::Operation { ok, failed, latency } = metric.snapshot() else { panic!("not an operation") };
    let records = batches.into_inner() * RECORDS;
    assert_eq!((ok, failed), (records - records / FAILS_EVERY, records / FAILS_EVERY));
    assert_eq!((latency.count(), latency.min(), latency.max()), (records, Some(1), Some(1_000_000)));
}

fn calls(snapshot: &Snapshot) -> Vec<u64> {
    snapshot
        .metrics()
        .iter()
        .map(|metric| match &metric.value {
            Value::Operation { ok, failed, .. } => ok + failed,
            Value::Duration(histogram) | Value::Distribution(histogram) => histogram.count(),
            Value::LifeCycle(cycle) => cycle.active_cycles + cycle.idle_cycles,
            Value::Counter(count) | Value::Gauge(count) | Value::ConstantGauge(count) => *count,
        })
        .collect()
}

/// Threads record as they do in a recorder, each with its own updaters, while snapshots are taken, dumped, sent as
/// bytes and read back.
#[test]
fn a_whole_recorder_can_be_read_while_every_thread_records() {
    use flashstrike_telemetry::RecorderTelemetry;
    use flashstrike_telemetry::clock::now_ns;

    const TURNS: u64 = 50_000;
    let telemetry = RecorderTelemetry::new();
    let running = Arc::new(AtomicBool::new(true));
    std::thread::scope(|scope| {
        let manager = telemetry.manager_updater();
        let writer = telemetry.segment_writer_updater();
        let appender = scope.spawn(move || {
            for turn in 1..=TURNS {
                let start_ns = now_ns();
                writer.on_write_block(start_ns);
                writer.on_block_fill(256);
                manager.on_append_block(256, 16_384);
                manager.set_last_event_id(turn * 256);
            }
        });
        let committer = telemetry.committer_updater();
        let durable = telemetry.manager_updater();
        let syncing = scope.spawn(move || {
            for turn in 1..=TURNS {
                committer.on_sync(now_ns(), Status::Ok, 3, 4096);
                durable.set_durable_event_id(turn);
            }
        });
        let is_running = Arc::clone(&running);
        let telemetry = &telemetry;
        let reader = scope.spawn(move || {
            let mut last = calls(&telemetry.snapshot());
            while is_running.load(Ordering::Acquire) {
                let snapshot = telemetry.snapshot();
                let now = calls(&snapshot);
                assert!(now.iter().zip(&last).all(|(now, last)| now >= last), "{last:?} {now:?}");
                let copy = decode_snapshot(&encode_snapshot(&snapshot)).expect("reads its own bytes");
                assert_eq!(copy, snapshot);
                assert_eq!(copy.to_string(), snapshot.to_string());
                last = now;
            }
        });
        appender.join().expect("records");
        syncing.join().expect("records");
        running.store(false, Ordering::Release);
        reader.join().expect("every snapshot is consistent");
    });
    let metrics = telemetry.metrics();
    let Value::Operation { ok, failed, .. } = metrics.manager.append_event.snapshot() else { panic!() };
    assert_eq!((ok, failed), (TURNS * 256, 0));
    let fill = metrics.segment_writer.block_fill.snapshot();
    assert_eq!(fill.histogram().map(|fill| (fill.count(), fill.sum())), Some((TURNS, TURNS * 256)));
}
