//! Old copies of a segment in its own place, of the same log as it might have gone on: an event is given where it is
//! sought, or the damage is named. What such a copy says never leads past events that are there.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
use flashstrike_recovery::{Code, Recovery, RecoveryOptions, ReplayOptions};
use support::writer::LogWriter;
use support::{Watchdog, temporary_directory};

const SEGMENTS: u32 = 10;
/// The segment that is exchanged.
const OLD: u32 = 6;
/// From one event to the next, in ids, so that a copy may have lower ones and higher ones.
const STEP: u64 = 20;
const BEGUN_NS: u64 = 1_000_000;

/// How the copy came to differ.
#[derive(Debug, Clone, Copy)]
struct Copy {
    /// The first block that differs.
    from_block: u32,
    step: u64,
    tick: u64,
}

const NONE: Copy = Copy { from_block: u32::MAX, step: STEP, tick: 100 };

fn write(log: &Path, segments: u32, copy: Copy) -> (LogWriter, u32) {
    let mut writer = LogWriter::new(log, 64, 4096);
    writer.link.written_ts_ns = BEGUN_NS;
    writer.tick = 100;
    let (mut last, mut blocks, mut of_old) = (0, 0, 0);
    while writer.next_segment < segments {
        let is_other = blocks >= copy.from_block;
        let step = if is_other { copy.step } else { STEP };
        writer.tick = if is_other { copy.tick } else { 100 };
        let ids: Vec<u64> = (1..=5).map(|n| last + n * step).collect();
        last = ids[4];
        writer.append_ids(&ids);
        blocks += 1;
        if writer.next_segment == OLD + 1 && of_old == 0 {
            of_old = blocks;
        }
    }
    (writer, of_old)
}

/// Events by id, and whether they end without an error.
fn replayed(log: &Recovery, options: ReplayOptions, what: &str) -> (Vec<u64>, bool) {
    let mut ids = Vec::new();
    let mut replay = log.replay(options).expect(what);
    loop {
        match replay.next_event() {
            Ok(Some(event)) => ids.push(event.id),
            Ok(None) => break (ids, true),
            Err(error) => {
                assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
                break (ids, false);
            }
        }
    }
}

fn open(log: &Path) -> Recovery {
    Recovery::open(RecoveryOptions::new(log)).unwrap()
}

/// Exchanges the segment, and gives what was written with it and what can be replayed at all.
fn with_copy(copy: Copy, is_cold: bool, check: impl Fn(&Path, &[u64], &[u64], &str)) {
    let directory = temporary_directory();
    let log = directory.path();
    let (writer, _) = write(log, SEGMENTS, NONE);
    let (written, is_whole) = replayed(&open(log), ReplayOptions::default(), "as it was");
    assert!(is_whole);
    let other = temporary_directory();
    write(other.path(), OLD + 2, copy);
    fs::copy(hot_path(other.path(), OLD), hot_path(log, OLD)).unwrap();
    if is_cold {
        (OLD - 1..=OLD + 1).for_each(|index| writer.compress(index));
    }
    let what = format!("{copy:?}, compressed {is_cold}");
    let (whole, is_whole) = replayed(&open(log), ReplayOptions::default(), &what);
    assert!(!is_whole, "{what}: found when everything is read");
    check(log, &written, &whole, &what);
}

fn every_copy(check: impl Fn(&Path, &[u64], &[u64], &str)) {
    let place = temporary_directory();
    let (_, of_old) = write(place.path(), SEGMENTS, NONE);
    for from_block in [0, of_old - 2, of_old, of_old + 2] {
        for (step, tick) in [(1, 1), (1, 100), (STEP - 1, 99), (STEP + 1, 101), (100, 1000), (STEP, 1)] {
            for is_cold in [false, true] {
                with_copy(Copy { from_block, step, tick }, is_cold, &check);
            }
        }
    }
}

