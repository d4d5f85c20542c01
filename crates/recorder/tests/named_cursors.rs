//! A named cursor keeps the position of its consumer, whatever ends in between, and never stands where the log may not
//! reach after a power cut.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{
    append_many, append_next, code, fill_segments, segments_of, small_log, small_log_on, temporary_in_memory,
    wait_for_segments, wait_until, wait_until_repeated,
};
use flashstrike_crash_lab::{Child, Disk, FaultFileSystem, Kind, Rule, Seed, Thoroughness, events, explore};
use flashstrike_recorder::{Code, Mode, Recorder, RecorderOptions, Retention};
use flashstrike_recovery::cursor::{Cursor, CursorOptions, CursorStart};
use flashstrike_recovery::{Error, Recovery, RecoveryOptions};
use flashstrike_segment::staging::{STAGING_DURABLE, STAGING_WRITTEN};
use flashstrike_segment::{CursorSlot, names};

const SIZE: u16 = 32;
/// Events in each segment of these tests.
const EVENTS: u64 = 40;
const AT_START: CursorOptions =
    CursorOptions { create: Some(CursorStart::Start), reset: None, file_mode: 0o600 };
const EXISTING: CursorOptions = CursorOptions { create: None, reset: None, file_mode: 0o600 };

fn created(start: CursorStart) -> CursorOptions {
    CursorOptions { create: Some(start), ..EXISTING }
}

fn reset(start: CursorStart) -> CursorOptions {
    CursorOptions { reset: Some(start), ..EXISTING }
}

fn read(log: &Path) -> Recovery {
    Recovery::open(RecoveryOptions::new(log)).unwrap()
}

fn path_of(log: &Path, name: &str) -> std::path::PathBuf {
    log.join(names::CURSORS).join(names::cursor_file_name(name))
}

/// A closed log with so many events.
fn closed_log(log: &Path, count: u64) {
    let mut recorder = Recorder::open(&small_log(log, SIZE)).unwrap();
    append_many(&mut recorder, SIZE, count);
    recorder.close().unwrap();
}

fn error_of(outcome: flashstrike_recovery::Result<Cursor>) -> Error {
    outcome.map(|cursor| cursor.position()).expect_err("this cannot succeed")
}

#[test]
fn a_position_is_kept_and_goes_forward_only() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 100);
    let recovery = read(log);
    assert_eq!(error_of(recovery.cursor("risk", &EXISTING)).code(), Code::NotFound);
    assert_eq!(recovery.cursors().unwrap().len(), 0);
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    assert_eq!((cursor.name(), cursor.position()), ("risk", 0));
    for (commit, stands) in [(10, 10), (5, 10), (10, 10), (11, 11), (100, 100)] {
        cursor.commit(commit).unwrap();
        assert_eq!(cursor.position(), stands);
    }
    cursor.reset(CursorStart::After(40)).unwrap();
    cursor.commit(41).unwrap();
    drop(cursor);
    // Where it is to be made says nothing of one that is there.
    let again = recovery.cursor("risk", &created(CursorStart::End)).unwrap();
    assert_eq!(again.position(), 41);
    let audit = recovery.cursor("audit", &created(CursorStart::End)).unwrap();
    assert_eq!(audit.position(), 100);
    let after = recovery.cursor("after", &created(CursorStart::After(77))).unwrap();
    assert_eq!(after.position(), 77);
    drop((audit, again));
    let listed = recovery.cursors().unwrap();
    let listed: Vec<_> =
        listed.iter().map(|one| (&*one.name, one.position.as_ref().unwrap().event_id, one.held)).collect();
    assert_eq!(listed, [("after", 77, true), ("audit", 100, false), ("risk", 41, false)]);
    drop(recovery);
    after.commit(78).unwrap();
    assert_eq!(read(log).cursors().unwrap()[0].position.as_ref().unwrap().event_id, 78);
}

