//! What an append costs besides time: no allocation, no system call, and at most one wake for a block.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{PATIENCE, wait_until_prepared};
use flashstrike_crash_lab::{
    Child, CountingAllocator, allocations_of_this_thread, events, forbidden, given, is_child, skipped,
};
use flashstrike_recorder::{Recorder, RecorderOptions};
use flashstrike_segment::staging::STAGING_WAITERS;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Events whose appends are watched: they fill thousands of blocks and cross no segment's end.
const EVENTS: u64 = 1_000_000;
const EVENT_SIZE: u16 = 32;

/// A log whose first segment takes all events; what is watched is appending, not rotation.
fn roomy_log(directory: &Path, event_size: u16) -> RecorderOptions {
    let mut options = RecorderOptions::new(directory);
    options.segment_bytes = 64 << 20;
    options.prepared_segments = 1;
    if event_size > 0 {
        options = options.with_schema(events::schema(event_size));
    }
    options
}

fn append_all(recorder: &mut Recorder, event: &[u8]) {
    for _ in 0..EVENTS {
        recorder.append(event).unwrap();
    }
}

#[test]
fn a_million_appends_allocate_nothing() {
    for event_size in [EVENT_SIZE, 0] {
        let directory = common::temporary_in_memory();
        let mut recorder = Recorder::open(&roomy_log(directory.path(), event_size)).unwrap();
        let event = [7; EVENT_SIZE as usize];
        recorder.append(&event).unwrap();
        let before = allocations_of_this_thread();
        append_all(&mut recorder, &event);
        assert_eq!(allocations_of_this_thread() - before, 0, "events of {event_size} bytes");
        assert_eq!(recorder.last_event_id(), EVENTS + 1);
        assert_eq!(recorder.manager().unwrap().writer().position().unwrap().0, 0, "no rotation");
    }
}

#[test]
fn flushing_and_own_ids_allocate_nothing() {
    let directory = common::temporary_in_memory();
    let mut recorder = Recorder::open(&roomy_log(directory.path(), EVENT_SIZE)).unwrap();
    let event = [7; EVENT_SIZE as usize];
    recorder.append(&event).unwrap();
    let before = allocations_of_this_thread();
    for id in 1..10_000 {
        recorder.append_with_id(10 * id, &event).unwrap();
        if id % 7 == 0 {
            recorder.flush().unwrap();
        }
    }
    assert_eq!(allocations_of_this_thread() - before, 0);
}

/// Segments that are ready before they are watched, no more than may be unsealed at a time.
const ROTATIONS: u32 = 6;

/// A log whose segments are full after a few blocks, with enough of them ready.
fn rotating_log(directory: &Path) -> RecorderOptions {
    let mut options = roomy_log(directory, EVENT_SIZE);
    options.segment_bytes = 64 << 10;
    options.prepared_segments = ROTATIONS + 1;
    options
}

fn open_with_segments_ready(options: &RecorderOptions) -> Recorder {
    let recorder = Recorder::open(options).unwrap();
    wait_until_prepared(&recorder, &options.directory, "00000007.wal", u64::from(ROTATIONS) + 1);
    recorder
}

fn append_over_segments(recorder: &mut Recorder) {
    let segment = |recorder: &mut Recorder| recorder.manager().unwrap().writer().position().unwrap().0;
    while segment(recorder) < ROTATIONS {
        recorder.append(&[7; EVENT_SIZE as usize]).unwrap();
    }
}

#[test]
fn rotations_allocate_nothing_on_the_appending_thread() {
    let directory = common::temporary_in_memory();
    let mut recorder = open_with_segments_ready(&rotating_log(directory.path()));
    let before = allocations_of_this_thread();
    append_over_segments(&mut recorder);
    assert_eq!(allocations_of_this_thread() - before, 0);
}

/// How the child marks, in a trace of system calls, where the appends begin and end.
fn mark() {
    #[cfg(unix)]
    let _ = rustix::process::getppid();
}

