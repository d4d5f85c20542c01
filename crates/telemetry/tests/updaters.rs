//! Each method of an updater moves exactly what it should, and nothing else.
#![cfg(not(any(loom, feature = "unrecorded")))]

use std::collections::BTreeMap;
use std::sync::Arc;

use flashstrike_telemetry::clock::now_ns;
use flashstrike_telemetry::kinds::{LifeCycle, Recorded};
use flashstrike_telemetry::{
    IntegrityFailure, RecorderTelemetry, RecoveryTelemetry, Snapshot, Status, Value,
};

/// Every number of a snapshot under a name of its own. Times are left out: they are whatever they were.
fn numbers(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    for metric in snapshot.metrics() {
        let attributes = metric
            .descriptor
            .attributes
            .iter()
            .fold(String::new(), |text, (name, value)| text + " " + name + "=" + value);
        let full_name = metric.descriptor.full_name();
        let name = full_name.split_once('.').expect("a root").1;
        let mut put = |part: &str, number| {
            numbers.insert(format!("{name}{attributes}{part}"), number);
        };
        match &metric.value {
            Value::Operation { ok, failed, latency } => {
                put(" ok", *ok);
                put(" failed", *failed);
                put(" timed", latency.count());
            }
            Value::Duration(latency) => put(" timed", latency.count()),
            Value::Distribution(values) => {
                put(" values", values.count());
                put(" sum", values.sum());
            }
            Value::Counter(number) | Value::Gauge(number) | Value::ConstantGauge(number) => put("", *number),
            Value::LifeCycle(cycle) => {
                put(" active", cycle.active_cycles);
                put(" idle", cycle.idle_cycles);
            }
        }
    }
    numbers
}

/// Runs `occurrence` on fresh telemetry and holds what moved against `expected`: `name +by`, in order of names.
fn check<T>(
    new: impl FnOnce() -> Arc<T>,
    snapshot: impl Fn(&T) -> Snapshot,
    occurrence: impl FnOnce(&Arc<T>),
    expected: &[&str],
) {
    let telemetry = new();
    let before = numbers(&snapshot(&telemetry));
    let is_fresh =
        |(name, number): (&String, &u64)| *number == u64::from(name.ends_with(".source.state state=live"));
    assert!(before.iter().all(is_fresh), "not fresh: {before:?}");
    occurrence(&telemetry);
    let moved: Vec<_> = numbers(&snapshot(&telemetry))
        .into_iter()
        .filter(|(name, number)| *number != before[name])
        .map(|(name, number)| format!("{name} +{number}"))
        .collect();
    assert_eq!(moved, expected);
}

fn recorder(occurrence: impl FnOnce(&Arc<RecorderTelemetry>), expected: &[&str]) {
    check(RecorderTelemetry::new, RecorderTelemetry::snapshot, occurrence, expected);
}

fn recovery(occurrence: impl FnOnce(&Arc<RecoveryTelemetry>), expected: &[&str]) {
    check(RecoveryTelemetry::new, RecoveryTelemetry::snapshot, occurrence, expected);
}

/// Checks an operation: what goes well and what fails, as a status, as a bool and as a result.
macro_rules! operation {
    ($check:ident, $updater:ident, $method:ident, $name:literal) => {
        let went_well = [concat!($name, " ok +1"), concat!($name, " timed +1")];
        let failed = [concat!($name, " failed +1"), concat!($name, " timed +1")];
        $check(|telemetry| telemetry.$updater().$method(now_ns(), Status::Ok), &went_well);
        $check(|telemetry| telemetry.$updater().$method(now_ns(), true), &went_well);
        $check(|telemetry| telemetry.$updater().$method(now_ns(), Status::Failed), &failed);
        $check(|telemetry| telemetry.$updater().$method(now_ns(), &Err::<(), _>("no")), &failed);
    };
}

/// Checks something that only takes time.
macro_rules! duration {
    ($check:ident, $updater:ident, $method:ident, $name:literal) => {
        $check(|telemetry| telemetry.$updater().$method(now_ns()), &[concat!($name, " timed +1")]);
    };
}

