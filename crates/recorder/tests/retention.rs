//! A log is kept within its limits: what goes, in which order, and what never goes.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{
    PATIENCE, Told, append_many, code, fill_segments, gauge, rotate, segments_of, small_log, small_log_on,
    temporary_in_memory, wait_until,
};
use flashstrike_crash_lab::{FaultFileSystem, ReadBack, Rule};
use flashstrike_recorder::{Code, Event, Recorder, RecorderOptions, Retention};
use flashstrike_segment::{CursorSlot, names};
use rustix::io::Errno;

const SIZE: u16 = 32;
/// Events in each segment of these tests.
const EVENTS: u64 = 40;

fn options(directory: &Path, retention: Retention) -> RecorderOptions {
    RecorderOptions { retention, ..small_log(directory, SIZE) }
}

/// Waits until these segments are hot and these are cold, and all the others gone, and it stays so for a moment.
#[track_caller]
fn wait_for_segments(directory: &Path, hot: &[u32], cold: &[u32]) {
    let start = std::time::Instant::now();
    let mut since = None;
    loop {
        let found = segments_of(directory);
        if found == (hot.to_vec(), cold.to_vec()) {
            if since.get_or_insert_with(std::time::Instant::now).elapsed() > Duration::from_millis(50) {
                return;
            }
        } else {
            since = None;
        }
        assert!(start.elapsed() < PATIENCE, "hot and cold: {found:?}, not {hot:?} and {cold:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The log holds the events from this one to the last one appended.
#[track_caller]
fn expect_events(directory: &Path, first: u64, last: u64) {
    let found = ReadBack::now(directory);
    found.expect_events_from(first, SIZE);
    assert_eq!((found.ids().first().copied(), found.last_id()), (Some(first), last));
}

/// Waits until so many segments are sealed.
fn wait_until_sealed(told: &Told, count: usize) {
    wait_until(|| {
        let sealed = told.picked(|event| matches!(event, Event::Sealed { .. }).then_some(()));
        (sealed.len() >= count).then_some(())
    });
}

fn deleted(told: &Told) -> Vec<u32> {
    told.picked(|event| match event {
        Event::Deleted { segment } => Some(*segment),
        _ => None,
    })
}

fn compressed(told: &Told) -> Vec<u32> {
    told.picked(|event| match event {
        Event::Compressed { segment, .. } => Some(*segment),
        _ => None,
    })
}

#[test]
fn without_a_limit_every_segment_stays_as_it_is() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 12, EVENTS);
    wait_until_sealed(&told, 12);
    log.close().unwrap();
    assert_eq!(segments_of(directory.path()), ((0..=12).collect(), vec![]));
    assert!(deleted(&told).is_empty() && compressed(&told).is_empty());
    expect_events(directory.path(), 1, 12 * EVENTS);
}

#[test]
fn hot_segments_beyond_their_limit_are_compressed_oldest_first() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    options.retention.hot_segments = Some(3);
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 9, EVENTS);
    wait_for_segments(directory.path(), &[7, 8, 9], &[0, 1, 2, 3, 4, 5, 6]);
    wait_until(|| (gauge(&log, "cold_segments") == 7).then_some(()));
    assert_eq!(gauge(&log, "hot_segments"), 3);
    assert_eq!((gauge(&log, "max_hot_segments"), gauge(&log, "max_cold_segments")), (3, (1 << 53) - 1));
    append_many(&mut log, SIZE, 5);
    log.close().unwrap();
    assert_eq!(compressed(&told), [0, 1, 2, 3, 4, 5, 6]);
    assert!(deleted(&told).is_empty());
    expect_events(directory.path(), 1, 9 * EVENTS + 5);
}