#[test]
#[ignore = "the process whose system calls are traced"]
fn appender() {
    if !is_child() {
        return;
    }
    let log = given("LAB_LOG");
    if std::env::var_os("LAB_ROTATING").is_some() {
        let mut recorder = open_with_segments_ready(&rotating_log(&log));
        mark();
        append_over_segments(&mut recorder);
        mark();
        return recorder.close().unwrap();
    }
    let sleepers: u32 = given("LAB_SLEEPERS").to_str().unwrap().parse().unwrap();
    let mut options = roomy_log(&log, EVENT_SIZE);
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    options.sync_bytes = number("LAB_SYNC_BYTES");
    options.sync_interval_ms = number("LAB_SYNC_INTERVAL_MS").map(|ms| ms as u32);
    let mut recorder = Recorder::open(&options).unwrap();
    wait_until_prepared(&recorder, &options.directory, "00000001.wal", 1);
    let waiters = recorder.staging().mapping().atomic_u32(STAGING_WAITERS);
    waiters.store(sleepers, std::sync::atomic::Ordering::SeqCst);
    let event = [7; EVENT_SIZE as usize];
    mark();
    append_all(&mut recorder, &event);
    mark();
    let waiters = recorder.staging().mapping().atomic_u32(STAGING_WAITERS);
    waiters.store(0, std::sync::atomic::Ordering::SeqCst);
    recorder.close().unwrap();
}

/// The system calls that the appending thread makes between the two marks, by name; `None`, loudly, without strace.
fn system_calls(sleepers: u32, policy: Option<(&'static str, u64)>) -> Option<BTreeMap<String, u64>> {
    let directory = common::temporary_in_memory();
    let trace = directory.path().join("trace");
    match Command::new("strace").args(["-o", "/dev/null", "true"]).status() {
        Ok(status) if status.success() => {}
        Ok(_) => {
            forbidden("no process can be traced here, so the system calls of an append cannot be counted");
            return None;
        }
        Err(error) => {
            skipped(&format!("strace, which counts the system calls of an append: {error}"));
            return None;
        }
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&trace);
    let mut variables = vec![
        ("LAB_LOG", directory.path().join("log").into_os_string()),
        ("LAB_SLEEPERS", sleepers.to_string().into()),
    ];
    variables.extend(policy.map(|(name, value)| (name, value.to_string().into())));
    let mut child = Child::spawn_under(&mut strace, "appender", &variables);
    assert!(child.wait(2 * PATIENCE).success());

    let text = String::from_utf8_lossy(&std::fs::read(&trace).unwrap()).into_owned();
    let thread = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let marks: Vec<_> = text.lines().filter(|line| line.contains("getppid(")).collect();
    assert_eq!(marks.len(), 2, "two marks: {marks:?}");
    let appender = thread(marks[0]).unwrap();
    let mut calls = BTreeMap::new();
    let own = text.lines().filter(|line| thread(line).as_ref() == Some(&appender));
    for line in own.skip_while(|line| !line.contains("getppid(")).skip(1) {
        if line.contains("getppid(") {
            break;
        }
        let name = line.split_whitespace().nth(1).unwrap().split('(').next().unwrap();
        // The second line of a call that another thread's line has parted.
        if name.starts_with('<') {
            continue;
        }
        *calls.entry(name.to_owned()).or_default() += 1;
    }
    Some(calls)
}

#[test]
fn a_million_appends_make_no_system_call() {
    if let Some(calls) = system_calls(0, None) {
        assert_eq!(calls, BTreeMap::new());
    }
}

/// The one that is said to sleep here is dead: it says so once and never again.
#[test]
fn the_next_block_wakes_sleeping_readers_and_the_blocks_behind_it_call_nobody() {
    if let Some(calls) = system_calls(1, None) {
        assert_eq!(calls, BTreeMap::from([("futex".to_owned(), 1)]));
    }
}

#[test]
fn a_policy_of_bytes_makes_no_system_call_until_a_sync_is_due() {
    if let Some(calls) = system_calls(0, Some(("LAB_SYNC_BYTES", 1 << 40))) {
        assert_eq!(calls, BTreeMap::new());
    }
}

/// Going on in the next segment wakes the workers that give one and take one, and may meet them at their queues.
#[test]
fn rotations_wake_workers_and_make_no_other_system_call() {
    if let Some(mut calls) = system_calls(0, Some(("LAB_ROTATING", 1))) {
        calls.remove("futex");
        assert_eq!(calls, BTreeMap::new());
    }
}

#[test]
fn a_policy_of_time_wakes_the_committer_at_most_once_until_the_sync_is_due() {
    if let Some(mut calls) = system_calls(0, Some(("LAB_SYNC_INTERVAL_MS", 1 << 30))) {
        // None if it did not sleep at that moment.
        assert!(calls.remove("futex").is_none_or(|wakes| wakes == 1), "{calls:?}");
        assert_eq!(calls, BTreeMap::new());
    }
}