/// Checks something that is set.
macro_rules! gauge {
    ($check:ident, $updater:ident, $method:ident, $name:literal) => {
        $check(
            |telemetry| {
                let updater = telemetry.$updater();
                updater.$method(9);
                updater.$method(7);
            },
            &[concat!($name, " +7")],
        );
    };
}

/// Checks the loop of a worker.
macro_rules! life_cycle {
    ($check:ident, $updater:ident, $method:ident, $name:literal) => {
        $check(
            |telemetry| {
                let updater = telemetry.$updater();
                updater.$method(true, now_ns(), 0);
                updater.$method(true, now_ns(), 1_000);
                updater.$method(false, now_ns(), u64::MAX);
            },
            &[concat!($name, " active +2"), concat!($name, " idle +1")],
        );
    };
}

macro_rules! integrity {
    ($check:ident, $updater:ident, $name:literal) => {
        for (kind, expected) in [
            (IntegrityFailure::Header, concat!($name, " kind=header +1")),
            (IntegrityFailure::Block, concat!($name, " kind=block +1")),
            (IntegrityFailure::Chained, concat!($name, " kind=chained +1")),
            (IntegrityFailure::Validation, concat!($name, " kind=validation +1")),
        ] {
            $check(|telemetry| telemetry.$updater().on_integrity_failure(kind), &[expected]);
        }
    };
}

#[test]
fn recorder_manager() {
    operation!(recorder, manager_updater, on_init_active_segment, "recorder.manager.init_active_segment");
    recorder(
        |telemetry| {
            let updater = telemetry.manager_updater();
            updater.on_append_block(256, 16_384);
            updater.on_append_block(4, 256);
        },
        &[
            "recorder.manager.append_event ok +260",
            "recorder.manager.bytes +16640",
            "recorder.manager.events +260",
        ],
    );
    duration!(recorder, manager_updater, on_append_sampled, "recorder.manager.append_event");
    recorder(
        |telemetry| telemetry.manager_updater().on_batch_sampled(now_ns(), 10),
        &["recorder.manager.append_event timed +1"],
    );
    recorder(
        |telemetry| telemetry.manager_updater().on_append_failed(),
        &["recorder.manager.append_event failed +1"],
    );
    duration!(recorder, manager_updater, on_segment_rotation, "recorder.manager.segment_rotation");
    duration!(recorder, manager_updater, on_work_planning, "recorder.manager.work_planning");
    duration!(
        recorder,
        manager_updater,
        on_persist_current_segment,
        "recorder.manager.persist_current_segment"
    );
    gauge!(recorder, manager_updater, set_hot_segments, "recorder.manager.hot_segments");
    gauge!(recorder, manager_updater, set_cold_segments, "recorder.manager.cold_segments");
    gauge!(recorder, manager_updater, set_last_event_id, "recorder.manager.last_event_id");
    // What is durable lags behind what is written until a sync says otherwise.
    recorder(
        |telemetry| {
            let updater = telemetry.manager_updater();
            updater.set_written_event_id(9);
            updater.set_written_event_id(7);
        },
        &["recorder.committer.durable_lag +7", "recorder.manager.written_event_id +7"],
    );
    recorder(
        |telemetry| {
            let updater = telemetry.manager_updater();
            updater.set_written_event_id(7);
            updater.set_durable_event_id(3);
            updater.set_durable_event_id(5);
        },
        &[
            "recorder.committer.durable_lag +2",
            "recorder.manager.durable_event_id +5",
            "recorder.manager.written_event_id +7",
        ],
    );
    gauge!(recorder, manager_updater, set_durable_event_id, "recorder.manager.durable_event_id");
}

#[test]
fn recorder_segment_writer() {
    operation!(
        recorder,
        segment_writer_updater,
        on_open_new_segment,
        "recorder.segment_writer.open_new_segment"
    );
    operation!(
        recorder,
        segment_writer_updater,
        on_open_existing_segment,
        "recorder.segment_writer.open_existing_segment"
    );
    operation!(recorder, segment_writer_updater, on_close_segment, "recorder.segment_writer.close_segment");
    duration!(recorder, segment_writer_updater, on_write_block, "recorder.segment_writer.write_block");
    recorder(
        |telemetry| {
            let updater = telemetry.segment_writer_updater();
            updater.on_block_fill(256);
            updater.on_block_fill(3);
        },
        &["recorder.segment_writer.block_fill sum +259", "recorder.segment_writer.block_fill values +2"],
    );
    integrity!(recorder, segment_writer_updater, "recorder.segment_writer.integrity.failures");
}