#[test]
fn what_is_no_name_or_no_event_is_refused() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 10);
    let recovery = read(log);
    for name in ["", ".hidden", "a/b", "a b", "ä", &"x".repeat(65)] {
        assert_eq!(error_of(recovery.cursor(name, &AT_START)).code(), Code::Unsupported, "{name}");
        assert_eq!(code(recovery.remove_cursor(name)), Code::Unsupported, "{name}");
    }
    assert!(!log.join(names::CURSORS).exists(), "nothing was made");
    let error = error_of(recovery.cursor("risk", &created(CursorStart::After(11))));
    assert_eq!((error.code(), error.event_id()), (Code::EventId, Some(11)), "{error}");
    assert!(!path_of(log, "risk").exists());
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    let error = cursor.commit(11).unwrap_err();
    assert_eq!((error.code(), error.event_id()), (Code::EventId, Some(11)), "{error}");
    cursor.commit(10).unwrap();
    assert_eq!(code(cursor.reset(CursorStart::After(11))), Code::EventId);
    assert_eq!(cursor.position(), 10);
}

#[test]
fn a_cursor_is_for_one_consumer_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    closed_log(&log, 100);
    let recovery = read(&log);
    let held = recovery.cursor("risk", &AT_START).unwrap();
    let error = error_of(recovery.cursor("risk", &EXISTING));
    assert_eq!((error.code(), error.path()), (Code::Locked, Some(&*path_of(&log, "risk"))), "{error}");
    assert_eq!(code(recovery.remove_cursor("risk")), Code::Locked);
    drop(held);
    let mut other = Child::spawn("holder", &[("LAB_LOG", &log)]);
    wait_until(|| (recovery.cursors().unwrap()[0].position.as_ref().unwrap().event_id == 50).then_some(()));
    assert_eq!(error_of(recovery.cursor("risk", &EXISTING)).code(), Code::Locked);
    other.kill();
    assert_eq!(recovery.cursor("risk", &EXISTING).unwrap().position(), 50, "acknowledged before the kill");
    recovery.remove_cursor("risk").unwrap();
    assert_eq!(code(recovery.remove_cursor("risk")), Code::NotFound);
    assert_eq!(error_of(recovery.cursor("risk", &EXISTING)).code(), Code::NotFound);
}

#[test]
#[ignore = "the other process of a test above"]
fn holder() {
    if !flashstrike_crash_lab::is_child() {
        return;
    }
    let cursor = read(&flashstrike_crash_lab::given("LAB_LOG")).cursor("risk", &EXISTING).unwrap();
    cursor.commit(50).unwrap();
    std::thread::sleep(common::PATIENCE);
}

#[test]
fn a_commit_waits_until_its_event_is_durable() {
    let directory = temporary_in_memory();
    let log = directory.path();
    let mut recorder = Recorder::open(&small_log(log, SIZE)).unwrap();
    append_many(&mut recorder, SIZE, 10);
    recorder.durable_sync(None).unwrap();
    append_many(&mut recorder, SIZE, 10);
    recorder.flush().unwrap();
    let cursor = read(log).cursor("risk", &created(CursorStart::End)).unwrap();
    assert_eq!(cursor.position(), 10, "what is durable");
    assert!(!cursor.try_commit(20).unwrap());
    assert!(!cursor.try_reset(CursorStart::After(15)).unwrap());
    assert!(read(log).try_cursor("other", &created(CursorStart::After(11))).unwrap().is_none());
    assert!(!path_of(log, "other").exists());
    assert_eq!(cursor.position(), 10);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            cursor.commit(20).unwrap();
            is_done.store(true, Ordering::Release);
        });
        std::thread::sleep(std::time::Duration::from_millis(150));
        assert!(!is_done.load(Ordering::Acquire), "committed what a power cut may take");
        assert_eq!(read(log).cursors().unwrap()[0].position.as_ref().unwrap().event_id, 10);
        recorder.durable_sync(None).unwrap();
        waiting.join().unwrap();
    });
    assert_eq!(cursor.position(), 20);
    recorder.close().unwrap();
}

