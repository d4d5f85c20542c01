//! Readers beside a recorder that compresses and removes segments all the time: they read every event from the first
//! one there is, or are told that what they were at is gone. Nothing ever looks like damage.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{append_next, temporary_in_memory, wait_until};
use flashstrike_recorder::{Code, Recorder, RecorderOptions, Retention};
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

/// Whole replays that each test has to see.
const ROUNDS: u32 = 40;

/// Lets a reader replay again and again while a writer appends under these limits.
fn read_beside(event_size: u16, retention: Retention) {
    let directory = temporary_in_memory();
    let options = RecorderOptions { retention, ..common::small_log(directory.path(), event_size) };
    let mut log = Recorder::open(&options).unwrap();
    let (published, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..500 {
                    append_next(&mut log, event_size).unwrap();
                }
                log.flush().unwrap();
                published.store(log.last_event_id(), Ordering::Release);
                // A writer that never rests removes faster than any reader reads.
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let stopping = StopOnDrop(&stop);
        wait_until(|| directory.path().join("00000020.wal").exists().then_some(()));
        let (mut whole, mut gone) = (0, 0);
        while whole < ROUNDS {
            if replay(directory.path(), published.load(Ordering::Acquire)) {
                whole += 1;
            } else {
                gone += 1;
            }
            assert!(gone < 10_000, "no replay ever comes to the end");
        }
        eprintln!("{whole} replays came to the end, {gone} lost the race against retention");
        drop(stopping);
    });
    log.close().unwrap();
}

/// Whether a replay came to the end; it must then hold at least the events published before.
fn replay(directory: &Path, published: u64) -> bool {
    let recovery = Recovery::open(RecoveryOptions::new(directory)).expect("a log beside a living writer");
    assert!(recovery.report().writer_alive);
    let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
    let mut last = None;
    loop {
        match replay.next_event() {
            Ok(Some(event)) => {
                assert!(last.is_none_or(|last| event.id == last + 1), "{} behind {last:?}", event.id);
                last = Some(event.id);
            }
            Ok(None) => {
                assert!(last >= Some(published), "ended at {last:?}, though {published} was published");
                return true;
            }
            Err(error) => {
                assert_eq!(error.code(), Code::Gone, "{error}");
                return false;
            }
        }
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn while_segments_are_compressed_behind_the_writer() {
    read_beside(32, Retention { hot_segments: Some(2), bytes: Some(4 << 20), ..Retention::default() });
}

#[test]
fn while_segments_are_compressed_and_soon_removed() {
    let limits = Retention { hot_segments: Some(3), cold_segments: Some(30), ..Retention::default() };
    read_beside(0, limits);
}

#[test]
fn while_segments_are_removed_uncompressed() {
    let limits = Retention { hot_segments: Some(40), cold_segments: Some(0), ..Retention::default() };
    read_beside(64, limits);
}