#[test]
fn recorder_meta() {
    operation!(recorder, meta_store_updater, on_meta_flush, "recorder.meta_store.meta_flush");
    life_cycle!(recorder, meta_coordinator_updater, on_loop, "recorder.meta_coordinator.loop");
}

#[test]
fn recorder_committer() {
    recorder(
        |telemetry| {
            let updater = telemetry.committer_updater();
            updater.on_sync(now_ns(), Status::Ok, 5, 4096);
            updater.on_sync(now_ns(), Status::Failed, 0, 8192);
        },
        &[
            "recorder.committer.sync failed +1",
            "recorder.committer.sync ok +1",
            "recorder.committer.sync timed +2",
            "recorder.committer.sync.size sum +4096",
            "recorder.committer.sync.size values +1",
            "recorder.committer.sync.waiters sum +5",
            "recorder.committer.sync.waiters values +2",
        ],
    );
}

#[test]
fn recorder_segment_preparer() {
    duration!(
        recorder,
        segment_preparer_updater,
        on_get_next_segment,
        "recorder.segment_preparer.get_next_segment"
    );
    operation!(
        recorder,
        segment_preparer_worker_updater,
        on_prepare_segment,
        "recorder.segment_preparer.prepare_segment"
    );
    gauge!(
        recorder,
        segment_preparer_worker_updater,
        set_queue_depth,
        "recorder.segment_preparer.queue_depth"
    );
    recorder(
        |telemetry| telemetry.segment_preparer_worker_updater().on_no_space(),
        &["recorder.segment_preparer.no_space.failures +1"],
    );
}

#[test]
fn recorder_segment_maintainer() {
    /// As `operation!`, with the arguments in the order of these three methods.
    macro_rules! maintenance {
        ($method:ident, $name:literal) => {
            let went_well = [concat!($name, " ok +1"), concat!($name, " timed +1")];
            let failed = [concat!($name, " failed +1"), concat!($name, " timed +1")];
            recorder(|telemetry| telemetry.segment_maintainer_updater().$method(true, now_ns()), &went_well);
            recorder(|telemetry| telemetry.segment_maintainer_updater().$method(false, now_ns()), &failed);
        };
    }
    maintenance!(on_hot_segment_retention, "recorder.segment_maintainer.retention");
    maintenance!(on_hot_segment_compression, "recorder.segment_maintainer.compression");
    maintenance!(on_cold_segment_deletion, "recorder.segment_maintainer.deletion");
    life_cycle!(
        recorder,
        segment_maintainer_updater,
        on_persistence_loop,
        "recorder.segment_maintainer.loop"
    );
    recorder(
        |telemetry| telemetry.segment_maintainer_updater().on_compressed(1000, 300),
        &[
            "recorder.segment_maintainer.compression.bytes direction=in +1000",
            "recorder.segment_maintainer.compression.bytes direction=out +300",
        ],
    );
    gauge!(
        recorder,
        segment_maintainer_updater,
        set_max_segments,
        "recorder.segment_maintainer.max_hot_segments"
    );
    gauge!(
        recorder,
        segment_maintainer_updater,
        set_max_compressed_segments,
        "recorder.segment_maintainer.max_cold_segments"
    );
}

#[test]
fn recovery_manager_of_either_thread() {
    macro_rules! check_all {
        ($updater:ident) => {
            operation!(recovery, $updater, on_read_segment_header, "recovery.manager.read_segment_header");
            operation!(recovery, $updater, on_resume_from_event, "recovery.manager.resume_from_event");
            duration!(recovery, $updater, on_seek_event, "recovery.manager.seek_event");
            duration!(recovery, $updater, on_next_event, "recovery.manager.next_event");
            duration!(recovery, $updater, on_segment_handoff, "recovery.manager.segment_handoff");
            recovery(
                |telemetry| telemetry.$updater().on_events(256, 16_384),
                &["recovery.manager.bytes +16384", "recovery.manager.events +256"],
            );
        };
    }
    check_all!(manager_updater);
    check_all!(preloading_manager_updater);
}

