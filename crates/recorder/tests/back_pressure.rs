//! When the next segment is not ready, or too many wait to be sealed: refused, told, and on again.

mod common;

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use common::{
    PATIENCE, append_many, append_next, code, expect_log, next_events, rotate, small_log, small_log_on,
    temporary_in_memory, wait_until, wait_until_prepared, watched_log,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, Rule, Seed, events};
use flashstrike_recorder::{Code, Event, Observer, Recorder};
use flashstrike_segment::SegmentHeader;

/// Segments with blocks whose headers are not sealed.
fn unsealed(log: &Path) -> usize {
    let mut names: Vec<_> = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "wal"));
    let is_unsealed = |path: &&std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let has_blocks = bytes[64 + 56..64 + 64] != [0; 8];
        has_blocks && SegmentHeader::decode(&bytes[..64]).is_ok_and(|header| header.sealed.is_none())
    };
    names.iter().filter(is_unsealed).count()
}

#[test]
fn at_most_eight_segments_are_unsealed_then_appends_are_refused_until_one_is_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (mut options, told) = watched_log(&files, directory.path(), 32);
    // The most there may be: of fewer asked for, fast rotations make more.
    options.prepared_segments = 64;
    let mut recorder = Recorder::open(&options).unwrap();
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::SyncData).ending(".wal"));

    for _ in 0..7 {
        append_many(&mut recorder, 32, 10);
        rotate(&mut recorder).unwrap();
    }
    append_many(&mut recorder, 32, 10);
    // From here on nobody but the sealer, who is held, can make room or say that there is some.
    wait_until_prepared(&recorder, directory.path(), "00000071.wal", 64);
    assert_eq!(unsealed(directory.path()), 8);
    let error = recorder.rotate().unwrap_err();
    assert_eq!(error.code(), Code::Backpressure);
    assert!(error.to_string().contains("drain()"), "it says what to do: {error}");
    // The eighth segment is used up, no ninth is begun.
    let refused = loop {
        let event = events::fixed(recorder.last_event_id() + 1, 32);
        if let Err(error) = recorder.append(&event) {
            break error;
        }
    };
    assert_eq!(refused.code(), Code::Backpressure);
    assert_eq!(recorder.manager().unwrap().writer().position().unwrap().0, 7);
    let last = recorder.last_event_id();
    assert_eq!(code(recorder.drain(Duration::from_millis(50))), Code::Backpressure);
    assert_eq!(code(recorder.append_batch(&next_events(&recorder, 32, 3))), Code::Backpressure);
    assert_eq!((recorder.last_event_id(), unsealed(directory.path())), (last, 8));

    let refused_at = files.tick();
    gate.open();
    recorder.drain(PATIENCE).unwrap();
    let is_room = |(tick, event): &(u64, Event)| *tick > refused_at && matches!(event, Event::Room);
    wait_until(|| told.all().iter().any(is_room).then_some(()));
    assert_eq!(append_next(&mut recorder, 32).unwrap(), last + 1, "the refused events were not in the log");
    recorder.close().unwrap();
    expect_log(directory.path(), 32, last + 1);
}

#[test]
fn however_fast_appends_come_no_ninth_segment_is_begun() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), 32);
    options.prepared_segments = 16;
    let mut recorder = Recorder::open(&options).unwrap();
    let mut refused = 0;
    for _ in 0..6 {
        // The preparer has as many ready as it keeps, so that nobody is refused for want of one.
        let (active, _) = recorder.manager().unwrap().writer().position().unwrap();
        wait_until_prepared(&recorder, directory.path(), &format!("{:08}.wal", active + 16), 16);
        // No header is sealed until an append is refused: however slow appends are, they are too fast for that.
        let (hold, gate) = Rule::hold();
        files.add(hold.kind(Kind::Write).ending(".wal").times(1));
        let before = refused;
        let mut batches = 0;
        while batches < 10 || refused == before {
            match recorder.append_batch(&next_events(&recorder, 32, 500)) {
                Ok(_) => batches += 1,
                Err(error) => {
                    assert_eq!(error.code(), Code::Backpressure);
                    assert!(error.to_string().contains("wait to be synced and sealed"), "{error}");
                    refused += 1;
                    gate.open();
                    recorder.drain(PATIENCE).unwrap();
                }
            }
            assert!(unsealed(directory.path()) <= 8);
        }
    }
    let last = recorder.last_event_id();
    recorder.close().unwrap();
    expect_log(directory.path(), 32, last);
}

