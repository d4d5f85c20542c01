//! Every interleaving of one recording and one reading thread, every order in which the memory model lets the reader
//! see what was stored.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p flashstrike-telemetry --release --test loom_snapshot`
#![cfg(loom)]

use std::sync::atomic::{AtomicUsize, Ordering};

use flashstrike_telemetry::kinds::{Counter, LifeCycle, Operation, Recorded};
use flashstrike_telemetry::{Status, Value};
use loom::sync::Arc;
use loom::thread;

/// Two latencies that lie in different buckets of the model's histogram.
const SHORT_NS: u64 = 1;
const LONG_NS: u64 = 1_000;

/// Runs `record` beside `read` in every way there is, and then `check` when both are over.
///
/// Both have a thread of their own: what the model's first thread does by itself the checker takes for done before
/// all that the threads do it has started, and tries one order only. That it has tried many is asserted.
fn model<M: Default + Send + Sync + 'static>(
    record: fn(&M),
    read: fn(&M),
    check: impl Fn(&M) + Send + Sync + 'static,
) {
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let tried = std::sync::Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        tried.fetch_add(1, Ordering::Relaxed);
        let metric = Arc::new(M::default());
        let writer = thread::spawn({
            let metric = Arc::clone(&metric);
            move || record(&metric)
        });
        let reader = thread::spawn({
            let metric = Arc::clone(&metric);
            move || read(&metric)
        });
        reader.join().expect("the reader finds nothing wrong");
        writer.join().expect("the writer does not panic");
        check(&metric);
    });
    let orders = orders.load(Ordering::Relaxed);
    assert!(orders > 10, "only {orders} orders were tried");
    eprintln!("{orders} orders tried");
}

/// Copies an operation and checks all that a copy must be at any moment.
fn copy(metric: &Operation, recorded_ok: u64, recorded_failed: u64) -> (u64, u64, u64) {
    let Value::Operation { ok, failed, latency } = metric.snapshot() else { panic!("not an operation") };
    assert!(ok <= recorded_ok, "{ok} went well, of {recorded_ok}");
    assert!(failed <= recorded_failed, "{failed} failed, of {recorded_failed}");
    assert_eq!(latency.count(), latency.counts().iter().sum::<u64>());
    assert!(latency.count() <= recorded_ok + recorded_failed);
    if let (Some(min), Some(max)) = (latency.min(), latency.max()) {
        assert!(min <= max && max <= LONG_NS);
        let median = latency.quantile(0.5).expect("it is not empty");
        assert!(min as f64 <= median && median <= max as f64);
    }
    (ok, failed, latency.count())
}

#[test]
fn a_copy_of_an_operation_is_consistent_at_any_moment() {
    model(
        |metric: &Operation| {
            metric.record(SHORT_NS, Status::Failed);
            metric.record(LONG_NS, Status::Ok);
        },
        |metric| {
            copy(metric, 1, 1);
        },
        |metric| {
            // Nothing is lost, nothing is counted twice.
            assert_eq!(copy(metric, 1, 1), (1, 1, 2));
            let latency = metric.snapshot().histogram().expect("an operation has one").clone();
            assert_eq!(latency.sum(), SHORT_NS + LONG_NS);
            assert_eq!((latency.min(), latency.max()), (Some(SHORT_NS), Some(LONG_NS)));
        },
    );
}

#[test]
fn no_count_goes_back_between_two_copies_by_one_reader() {
    model(
        |metric: &Operation| metric.record(SHORT_NS, Status::Ok),
        |metric| {
            let (ok, failed, count) = copy(metric, 1, 0);
            let (ok_later, failed_later, count_later) = copy(metric, 1, 0);
            assert!(ok <= ok_later && failed <= failed_later && count <= count_later);
        },
        |metric| assert_eq!(copy(metric, 1, 0), (1, 0, 1)),
    );
}

fn count(metric: &Counter) -> u64 {
    match metric.snapshot() {
        Value::Counter(count) => count,
        other => panic!("a counter gave {other:?}"),
    }
}

#[test]
fn a_counter_loses_nothing_and_does_not_go_back() {
    model(
        |metric: &Counter| {
            metric.add(256);
            metric.add(1);
        },
        |metric| {
            let (first, second) = (count(metric), count(metric));
            assert!([0, 256, 257].contains(&first) && first <= second, "{first}, then {second}");
        },
        |metric| assert_eq!(count(metric), 257),
    );
}

#[test]
fn times_of_a_loop_never_exceed_what_has_passed() {
    model(
        |metric: &LifeCycle| {
            metric.record(true, 10, 4);
            metric.record(false, 5, u64::MAX);
        },
        |metric| {
            let Value::LifeCycle(cycle) = metric.snapshot() else { panic!("not a life cycle") };
            assert!(cycle.active_cycles <= 1 && cycle.idle_cycles <= 1);
            assert!(cycle.active_ns <= 6 && cycle.idle_ns <= 9);
        },
        |metric| {
            let Value::LifeCycle(cycle) = metric.snapshot() else { panic!("not a life cycle") };
            assert_eq!((cycle.active_ns, cycle.idle_ns), (6, 9));
        },
    );
}

/// The scheme this one replaces: failures as samples − successes, two loads one after the other. The model has to
/// find the snapshot in which they wrap below zero, or it would not find it in ours either.
mod failures_by_subtraction {
    use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[derive(Default)]
    pub(super) struct Operation {
        samples: AtomicU64,
        success: AtomicU64,
    }

    impl Operation {
        pub(super) fn record_ok(&self) {
            self.samples.store(self.samples.load(Relaxed) + 1, Relaxed);
            self.success.store(self.success.load(Relaxed) + 1, Relaxed);
        }

        pub(super) fn failures(&self) -> u64 {
            let samples = self.samples.load(Relaxed);
            samples.wrapping_sub(self.success.load(Relaxed))
        }
    }
}

#[test]
#[should_panic(expected = "18446744073709551615 failures, and nothing failed")]
fn the_model_finds_the_wrap_of_failures_by_subtraction() {
    model(
        failures_by_subtraction::Operation::record_ok,
        |metric| {
            let failures = metric.failures();
            assert!(failures < u64::MAX, "{failures} failures, and nothing failed");
        },
        |_| {},
    );
}
