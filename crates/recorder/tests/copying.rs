//! A copy of a log holds all that had verified when it was begun, and nothing else, and holds the log back meanwhile.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{
    append_many, append_next, expect_log, expect_log_from, fill_segments, rotate, segments_of, small_log,
    temporary_in_memory, wait_for_segments, wait_until,
};
use flashstrike_crash_lab::events;
use flashstrike_platform::WEAKER;
use flashstrike_recorder::{Code, Recorder, RecorderOptions};
use flashstrike_recovery::copy::{CopyOptions, copy};
use flashstrike_recovery::cursor::{CursorOptions, CursorStart};
use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions, verify};
use flashstrike_segment::{SegmentHeader, WalMeta, names};

const SIZE: u16 = 32;
/// Events in each segment of these tests.
const EVENTS: u64 = 40;
const HOLD: CopyOptions = CopyOptions { file_mode: None, hold: true, boot_id: None };

fn read(log: &Path) -> Recovery {
    Recovery::open(RecoveryOptions::new(log)).unwrap()
}

fn cursors_of(log: &Path) -> Vec<String> {
    read(log).cursors().unwrap().into_iter().map(|cursor| cursor.name).collect()
}

/// The options of a log that compresses all but its newest segments, and the log with two compressed segments, two
/// that are not, and the one that is appended to.
fn log_of_all_kinds(directory: &Path) -> (RecorderOptions, Recorder) {
    let mut options = small_log(directory, SIZE);
    options.retention.hot_segments = Some(3);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    append_many(&mut log, SIZE, EVENTS);
    log.flush().unwrap();
    wait_for_segments(directory, &[2, 3, 4], &[0, 1]);
    (options, log)
}

/// The copy is a clean log by itself in which everything up to `last` is durable, and it can be gone on with.
#[track_caller]
fn expect_copy(to: &Path, last: u64) {
    let meta = WalMeta::decode(&fs::read(to.join(names::WAL_META)).unwrap()).unwrap();
    assert_eq!((meta.last_event_id, meta.durable_event_id, meta.clean), (last, last, true));
    assert_eq!(read(to).report().unproven, [""; 0], "nothing could be missing in it");
    expect_log(to, SIZE, last);
    let mut again = Recorder::open(&small_log(to, SIZE)).unwrap();
    assert_eq!((again.report().state, again.last_event_id()), (LogState::Clean, last));
    let is_of_place = |note: &String| note.contains("tmpfs") || WEAKER.contains(&note.as_str());
    assert!(again.report().notes.iter().all(is_of_place), "nothing had to be mended: {:?}", again.report());
    append_many(&mut again, SIZE, EVENTS);
    again.close().unwrap();
    expect_log(to, SIZE, last + EVENTS);
}

#[test]
fn a_copy_of_a_log_beside_its_writer_holds_every_segment_and_all_that_is_written() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (_, mut log) = log_of_all_kinds(directory.path());
    let last = log.last_event_id();
    let mut told = Vec::new();
    let copied = copy(directory.path(), to.path(), &HOLD, &mut |done, of, _| {
        told.push((done, of));
        true
    });
    let copied = copied.unwrap();
    assert_eq!((copied.last_event_id, copied.segments, copied.writer_alive), (last, 5, true));
    assert_eq!(told, (0..=5).map(|done| (done, 5)).collect::<Vec<_>>());
    // Byte for byte, but for the segment that is being filled.
    assert_eq!(segments_of(to.path()), (vec![2, 3, 4], vec![0, 1]));
    for name in [names::cold_name(0), names::cold_name(1), names::hot_name(2), names::hot_name(3)] {
        let (ours, theirs) = (fs::read(to.path().join(&name)), fs::read(directory.path().join(&name)));
        assert!(ours.unwrap() == theirs.unwrap(), "{name}");
    }
    expect_copy(to.path(), last);
    log.close().unwrap();
}

