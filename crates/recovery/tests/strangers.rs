//! A segment of another log in the place of one: whoever looks at the log is told which file that is, also where the log
//! begins with it. `wal.meta` says whose log it is, and without it most of the segments do.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::follow::{AROUND, FollowOptions, Start, Wait};
use flashstrike_recovery::overview::{SegmentState, overview};
use flashstrike_recovery::repair::{ByHandOptions, plan_repair};
use flashstrike_recovery::{Code, Mode, Recovery, RecoveryOptions, ReplayOptions, verify};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::names::WAL_META;
use support::writer::{LOG_ID, LogWriter, end_of_blocks};
use support::{Watchdog, os_files, temporary_directory};

const SEGMENTS: u32 = 6;

fn write(log: &Path, log_id: [u8; 16]) -> LogWriter {
    let mut writer = LogWriter::new(log, 64, 4096);
    writer.log_id = log_id;
    while writer.next_segment < SEGMENTS {
        writer.append(5);
    }
    writer
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[test]
fn the_stranger_is_named_and_not_its_neighbour() {
    let other = temporary_directory();
    let other_id = *b"another log here";
    let other_writer = write(other.path(), other_id);
    let ends: Vec<u64> = (0..SEGMENTS)
        .map(|index| end_of_blocks(&fs::read(hot_path(other.path(), index)).unwrap()) as u64)
        .collect();
    other_writer.compress(0);
    let other_cold = cold_path(other.path(), 0);
    for strangers in [vec![0], vec![0, 1], vec![3], vec![SEGMENTS - 1]] {
        for has_meta in [false, true] {
            for is_cold in [false, true] {
                if is_cold && strangers != [0] {
                    continue;
                }
                let what = format!("{strangers:?}, wal.meta {has_meta}, compressed {is_cold}");
                let directory = temporary_directory();
                let log = directory.path();
                let writer = write(log, LOG_ID);
                if has_meta {
                    writer.write_meta(0);
                }
                for &index in &strangers {
                    if is_cold {
                        fs::remove_file(hot_path(log, index)).unwrap();
                        fs::copy(&other_cold, cold_path(log, index)).unwrap();
                    } else if index == 0 {
                        fs::write(hot_path(log, 0), first_of(other_id)).unwrap();
                    } else {
                        fs::copy(hot_path(other.path(), index), hot_path(log, index)).unwrap();
                    }
                }
                // Where the log ends: at the stranger, or where the good block ends that it does not continue.
                let (place, stranger) = match (strangers[0], has_meta) {
                    (0, true) => ((Some(0), SEGMENT_HEADER_SIZE as u64), 0),
                    (0, false) => {
                        let last = strangers[strangers.len() - 1];
                        ((Some(last), ends[last as usize]), last)
                    }
                    (first, _) => ((Some(first - 1), ends[first as usize - 1]), first),
                };
                let path = if is_cold { cold_path(log, stranger) } else { hot_path(log, stranger) };
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let told = |reason: &str| {
                    let ids = format!("its log id is {}, that of this log {}", hex(other_id), hex(LOG_ID));
                    assert!(reason.starts_with(&name) && reason.contains(&ids), "{what}: {reason}");
                };

                let bad = verify(&os_files(), log, None, &mut |_| {}).unwrap().bad.expect(&what);
                assert_eq!((bad.segment, bad.offset), place, "{what}");
                told(&bad.reason);
                let options = ByHandOptions { mode: Mode::PointInTime, ..ByHandOptions::default() };
                told(&plan_repair(&os_files(), log, &options).unwrap().damage.expect(&what).reason);

                let looked = overview(&os_files(), log, None).unwrap();
                if let Some(bad) = &looked.damage {
                    told(&bad.reason);
                    assert_eq!(looked.log_id, Some(hex(LOG_ID)), "{what}");
                    let is_foreign = |index: &u32| {
                        let found = looked.segments.iter().find(|segment| segment.index == *index);
                        found.is_some_and(|segment| segment.state == SegmentState::Foreign)
                    };
                    let foreign: Vec<u32> = (0..SEGMENTS).filter(is_foreign).collect();
                    assert_eq!(foreign, strangers, "{what}");
                }
                match Recovery::open(RecoveryOptions { mode: Mode::Strict, ..RecoveryOptions::new(log) }) {
                    Err(error) => {
                        assert!(matches!(error.code(), Code::Corrupt | Code::Torn), "{what}: {error}");
                        assert_eq!(error.path(), Some(&*path), "{what}: {error}");
                    }
                    Ok(_) => assert_eq!(strangers, [3], "{what}"),
                }
            }
        }
    }
}

/// The first segment of another log, as it is before it is compressed.
fn first_of(log_id: [u8; 16]) -> Vec<u8> {
    let place = temporary_directory();
    write(place.path(), log_id);
    fs::read(hot_path(place.path(), 0)).unwrap()
}

/// Where it says that its log begins is behind the end of this one.
#[test]
fn what_wal_meta_of_another_log_calls_removed_is_not() {
    let _watchdog = Watchdog::new("wal.meta of another log");
    let other = temporary_directory();
    write(other.path(), *b"another log here").write_meta(SEGMENTS * 2);
    let directory = temporary_directory();
    let log = directory.path();
    let last = write(log, LOG_ID).link.last_event_id;
    fs::copy(other.path().join(WAL_META), log.join(WAL_META)).unwrap();
    let recovery = Recovery::open(RecoveryOptions::new(log)).unwrap();

    let options = FollowOptions { from: Start::At(last), ..FollowOptions::default() };
    let mut follower = recovery.follow(options).unwrap();
    let event = follower.next_event(Wait::AtMost(Duration::from_secs(60))).unwrap();
    assert_eq!(event.map(|event| event.id), Some(last));
    // Long enough for several looks around at what may have come behind the end.
    let more = follower.next_event(Wait::AtMost(AROUND * 5)).expect("nothing was removed");
    assert!(more.is_none());

    let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
    replay.next_event().unwrap();
    fs::remove_file(hot_path(log, SEGMENTS - 2)).unwrap();
    let error = loop {
        match replay.next_event() {
            Ok(event) => assert!(event.is_some(), "the end, although a segment is missing"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::Corrupt, "{error}");
}

/// Opening looks at the last segments only, and these are not of the log that `wal.meta` is of.
#[test]
fn what_was_durable_is_missed_where_a_stranger_stands_at_the_end() {
    let other = temporary_directory();
    let mut writer = LogWriter::new(other.path(), 64, 4096);
    writer.log_id = *b"another log here";
    writer.next_segment = SEGMENTS - 1;
    while writer.next_segment < SEGMENTS + 1 {
        writer.append(5);
    }
    let directory = temporary_directory();
    let log = directory.path();
    let writer = write(log, LOG_ID);
    writer.write_meta(0);
    let end = writer.first_of(SEGMENTS - 1) - 1;
    fs::copy(hot_path(other.path(), SEGMENTS - 1), hot_path(log, SEGMENTS - 1)).unwrap();
    for mode in [Mode::Tail, Mode::Strict] {
        let error = Recovery::open(RecoveryOptions { mode, ..RecoveryOptions::new(log) }).unwrap_err();
        assert_eq!(error.code(), Code::Corrupt, "{mode}: {error}");
    }
    let options = ByHandOptions { mode: Mode::Tail, ..ByHandOptions::default() };
    assert_eq!(plan_repair(&os_files(), log, &options).unwrap_err().code(), Code::Corrupt);
    let options = ByHandOptions { mode: Mode::PointInTime, ..ByHandOptions::default() };
    assert_eq!(plan_repair(&os_files(), log, &options).unwrap().last_event_id, end);
}
