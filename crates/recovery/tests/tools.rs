//! What the command line asks of a log: how much was looked at, what is known to be durable, and no more reading than it
//! takes.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use flashstrike_recovery::cursor::{CursorOptions, CursorStart};
use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::files::{File, FileSystem};
use flashstrike_recovery::overview::{SegmentState, overview};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions, Summary, verify};
use support::interleaving::{InterleavingFiles, Operation};
use support::staging::{BOOT_ID, stage};
use support::writer::{LogWriter, hold_lock};
use support::{os_files, temporary_directory};

/// Longer than anything here takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn verified(files: &Arc<dyn FileSystem>, directory: &Path) -> Summary {
    verify(files, directory, Some(BOOT_ID), &mut |_| {}).unwrap()
}

#[test]
fn what_a_dead_writer_has_said_to_be_durable_is_shown() {
    let directory = temporary_directory();
    let log = directory.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    // (said, known): what calls more durable than was published, no writer has said, and nobody believes any of it.
    for (said, known) in [(0, 0), (8, 8), (10, 10), (11, 0), (u64::MAX, 0)] {
        stage(log, 10, 2, 32, said);
        let of_boot = overview(&os_files(), log, Some(BOOT_ID)).unwrap();
        assert_eq!((of_boot.durable_event_id, of_boot.last_event_id), (known, 12), "{said}");
        let told: Vec<_> = of_boot.unproven.iter().filter(|text| text.ends_with("durable")).collect();
        let expected = format!("nothing proves that the events {} to 10 were durable", known + 1);
        assert_eq!(told.iter().any(|text| **text == expected), known < 10, "{told:?}");
        assert_eq!(told.len(), usize::from(known < 10), "{told:?}");
        assert_eq!(verified(&os_files(), log).durable_event_id, known, "{said}");
        let options = RecoveryOptions { boot_id: Some(BOOT_ID), ..RecoveryOptions::new(log) };
        let summary = Recovery::open(options).unwrap().verify(&mut |_| {}).unwrap();
        assert_eq!(summary.durable_event_id, known, "{said}");
        let later = overview(&os_files(), log, Some([9; 16])).unwrap();
        assert_eq!(later.durable_event_id, 0, "of another boot");
    }
}

#[test]
fn an_overview_says_how_many_segments_it_has_verified() {
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 64, 64 << 10);
    while writer.next_segment < 5 {
        writer.append(100);
    }
    let overview = overview(&os_files(), directory.path(), None).unwrap();
    let sealed = overview.segments.iter().filter(|segment| segment.state == SegmentState::Sealed).count();
    assert_eq!((overview.state, overview.segments.len(), sealed), (LogState::Clean, 5, 4));
    assert_eq!(overview.verified_segments, 1);
    assert_eq!(verified(&os_files(), directory.path()).segments, 5);
}

fn states(log: &Path) -> (u64, Vec<(u32, SegmentState, u64)>) {
    let overview = overview(&os_files(), log, None).unwrap();
    let all = overview.segments.iter().map(|segment| (segment.index, segment.state, segment.events));
    (overview.events, all.collect())
}

#[test]
fn what_is_prepared_is_shown_so_beside_a_writer_and_after_it() {
    let directory = temporary_directory();
    let log = directory.path();
    let mut writer = LogWriter::new(log, 64, 64 << 10);
    writer.ahead = 2;
    while writer.next_segment < 3 {
        writer.append(100);
    }
    writer.write_meta(0);
    let alive = hold_lock(log);
    let beside = states(log);
    let prepared = beside.1.iter().filter(|(_, state, _)| *state == SegmentState::Prepared).count();
    assert_eq!((beside.1.len(), prepared), (5, 2), "{beside:?}");
    drop(alive);
    assert_eq!(states(log), beside);
}

#[test]
fn whole_segments_behind_a_missing_one_are_shown_and_not_counted() {
    let directory = temporary_directory();
    let log = directory.path();
    let mut writer = LogWriter::new(log, 64, 64 << 10);
    while writer.next_segment < 4 {
        writer.append(100);
    }
    writer.write_meta(0);
    let (_, mut expected) = states(log);
    std::fs::remove_file(hot_path(log, 1)).unwrap();
    expected[1] = (1, SegmentState::Missing, 0);
    expected[3].1 = SegmentState::Unsealed;
    assert!(expected.iter().all(|&(index, _, events)| index == 1 || events > 0), "{expected:?}");
    let first = expected[0].2;
    assert_eq!(states(log), (first, expected));
}