#[test]
fn compressed_segments_beyond_their_limit_are_removed_oldest_first() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(3), ..Retention::default() };
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 10, EVENTS);
    wait_for_segments(directory.path(), &[9, 10], &[6, 7, 8]);
    log.close().unwrap();
    assert_eq!(deleted(&told), [0, 1, 2, 3, 4, 5]);
    expect_events(directory.path(), 6 * EVENTS + 1, 10 * EVENTS);
    let meta = ReadBack::now(directory.path()).meta.expect("wal.meta");
    assert_eq!(meta.first_segment, 6);
}

#[test]
fn with_no_compressed_segments_allowed_nothing_is_compressed_before_it_is_removed() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    options.retention = Retention { hot_segments: Some(4), cold_segments: Some(0), ..Retention::default() };
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 10, EVENTS);
    wait_for_segments(directory.path(), &[7, 8, 9, 10], &[]);
    log.close().unwrap();
    assert!(compressed(&told).is_empty());
    expect_events(directory.path(), 7 * EVENTS + 1, 10 * EVENTS);
}

#[test]
fn bytes_are_kept_below_their_limit() {
    let directory = temporary_in_memory();
    let segment = u64::from(small_log(directory.path(), SIZE).segment_bytes);
    let limit = Retention { bytes: Some(5 * segment), ..Retention::default() };
    let mut log = Recorder::open(&options(directory.path(), limit)).unwrap();
    fill_segments(&mut log, SIZE, 12, EVENTS);
    // Four sealed ones and the one that is appended to.
    wait_for_segments(directory.path(), &[8, 9, 10, 11, 12], &[]);
    log.close().unwrap();
    expect_events(directory.path(), 8 * EVENTS + 1, 12 * EVENTS);
}

#[test]
fn what_is_older_than_its_limit_goes_and_nothing_else() {
    let directory = temporary_in_memory();
    let hour = Retention { age: Some(Duration::from_secs(3600)), ..Retention::default() };
    let mut log = Recorder::open(&options(directory.path(), hour)).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    log.close().unwrap();
    assert_eq!(segments_of(directory.path()), (vec![0, 1, 2, 3, 4], vec![]));
    drop(log);

    // Nothing is appended any more: only time passes.
    let moment = Retention { age: Some(Duration::from_millis(300)), ..Retention::default() };
    let mut log = Recorder::open(&options(directory.path(), moment)).unwrap();
    wait_for_segments(directory.path(), &[4], &[]);
    append_many(&mut log, SIZE, 3);
    log.close().unwrap();
    expect_events(directory.path(), 4 * EVENTS + 1, 4 * EVENTS + 3);
}

#[test]
fn limits_are_set_while_the_log_is_open_and_their_gauges_follow() {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    let no_limit = (1 << 53) - 1;
    assert_eq!((gauge(&log, "max_hot_segments"), gauge(&log, "max_cold_segments")), (no_limit, no_limit));
    fill_segments(&mut log, SIZE, 8, EVENTS);
    log.set_retention(Retention { hot_segments: Some(2), ..Retention::default() }).unwrap();
    assert_eq!((gauge(&log, "max_hot_segments"), gauge(&log, "max_cold_segments")), (2, no_limit));
    wait_for_segments(directory.path(), &[7, 8], &[0, 1, 2, 3, 4, 5, 6]);
    log.set_retention(Retention { cold_segments: Some(4), ..Retention::default() }).unwrap();
    assert_eq!((gauge(&log, "max_hot_segments"), gauge(&log, "max_cold_segments")), (no_limit, 4));
    wait_for_segments(directory.path(), &[7, 8], &[3, 4, 5, 6]);

    let impossible = [
        Retention { hot_segments: Some(0), ..Retention::default() },
        Retention { bytes: Some(1), ..Retention::default() },
        Retention { age: Some(Duration::ZERO), ..Retention::default() },
    ];
    for limits in impossible {
        assert_eq!(code(log.set_retention(limits)), Code::Unsupported, "{limits:?}");
        assert_eq!(code(Recorder::open(&options(&directory.path().join("new"), limits))), Code::Unsupported);
    }
    assert_eq!(gauge(&log, "max_cold_segments"), 4, "a refused limit changes nothing");
    log.close().unwrap();
    assert_eq!(code(log.set_retention(Retention::default())), Code::Closed);
    assert_eq!(code(log.truncate_before(1)), Code::Closed);
}

