//! What is known to be durable stays known: to whoever opens a log next, and whatever a repair cuts or puts back.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{append_many, code, contents, left_behind, small_log, small_log_on, temporary_in_memory};
use flashstrike_crash_lab::{FaultFileSystem, events};
use flashstrike_recorder::{Code, Mode, Recorder};
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
    let path = log.join(names::hot_name(0));
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
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes), "put back byte for byte");
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