#[test]
fn a_commit_fails_if_the_writer_ends_before_its_event_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut writer = Child::spawn("writer", &[("LAB_LOG", &log)]);
    wait_until(|| log.join("ready").exists().then_some(()));
    let recovery = read(&log);
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    cursor.commit(10).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| cursor.commit(20));
        std::thread::sleep(std::time::Duration::from_millis(100));
        writer.kill();
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!((error.code(), error.event_id()), (Code::Closed, Some(20)), "{error}");
    });
    // Staged events are there for every reader, and no less likely to be lost.
    assert_eq!(code(cursor.commit(30)), Code::Closed);
    assert_eq!(code(cursor.commit(31)), Code::EventId);
    assert_eq!(cursor.position(), 10);
    let mut options = small_log(&log, SIZE);
    options.schema = Some(events::schema(SIZE));
    let mut again = Recorder::open(&options).unwrap();
    cursor.commit(30).unwrap();
    again.close().unwrap();
}

#[test]
#[ignore = "the other process of a test above"]
fn writer() {
    if !flashstrike_crash_lab::is_child() {
        return;
    }
    let log = flashstrike_crash_lab::given("LAB_LOG");
    let mut recorder = Recorder::open(&small_log(&log, SIZE)).unwrap();
    append_many(&mut recorder, SIZE, 10);
    recorder.durable_sync(None).unwrap();
    append_many(&mut recorder, SIZE, 10);
    recorder.flush().unwrap();
    append_many(&mut recorder, SIZE, 10);
    std::fs::write(log.join("ready"), "").unwrap();
    std::thread::sleep(common::PATIENCE);
}

#[test]
fn what_a_poisoned_log_cannot_make_durable_is_not_committed() {
    let directory = temporary_in_memory();
    let log = directory.path();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&common::small_log_on(&files, log, SIZE)).unwrap();
    append_many(&mut recorder, SIZE, 10);
    recorder.durable_sync(None).unwrap();
    files.add(Rule::fail(flashstrike_crash_lab::Errno::IO).kind(Kind::SyncData));
    append_many(&mut recorder, SIZE, 10);
    assert!(recorder.durable_sync(None).is_err());
    let cursor = read(log).cursor("risk", &AT_START).unwrap();
    cursor.commit(10).unwrap();
    let error = cursor.commit(20).unwrap_err();
    assert_eq!((error.code(), error.event_id()), (Code::Poisoned, Some(20)), "{error}");
    assert_eq!(cursor.position(), 10);
}

#[test]
fn a_failed_sync_leaves_the_position_and_is_never_tried_again() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 100);
    let files = FaultFileSystem::default();
    let mut options = RecoveryOptions::new(log);
    options.files = Some(files.shared());
    let recovery = Recovery::open(options).unwrap();
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    cursor.commit(10).unwrap();
    files.add(Rule::fail(flashstrike_crash_lab::Errno::IO).kind(Kind::SyncData).ending(".cursor").times(1));
    let error = cursor.commit(20).unwrap_err();
    assert_eq!((error.code(), error.os_error()), (Code::Io, Some(5)), "{error}");
    for outcome in [cursor.commit(30), cursor.commit(5), cursor.reset(CursorStart::Start)] {
        assert_eq!(code(outcome), Code::Poisoned);
    }
    assert_eq!(cursor.position(), 10);
    drop(cursor);
    assert!([10, 20].contains(&recovery.cursor("risk", &EXISTING).unwrap().position()));
}

#[test]
fn a_cursor_that_was_removed_or_replaced_while_it_was_held_acknowledges_nothing() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 100);
    let recovery = read(log);
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    std::fs::remove_file(path_of(log, "risk")).unwrap();
    assert_eq!(code(cursor.commit(20)), Code::NotFound);
    assert_eq!((cursor.position(), code(cursor.commit(30))), (0, Code::NotFound));
    let other = recovery.cursor("risk", &created(CursorStart::After(7))).unwrap();
    assert_eq!(code(cursor.commit(30)), Code::NotFound);
    assert_eq!(other.position(), 7);
    other.commit(8).unwrap();
}