#[test]
fn what_nobody_needs_any_more_goes_by_whole_segments() {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    fill_segments(&mut log, SIZE, 5, EVENTS);
    let last = log.last_event_id();
    for wrong in [0, last + 2] {
        assert_eq!(code(log.truncate_before(wrong)), Code::EventId, "{wrong}");
    }
    // The last event of segment 2 is still needed.
    log.truncate_before(3 * EVENTS).unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4, 5], &[]);
    log.truncate_before(last + 1).unwrap();
    wait_for_segments(directory.path(), &[5], &[]);
    assert_eq!(log.append(&[7; SIZE as usize]).unwrap(), last + 1);
    log.close().unwrap();
    assert_eq!(ReadBack::now(directory.path()).ids(), [last + 1]);
}

#[test]
fn a_log_with_no_event_left_goes_on_with_the_next_id() {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    fill_segments(&mut log, SIZE, 3, EVENTS);
    log.truncate_before(3 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[3], &[]);
    drop(log);
    assert!(ReadBack::now(directory.path()).events.is_empty());
    for _ in 0..2 {
        let log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
        assert_eq!((log.last_event_id(), log.durable_event_id()), (3 * EVENTS, 3 * EVENTS));
    }
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    append_many(&mut log, SIZE, 7);
    log.close().unwrap();
    expect_events(directory.path(), 3 * EVENTS + 1, 3 * EVENTS + 7);
}

#[test]
fn limits_neither_remove_nor_compress_what_is_still_needed() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    append_many(&mut log, SIZE, 1);
    log.truncate_before(1).unwrap();
    let tight = Retention { hot_segments: Some(1), cold_segments: Some(1), ..Retention::default() };
    log.set_retention(tight).unwrap();
    append_many(&mut log, SIZE, EVENTS - 1);
    rotate(&mut log).unwrap();
    fill_segments(&mut log, SIZE, 5, EVENTS);
    wait_until_sealed(&told, 6);
    log.truncate_before(2 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4, 5, 6], &[1]);
    assert_eq!((deleted(&told), compressed(&told)), (vec![0], vec![0, 1]));
    log.truncate_before(6 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[6], &[5]);
    log.close().unwrap();
    expect_events(directory.path(), 5 * EVENTS + 1, 6 * EVENTS);
}

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
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
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
    let mut options = small_log_on(&files, directory.path(), SIZE);
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    wait_until_sealed(&told, 4);
    write_cursor(directory.path(), "stranger", [9; 16], 4 * EVENTS);
    std::fs::write(directory.path().join("cursors/not a cursor.txt"), "x").unwrap();
    log.truncate_before(4 * EVENTS + 1).unwrap();
    let error = told.wait_for(|event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert!(error.path().is_some_and(|path| path.ends_with("stranger.cursor")), "{error}");
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
    std::fs::write(directory.path().join("cursors/stranger.cursor"), [0; 1024]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4], "a cursor without a valid slot");
    write_cursor(directory.path(), "stranger", log_id(directory.path()), 4 * EVENTS);
    wait_for_segments(directory.path(), &[4], &[]);
    log.close().unwrap();
}

#[test]
fn nothing_is_removed_while_a_cursor_is_created() {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    let cursors = directory.path().join(names::CURSORS);
    std::fs::create_dir(&cursors).unwrap();
    let held = std::fs::File::create(cursors.join(names::CURSORS_LOCK)).unwrap();
    held.lock().unwrap();
    log.truncate_before(4 * EVENTS + 1).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
    // What it is created for stays.
    write_cursor(directory.path(), "new", log_id(directory.path()), 2 * EVENTS);
    held.unlock().unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4], &[]);
    log.close().unwrap();
}

