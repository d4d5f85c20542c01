//! A recovery that stays open while writers come and go, whether it looks while they are there or not.

mod support;

use std::path::Path;
use std::time::Duration;

use flashstrike_recovery::follow::{FollowOptions, Wait};
use flashstrike_recovery::{Code, Manager, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::Schema;
use support::staging::{BOOT_ID, stage};
use support::temporary_directory;
use support::writer::{LogWriter, hold_lock};

fn options(directory: &Path) -> RecoveryOptions {
    RecoveryOptions { boot_id: Some(BOOT_ID), ..RecoveryOptions::new(directory) }
}

fn ids(mut replay: Manager) -> Vec<u64> {
    let mut ids = Vec::new();
    while let Some(event) = replay.next_event().expect("intact") {
        ids.push(event.id);
    }
    ids
}

fn all(recovery: &Recovery) -> Vec<u64> {
    ids(recovery.replay(ReplayOptions::default()).expect("readable"))
}

fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[test]
fn what_a_writer_that_came_and_went_between_two_looks_has_left_is_there() {
    for event_size in [64, 0] {
        let directory = temporary_directory();
        let mut writer = LogWriter::new(directory.path(), event_size, 16_384);
        writer.append(3);
        stage(directory.path(), 3, 0, event_size, 3);
        let recovery = Recovery::open(options(directory.path())).expect("clean");
        assert_eq!(all(&recovery), up_to(3));
        for round in 1..=10 {
            let lock = hold_lock(directory.path());
            writer.append(40);
            let last = writer.link.last_event_id;
            // Half of them are killed with an event staged, which the next one makes a block of.
            stage(directory.path(), last, round % 2, event_size, last);
            drop(lock);
            assert_eq!(all(&recovery), up_to(last + u64::from(round % 2)), "round {round}");
            assert_eq!(recovery.last_event_id(), last + u64::from(round % 2));
            let back = ReplayOptions { reverse: true, ..ReplayOptions::default() };
            assert!(!ids(recovery.replay(back).expect("readable")).is_empty());
        }
    }
}

#[test]
fn a_log_that_was_repaired_by_hand_between_two_looks_is_read_as_it_is() {
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(3);
    let before = writer.link;
    writer.append(4);
    let recovery = Recovery::open(options(directory.path())).expect("clean");
    assert_eq!(all(&recovery), up_to(7));
    // Every step of a repair is behind a look at the names; the last one of them is wal.meta.
    let (end, blocks) = writer.place();
    writer.rewind(blocks - 1, before);
    let path = flashstrike_recovery::directory::hot_path(directory.path(), 0);
    let mut bytes = std::fs::read(&path).unwrap();
    let begin = end - 64 - 4 * 64;
    bytes[begin..end].fill(0);
    std::fs::write(&path, bytes).unwrap();
    writer.write_meta(0);
    assert_eq!(all(&recovery), up_to(3));
}

/// A log of which there is nothing but a prepared segment.
fn unborn(directory: &Path, event_size: u16) -> LogWriter {
    let writer = LogWriter::new(directory, event_size, 16_384);
    writer.prepare(0);
    writer
}

#[test]
fn a_log_that_was_opened_before_anything_was_published_becomes_what_it_is() {
    for is_writer_gone in [true, false] {
        let directory = temporary_directory();
        let mut writer = unborn(directory.path(), 64);
        let recovery = Recovery::open(options(directory.path())).expect("a log");
        assert_eq!(recovery.find_identity().unwrap().map(|log| log.event_size), None);
        assert_eq!(all(&recovery), up_to(0));
        let lock = hold_lock(directory.path());
        writer.append(5);
        stage(directory.path(), 5, 0, 64, 5);
        let _lock = (!is_writer_gone).then_some(lock);
        let found = recovery.find_identity().unwrap().expect("published");
        assert_eq!((found.event_size, found.segment_size), (64, 16_384));
        assert_eq!(all(&recovery), up_to(5));
    }
}

#[test]
fn the_events_that_were_expected_are_compared_with_the_log_once_it_says_what_it_holds() {
    let directory = temporary_directory();
    let mut writer = unborn(directory.path(), 64);
    let schema = r#"{"name":"Other","size":64,"fields":[{"name":"event_id","type":"u64","offset":0}]}"#;
    let schema = Schema::parse(schema).expect("a schema");
    let expecting = RecoveryOptions { schema: Some(schema), ..options(directory.path()) };
    let recovery = Recovery::open(expecting).expect("a log");
    let mut follower = recovery.follow(FollowOptions::default()).expect("nothing to be seen yet");
    assert!(follower.next_event(Wait::AtMost(Duration::from_millis(30))).unwrap().is_none());
    let _lock = hold_lock(directory.path());
    writer.append(5);
    let code = |error: flashstrike_recovery::Error| error.code();
    assert_eq!(recovery.replay(ReplayOptions::default()).map(|_| ()).map_err(code), Err(Code::Schema));
    assert_eq!(recovery.find_identity().map(|_| ()).map_err(code), Err(Code::Schema));
    assert_eq!(follower.next_event(Wait::Forever).map(|_| ()).map_err(code), Err(Code::Schema));
    assert_eq!(recovery.follow(FollowOptions::default()).map(|_| ()).map_err(code), Err(Code::Schema));
}

#[test]
fn what_retention_has_removed_since_the_last_look_is_gone_for_who_seeks_it() {
    for is_beside in [true, false] {
        let directory = temporary_directory();
        let mut writer = LogWriter::new(directory.path(), 64, 16_384);
        while writer.next_segment < 4 {
            writer.append(40);
        }
        let last = writer.link.last_event_id;
        stage(directory.path(), last, 0, 64, last);
        let recovery = Recovery::open(options(directory.path())).expect("clean");
        assert_eq!(recovery.first_event_id(), 1);
        recovery.seek_event(5).expect("there");
        let first = writer.first_of(2);
        let lock = hold_lock(directory.path());
        stage(directory.path(), last, 0, 64, last);
        writer.write_meta(2);
        for index in 0..2 {
            std::fs::remove_file(flashstrike_recovery::directory::hot_path(directory.path(), index)).unwrap();
        }
        let _lock = is_beside.then_some(lock);
        let error = recovery.seek_event(5).expect_err("removed");
        assert_eq!((error.code(), error.event_id()), (Code::Gone, Some(5)), "{error}");
        assert!(error.to_string().contains(&format!("begins with event {first}")), "{error}");
        recovery.seek_event(first).expect("there");
    }
}