#[test]
fn no_event_is_passed_over_by_an_id_because_of_an_old_copy_of_a_segment() {
    let _watchdog = Watchdog::new("old copies, by id");
    every_copy(|path, written, whole, what| {
        let per_segment = written.len() / SEGMENTS as usize;
        // What it has read it remembers.
        let read = open(path);
        replayed(&read, ReplayOptions::default(), what);
        for at in (0..written.len()).step_by(per_segment / 2 - 1) {
            let from = written[at] - at as u64 % 2;
            for to in [None, Some(from + 7 * STEP), Some(from + 60 * STEP)] {
                for reverse in [false, true] {
                    for log in [&open(path), &read] {
                        let what = format!("{what}: from {from} to {to:?}, reverse {reverse}");
                        check_range(log, (from, to, reverse), (written, whole), &what);
                    }
                }
            }
            check_followed(path, from, (written, whole), what);
        }
    });
}

fn check_followed(path: &Path, from: u64, (written, whole): (&[u64], &[u64]), what: &str) {
    let options = FollowOptions { from: Start::At(from), ..FollowOptions::default() };
    let followed = open(path).follow(options);
    let first = |all: &[u64]| all.iter().copied().find(|id| *id >= from);
    match followed.and_then(|mut follower| {
        let next = follower.next_event(Wait::AtMost(Duration::from_secs(60)))?;
        Ok(next.map(|event| event.id))
    }) {
        Ok(id) => assert!(id == first(written) || id == first(whole), "{what}: followed from {from}: {id:?}"),
        Err(error) => assert_eq!(error.code(), Code::Corrupt, "{what}: followed from {from}: {error}"),
    }
}

#[test]
fn no_event_is_passed_over_by_a_time_because_of_an_old_copy_of_a_segment() {
    let _watchdog = Watchdog::new("old copies, by time");
    let place = temporary_directory();
    write(place.path(), SEGMENTS, NONE);
    let blocks = times(&open(place.path()));
    every_copy(|path, _, _, what| {
        let read = open(path);
        // As far as everything can be read, which it remembers.
        let whole = times(&read);
        for (at, &(written_ns, id)) in blocks.iter().enumerate().step_by(3) {
            let sought = written_ns - at as u64 % 2;
            for log in [&open(path), &read] {
                match log.seek_time(sought) {
                    Ok(found) => {
                        let of_copy = whole.iter().find(|(written_ns, _)| *written_ns >= sought);
                        let is_right =
                            found == Some(id) || found.is_some() && found == of_copy.map(|of| of.1);
                        assert!(is_right, "{what}: {sought}: {found:?} for {id}");
                    }
                    Err(error) => assert_eq!(error.code(), Code::Corrupt, "{what}: {sought}: {error}"),
                }
            }
        }
    });
}

/// When each block has been written, and its first event.
fn times(log: &Recovery) -> Vec<(u64, u64)> {
    let mut replay = log.replay(ReplayOptions::default()).unwrap();
    let mut times = Vec::new();
    while let Ok(Some(run)) = replay.next_run() {
        times.extend(run.blocks().map(|block| (block.header.written_ts_ns, block.header.first_event_id)));
    }
    times
}

fn check_range(
    log: &Recovery,
    (from, to, reverse): (u64, Option<u64>, bool),
    (written, whole): (&[u64], &[u64]),
    what: &str,
) {
    let (mut ids, is_whole) = replayed(log, ReplayOptions { from: Some(from), to, reverse }, what);
    if reverse {
        ids.reverse();
    }
    let range = from..=to.unwrap_or(u64::MAX);
    let of = |all: &[u64]| all.iter().copied().filter(|id| range.contains(id)).collect::<Vec<_>>();
    let possible = [of(written), of(whole)];
    if is_whole {
        // The segment behind a copy says that it is one, also where nothing of that segment is wanted.
        assert!(ids == possible[0], "{what}: ends with {ids:?}");
    } else {
        let is_part = |all: &Vec<u64>| if reverse { all.ends_with(&ids) } else { all.starts_with(&ids) };
        assert!(possible.iter().any(is_part), "{what}: {ids:?}, then the damage");
    }
}
