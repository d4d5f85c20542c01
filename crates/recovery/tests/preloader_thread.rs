//! The preloader's thread. A process of its own, in which no other test has such threads.
#![cfg(target_os = "linux")]

mod support;

use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
use support::Watchdog;
use support::writer::LogWriter;
use tempfile::TempDir;

fn workers() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.trim() == "wal-preloader")
        .count()
}

/// Waits until so many are there. A thread that was joined is still listed for a moment, one that was started has no name
/// until it first runs.
fn wait_for_workers(count: usize) {
    // The watchdog bites if that never comes.
    while workers() != count {
        std::thread::yield_now();
    }
}

#[test]
fn it_is_named_and_ends_with_the_replay_wherever_that_stands() {
    let _watchdog = Watchdog::new("dropping replays");
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 16 << 20);
    while writer.next_segment < 6 {
        writer.append(256);
    }
    let recovery = Recovery::open(RecoveryOptions::new(directory.path())).expect("clean");
    assert_eq!(workers(), 0, "opening needs no worker");
    for runs in 0..20 {
        let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
        for _ in 0..runs {
            replay.next_run().expect("intact");
        }
        // The watchdog bites if this waits for a thread that reads on to the end or sleeps for ever.
        drop(replay);
        wait_for_workers(0);
    }
    let replay = recovery.replay(ReplayOptions::default()).expect("readable");
    wait_for_workers(1);
    drop(replay);

    // Who has sought an event may want no more than that.
    for from in [100_000, 700_000] {
        let recovery = Recovery::open(RecoveryOptions::new(directory.path())).expect("clean");
        let options = ReplayOptions { from: Some(from), ..ReplayOptions::default() };
        let mut replay = recovery.replay(options).expect("readable");
        assert_eq!(replay.next_event().expect("intact").map(|event| event.id), Some(from));
        assert_eq!(workers(), 0);
        replay.next_run().expect("intact");
        wait_for_workers(1);
        drop(replay);
        wait_for_workers(0);
    }
}
