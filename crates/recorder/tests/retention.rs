//! A log is kept within its limits: what goes, in which order, and what never goes.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{
    Metrics, Told, append_many, code, expect_log, expect_log_from, fill_segments, gauge, rotate, segments_of,
    small_log, temporary_in_memory, wait_for_segments, wait_until, watched_log, when_there_is_room,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, ReadBack, Rule};
use flashstrike_recorder::{Code, Recorder, RecorderOptions, Retention};

const SIZE: u16 = 32;
/// Events in each segment of these tests.
const EVENTS: u64 = 40;

fn options(directory: &Path, retention: Retention) -> RecorderOptions {
    RecorderOptions { retention, ..small_log(directory, SIZE) }
}

/// The same, with what its recorder tells.
fn watched(directory: &Path, retention: Retention) -> (RecorderOptions, Told) {
    let (options, told) = watched_log(&FaultFileSystem::default(), directory, SIZE);
    (RecorderOptions { retention, ..options }, told)
}

#[test]
fn without_a_limit_every_segment_stays_as_it_is() {
    let directory = temporary_in_memory();
    let (options, told) = watched(directory.path(), Retention::default());
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 12, EVENTS);
    told.wait_until_sealed(12);
    log.close().unwrap();
    assert_eq!(segments_of(directory.path()), ((0..=12).collect(), vec![]));
    assert!(told.deleted().is_empty() && told.compressed().is_empty());
    expect_log(directory.path(), SIZE, 12 * EVENTS);
}

#[test]
fn hot_segments_beyond_their_limit_are_compressed_oldest_first() {
    let directory = temporary_in_memory();
    let limit = Retention { hot_segments: Some(3), ..Retention::default() };
    let (options, told) = watched(directory.path(), limit);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 9, EVENTS);
    wait_for_segments(directory.path(), &[7, 8, 9], &[0, 1, 2, 3, 4, 5, 6]);
    wait_until(|| (gauge(&log, "cold_segments") == 7).then_some(()));
    assert_eq!(gauge(&log, "hot_segments"), 3);
    assert_eq!((gauge(&log, "max_hot_segments"), gauge(&log, "max_cold_segments")), (3, (1 << 53) - 1));
    append_many(&mut log, SIZE, 5);
    log.close().unwrap();
    assert_eq!(told.compressed(), [0, 1, 2, 3, 4, 5, 6]);
    assert!(told.deleted().is_empty());
    expect_log(directory.path(), SIZE, 9 * EVENTS + 5);
}

#[test]
fn compressed_segments_beyond_their_limit_are_removed_oldest_first() {
    let directory = temporary_in_memory();
    let limits = Retention { hot_segments: Some(2), cold_segments: Some(3), ..Retention::default() };
    let (options, told) = watched(directory.path(), limits);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 10, EVENTS);
    wait_for_segments(directory.path(), &[9, 10], &[6, 7, 8]);
    log.close().unwrap();
    assert_eq!(told.deleted(), [0, 1, 2, 3, 4, 5]);
    expect_log_from(directory.path(), SIZE, 6 * EVENTS + 1, 10 * EVENTS);
    let meta = ReadBack::now(directory.path()).meta.expect("wal.meta");
    assert_eq!(meta.first_segment, 6);
}

#[test]
fn with_no_compressed_segments_allowed_nothing_is_compressed_before_it_is_removed() {
    let directory = temporary_in_memory();
    let limits = Retention { hot_segments: Some(4), cold_segments: Some(0), ..Retention::default() };
    let (options, told) = watched(directory.path(), limits);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 10, EVENTS);
    wait_for_segments(directory.path(), &[7, 8, 9, 10], &[]);
    log.close().unwrap();
    assert!(told.compressed().is_empty());
    expect_log_from(directory.path(), SIZE, 7 * EVENTS + 1, 10 * EVENTS);
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
    expect_log_from(directory.path(), SIZE, 8 * EVENTS + 1, 12 * EVENTS);
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
    expect_log_from(directory.path(), SIZE, 4 * EVENTS + 1, 4 * EVENTS + 3);
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
    expect_log_from(directory.path(), SIZE, 3 * EVENTS + 1, 3 * EVENTS + 7);
}

#[test]
fn limits_neither_remove_nor_compress_what_is_still_needed() {
    let directory = temporary_in_memory();
    let (options, told) = watched(directory.path(), Retention::default());
    let mut log = Recorder::open(&options).unwrap();
    append_many(&mut log, SIZE, 1);
    log.truncate_before(1).unwrap();
    let tight = Retention { hot_segments: Some(1), cold_segments: Some(1), ..Retention::default() };
    log.set_retention(tight).unwrap();
    append_many(&mut log, SIZE, EVENTS - 1);
    rotate(&mut log).unwrap();
    fill_segments(&mut log, SIZE, 5, EVENTS);
    told.wait_until_sealed(6);
    log.truncate_before(2 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[2, 3, 4, 5, 6], &[]);
    // Far beyond both limits, these two were not worth compressing.
    wait_until(|| (told.deleted() == [0, 1]).then_some(()));
    assert!(told.compressed().is_empty());
    log.truncate_before(6 * EVENTS + 1).unwrap();
    wait_for_segments(directory.path(), &[6], &[5]);
    log.close().unwrap();
    expect_log_from(directory.path(), SIZE, 5 * EVENTS + 1, 6 * EVENTS);
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
    expect_log_from(directory.path(), SIZE, 37 * EVENTS + 1, 40 * EVENTS + 1);
}