#[test]
fn a_cursor_beyond_the_end_never_starts_again_from_the_beginning() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 100);
    read(log).cursor("risk", &created(CursorStart::After(90))).unwrap();
    // The log is lost and begun anew, or put back from an old copy; only the cursor stays.
    let slot = |log_id, event_id| CursorSlot::first(log_id, event_id, 1).encode_file();
    let log_id = read(log).identity().unwrap().log_id;
    std::fs::write(path_of(log, "risk"), slot(log_id, 101)).unwrap();
    let error = error_of(read(log).cursor("risk", &AT_START));
    assert_eq!((error.code(), error.event_id()), (Code::CursorAhead, Some(101)), "{error}");
    assert!(error.to_string().contains("101") && error.to_string().contains("100"), "{error}");
    let cursor = read(log).cursor("risk", &reset(CursorStart::After(60))).unwrap();
    assert_eq!(cursor.position(), 60);
    drop(cursor);
    // A reader that has been open for long looks again before it says so.
    let old = read(log);
    let mut recorder = Recorder::open(&small_log(log, SIZE)).unwrap();
    append_next(&mut recorder, SIZE).unwrap();
    recorder.close().unwrap();
    std::fs::write(path_of(log, "risk"), slot(log_id, 101)).unwrap();
    assert_eq!(old.cursor("risk", &EXISTING).unwrap().position(), 101);
    // What is no cursor of this log is not taken for one, and put right only if somebody says so.
    for bytes in [&slot([9; 16], 5)[..], &[0; 1024], &[], &slot(log_id, 5)[..511]] {
        std::fs::write(path_of(log, "risk"), bytes).unwrap();
        let whole = bytes.len() == 511;
        let outcome = old.cursor("risk", &AT_START);
        if whole {
            assert_eq!(
                outcome.unwrap().position(),
                5,
                "one slot is enough, also without the zeros behind it"
            );
            continue;
        }
        let error = error_of(outcome);
        assert_eq!((error.code(), error.path()), (Code::Corrupt, Some(&*path_of(log, "risk"))), "{error}");
        assert!(old.cursors().unwrap()[0].position.is_err());
        let cursor = old.cursor("risk", &reset(CursorStart::End)).unwrap();
        assert_eq!(cursor.position(), 101);
        cursor.commit(101).unwrap();
        drop(cursor);
        assert_eq!(old.cursor("risk", &EXISTING).unwrap().position(), 101);
    }
}

/// Cuts a closed log of several segments in its second one, by opening it for appending in mode `point-in-time`, and
/// gives the recorder.
fn cut(log: &Path) -> Recorder {
    let segment = log.join(names::hot_name(segments_of(log).0[1]));
    let mut bytes = std::fs::read(&segment).unwrap();
    let event = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[event] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let options = RecorderOptions { mode: Mode::PointInTime, ..small_log(log, SIZE) };
    Recorder::open(&options).unwrap()
}