#[test]
fn a_sealed_segment_that_is_longer_than_what_is_copied_at_once_is_copied_to_its_end() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let mut options = small_log(directory.path(), SIZE);
    options.segment_bytes = 4 << 20;
    options.block_bytes = 64 << 10;
    let mut log = Recorder::open(&options).unwrap();
    let batch: Vec<Vec<u8>> = (1..=80_000).map(|id| events::event(id, SIZE)).collect();
    log.append_batch(&batch).unwrap();
    rotate(&mut log).unwrap();
    append_many(&mut log, SIZE, EVENTS);
    log.close().unwrap();
    let copied = copy(directory.path(), to.path(), &HOLD, &mut |_, _, _| true).unwrap();
    assert_eq!((copied.segments, copied.last_event_id), (2, 80_000 + EVENTS));
    let name = names::hot_name(0);
    assert!(fs::read(to.path().join(&name)).unwrap() == fs::read(directory.path().join(&name)).unwrap());
    expect_log(to.path(), SIZE, 80_000 + EVENTS);
}

#[test]
fn what_is_written_while_a_log_is_copied_is_not_in_the_copy() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (_, mut log) = log_of_all_kinds(directory.path());
    let last = log.last_event_id();
    let copied = copy(directory.path(), to.path(), &HOLD, &mut |done, _, _| {
        append_next(&mut log, SIZE).unwrap();
        if done == 2 {
            // The segment that was being filled is a sealed one now, with more in it.
            rotate(&mut log).unwrap();
        }
        log.flush().unwrap();
        true
    });
    assert_eq!(copied.unwrap().last_event_id, last);
    assert!(log.last_event_id() > last);
    let active = fs::read(to.path().join(names::hot_name(4))).unwrap();
    assert!(SegmentHeader::decode(&active[..64]).unwrap().sealed.is_none());
    expect_copy(to.path(), last);
    log.close().unwrap();
}

#[test]
fn what_stands_behind_the_last_block_is_not_copied() {
    let directory = temporary_in_memory();
    let (_, mut log) = log_of_all_kinds(directory.path());
    log.close().unwrap();
    drop(log);
    let last = 5 * EVENTS;
    let path = directory.path().join(names::hot_name(4));
    let mut active = fs::read(&path).unwrap();
    let used = active.iter().rposition(|&byte| byte != 0).unwrap().next_multiple_of(64);
    active[used + 256..used + 300].fill(0x5A);
    fs::write(&path, &active).unwrap();
    let to = temporary_in_memory();
    copy(directory.path(), to.path(), &HOLD, &mut |_, _, _| true).unwrap();
    let copied = fs::read(to.path().join(names::hot_name(4))).unwrap();
    // As long as it was, and nothing of the rest in it.
    assert_eq!(copied.len(), active.len());
    assert!(copied[used..].iter().all(|&byte| byte == 0));
    expect_copy(to.path(), last);
}

#[test]
fn both_files_of_a_segment_that_has_two_are_copied() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (_, mut log) = log_of_all_kinds(directory.path());
    log.close().unwrap();
    drop(log);
    // As a compression leaves it that was ended in between.
    let hot = fs::read(directory.path().join(names::hot_name(2))).unwrap();
    let end = hot.iter().rposition(|&byte| byte != 0).unwrap().next_multiple_of(64);
    let cold = flashstrike_segment::cold::compress(&hot[..end], 3).unwrap();
    fs::write(directory.path().join(names::cold_name(2)), cold).unwrap();
    copy(directory.path(), to.path(), &HOLD, &mut |_, _, _| true).unwrap();
    assert_eq!(segments_of(to.path()), (vec![2, 3, 4], vec![0, 1, 2]));
    expect_copy(to.path(), 5 * EVENTS);
}