#[test]
fn a_removal_that_was_begun_is_finished() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (mut options, told) = watched_log(&files, directory.path(), SIZE);
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(0), ..Retention::default() };
    // The log begins behind it, but the first file cannot be removed for a while.
    files.add(Rule::fail(Errno::BUSY).named("00000000.wal").kind(Kind::Remove).times(2));
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 5, EVENTS);
    let error = told.wait_for_failure();
    assert_eq!(error.code(), Code::Io, "{error}");
    wait_for_segments(directory.path(), &[4, 5], &[]);
    log.close().unwrap();
    assert_eq!(told.deleted(), [0, 1, 2, 3], "in order all the same");
    expect_log_from(directory.path(), SIZE, 4 * EVENTS + 1, 5 * EVENTS);
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
    let (options, told) = watched_log(&files, directory.path(), SIZE);
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    told.wait_until_sealed(4);
    append_many(&mut log, SIZE, 1);
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).ending(".wal").times(1));
    assert_eq!(code(log.durable_sync(None)), Code::Poisoned);
    let metrics = Metrics::of(log.telemetry());
    let turns = || metrics.idle_cycles("segment_maintainer.loop").0;
    // The turn that ends first may have begun before.
    for _ in 0..2 {
        let before = turns();
        log.truncate_before(4 * EVENTS + 1).unwrap();
        wait_until(|| (turns() > before).then_some(()));
    }
    let _ = log.close();
    assert_eq!(segments_of(directory.path()).0, [0, 1, 2, 3, 4]);
}

#[cfg(target_os = "linux")]
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

#[test]
fn a_full_disk_keeps_a_log_from_being_compressed_and_not_from_its_limits() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (mut options, _) = watched_log(&files, directory.path(), SIZE);
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(1), ..Retention::default() };
    let mut log = Recorder::open(&options).unwrap();
    fill_segments(&mut log, SIZE, 3, EVENTS);
    wait_for_segments(directory.path(), &[2, 3], &[1]);
    files.add(Rule::fail(Errno::NOSPC).kind(Kind::Write).ending(".wal.zst.tmp"));
    fill_segments(&mut log, SIZE, 5, EVENTS);
    wait_for_segments(directory.path(), &[6, 7, 8], &[]);
    files.heal();
    wait_for_segments(directory.path(), &[7, 8], &[6]);
    log.close().unwrap();
    expect_log_from(directory.path(), SIZE, 6 * EVENTS + 1, 8 * EVENTS);
}

#[test]
fn a_segment_left_without_an_event_is_never_compressed_and_removed_in_its_turn() {
    for is_reopened in [false, true] {
        let directory = temporary_in_memory();
        let (mut options, told) = watched_log(&FaultFileSystem::default(), directory.path(), 0);
        Recorder::open(&options).unwrap().close().unwrap();
        // The event does not fit the segment that is open, which has none.
        let event = vec![7; 2 * options.segment_bytes as usize];
        options.segment_bytes *= 4;
        let limits = Retention { hot_segments: Some(2), cold_segments: Some(4), ..Retention::default() };
        if !is_reopened {
            options.retention = limits;
        }
        let mut log = Recorder::open(&options).unwrap();
        let append = |log: &mut Recorder, count| {
            for _ in 0..count {
                when_there_is_room(log, |log| log.append(&event)).unwrap();
                rotate(log).unwrap();
            }
        };
        append(&mut log, 4);
        if is_reopened {
            log.close().unwrap();
            options.retention = limits;
            log = Recorder::open(&options).unwrap();
        }
        wait_for_segments(directory.path(), &[0, 5], &[1, 2, 3, 4]);
        append(&mut log, 1);
        wait_for_segments(directory.path(), &[5, 6], &[1, 2, 3, 4]);
        append(&mut log, 1);
        wait_for_segments(directory.path(), &[6, 7], &[2, 3, 4, 5]);
        log.close().unwrap();
        assert_eq!(told.deleted(), [0, 1]);
        assert!(told.failures().is_empty());
        assert_eq!(ReadBack::now(directory.path()).ids(), [2, 3, 4, 5, 6]);
    }
}

#[test]
fn no_age_and_no_patience_is_too_long() {
    let directory = temporary_in_memory();
    let age = Some(Duration::MAX);
    let mut log =
        Recorder::open(&options(directory.path(), Retention { age, ..Retention::default() })).unwrap();
    fill_segments(&mut log, SIZE, 3, EVENTS);
    log.drain(Duration::MAX).unwrap();
    wait_for_segments(directory.path(), &[0, 1, 2, 3], &[]);
    log.close().unwrap();
    expect_log(directory.path(), SIZE, 3 * EVENTS);
}