#[test]
fn a_cursor_that_is_held_while_the_log_is_cut_believes_nothing_from_before() {
    let directory = temporary_in_memory();
    let log = directory.path();
    let mut recorder = Recorder::open(&small_log(log, SIZE)).unwrap();
    fill_segments(&mut recorder, SIZE, 4, EVENTS);
    let last = recorder.last_event_id();
    recorder.close().unwrap();
    let recovery = read(log);
    let behind = recovery.cursor("behind", &AT_START).unwrap();
    let ahead = recovery.cursor("ahead", &AT_START).unwrap();
    behind.commit(10).unwrap();
    ahead.commit(last).unwrap();
    assert_eq!(behind.durable_event_id().unwrap(), last);
    let mut recorder = cut(log);
    let end = recorder.last_event_id();
    assert!((10..last).contains(&end), "{end}");
    assert_eq!(code(behind.commit(last)), Code::EventId);
    assert_eq!(behind.durable_event_id().unwrap(), end);
    append_many(&mut recorder, SIZE, 5);
    recorder.flush().unwrap();
    assert!(!behind.try_commit(end + 5).unwrap(), "committed what a power cut may take");
    assert_eq!(code(behind.reset(CursorStart::After(last))), Code::EventId);
    assert_eq!(behind.position(), 10);
    for _ in 0..2 {
        let error = ahead.commit(end + 1).unwrap_err();
        assert_eq!((error.code(), error.event_id()), (Code::CursorAhead, Some(last)), "{error}");
    }
    recorder.durable_sync(None).unwrap();
    behind.commit(end + 5).unwrap();
    ahead.reset(CursorStart::After(end)).unwrap();
    ahead.commit(end + 5).unwrap();
    recorder.close().unwrap();
}

#[test]
fn a_damaged_word_of_a_dead_writer_puts_no_cursor_behind_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut writer = Child::spawn("writer", &[("LAB_LOG", &log)]);
    wait_until(|| log.join("ready").exists().then_some(()));
    writer.kill();
    let recovery = read(&log);
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    cursor.commit(10).unwrap();
    assert_eq!(recovery.end_event_id(true).unwrap(), 10, "what the writer has said is known after its death");
    let path = log.join(names::WAL_STAGING);
    let whole = std::fs::read(&path).unwrap();
    for words in [&[STAGING_DURABLE][..], &[STAGING_DURABLE, STAGING_WRITTEN]] {
        let mut bytes = whole.clone();
        for word in words {
            bytes[word + 4] ^= 1;
        }
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(code(cursor.commit(5_000_000)), Code::EventId);
        assert_eq!(code(cursor.reset(CursorStart::After(31))), Code::EventId);
        assert_eq!(cursor.position(), 10);
    }
}

#[test]
fn retention_waits_for_the_slowest_and_a_cursor_is_never_put_where_events_are_gone() {
    let directory = temporary_in_memory();
    let log = directory.path();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, log, SIZE)).unwrap();
    fill_segments(&mut recorder, SIZE, 6, EVENTS);
    let recovery = read(log);
    let [fast, slow] = ["fast", "slow"].map(|name| recovery.cursor(name, &AT_START).unwrap());
    fast.commit(6 * EVENTS).unwrap();
    slow.commit(3 * EVENTS - 1).unwrap();
    let one = Retention { hot_segments: Some(1), cold_segments: Some(0), ..Retention::default() };
    recorder.set_retention(one).unwrap();
    wait_for_segments(log, &[2, 3, 4, 5, 6], &[]);
    let error = slow.reset(CursorStart::After(EVENTS)).unwrap_err();
    assert_eq!(error.code(), Code::Gone, "{error}");
    assert!(error.to_string().contains(&(2 * EVENTS + 1).to_string()), "{error}");
    assert_eq!(error_of(recovery.cursor("new", &created(CursorStart::After(1)))).code(), Code::Gone);
    let first = recovery.cursor("first", &AT_START).unwrap();
    assert_eq!(first.position(), 2 * EVENTS, "what comes behind it is there");
    slow.commit(5 * EVENTS).unwrap();
    fast.reset(CursorStart::After(2 * EVENTS)).unwrap();
    wait_until_repeated(&files, Kind::List, names::CURSORS);
    assert_eq!(segments_of(log).0, [2, 3, 4, 5, 6]);
    drop(fast);
    recovery.remove_cursor("fast").unwrap();
    first.commit(4 * EVENTS).unwrap();
    wait_for_segments(log, &[4, 5, 6], &[]);
    recorder.close().unwrap();
}

