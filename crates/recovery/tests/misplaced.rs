//! Segments under other names than their own: an event is given where it is sought, or the damage is named. What a file
//! says that is not verified yet never leads past events that are there.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
use flashstrike_recovery::{Code, Mode, Recovery, RecoveryOptions, ReplayOptions};
use support::writer::LogWriter;
use support::{Watchdog, temporary_directory};

const SEGMENTS: u32 = 10;

/// What is done to the files, without a word in `wal.meta` or anywhere else.
type Exchange = (&'static str, fn(&Path, &LogWriter));

const EXCHANGES: [Exchange; 5] = [
    ("two in each other's place", |log, _| {
        fs::rename(hot_path(log, 3), log.join("aside")).unwrap();
        fs::rename(hot_path(log, 7), hot_path(log, 3)).unwrap();
        fs::rename(log.join("aside"), hot_path(log, 7)).unwrap();
    }),
    ("the first and a later one in each other's place", |log, _| {
        fs::rename(hot_path(log, 0), log.join("aside")).unwrap();
        fs::rename(hot_path(log, 5), hot_path(log, 0)).unwrap();
        fs::rename(log.join("aside"), hot_path(log, 5)).unwrap();
    }),
    ("an older one in a later one's place", |log, _| {
        fs::copy(hot_path(log, 0), hot_path(log, 7)).unwrap();
    }),
    ("one of another log", |log, _| {
        let other = temporary_directory();
        let mut writer = LogWriter::new(other.path(), 64, 4096);
        writer.log_id = *b"another log here";
        writer.next_segment = 7;
        writer.append(5);
        while writer.next_segment < 9 {
            writer.append(5);
        }
        fs::copy(hot_path(other.path(), 7), hot_path(log, 7)).unwrap();
    }),
    ("a later one beside a compressed one", |log, writer| {
        writer.compress(0);
        fs::copy(hot_path(log, 5), hot_path(log, 0)).unwrap();
    }),
];

#[test]
fn no_event_is_passed_over_because_of_what_a_segment_in_another_ones_place_says() {
    let _watchdog = Watchdog::new("misplaced segments");
    for (what, exchange) in EXCHANGES {
        let directory = temporary_directory();
        let mut writer = LogWriter::new(directory.path(), 64, 4096);
        while writer.next_segment < SEGMENTS {
            writer.append(5);
        }
        let (per_segment, last) = (writer.first_of(1) - 1, writer.link.last_event_id);
        exchange(directory.path(), &writer);
        for segment in 0..u64::from(SEGMENTS) {
            let from = segment * per_segment + 2;
            let what = format!("{what}: from {from}");
            let log = Recovery::open(RecoveryOptions::new(directory.path())).expect(&what);
            for (to, reverse) in [(None, false), (Some(from + 3), false), (Some(from + 3), true)] {
                let expected = to.unwrap_or(last).min(last);
                let mut replay = log.replay(ReplayOptions { from: Some(from), to, reverse }).expect(&what);
                let mut ids = Vec::new();
                let is_whole = loop {
                    match replay.next_event() {
                        Ok(Some(event)) => ids.push(event.id),
                        Ok(None) => break true,
                        Err(error) => {
                            assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
                            break false;
                        }
                    }
                };
                if reverse {
                    ids.reverse();
                }
                let first = if reverse { expected + 1 - ids.len() as u64 } else { from };
                let is_right = ids.iter().copied().eq(first..first + ids.len() as u64);
                assert!(is_right, "{what}, to {to:?}, reverse {reverse}: {ids:?}");
                let all = ids.len() as u64 == expected + 1 - from;
                assert!(all || !is_whole, "{what}, to {to:?}, reverse {reverse}: ends with {ids:?}");
            }
            let options = FollowOptions { from: Start::At(from), ..FollowOptions::default() };
            match log.follow(options) {
                Err(error) => assert_eq!(error.code(), Code::Corrupt, "{what}: {error}"),
                Ok(mut follower) => match follower.next_event(Wait::AtMost(Duration::from_secs(60))) {
                    Ok(event) => assert_eq!(event.map(|event| event.id), Some(from), "{what}, followed"),
                    Err(error) => assert_eq!(error.code(), Code::Corrupt, "{what}: {error}"),
                },
            }
        }
    }
}

/// Nothing of the log is left that could be read in order, so there is nothing that retention could have removed.
#[test]
fn a_first_segment_that_is_none_does_not_say_where_the_log_begins() {
    let _watchdog = Watchdog::new("a first segment that is none");
    let exchanges: [Exchange; 2] = [
        ("a later one in the place of the first", |log, _| {
            fs::copy(hot_path(log, 5), hot_path(log, 0)).unwrap();
        }),
        ("one that goes on behind an id that no event has", |log, _| {
            let other = temporary_directory();
            let mut writer = LogWriter::new(other.path(), 64, 4096);
            writer.link.last_event_id = u64::MAX;
            writer.activate();
            fs::copy(hot_path(other.path(), 0), hot_path(log, 0)).unwrap();
        }),
    ];
    for (what, exchange) in exchanges {
        let directory = temporary_directory();
        let mut writer = LogWriter::new(directory.path(), 64, 4096);
        while writer.next_segment < SEGMENTS {
            writer.append(5);
        }
        exchange(directory.path(), &writer);
        let options = RecoveryOptions { mode: Mode::PointInTime, ..RecoveryOptions::new(directory.path()) };
        let log = Recovery::open(options).expect(what);
        for from in [None, Some(1), Some(30)] {
            let mut replay = log.replay(ReplayOptions { from, ..ReplayOptions::default() }).expect(what);
            assert!(replay.next_event().expect(what).is_none(), "{what}, from {from:?}");
        }
    }
}
