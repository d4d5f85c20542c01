//! What is known to be durable stays known: to whoever opens a log next, and whatever a repair cuts or puts back.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{
    append_many, code, contents, fill_segments, left_behind, small_log, small_log_on, temporary_in_memory,
    wait_for_segments,
};
use flashstrike_crash_lab::{FaultFileSystem, Rule, events};
use flashstrike_recorder::{Code, Mode, Recorder, Retention};
use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::repair::{ByHandOptions, repair, undo};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions, Summary, verify};
use flashstrike_segment::names;
use tempfile::TempDir;

const SIZE: u16 = 32;

fn os_files() -> Arc<dyn FileSystem> {
    Arc::new(OsFileSystem)
}

/// The log of a killed writer with so many events that it has made durable, and `flushed` behind them that it has not.
fn killed(durable: u64, flushed: u64) -> TempDir {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&small_log_on(&files, directory.path(), SIZE)).unwrap();
    append_many(&mut log, SIZE, durable);
    log.durable_sync(None).unwrap();
    append_many(&mut log, SIZE, flushed);
    log.flush().unwrap();
    left_behind(&files, directory.path())
}

fn flip(log: &Path, event_id: u64) {
    flip_in(log, 0, event_id);
}

fn flip_in(log: &Path, segment: u32, event_id: u64) {
    let path = log.join(names::hot_name(segment));
    let mut bytes = fs::read(&path).unwrap();
    let event = events::fixed(event_id, SIZE.into());
    let at = bytes.windows(event.len()).position(|bytes| *bytes == event).unwrap();
    bytes[at + 9] ^= 0x40;
    fs::write(&path, bytes).unwrap();
}

fn verified(log: &Path) -> Summary {
    verify(&os_files(), log, None, &mut |_| {}).unwrap()
}

#[test]
fn what_a_killed_writer_has_said_to_be_durable_is_in_the_report_of_every_open() {
    let log = killed(100, 0);
    let opened = Recovery::open(RecoveryOptions::new(log.path())).unwrap();
    let read = opened.report();
    assert_eq!((read.durable_event_id, read.unproven.as_slice()), (100, [].as_slice()));
    assert_eq!(verified(log.path()).durable_event_id, 100);
    let recorder = Recorder::open(&small_log(log.path(), SIZE)).unwrap();
    let report = recorder.report();
    assert_eq!((report.durable_event_id, report.unproven.as_slice()), (100, [].as_slice()));
}

#[test]
fn cutting_a_torn_tail_by_hand_keeps_what_it_proves_to_be_durable() {
    let log = killed(100, 200);
    // As after another boot.
    fs::remove_file(log.path().join(names::WAL_STAGING)).unwrap();
    flip(log.path(), 101);
    let before = contents(log.path());
    let found = verified(log.path());
    assert_eq!((found.state, found.durable_event_id), (LogState::Torn, 100));
    let options = ByHandOptions::default();
    repair(&os_files(), log.path(), &options).unwrap();
    let found = verified(log.path());
    assert_eq!((found.state, found.last_id, found.durable_event_id), (LogState::Clean, 100, 100));
    let repaired = contents(log.path());
    flip(log.path(), 70);
    assert_eq!(verified(log.path()).state, LogState::Corrupt, "it was durable");
    fs::write(log.path().join(names::hot_name(0)), &repaired[&log.path().join(names::hot_name(0))]).unwrap();
    undo(&os_files(), log.path(), None, &options).unwrap();
    let after = contents(log.path());
    let meta = log.path().join(names::WAL_META);
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes || *path == meta), "byte for byte");
    let found = verified(log.path());
    assert_eq!((found.state, found.durable_event_id), (LogState::Torn, 100));
}

#[test]
fn what_opening_has_cut_of_a_corrupt_log_comes_back_with_the_proof_against_it() {
    let log = killed(100, 0);
    flip(log.path(), 90);
    assert_eq!(verified(log.path()).state, LogState::Corrupt);
    let mut options = small_log(log.path(), SIZE);
    assert_eq!(code(Recorder::open(&options)), Code::Corrupt);
    options.mode = Mode::PointInTime;
    Recorder::open(&options).unwrap().close().unwrap();
    assert_eq!(verified(log.path()).state, LogState::Clean);
    undo(&os_files(), log.path(), None, &ByHandOptions::default()).unwrap();
    assert_eq!(verified(log.path()).state, LogState::Corrupt, "events that were durable are damaged again");
    options.mode = Mode::Tail;
    assert_eq!(code(Recorder::open(&options)), Code::Corrupt);
}