#[test]
fn a_cursor_is_not_made_while_segments_are_removed() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 100);
    let files = FaultFileSystem::default();
    let mut options = RecoveryOptions::new(log);
    options.files = Some(files.shared());
    let recovery = Recovery::open(options).unwrap();
    recovery.cursor("first", &AT_START).unwrap();
    let lock = std::fs::File::open(log.join(names::CURSORS).join(names::CURSORS_LOCK)).unwrap();
    lock.lock().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let making = scope.spawn(|| {
            let cursor = recovery.cursor("second", &AT_START).unwrap();
            is_done.store(true, Ordering::Release);
            cursor
        });
        wait_until_repeated(&files, Kind::Create, names::CURSORS_LOCK);
        assert!(!is_done.load(Ordering::Acquire) && !path_of(log, "second").exists());
        lock.unlock().unwrap();
        assert_eq!(making.join().unwrap().position(), 0);
    });
}

#[test]
fn any_flipped_byte_of_the_newer_position_leaves_the_older_one() {
    let directory = temporary_in_memory();
    let log = directory.path();
    closed_log(log, 100);
    let recovery = read(log);
    let cursor = recovery.cursor("risk", &AT_START).unwrap();
    cursor.commit(10).unwrap();
    cursor.commit(20).unwrap();
    drop(cursor);
    let whole = std::fs::read(path_of(log, "risk")).unwrap();
    for at in 0..64 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(path_of(log, "risk"), &bytes).unwrap();
        assert_eq!(recovery.cursor("risk", &EXISTING).unwrap().position(), 10, "byte {at}");
    }
}

#[test]
fn whatever_a_crash_leaves_of_a_cursor_is_what_was_acknowledged_or_newer() {
    let seed = Seed::of_this_run("whatever_a_crash_leaves_of_a_cursor_is_what_was_acknowledged_or_newer");
    let log = Path::new("/log");
    let options = |disk: &Disk| {
        let mut options = RecoveryOptions::new(log);
        options.files = Some(disk.shared());
        options.boot_id = Some([1; 16]);
        options
    };
    let disk = Disk::default();
    let mut recorded = RecorderOptions::new(log).with_schema(events::schema(SIZE));
    recorded.files = disk.shared();
    recorded.boot_id = Some([1; 16]);
    recorded.segment_bytes = 8192;
    recorded.block_bytes = 1024;
    let mut recorder = Recorder::open(&recorded).unwrap();
    append_many(&mut recorder, SIZE, 50);
    recorder.close().unwrap();
    let disk = disk.settled(disk.promised());
    let recovery = Recovery::open(options(&disk)).unwrap();
    // What is promised of a cursor stands in the fields of a log: that it is there, and where it stands at least.
    let promise = |stands: u64| {
        disk.promise("the cursor is told", |promise| {
            (promise.exists, promise.durable, promise.appended) = (true, stands, stands);
        });
    };
    disk.promise("nothing yet", |promise| {
        (promise.exists, promise.durable, promise.appended) = (false, 0, 0);
    });
    let cursor = recovery.cursor("risk", &created(CursorStart::After(3))).unwrap();
    promise(3);
    for commit in [4, 10, 11, 30] {
        cursor.commit(commit).unwrap();
        promise(commit);
    }
    let history = disk.history();
    let mut rng = seed.rng(0);
    let thoroughness = Thoroughness { extremes: 3, random: 4, ..Thoroughness::USUAL };
    let states = explore(&history, thoroughness, &mut rng, &mut |state| {
        let recovery = Recovery::open(options(&state.disk)).map_err(|error| error.to_string())?;
        match recovery.cursor("risk", &EXISTING) {
            Ok(cursor) if cursor.position() >= state.promise.durable => Ok(()),
            Ok(cursor) => Err(format!("stands at {}", cursor.position())),
            Err(error) if error.code() == Code::NotFound && !state.promise.exists => {
                // Whatever was left under a temporary name is in nobody's way.
                recovery.cursor("risk", &AT_START).map(drop).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    });
    let states = states.unwrap_or_else(|violation| panic!("{violation}"));
    assert!(states > 30, "{states} states");
}
