//! Reading beside a writer that appends, rotates, seals, compresses and removes at full speed.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::{Code, Mode, Recovery, RecoveryOptions, ReplayOptions};
use support::writer::{LogWriter, hold_lock};
use support::{Watchdog, temporary_directory, vector, vectors};

/// What the writer tells the readers.
#[derive(Default)]
struct Told {
    /// Every event up to this one had been published.
    published: AtomicU64,
    /// Retention has removed every event up to this one, or is about to.
    removed: AtomicU64,
    /// Since when the reader opens the log.
    opening: Mutex<Option<Instant>>,
    stop: AtomicBool,
}

impl Told {
    /// Whether a reader that is slower than retention has tried to open for so long that it would give up soon.
    fn is_reader_starving(&self) -> bool {
        let since = *self.opening.lock().unwrap();
        since.is_some_and(|since| since.elapsed() > Duration::from_millis(60))
    }
}

struct Habits {
    event_size: u16,
    /// Segments left unsealed behind the active one.
    unsealed: usize,
    /// Compresses all but so many segments.
    keep_hot: Option<u32>,
    /// Removes all but so many segments.
    keep: Option<u32>,
}

fn write(directory: &Path, told: &Told, habits: &Habits) {
    let _lock = hold_lock(directory);
    let mut writer = LogWriter::new(directory, habits.event_size, 65_536);
    writer.unsealed = habits.unsealed;
    let (mut compressed, mut removed) = (0, 0);
    let mut last_of_segment = Vec::new();
    for round in 0_u32.. {
        if told.stop.load(Ordering::Relaxed) {
            return;
        }
        let segment = writer.next_segment;
        let before = writer.link.last_event_id;
        writer.append(1 + round % 60);
        told.published.store(writer.link.last_event_id, Ordering::Release);
        if writer.next_segment == segment {
            continue;
        }
        last_of_segment.push(before);
        writer.write_meta(removed);
        // Only what is sealed is compressed or removed.
        let sealed = writer.next_segment.saturating_sub(1 + habits.unsealed as u32);
        if let Some(keep) = habits.keep.filter(|keep| sealed > removed + keep && !told.is_reader_starving()) {
            let first = sealed - keep;
            told.removed.store(last_of_segment[first as usize], Ordering::Release);
            writer.write_meta(first);
            while removed < first {
                let _ = std::fs::remove_file(hot_path(directory, removed));
                let _ = std::fs::remove_file(cold_path(directory, removed));
                removed += 1;
            }
        }
        if habits.keep_hot.is_some_and(|keep| sealed > compressed.max(removed) + keep) {
            compressed = compressed.max(removed);
            writer.compress(compressed);
            compressed += 1;
        }
    }
}

/// Opens and replays again and again while the writer works, and until the end was reached once in spite of retention.
fn read(directory: &Path, told: &Told, mode: Mode, rounds: u32) {
    let mut was_whole = false;
    // The watchdog bites if the end is never reached.
    for round in 0.. {
        if round >= rounds && was_whole {
            break;
        }
        let published = told.published.load(Ordering::Acquire);
        *told.opening.lock().unwrap() = Some(Instant::now());
        let opened = Recovery::open(RecoveryOptions { mode, ..RecoveryOptions::new(directory) });
        *told.opening.lock().unwrap() = None;
        let recovery = match opened {
            Ok(recovery) => recovery,
            Err(error) => panic!("round {round}: {error}"),
        };
        assert!(recovery.report().writer_alive);
        let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
        let mut last = 0;
        let ended = loop {
            match replay.next_event() {
                Ok(Some(event)) => {
                    let is_first = last == 0;
                    assert!(is_first || event.id == last + 1, "round {round}: {} behind {last}", event.id);
                    assert!(!is_first || event.id <= told.removed.load(Ordering::Acquire) + 1);
                    last = event.id;
                }
                Ok(None) => break true,
                Err(error) => {
                    assert_eq!(error.code(), Code::Gone, "round {round}: {error}");
                    assert!(told.removed.load(Ordering::Acquire) > last, "round {round}: {error}");
                    break false;
                }
            }
        };
        if ended {
            assert!(
                last >= published,
                "round {round}: ended at {last}, though {published} had been published"
            );
            was_whole = true;
        }
    }
}

