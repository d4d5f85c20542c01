//! Logs of which `wal.meta`, or everything but `wal.staging`, is gone or changed: what is left of them is told and kept.

mod common;

use std::fs;
use std::path::Path;

use common::{append_many, fill_segments, small_log, temporary_in_memory};
use flashstrike_recorder::{Code, Mode, Recorder};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions, verify};
use flashstrike_segment::names;

/// What `wal.meta` may be found as.
fn damaged(meta: &[u8]) -> [Vec<u8>; 3] {
    let mut flipped = meta.to_vec();
    flipped[20] ^= 1;
    [flipped, b"zzz".to_vec(), vec![7; 4096]]
}

/// A log of so many events that was closed.
fn closed_log(directory: &Path, events: u64) {
    let mut recorder = Recorder::open(&small_log(directory, 32)).unwrap();
    append_many(&mut recorder, 32, events);
    recorder.close().unwrap();
}

fn remove_segments(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|ending| ending == "wal") {
            fs::remove_file(entry).unwrap();
        }
    }
}

#[test]
fn a_damaged_meta_file_is_kept_and_the_log_goes_on() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 100);
    let meta = directory.path().join(names::WAL_META);
    for (round, bytes) in damaged(&fs::read(&meta).unwrap()).into_iter().enumerate() {
        fs::write(&meta, &bytes).unwrap();
        let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
        let report = recorder.report();
        assert_eq!((report.state, report.last_event_id), (LogState::Clean, 100));
        let [cut] = report.cuts.as_slice() else { panic!("{round}: {:?}", report.cuts) };
        assert_eq!((cut.segment, cut.bytes), (None, bytes.len() as u64));
        assert_eq!(fs::read(directory.path().join(&cut.kept_in)).unwrap(), bytes, "{round}");
        recorder.close().unwrap();
    }
}

#[test]
fn a_log_whose_segments_are_gone_with_its_meta_file_is_no_empty_log_that_nobody_tells_of() {
    for is_removed in [true, false] {
        for mode in [Mode::Tail, Mode::Strict] {
            let directory = temporary_in_memory();
            let log = directory.path().join("log");
            closed_log(&log, 100);
            remove_segments(&log);
            let meta = log.join(names::WAL_META);
            if is_removed {
                fs::remove_file(meta).unwrap();
            } else {
                fs::write(meta, b"zzz").unwrap();
            }
            let staging = fs::read(log.join(names::WAL_STAGING)).unwrap();
            let mut options = small_log(&log, 32);
            options.mode = mode;
            let mut reading = RecoveryOptions::new(&log);
            reading.mode = mode;
            let said = Recovery::open(reading).unwrap_err();
            assert_eq!(said.code(), Code::NotFound, "{said}");
            assert!(said.to_string().contains("no segment is left"), "no advice to make a new log: {said}");
            if is_removed {
                let said = verify(&options.files, &log, None, &mut |_| {}).unwrap_err();
                assert!(said.to_string().contains("no segment is left"), "{said}");
            }
            let mut recorder = Recorder::open(&options).unwrap();
            let report = recorder.report();
            let said = report.unproven.join("\n");
            assert!(said.contains("wal.staging names events up to 100"), "{said:?}");
            let of_staging = |kept: &[u8]| kept == staging;
            assert!(report.cuts.iter().any(|cut| of_staging(&fs::read(log.join(&cut.kept_in)).unwrap())));
            recorder.close().unwrap();
        }
    }
}

#[test]
fn what_a_meta_file_proves_of_a_log_that_is_given_up_is_kept() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 100);
    remove_segments(directory.path());
    let meta = fs::read(directory.path().join(names::WAL_META)).unwrap();
    let mut options = small_log(directory.path(), 32);
    options.mode = Mode::PointInTime;
    let recorder = Recorder::open(&options).unwrap();
    let kept = |kept_in: &Path| fs::read(directory.path().join(kept_in)).unwrap();
    let report = recorder.report();
    assert!(report.cuts.iter().any(|cut| kept(&cut.kept_in) == meta), "{:?}", report.cuts);
}

#[test]
fn where_nothing_says_whether_a_log_had_events_that_is_told() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 100);
    remove_segments(directory.path());
    fs::remove_file(directory.path().join(names::WAL_STAGING)).unwrap();
    fs::write(directory.path().join(names::WAL_META), b"zzz").unwrap();
    let recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    let said = recorder.report().unproven.join("\n");
    assert!(said.contains("wal.meta is damaged and no segment holds an event"), "{said:?}");
}

#[test]
fn a_new_log_is_proved_whatever_moment_it_is_left_at() {
    let directory = temporary_in_memory();
    drop(Recorder::open(&small_log(directory.path(), 32)).unwrap());
    let log = Recovery::open(RecoveryOptions::new(directory.path())).unwrap();
    assert_eq!(log.report().unproven, [""; 0]);
}

#[test]
fn a_beginning_that_nothing_proves_is_told_however_little_was_verified() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    fill_segments(&mut recorder, 32, 3, 40);
    recorder.close().unwrap();
    fs::remove_file(directory.path().join(names::hot_name(0))).unwrap();
    fs::remove_file(directory.path().join(names::WAL_META)).unwrap();
    let told = |unproven: &[String]| unproven.iter().any(|it| it.contains("begins with 00000001.wal"));
    let read = Recovery::open(RecoveryOptions::new(directory.path())).unwrap();
    assert!(told(&read.report().unproven), "{:?}", read.report().unproven);
    let recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    let report = recorder.report();
    assert!(told(&report.unproven), "{:?}", report.unproven);
    assert_eq!((report.first_event_id, report.last_event_id), (41, 120));
}

#[test]
fn staging_that_is_gone_is_missed_also_beside_an_older_meta_file_that_says_closed() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 100);
    let closed = fs::read(directory.path().join(names::WAL_META)).unwrap();
    closed_log(directory.path(), 100);
    fs::write(directory.path().join(names::WAL_META), closed).unwrap();
    fs::remove_file(directory.path().join(names::WAL_STAGING)).unwrap();
    let log = Recovery::open(RecoveryOptions::new(directory.path())).unwrap();
    let said = log.report().unproven.join("\n");
    assert!(said.contains("wal.staging is missing although"), "{said:?}");
}
