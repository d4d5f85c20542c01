//! Every metric of a recovery moves by exactly what occurred, failures too.
//!
//! The last test holds the list of what the others have moved against the catalogue, so that no metric is left out.

mod common;

use std::path::Path;

use common::{Metrics, code, fill_segments, small_log, temporary_in_memory, wait_for_segments, wait_until};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, Rule, events};
use flashstrike_recorder::{Code, Recorder, Retention};
use flashstrike_recovery::{Piece, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::BlockHeader;
use flashstrike_telemetry::RecoveryTelemetry;

const SIZE: u16 = 32;
/// Events in each segment.
const EVENTS: u64 = 40;

/// A closed log with so many sealed segments of [`EVENTS`] events each, and an open one with as many.
fn closed_log(log: &Path, sealed: u64) {
    let mut recorder = Recorder::open(&small_log(log, SIZE)).unwrap();
    fill_segments(&mut recorder, SIZE, sealed, EVENTS);
    common::append_many(&mut recorder, SIZE, EVENTS);
    recorder.close().unwrap();
}

fn read_to_end(recovery: &Recovery, options: ReplayOptions) -> (u64, u64) {
    let mut replay = recovery.replay(options).unwrap();
    let (mut runs, mut bytes) = (0, 0);
    while let Some(run) = replay.next_run().unwrap() {
        runs += 1;
        bytes += run.blocks().map(|block| block.payload.len() as u64).sum::<u64>();
    }
    (runs, bytes)
}

fn open(log: &Path, files: &FaultFileSystem) -> Recovery {
    let mut options = RecoveryOptions::new(log);
    options.files = Some(files.shared());
    Recovery::open(options).unwrap()
}

fn opening_and_replaying() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 3);
    let files = FaultFileSystem::default();
    let recovery = open(directory.path(), &files);
    let metrics = Metrics::of(recovery.telemetry());
    // The open segment, and those behind it that are ready for use.
    let (verified, failed, _) = metrics.operation("segment_reader.verify_segment");
    assert!(verified >= 1 && failed == 0, "{verified}");
    let (headers, failed, _) = metrics.operation("manager.read_segment_header");
    assert!(headers >= 2 && failed == 0, "{headers}");
    assert_eq!(metrics.operation("manager.resume_from_event"), (0, 0, 0));
    assert_eq!(metrics.number("manager.events"), 0);

    let (runs, bytes) = read_to_end(&recovery, ReplayOptions::default());
    assert_eq!(metrics.operation("manager.resume_from_event"), (1, 0, 1));
    assert_eq!(metrics.spread("manager.next_event").0, runs);
    assert_eq!((metrics.number("manager.events"), metrics.number("manager.bytes")), (4 * EVENTS, bytes));
    assert_eq!(bytes, 4 * EVENTS * u64::from(SIZE));
    assert_eq!(metrics.spread("manager.segment_handoff").0, 3);
    // What opening had read is not read again.
    assert_eq!(metrics.operation("segment_reader.verify_segment").0, verified + 3);
    wait_until(|| (metrics.operation("segment_reader.close_segment") == (4, 0, 4)).then_some(()));
    wait_until(|| (metrics.operation("segment_preloader.finish_segment").0 == 3).then_some(()));
    assert_eq!(metrics.number("segment_preloader.queue_depth"), 0);
    let (opened, failed, _) = metrics.operation("segment_reader.open_segment");
    assert!(opened >= 4 && failed == 0, "{opened}");

    // Each was verified as a whole once, and is not again where an event is sought. Of one segment, so that none is read
    // ahead of what is sought.
    assert_eq!(metrics.operation("segment_reader.build_index"), (4, 0, 4));
    assert_eq!(metrics.spread("segment_reader.seek_event").0, 0);
    let second = ReplayOptions { from: Some(EVENTS + 1), to: Some(2 * EVENTS), ..Default::default() };
    let mut replay = recovery.replay(second).unwrap();
    let (sought, seeks) =
        (metrics.spread("segment_reader.seek_event").0, metrics.spread("manager.seek_event").0);
    replay.seek_event(EVENTS + 5).unwrap();
    assert_eq!(metrics.spread("manager.seek_event").0, seeks + 1);
    assert_eq!(metrics.spread("segment_reader.seek_event").0, sought + 1);
    assert_eq!(replay.next_event().unwrap().unwrap().id, EVENTS + 5);
    assert_eq!(metrics.operation("segment_reader.verify_segment").0, verified + 3);
}

fn preloading() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 8);
    let files = FaultFileSystem::default();
    let recovery = open(directory.path(), &files);
    let metrics = Metrics::of(recovery.telemetry());
    let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
    assert!(replay.next_run().unwrap().is_some());
    // Two are read ahead and wait.
    wait_until(|| (metrics.number("segment_preloader.queue_depth") == 2).then_some(()));
    let (preloaded, failed, timed) = metrics.operation("segment_preloader.preload_segment");
    assert!((2..=3).contains(&preloaded) && failed == 0 && timed == preloaded, "{preloaded}");
    // The worker counts a turn only after it has handed over what it read.
    wait_until(|| (metrics.cycles("segment_preloader.loop").0 >= 1).then_some(()));
    assert!(metrics.cycles("segment_preloader.loop").1 > 0);
    drop(replay);
}