#[test]
fn recovery_segment_reader_of_either_thread() {
    macro_rules! check_all {
        ($updater:ident) => {
            operation!(recovery, $updater, on_open_segment, "recovery.segment_reader.open_segment");
            operation!(recovery, $updater, on_close_segment, "recovery.segment_reader.close_segment");
            operation!(recovery, $updater, on_verify_segment, "recovery.segment_reader.verify_segment");
            operation!(recovery, $updater, on_build_index, "recovery.segment_reader.build_index");
            duration!(recovery, $updater, on_seek_event, "recovery.segment_reader.seek_event");
            integrity!(recovery, $updater, "recovery.segment_reader.integrity.failures");
        };
    }
    check_all!(segment_reader_updater);
    check_all!(preloading_segment_reader_updater);
}

#[test]
fn recovery_segment_preloader() {
    operation!(
        recovery,
        segment_preloader_updater,
        on_preload_segment,
        "recovery.segment_preloader.preload_segment"
    );
    operation!(
        recovery,
        segment_preloader_updater,
        on_finish_segment,
        "recovery.segment_preloader.finish_segment"
    );
    gauge!(recovery, segment_preloader_updater, set_queue_depth, "recovery.segment_preloader.queue_depth");
    life_cycle!(recovery, segment_preloader_updater, on_loop, "recovery.segment_preloader.loop");
}

#[test]
fn what_two_threads_record_of_one_metric_is_added_up() {
    let telemetry = RecoveryTelemetry::new();
    let consumer = &telemetry.metrics().segment_reader.open_segment;
    let preloader = &telemetry.metrics().preloading_segment_reader.open_segment;
    consumer.record(5_000, Status::Ok);
    preloader.record(3_000, Status::Ok);
    preloader.record(9_000, Status::Failed);
    let snapshot = telemetry.snapshot();
    let metric = snapshot.metrics().iter().find(|metric| metric.descriptor.name == "open_segment");
    let Value::Operation { ok, failed, latency } = &metric.expect("it is in the catalogue").value else {
        panic!("not an operation")
    };
    assert_eq!((*ok, *failed), (2, 1));
    assert_eq!((latency.count(), latency.sum()), (3, 17_000));
    assert_eq!((latency.min(), latency.max()), (Some(3_000), Some(9_000)));
}

#[test]
fn an_updater_records_how_long_it_took() {
    let telemetry = RecorderTelemetry::new();
    let updater = telemetry.segment_writer_updater();
    let elapsed = |nanoseconds| now_ns().saturating_sub(nanoseconds);
    while now_ns() < 2_000_000 {}
    updater.on_write_block(elapsed(1_000_000));
    // A start that lies in the future, as two clocks that disagree could give, took no time.
    updater.on_write_block(u64::MAX);
    let snapshot = telemetry.metrics().segment_writer.write_block.snapshot();
    let latency = snapshot.histogram().expect("a duration has a histogram");
    assert_eq!((latency.count(), latency.min()), (2, Some(0)));
    assert!(latency.max() >= Some(1_000_000));
}

#[test]
fn a_turn_of_a_loop_is_divided_into_work_and_sleep() {
    let metric = LifeCycle::default();
    metric.record(true, 10_000, 4_000);
    metric.record(false, 5_000, 5_000);
    // A sleep that was cut short: the loop meant to sleep longer than its turn took.
    metric.record(true, 1_000, 50_000);
    let Value::LifeCycle(cycle) = metric.snapshot() else { panic!("not a life cycle") };
    assert_eq!((cycle.active_cycles, cycle.idle_cycles), (2, 1));
    assert_eq!((cycle.active_ns, cycle.idle_ns), (6_000, 4_000 + 5_000 + 1_000));
}

/// The handle of an updater keeps the metrics alive after everybody else has let go of them.
#[test]
fn an_updater_outlives_its_telemetry() {
    let updater = RecorderTelemetry::new().segment_writer_updater();
    std::thread::spawn(move || updater.on_block_fill(1)).join().expect("records");
}