#[test]
fn retention_removes_nothing_while_a_log_is_copied_and_everything_afterwards() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (options, mut log) = log_of_all_kinds(directory.path());
    let last = log.last_event_id();
    let copied = copy(directory.path(), to.path(), &HOLD, &mut |done, of, _| {
        if done == 0 {
            let held = read(directory.path()).cursors().unwrap();
            assert_eq!(held.len(), 1, "{held:?}");
            assert!(held[0].held && held[0].position.as_ref().unwrap().event_id == 0, "{held:?}");
            let mut retention = options.retention;
            (retention.hot_segments, retention.cold_segments) = (Some(1), Some(0));
            log.set_retention(retention).unwrap();
            fill_segments(&mut log, SIZE, 3, EVENTS);
        }
        if done < of {
            assert!(segments_of(directory.path()).1.contains(&0), "segment 0 is gone before all is copied");
        }
        true
    });
    assert_eq!(copied.unwrap().last_event_id, last);
    assert_eq!(cursors_of(directory.path()), [""; 0]);
    wait_until(|| (!segments_of(directory.path()).1.contains(&0)).then_some(()));
    expect_copy(to.path(), last);
    log.close().unwrap();
}

#[test]
fn what_a_killed_copy_held_is_given_up_by_the_next_one_and_a_cursor_of_somebody_else_is_not() {
    let directory = temporary_in_memory();
    let (_, mut log) = log_of_all_kinds(directory.path());
    for name in [&*names::copy_cursor_name(1, 7), "billing"] {
        let start = CursorOptions { create: Some(CursorStart::Start), reset: None, file_mode: 0o600 };
        drop(read(directory.path()).cursor(name, &start).unwrap());
    }
    copy(directory.path(), temporary_in_memory().path(), &HOLD, &mut |_, _, _| true).unwrap();
    assert_eq!(cursors_of(directory.path()), ["billing"]);
    log.close().unwrap();
}

#[test]
fn a_copy_that_is_ended_anywhere_is_no_shorter_log() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (_, mut log) = log_of_all_kinds(directory.path());
    let files: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    for end in 0..5 {
        let to = to.path().join(end.to_string());
        fs::create_dir(&to).unwrap();
        let error = copy(directory.path(), &to, &HOLD, &mut |done, _, _| done < end).unwrap_err();
        assert_eq!(error.code(), Code::Closed, "{error}");
        // It begins with what will be durable, so what is not there is missed.
        match verify(&files, &to, None, &mut |_| {}) {
            Ok(summary) => assert_eq!(summary.state, LogState::Corrupt, "{end}"),
            Err(error) => assert_eq!((error.code(), end), (Code::NotFound, 0), "{error}"),
        }
        assert_eq!(cursors_of(directory.path()), [""; 0]);
    }
    log.close().unwrap();
}

#[test]
fn a_copy_begins_with_the_first_segment_there_is_and_says_what_is_staged() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (_, mut log) = log_of_all_kinds(directory.path());
    log.truncate_before(2 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4], &[]);
    // As the writer leaves them when it is killed.
    append_many(&mut log, SIZE, 3);
    let image = temporary_in_memory();
    flashstrike_crash_lab::copy_log(directory.path(), image.path()).unwrap();
    let copied = copy(image.path(), to.path(), &CopyOptions::default(), &mut |_, _, _| {
        assert_eq!(cursors_of(image.path()), [""; 0], "it was not asked to hold anything");
        true
    });
    let copied = copied.unwrap();
    assert_eq!((copied.segments, copied.staged_not_copied, copied.writer_alive), (3, 3, false));
    assert_eq!(copied.last_event_id, 5 * EVENTS);
    expect_log_from(to.path(), SIZE, 2 * EVENTS + 1, 5 * EVENTS);
    log.close().unwrap();
}

#[test]
fn nothing_is_written_over_and_a_corrupt_log_is_not_copied() {
    let (directory, to) = (temporary_in_memory(), temporary_in_memory());
    let (_, mut log) = log_of_all_kinds(directory.path());
    log.close().unwrap();
    drop(log);
    fs::write(to.path().join("notes.txt"), "mine").unwrap();
    let error = copy(directory.path(), to.path(), &HOLD, &mut |_, _, _| true).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    let path = directory.path().join(names::hot_name(4));
    let mut active = fs::read(&path).unwrap();
    active[700] ^= 1;
    fs::write(&path, &active).unwrap();
    let other = temporary_in_memory();
    let error = copy(directory.path(), other.path(), &HOLD, &mut |_, _, _| true).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    assert_eq!(fs::read(&path).unwrap(), active);
}
