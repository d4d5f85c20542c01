//! What the preloader owes its consumer: segments closed once each, and work taken up again after any pause.

mod support;

use std::thread::sleep;
use std::time::Duration;

use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_telemetry::Value;
use support::Watchdog;
use support::writer::LogWriter;
use tempfile::TempDir;

/// Longer than the worker looks for work by itself.
const LONG_PAUSE: Duration = Duration::from_millis(300);

fn log(segments: u32) -> (TempDir, LogWriter) {
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 65_536);
    while writer.next_segment < segments {
        writer.append(10);
    }
    (directory, writer)
}

fn opened(directory: &TempDir, preload_segments: usize) -> Recovery {
    let options = RecoveryOptions { preload_segments, ..RecoveryOptions::new(directory.path()) };
    Recovery::open(options).expect("clean")
}

/// How often an operation went well.
fn count(recovery: &Recovery, name: &str) -> u64 {
    let snapshot = recovery.telemetry().snapshot();
    let found = snapshot.metrics().iter().find(|metric| metric.descriptor.name == name);
    match found.map(|metric| &metric.value) {
        Some(Value::Operation { ok, .. }) => *ok,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn every_segment_is_closed_once_the_last_one_with_the_replay() {
    let _watchdog = Watchdog::new("closing segments");
    for segments in 1..7 {
        let (directory, _writer) = log(segments);
        for preload_segments in [1, 2, 5] {
            for taken in 1..=u64::from(segments) {
                let recovery = opened(&directory, preload_segments);
                let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
                for _ in 0..taken {
                    assert!(replay.next_run().expect("intact").is_some());
                }
                drop(replay);
                let what = format!("{taken} of {segments} segments, {preload_segments} ahead");
                assert_eq!(count(&recovery, "finish_segment"), taken - 1, "{what}");
                assert_eq!(count(&recovery, "close_segment"), taken, "{what}");
            }
        }
    }
}

#[test]
fn a_clean_log_shows_no_failed_operation() {
    let _watchdog = Watchdog::new("counting failures");
    let (directory, _writer) = log(3);
    let recovery = opened(&directory, 2);
    let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
    while replay.next_run().expect("intact").is_some() {}
    drop(replay);
    recovery.verify(&mut |_| {}).expect("readable");
    let snapshot = recovery.telemetry().snapshot();
    for metric in snapshot.metrics() {
        if let Value::Operation { failed, .. } = metric.value {
            assert_eq!(failed, 0, "{}", metric.descriptor.name);
        }
    }
}

#[test]
fn a_worker_that_sleeps_is_woken_when_there_is_room_again() {
    let _watchdog = Watchdog::new("waiting for a worker that sleeps");
    let (directory, _writer) = log(14);
    let recovery = opened(&directory, 2);
    let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
    for taken in [3, 6, 9] {
        assert!(replay.next_run().expect("intact").is_some());
        sleep(LONG_PAUSE);
        // The first of these makes room, the second has the worker woken.
        assert!(replay.next_run().expect("intact").is_some());
        assert!(replay.next_run().expect("intact").is_some());
        while count(&recovery, "preload_segment") < taken + 2 {
            sleep(Duration::from_millis(1));
        }
    }
}