#[test]
fn an_older_log_is_brought_within_its_limits_when_it_is_opened() {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    fill_segments(&mut log, SIZE, 40, EVENTS);
    log.close().unwrap();
    drop(log);
    let limits = Retention { hot_segments: Some(3), cold_segments: Some(2), ..Retention::default() };
    let mut log = Recorder::open(&options(directory.path(), limits)).unwrap();
    wait_for_segments(directory.path(), &[38, 39, 40], &[36, 37]);
    assert_eq!(log.last_event_id(), 40 * EVENTS);
    append_many(&mut log, SIZE, 1);
    log.close().unwrap();
    drop(log);
    // Compressed segments are found again too, and gone ones are not missed.
    let fewer = Retention { hot_segments: Some(3), cold_segments: Some(1), ..Retention::default() };
    let mut log = Recorder::open(&options(directory.path(), fewer)).unwrap();
    wait_for_segments(directory.path(), &[38, 39, 40], &[37]);
    log.close().unwrap();
    expect_events(directory.path(), 37 * EVENTS + 1, 40 * EVENTS + 1);
}

#[test]
fn a_removal_that_was_begun_is_finished() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(0), ..Retention::default() };
    let told = Told::by(&mut options, &files);
    // The log begins behind it, but the first file cannot be removed for a while.
    files.add(
        Rule::fail(Errno::BUSY).named("00000000.wal").kind(flashstrike_crash_lab::Kind::Remove).times(2),
    );
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 5, EVENTS);
    let error = told.wait_for(|event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), Code::Io, "{error}");
    wait_for_segments(directory.path(), &[4, 5], &[]);
    assert_eq!(deleted(&told), [0, 1, 2, 3], "in order all the same");
    log.close().unwrap();
    expect_events(directory.path(), 4 * EVENTS + 1, 5 * EVENTS);
}

#[test]
fn files_that_are_not_the_logs_are_left_alone() {
    let directory = temporary_in_memory();
    let foreign =
        ["notes.wal", "0.wal", "000000001.wal", "00000001.wal.bak", "00000001.zst", "archive.wal.zst"];
    for name in foreign {
        std::fs::write(directory.path().join(name), name).unwrap();
    }
    let limits = Retention { hot_segments: Some(1), cold_segments: Some(1), ..Retention::default() };
    let mut log = Recorder::open(&options(directory.path(), limits)).unwrap();
    fill_segments(&mut log, SIZE, 6, EVENTS);
    wait_for_segments(directory.path(), &[6], &[5]);
    log.close().unwrap();
    for name in foreign {
        assert_eq!(std::fs::read_to_string(directory.path().join(name)).unwrap(), name);
    }
}

#[test]
fn a_poisoned_log_keeps_what_it_has() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), SIZE);
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    wait_until_sealed(&told, 4);
    append_many(&mut log, SIZE, 1);
    files.add(Rule::fail(Errno::IO).kind(flashstrike_crash_lab::Kind::SyncData).times(1));
    assert_eq!(code(log.durable_sync(None)), Code::Poisoned);
    log.truncate_before(4 * EVENTS + 1).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let _ = log.close();
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
}

#[test]
fn the_maintainer_runs_at_the_lowest_priority_and_nobody_else_does() {
    let directory = temporary_in_memory();
    let _log = Recorder::open(&options(directory.path(), Retention::default())).unwrap();
    let nice_of = |task: &Path| -> Option<(String, i32)> {
        let stat = std::fs::read_to_string(task.join("stat")).ok()?;
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        Some((name.to_owned(), fields.split_whitespace().nth(16)?.parse().ok()?))
    };
    let tasks = || -> Vec<(String, i32)> {
        let all = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        all.filter_map(|task| nice_of(&task.path())).collect()
    };
    let (_, own) = nice_of(Path::new("/proc/thread-self")).unwrap();
    wait_until(|| tasks().contains(&("wal-maintain".to_owned(), 19)).then_some(()));
    for (name, nice) in tasks() {
        assert!(nice == own || name == "wal-maintain", "{name} has {nice}");
    }
}