fn failures() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 4);
    let files = FaultFileSystem::default();
    let recovery = open(directory.path(), &files);
    let metrics = Metrics::of(recovery.telemetry());
    files.add(Rule::fail(Errno::IO).kind(Kind::Open).named("00000002.wal"));
    let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
    let error = loop {
        match replay.next_run() {
            Ok(run) => assert!(run.is_some(), "an unreadable segment is not the end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::Io);
    let failed = |name: &str| metrics.operation(name).1;
    wait_until(|| (failed("segment_reader.open_segment") >= 1).then_some(()));
    assert_eq!(failed("segment_preloader.preload_segment") + failed("segment_reader.verify_segment"), 2);
    drop(replay);
    let (resumed, refused, _) = metrics.operation("manager.resume_from_event");
    assert_eq!((resumed, refused), (1, 0));
}

fn what_is_gone() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), SIZE)).unwrap();
    fill_segments(&mut recorder, SIZE, 3, EVENTS);
    let one = Retention { hot_segments: Some(1), cold_segments: Some(0), ..Retention::default() };
    recorder.set_retention(one).unwrap();
    wait_for_segments(directory.path(), &[3], &[]);
    let recovery = open(directory.path(), &FaultFileSystem::default());
    let metrics = Metrics::of(recovery.telemetry());
    let gone = recovery.replay(ReplayOptions { from: Some(1), ..ReplayOptions::default() });
    assert_eq!(code(gone), Code::Gone);
    assert_eq!(metrics.operation("manager.resume_from_event"), (0, 1, 1));
    recorder.close().unwrap();
}

fn what_does_not_verify() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 2);
    let path = directory.path().join("00000001.wal");
    let whole = std::fs::read(&path).unwrap();
    let event = events::fixed(EVENTS + 20, SIZE.into());
    let event = whole.windows(event.len()).position(|bytes| *bytes == event).unwrap();
    let block = (64..event).rev().find(|&at| at % 64 == 0 && whole[at + 56..at + 58] == *b"LB").unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let mut chained = whole.clone();
    let mut header = BlockHeader::decode(&whole[block..]).unwrap();
    header.chained_checksum ^= 1;
    chained[block..block + 64].copy_from_slice(&header.encode());
    let damages = [
        ("header", flipped(block + 4)),
        ("block", flipped(event + 9)),
        ("validation", flipped(block + 56)),
        ("chained", chained),
    ];
    for (kind, bytes) in damages {
        std::fs::write(&path, bytes).unwrap();
        let recovery = open(directory.path(), &FaultFileSystem::default());
        let metrics = Metrics::of(recovery.telemetry());
        let count = |kind: &str| metrics.number(&format!("segment_reader.integrity.failures kind={kind}"));
        let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
        let error = loop {
            match replay.next_run() {
                Ok(run) => assert!(run.is_some(), "damage is not the end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Code::Corrupt, "{error}");
        for other in ["header", "block", "chained", "validation"] {
            assert_eq!(count(other), u64::from(other == kind), "{other} for {kind}");
        }
        assert_eq!(metrics.operation("segment_reader.verify_segment").1, 1);
        assert_eq!(metrics.operation("segment_preloader.preload_segment").1, 1);
    }
    // A header of a segment that cannot be believed.
    std::fs::write(&path, flipped(13)).unwrap();
    let recovery = open(directory.path(), &FaultFileSystem::default());
    let metrics = Metrics::of(recovery.telemetry());
    assert!(metrics.operation("manager.read_segment_header").1 >= 1);
}

/// What is left of a damaged log, which is another way of reading, is counted as that of a whole one.
fn what_is_left() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 2);
    let path = directory.path().join("00000001.wal");
    let mut bytes = std::fs::read(&path).unwrap();
    let event = events::fixed(EVENTS + 20, SIZE.into());
    let at = bytes.windows(event.len()).position(|bytes| *bytes == event).unwrap();
    bytes[at] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    for reverse in [false, true] {
        let recovery = open(directory.path(), &FaultFileSystem::default());
        let metrics = Metrics::of(recovery.telemetry());
        let mut diagnosis = recovery.diagnose(ReplayOptions { reverse, ..Default::default() }).unwrap();
        assert_eq!(metrics.number("manager.events"), 0);
        let (mut runs, mut found, mut payload) = (0, 0, 0);
        while let Some(piece) = diagnosis.next_piece().unwrap() {
            let Piece::Run(run) = piece else { continue };
            runs += 1;
            for block in run.blocks() {
                found += u64::from(block.header.event_count);
                payload += block.payload.len() as u64;
            }
        }
        assert!(found > 0 && found < 3 * EVENTS, "{found}");
        assert_eq!(metrics.number("manager.events"), found);
        assert_eq!(metrics.number("manager.bytes"), payload);
        assert_eq!(metrics.spread("manager.next_event").0, runs);
    }
}

fn whether_it_is_open() {
    let directory = temporary_in_memory();
    closed_log(directory.path(), 1);
    let recovery = open(directory.path(), &FaultFileSystem::default());
    let metrics = Metrics::of(recovery.telemetry());
    let states =
        || ["live", "closed", "dead"].map(|state| metrics.number(&format!("source.state state={state}")));
    assert_eq!(states(), [1, 0, 0]);
    recovery.telemetry().close();
    assert_eq!(states(), [0, 1, 0]);
}

#[test]
fn every_metric_moves_by_what_has_occurred_and_none_is_left_out() {
    opening_and_replaying();
    whether_it_is_open();
    preloading();
    failures();
    what_is_gone();
    what_does_not_verify();
    what_is_left();
    Metrics::of(&RecoveryTelemetry::new()).expect_none_left_out();
}