fn give_up() -> ByHandOptions {
    ByHandOptions { mode: Mode::PointInTime, ..ByHandOptions::default() }
}

#[test]
fn giving_up_by_hand_what_is_damaged_keeps_the_rest_durable_wherever_it_is_stopped() {
    for rule in [Rule::stop_after, Rule::stop_halfway] {
        for n in 1.. {
            let log = killed(100, 40);
            flip(log.path(), 90);
            let files = FaultFileSystem::default();
            files.add(rule().number(n));
            let is_done = repair(&files.shared(), log.path(), &give_up()).is_ok();
            repair(&os_files(), log.path(), &give_up()).unwrap();
            let found = verified(log.path());
            assert_eq!((found.state, found.durable_event_id), (LogState::Clean, found.last_id), "at {n}");
            assert!(found.last_id > 0 && found.last_id < 90);
            if is_done {
                break;
            }
        }
    }
}

#[test]
fn undoing_takes_nothing_back_that_was_durable_wherever_it_is_stopped() {
    for (flipped, options) in [(101, ByHandOptions::default()), (90, give_up())] {
        for n in 1.. {
            let log = killed(100, 200);
            // As after another boot, where blocks alone prove it.
            fs::remove_file(log.path().join(names::WAL_STAGING)).unwrap();
            flip(log.path(), flipped);
            let before = verified(log.path());
            repair(&os_files(), log.path(), &options).unwrap();
            let repaired = verified(log.path()).durable_event_id;
            assert_eq!(repaired, before.durable_event_id.min(before.last_id));
            let files = FaultFileSystem::default();
            files.add(Rule::stop_after().number(n));
            let is_done = undo(&files.shared(), log.path(), None, &options).is_ok();
            assert!(verified(log.path()).durable_event_id >= repaired, "{flipped}, at {n}");
            if is_done {
                assert_eq!(verified(log.path()).state, before.state);
                break;
            }
            match undo(&os_files(), log.path(), None, &options) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.code(), Code::NotFound, "only when all was done: {error}"),
            }
            let found = verified(log.path());
            assert_eq!((found.state, found.last_id), (before.state, before.last_id), "{flipped}, at {n}");
            assert!(found.durable_event_id >= before.durable_event_id);
        }
    }
}

#[test]
fn what_has_become_durable_since_a_repair_stays_so_when_it_is_undone() {
    let log = killed(100, 200);
    fs::remove_file(log.path().join(names::WAL_STAGING)).unwrap();
    flip(log.path(), 260);
    let options = ByHandOptions::default();
    repair(&os_files(), log.path(), &options).unwrap();
    let mut recorder = Recorder::open(&small_log(log.path(), SIZE)).unwrap();
    let durable = recorder.durable_event_id();
    assert!(durable > 200, "{durable}");
    recorder.close().unwrap();
    undo(&os_files(), log.path(), None, &options).unwrap();
    fs::remove_file(log.path().join(names::WAL_STAGING)).unwrap();
    let found = verified(log.path());
    assert_eq!((found.state, found.last_id, found.durable_event_id), (LogState::Torn, durable, durable));
    flip(log.path(), 190);
    assert_eq!(verified(log.path()).state, LogState::Corrupt);
}

#[test]
fn what_retention_has_removed_since_a_repair_is_not_missed_when_it_is_undone() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), SIZE)).unwrap();
    fill_segments(&mut recorder, SIZE, 5, 40);
    append_many(&mut recorder, SIZE, 100);
    recorder.close().unwrap();
    flip_in(directory.path(), 5, 290);
    let damaged = verified(directory.path());
    assert_eq!(damaged.state, LogState::Corrupt);
    let mut options = small_log(directory.path(), SIZE);
    options.mode = Mode::PointInTime;
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(0), ..Retention::default() };
    let mut recorder = Recorder::open(&options).unwrap();
    wait_for_segments(directory.path(), &[4, 5], &[]);
    recorder.close().unwrap();
    undo(&os_files(), directory.path(), None, &ByHandOptions::default()).unwrap();
    let found = verified(directory.path());
    assert_eq!((found.state, found.first_id, found.last_id), (LogState::Corrupt, 161, damaged.last_id));
    assert_eq!(found.bad, damaged.bad);
}