fn check(habits: &Habits, mode: Mode, rounds: u32) {
    let _watchdog = Watchdog::new("reading beside a writer");
    let directory = temporary_directory();
    let told = Arc::new(Told::default());
    std::thread::scope(|scope| {
        let stop = StopOnDrop(&told);
        scope.spawn(|| write(directory.path(), &told, habits));
        while told.published.load(Ordering::Acquire) < 5_000 {
            std::thread::yield_now();
        }
        read(directory.path(), &told, mode, rounds);
        drop(stop);
    });
}

/// A reader that fails must end the writer too.
struct StopOnDrop<'a>(&'a Told);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn everything_written_before_the_look_is_seen_while_segments_rotate_and_seal() {
    for (unsealed, event_size) in [(0, 64), (3, 64), (7, 0)] {
        let habits = Habits { event_size, unsealed, keep_hot: None, keep: Some(40) };
        check(&habits, Mode::Tail, 60);
    }
}

#[test]
fn verifying_everything_beside_a_writer_finds_nothing_wrong() {
    let habits = Habits { event_size: 64, unsealed: 2, keep_hot: None, keep: Some(20) };
    check(&habits, Mode::PointInTime, 25);
    check(&habits, Mode::Strict, 25);
}

#[test]
fn compression_and_retention_under_a_reader_never_look_like_damage() {
    let habits = Habits { event_size: 0, unsealed: 1, keep_hot: Some(2), keep: Some(12) };
    check(&habits, Mode::Tail, 80);
}

#[test]
fn staged_events_are_yielded_once_their_writer_is_gone() {
    if vectors().is_empty() {
        return;
    }
    let staged = vector("staged").expect("there");
    let options = || RecoveryOptions { boot_id: Some(staged.boot_id), ..RecoveryOptions::new(staged.path()) };
    let last = |recovery: &Recovery| {
        let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
        let mut last = 0;
        while let Some(event) = replay.next_event().expect("intact") {
            last = event.id;
        }
        last
    };
    let lock = hold_lock(staged.path());
    let recovery = Recovery::open(options()).expect("clean");
    assert_eq!((recovery.report().writer_alive, recovery.last_event_id(), last(&recovery)), (true, 8, 8));
    drop(lock);
    // The same open log, looked at afresh, and a new one.
    assert_eq!(last(&recovery), 11);
    assert_eq!(last(&Recovery::open(options()).expect("clean")), 11);
}

#[test]
fn what_does_not_verify_beside_a_writer_is_the_end_for_now() {
    for name in ["torn-payload", "torn-hole", "corrupt-payload", "torn-rotated", "unpublished"] {
        let Some(vector) = vector(name) else { return };
        let lock = hold_lock(vector.path());
        let options =
            || RecoveryOptions { boot_id: Some(vector.boot_id), ..RecoveryOptions::new(vector.path()) };
        let recovery = Recovery::open(options()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut replay = recovery.replay(ReplayOptions::default()).expect(name);
        let mut events = 0;
        while replay.next_event().expect(name).is_some() {
            events += 1;
        }
        assert_eq!(events, vector.number("events"), "{name}");
        drop(lock);
        let verdict = Recovery::open(options()).map(|_| "ok").map_err(|error| error.code().as_str());
        assert_eq!(verdict.unwrap_or_else(|code| code), vector.expected["modes"]["tail"], "{name}");
    }
}

#[test]
fn damage_in_a_sealed_segment_is_damage_also_beside_a_writer() {
    let Some(vector) = vector("corrupt-sealed") else { return };
    let _lock = hold_lock(vector.path());
    let options =
        |mode| RecoveryOptions { mode, boot_id: Some(vector.boot_id), ..RecoveryOptions::new(vector.path()) };
    let recovery = Recovery::open(options(Mode::Tail)).expect("not looked at");
    let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
    let error = loop {
        match replay.next_run() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended normally"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code(), error.segment(), error.offset()), (Code::Corrupt, Some(1), Some(640)));
}