#[test]
fn a_segment_of_another_log_is_shown_as_one() {
    let (own, other) = (temporary_directory(), temporary_directory());
    for (log, log_id) in [(own.path(), *b"log of the tests"), (other.path(), *b"not of the tests")] {
        let mut writer = LogWriter::new(log, 64, 64 << 10);
        writer.log_id = log_id;
        while writer.next_segment < 3 {
            writer.append(100);
        }
        writer.write_meta(0);
    }
    std::fs::copy(hot_path(other.path(), 1), hot_path(own.path(), 1)).unwrap();
    assert_eq!(states(own.path()).1[1], (1, SegmentState::Foreign, 0));
}

/// A log of five segments, four of them sealed, and a writer that is alive.
fn log_beside_writer(directory: &Path) -> Arc<dyn File> {
    let mut writer = LogWriter::new(directory, 256, 4 << 20);
    while writer.next_segment < 5 {
        writer.append(1_000);
    }
    writer.write_meta(0);
    hold_lock(directory)
}

fn flip(directory: &Path, segment: u32) {
    let path = hot_path(directory, segment);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[2 << 20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn damage_beside_a_writer_is_looked_at_again_and_what_is_good_is_not() {
    let directory = temporary_directory();
    let log = directory.path();
    let _alive = log_beside_writer(log);
    let reads = Arc::new(AtomicUsize::new(0));
    let files = {
        let (first, reads) = (hot_path(log, 0), Arc::clone(&reads));
        InterleavingFiles::told(move |operation, path| {
            if operation == Operation::Read && path == first {
                reads.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let undamaged = verified(&files, log);
    assert_eq!((undamaged.state, undamaged.segments), (LogState::Clean, 5));
    let once = reads.swap(0, Ordering::Relaxed);
    assert!(once > 16, "{once}");
    flip(log, 3);
    let damaged = verified(&files, log);
    assert_eq!(damaged.state, LogState::Corrupt);
    assert_eq!(damaged.bad.as_ref().and_then(|bad| bad.segment), Some(3), "{damaged:?}");
    let reads = reads.load(Ordering::Relaxed);
    assert!(reads < 2 * once, "segment 0 was read {reads} times, where verifying it takes {once}");
}

#[test]
fn damage_beside_a_writer_that_is_gone_at_the_next_look_is_none() {
    let directory = temporary_directory();
    let log = directory.path();
    let _alive = log_beside_writer(log);
    flip(log, 3);
    let looks = AtomicUsize::new(0);
    let files = {
        let log = log.to_owned();
        InterleavingFiles::told(move |operation, path| {
            if operation == Operation::List && path == log && looks.fetch_add(1, Ordering::Relaxed) == 2 {
                flip(&log, 3);
            }
        })
    };
    assert_eq!(verified(&files, log).state, LogState::Clean);
}

#[test]
fn what_is_durable_is_told_while_somebody_else_looks_at_the_log() {
    let directory = temporary_directory();
    let log = directory.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    stage(log, 10, 0, 32, 8);
    let is_armed = Arc::new(AtomicBool::new(false));
    let (looking, looks) = mpsc::channel();
    let (go_on, held) = mpsc::channel();
    let files = {
        let (log, is_armed, held) = (log.to_owned(), Arc::clone(&is_armed), std::sync::Mutex::new(held));
        InterleavingFiles::told(move |operation, path| {
            if operation == Operation::List && path == log && is_armed.swap(false, Ordering::AcqRel) {
                looking.send(()).unwrap();
                held.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
        })
    };
    let options = RecoveryOptions { boot_id: Some(BOOT_ID), files: Some(files), ..RecoveryOptions::new(log) };
    let options = (Recovery::open(options).unwrap(), CursorOptions::default());
    let cursor = options.0.cursor("risk", &CursorOptions { create: Some(CursorStart::Start), ..options.1 });
    let cursor = cursor.unwrap();
    is_armed.store(true, Ordering::Release);
    std::thread::scope(|scope| {
        // Nobody is there who could make event 10 durable, so all of the log is looked at.
        let committing = scope.spawn(|| cursor.commit(10));
        looks.recv_timeout(PATIENCE).unwrap();
        let (told, asked) = mpsc::channel();
        let asking = scope.spawn({
            let cursor = &cursor;
            move || told.send(cursor.durable_event_id().unwrap())
        });
        let answer = asked.recv_timeout(PATIENCE);
        go_on.send(()).unwrap();
        asking.join().unwrap().unwrap();
        let _ = committing.join().unwrap();
        assert_eq!(answer, Ok(8), "it has waited for the look");
    });
}