#[test]
fn a_segment_that_is_not_ready_yet_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::Allocate).named("00000001.wal.new"));
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 5);
    gate.wait_for_arrivals(1);
    assert_eq!(code(recorder.rotate()), Code::Backpressure);
    assert_eq!(
        code(recorder.drain(Duration::from_millis(20))),
        Code::Backpressure,
        "drain waits for what was refused"
    );
    assert_eq!(append_next(&mut recorder, 32).unwrap(), 6, "this segment has room");
    recorder.drain(Duration::ZERO).unwrap();
    assert_eq!(code(recorder.rotate()), Code::Backpressure);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            gate.open();
        });
        recorder.drain(PATIENCE).unwrap();
    });
    recorder.rotate().unwrap();
    append_many(&mut recorder, 32, 1);
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 7);
}

#[test]
fn whoever_waits_for_a_segment_is_told_when_none_can_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::Allocate).named("00000001.wal.new"));
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncAll).named("00000001.wal.new"));
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 5);
    gate.wait_for_arrivals(1);
    assert_eq!(code(recorder.rotate()), Code::Backpressure);
    gate.open();
    told.wait_for(|event| matches!(event, Event::Room).then_some(()));
    let error = recorder.rotate().expect_err("no segment");
    assert_eq!(error.code(), Code::Io, "{error}");
    assert!(error.to_string().contains("wait with drain()"), "{error}");
    files.heal();
    recorder.drain(PATIENCE).unwrap();
    recorder.rotate().unwrap();
}

#[test]
fn waiting_for_space_ends_when_the_log_is_poisoned() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    files.add(Rule::fail(Errno::NOSPC).kind(Kind::Allocate).named("00000001.wal.new"));
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 5);
    recorder.flush().unwrap();
    while code(recorder.rotate()) != Code::Full {
        std::thread::sleep(Duration::from_millis(1));
    }
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal"));
    let handle = recorder.commit_handle();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            assert_eq!(code(handle.wait(5)), Code::Poisoned);
        });
        assert_eq!(code(recorder.drain(PATIENCE)), Code::Poisoned);
    });
}

/// Counts what it is told of room.
#[derive(Clone, Default)]
struct Rooms(Arc<(Mutex<u64>, Condvar)>);

impl Rooms {
    fn observer(&self) -> Observer {
        let rooms = self.clone();
        Arc::new(move |event| {
            if matches!(event, Event::Room) {
                *rooms.0.0.lock().unwrap() += 1;
                rooms.0.1.notify_all();
            }
        })
    }

    fn count(&self) -> u64 {
        *self.0.0.lock().unwrap()
    }

    fn wait_beyond(&self, seen: u64) {
        let deadline = Instant::now() + PATIENCE;
        let mut count = self.0.0.lock().unwrap();
        while *count <= seen {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "refused, and never told that there is room again");
            count = self.0.1.wait_timeout(count, left).unwrap().0;
        }
    }
}

#[test]
fn whoever_is_refused_is_told_when_there_is_room_however_close_the_two_are() {
    const EVENTS_OF_A_SEGMENT: u64 = 6 * 512 / 32;
    let directory = temporary_in_memory();
    let mut options = small_log(directory.path(), 32);
    options.segment_bytes = 4096;
    options.block_bytes = 512;
    options.prepared_segments = 1;
    let rooms = Rooms::default();
    options.observer = Some(rooms.observer());
    let mut recorder = Recorder::open(&options).unwrap();
    let mut pauses = Seed::of_this_run("pauses").rng(0);
    let (mut refused, mut appended) = (0_u64, 0_u64);
    // As a program that lives on events alone does it: no drain(), no second look by the clock.
    while appended < 400_000 || refused < 100 {
        if appended % EVENTS_OF_A_SEGMENT == 0 {
            // About as long as the preparer takes, so that it is ready shortly before or after it is asked.
            let end = Instant::now() + Duration::from_nanos(pauses.u64(..60_000));
            while Instant::now() < end {}
        }
        appended += 1;
        let event = events::fixed(recorder.last_event_id() + 1, 32);
        loop {
            let seen = rooms.count();
            match recorder.append(&event) {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.code(), Code::Backpressure);
                    refused += 1;
                    rooms.wait_beyond(seen);
                }
            }
        }
    }
    let last = recorder.last_event_id();
    recorder.close().unwrap();
    expect_log(directory.path(), 32, last);
}
