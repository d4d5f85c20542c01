//! One look at a log while its writer gets ahead between any two operations of the look. Nothing is tried twice here: the
//! order in which an inspection looks at things has to be right by itself.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flashstrike_recovery::files::FileSystem;
use flashstrike_recovery::inspect::{Depth, InspectOptions, inspect};
use flashstrike_recovery::overview::overview;
use flashstrike_segment::State;
use support::interleaving::InterleavingFiles;
use support::writer::{LogWriter, hold_lock};
use support::{Watchdog, temporary_directory};
use tempfile::TempDir;

/// How a writer gets ahead.
#[derive(Debug, Clone, Copy)]
struct Habits {
    segment_size: u32,
    /// Segments left unsealed.
    unsealed: usize,
    /// Segments prepared before they are needed.
    ahead: u32,
    /// Blocks at a turn, and events in each.
    appends: usize,
    events: u32,
    /// Turns left out.
    pause: u64,
    /// Bytes still free in the first half of the active segment when the look begins.
    before_half: usize,
}

/// A log whose writer gets ahead with every step, and the id of the last event that it has published before.
fn beside_writer(habits: Habits) -> (TempDir, Arc<dyn FileSystem>, u64) {
    let Habits { segment_size, appends, events, pause, .. } = habits;
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 64, segment_size);
    writer.unsealed = habits.unsealed;
    writer.ahead = habits.ahead;
    while writer.next_segment < 4 {
        writer.append(events);
    }
    while writer.active.as_ref().unwrap().end + habits.before_half < segment_size as usize / 2 {
        writer.append(events);
    }
    writer.write_meta(0);
    let published = writer.link.last_event_id;
    let writer = Mutex::new(writer);
    let turns = AtomicU64::new(0);
    let step = move || {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        if turn.is_multiple_of(pause + 1) {
            let mut writer = writer.lock().unwrap();
            for _ in 0..appends {
                writer.append(events);
            }
            // All of it is durable at once.
            writer.write_meta(0);
        }
    };
    (directory, InterleavingFiles::shared(Box::new(step)), published)
}

fn look(habits: Habits, depth: Depth) {
    let (directory, files, published) = beside_writer(habits);
    let options = InspectOptions { depth, boot_id: None, beside_writer: true };
    let found = inspect(&files, directory.path(), &options).expect("readable");
    let what = format!("{habits:?}, {depth:?}");
    assert_eq!(found.state, State::Clean, "{what}: {:?} {:?}", found.damage, found.notes);
    assert!(found.notes.is_empty(), "{what}: {:?}", found.notes);
    assert!(found.last_event_id >= published, "{what}: {} of {published}", found.last_event_id);
}

#[test]
fn an_overview_counts_the_events_up_to_the_last_one_that_it_names() {
    let _watchdog = Watchdog::new("an overview while a writer gets ahead");
    for (unsealed, ahead) in [(0, 0), (1, 2), (7, 3)] {
        for appends in [1, 5, 40] {
            for (pause, before_half) in [(0, 0), (1, 500), (9, 300)] {
                let (events, segment_size) = (7, 16_384);
                let habits = Habits { segment_size, unsealed, ahead, appends, events, pause, before_half };
                let (directory, files, published) = beside_writer(habits);
                let _lock = hold_lock(directory.path());
                let found = overview(&files, directory.path(), None).expect("readable");
                let what = format!("{habits:?}");
                assert_eq!((found.first_event_id, found.events), (1, found.last_event_id), "{what}");
                assert!(found.last_event_id >= published, "{what}");
                let listed: u64 = found.segments.iter().map(|segment| segment.events).sum();
                assert_eq!(listed, found.events, "{what}");
            }
        }
    }
}

#[test]
fn every_look_finds_one_clean_state_with_all_that_was_published_before() {
    let _watchdog = Watchdog::new("looking while a writer gets ahead");
    for depth in [Depth::Unsealed, Depth::Everything] {
        for (unsealed, ahead) in [(0, 0), (1, 2), (3, 1), (7, 3)] {
            for appends in [1, 2, 5, 12] {
                for (events, segment_size) in [(1, 16_384), (7, 16_384), (40, 16_384), (3, 131_072)] {
                    for (pause, before_half) in [(0, 0), (1, 500), (2, 2_000), (5, 200), (0, 6_000), (9, 300)]
                    {
                        let habits =
                            Habits { segment_size, unsealed, ahead, appends, events, pause, before_half };
                        look(habits, depth);
                    }
                }
            }
        }
    }
}

/// The writer publishes blocks on both sides of the place that a read of the active segment has just come to: behind a
/// block that was not there yet stand blocks that are.
#[test]
fn a_read_that_is_overtaken_sees_no_gap() {
    let _watchdog = Watchdog::new("looking while a writer gets ahead");
    for before_half in (0..40_000).step_by(256) {
        let habits = Habits {
            segment_size: 131_072,
            unsealed: 1,
            ahead: 1,
            appends: 3,
            events: 3,
            pause: 0,
            before_half,
        };
        look(habits, Depth::Unsealed);
    }
}
