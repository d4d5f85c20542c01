//! A named cursor holds back what its reader is not done with, and one that cannot be read holds everything.

mod common;

use std::path::Path;

use common::{
    fill_segments, segments_of, small_log, small_log_on, temporary_in_memory, wait_for_segments, wait_until,
    wait_until_repeated, watched_log,
};
use flashstrike_crash_lab::{Child, FaultFileSystem, Kind, ReadBack};
use flashstrike_recorder::{Code, Recorder, Retention};
use flashstrike_recovery::copy::{CopyOptions, copy};
use flashstrike_segment::{CursorSlot, names};

const SIZE: u16 = 32;
/// Events in each segment of these tests.
const EVENTS: u64 = 40;

fn write_cursor(directory: &Path, name: &str, log_id: [u8; 16], event_id: u64) {
    let cursors = directory.join(names::CURSORS);
    std::fs::create_dir_all(&cursors).unwrap();
    let file = CursorSlot::first(log_id, event_id, 1).encode_file();
    std::fs::write(cursors.join(names::cursor_file_name(name)), file).unwrap();
}

fn log_id(directory: &Path) -> [u8; 16] {
    ReadBack::now(directory).meta.expect("wal.meta").log_id
}

#[test]
fn the_slowest_cursor_holds_what_it_has_not_seen() {
    let directory = temporary_in_memory();
    let one = Retention { hot_segments: Some(1), cold_segments: Some(0), ..Retention::default() };
    let mut log = Recorder::open(&small_log(directory.path(), SIZE)).unwrap();
    fill_segments(&mut log, SIZE, 6, EVENTS);
    let id = log_id(directory.path());
    write_cursor(directory.path(), "fast", id, 6 * EVENTS);
    // Done with all but the last event of segment 2.
    write_cursor(directory.path(), "slow", id, 3 * EVENTS - 1);
    log.set_retention(one).unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4, 5, 6], &[]);
    write_cursor(directory.path(), "slow", id, 5 * EVENTS);
    wait_for_segments(directory.path(), &[5, 6], &[]);
    std::fs::remove_file(directory.path().join("cursors/slow.cursor")).unwrap();
    wait_for_segments(directory.path(), &[6], &[]);
    log.close().unwrap();
}

#[test]
fn a_cursor_that_cannot_be_read_holds_everything_and_is_told() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), SIZE);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    told.wait_until_sealed(4);
    write_cursor(directory.path(), "stranger", [9; 16], 4 * EVENTS);
    std::fs::write(directory.path().join("cursors/not a cursor.txt"), "x").unwrap();
    log.truncate_before(4 * EVENTS + 1).unwrap();
    let error = told.wait_for_failure();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert!(error.path().is_some_and(|path| path.ends_with("stranger.cursor")), "{error}");
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
    std::fs::write(directory.path().join("cursors/stranger.cursor"), [0; 1024]).unwrap();
    wait_until_repeated(&files, Kind::List, names::CURSORS);
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4], "a cursor without a valid slot");
    write_cursor(directory.path(), "stranger", log_id(directory.path()), 4 * EVENTS);
    wait_for_segments(directory.path(), &[4], &[]);
    log.close().unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_no_file_under_a_cursors_name_holds_everything_and_the_error_says_so() {
    let directory = temporary_in_memory();
    let (options, told) = watched_log(&FaultFileSystem::default(), directory.path(), SIZE);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    told.wait_until_sealed(4);
    let cursors = directory.path().join(names::CURSORS);
    std::fs::create_dir(&cursors).unwrap();
    std::os::unix::fs::symlink("nowhere", cursors.join("link.cursor")).unwrap();
    log.truncate_before(4 * EVENTS + 1).unwrap();
    let error = told.wait_for_failure();
    assert_eq!(error.code(), Code::Io, "{error}");
    let says = ["link.cursor", "nothing is removed or compressed", "remove it"];
    assert!(says.iter().all(|part| error.to_string().contains(part)), "{error}");
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
    std::fs::remove_file(cursors.join("link.cursor")).unwrap();
    wait_for_segments(directory.path(), &[4], &[]);
    log.close().unwrap();
}

#[test]
fn nothing_is_removed_while_a_cursor_is_created() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&small_log_on(&files, directory.path(), SIZE)).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    let cursors = directory.path().join(names::CURSORS);
    std::fs::create_dir(&cursors).unwrap();
    let held = std::fs::File::create(cursors.join(names::CURSORS_LOCK)).unwrap();
    held.lock().unwrap();
    log.truncate_before(4 * EVENTS + 1).unwrap();
    wait_until_repeated(&files, Kind::Create, names::CURSORS_LOCK);
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
    // What it is created for stays.
    write_cursor(directory.path(), "new", log_id(directory.path()), 2 * EVENTS);
    held.unlock().unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4], &[]);
    log.close().unwrap();
}

#[test]
fn the_cursor_of_a_copy_holds_as_long_as_the_copy_does() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&small_log_on(&files, directory.path(), SIZE)).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    let id = log_id(directory.path());
    let copying = names::copy_cursor_name(1, 7);
    write_cursor(directory.path(), &copying, id, EVENTS);
    // Of a consumer that is not running: a position like any other.
    write_cursor(directory.path(), "flashstrike-copy-reports", id, 3 * EVENTS);
    let path = directory.path().join(names::CURSORS).join(names::cursor_file_name(&copying));
    let held = std::fs::File::open(&path).unwrap();
    held.lock().unwrap();
    log.truncate_before(4 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[1, 2, 3, 4], &[]);
    wait_until_repeated(&files, Kind::List, names::CURSORS);
    assert_eq!(segments_of(directory.path()).0, [1, 2, 3, 4], "while the copy is running");
    drop(held);
    wait_for_segments(directory.path(), &[3, 4], &[]);
    assert!(!path.exists(), "nobody needs it");
    log.close().unwrap();
}

#[test]
fn a_copy_that_was_killed_holds_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let (log, to) = (directory.path().join("log"), directory.path().join("to"));
    std::fs::create_dir(&to).unwrap();
    let mut recorder = Recorder::open(&small_log(&log, SIZE)).unwrap();
    fill_segments(&mut recorder, SIZE, 4, EVENTS);
    let mut copying = Child::spawn("copying", &[("LAB_LOG", &log), ("LAB_TO", &to)]);
    wait_until(|| to.join(names::WAL_META).exists().then_some(()));
    let names_of = || -> Vec<_> {
        let entries = std::fs::read_dir(log.join(names::CURSORS)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let cursor = names_of().into_iter().find_map(|name| {
        names::parse_cursor_file_name(&name)
            .filter(|name| names::is_copy_cursor_name(name))
            .map(str::to_owned)
    });
    let cursor = cursor.expect("the cursor of the copy");
    assert!(cursor.contains(&format!("-{}-", copying.id())), "{cursor}");
    copying.kill();
    recorder.truncate_before(4 * EVENTS + 1).unwrap();
    wait_for_segments(&log, &[4], &[]);
    assert_eq!(names_of(), [names::CURSORS_LOCK]);
    recorder.close().unwrap();
}

#[test]
#[ignore = "the other process of a test above"]
fn copying() {
    if !flashstrike_crash_lab::is_child() {
        return;
    }
    let (log, to) = (flashstrike_crash_lab::given("LAB_LOG"), flashstrike_crash_lab::given("LAB_TO"));
    let options = CopyOptions { hold: true, ..CopyOptions::default() };
    let mut stay = |_, _, _| {
        std::thread::sleep(common::PATIENCE);
        true
    };
    copy(&log, &to, &options, &mut stay).unwrap();
}
