//! What the tests of the recorder have in common.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "every test binary uses its own part")]

mod files;
mod metrics;
mod told;

use std::path::Path;
use std::time::Duration;

pub use files::*;
pub use flashstrike_crash_lab::PATIENCE;
use flashstrike_crash_lab::{FaultFileSystem, Kind, events};
use flashstrike_recorder::{Code, Error, Recorder, RecorderOptions, Result};
use flashstrike_telemetry::Value;
use flashstrike_telemetry::page::PageOptions;
pub use metrics::Metrics;
pub use told::Told;

/// A log whose blocks and segments are small, so that everything that occurs between them occurs often. Events have
/// this size; 0: variable-length ones.
pub fn small_log(directory: &Path, event_size: u16) -> RecorderOptions {
    let mut options = RecorderOptions::new(directory);
    options.block_bytes = 1024;
    options.segment_bytes = 32 << 10;
    if event_size > 0 {
        options = options.with_schema(events::schema(event_size));
    }
    options
}

/// The same on files that can be made to fail.
pub fn small_log_on(files: &FaultFileSystem, directory: &Path, event_size: u16) -> RecorderOptions {
    let mut options = small_log(directory, event_size);
    options.files = files.shared();
    options
}

/// The same, with what its recorder tells.
pub fn watched_log(files: &FaultFileSystem, directory: &Path, event_size: u16) -> (RecorderOptions, Told) {
    let mut options = small_log_on(files, directory, event_size);
    let told = Told::by(&mut options, files);
    (options, told)
}

/// A page in memory, or, where there is no memory to put files in, wherever that is.
pub fn page_options(path: &Path) -> PageOptions {
    let allow = ["ext4", "xfs", "overlay", "btrfs", "fuse", "zfs"].map(str::to_owned);
    PageOptions { allow_file_system: allow.to_vec(), ..PageOptions::new(path) }
}

/// The code of an error that has to be there.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn code<T>(outcome: Result<T>) -> Code {
    match outcome {
        Ok(_) => panic!("this cannot succeed"),
        Err(error) => error.code(),
    }
}

/// Does something that appends until it is not refused for want of room any more.
pub fn when_there_is_room<T>(
    log: &mut Recorder,
    mut append: impl FnMut(&mut Recorder) -> Result<T>,
) -> Result<T> {
    loop {
        match append(log) {
            Err(error) if matches!(error.code(), Code::Backpressure | Code::Full) => log.drain(PATIENCE)?,
            outcome => return outcome,
        }
    }
}

/// Appends the next event, whatever its id is to be, waiting for room.
pub fn append_next(log: &mut Recorder, event_size: u16) -> Result<u64> {
    let event = events::event(log.last_event_id() + 1, event_size);
    when_there_is_room(log, |log| log.append(&event))
}

/// Appends so many events to each of so many segments, and goes on in the next one after each.
#[track_caller]
pub fn fill_segments(log: &mut Recorder, event_size: u16, segments: u64, events: u64) {
    for _ in 0..segments {
        append_many(log, event_size, events);
        rotate(log).expect("a rotation");
    }
}

/// Goes on in the next segment, waiting for it.
pub fn rotate(log: &mut Recorder) -> Result<()> {
    when_there_is_room(log, Recorder::rotate)
}

/// Appends so many events, one by one.
#[track_caller]
pub fn append_many(log: &mut Recorder, event_size: u16, count: u64) {
    for _ in 0..count {
        append_next(log, event_size).expect("an append");
    }
}

/// The next so many events, for a batch.
pub fn next_events(log: &Recorder, event_size: u16, count: u64) -> Vec<Vec<u8>> {
    let last = log.last_event_id();
    (last + 1..=last + count).map(|id| events::event(id, event_size)).collect()
}

/// The gauge of this name.
#[track_caller]
pub fn gauge(recorder: &Recorder, name: &str) -> u64 {
    let snapshot = recorder.telemetry().snapshot();
    let found = snapshot.metrics().iter().find_map(|metric| match metric.value {
        Value::Gauge(value) | Value::ConstantGauge(value) if metric.descriptor.name == name => Some(value),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no gauge {name}"))
}

/// Waits until there is something.
///
/// # Panics
/// If there is not within [`PATIENCE`].
#[track_caller]
pub fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "nothing within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until an operation has begun twice more: whatever was to follow from the first of these is done then.
#[track_caller]
pub fn wait_until_repeated(files: &FaultFileSystem, kind: Kind, name: &str) {
    let count = || files.trace().iter().filter(|it| it.kind == kind && it.name() == name).count();
    let before = count();
    wait_until(|| (count() >= before + 2).then_some(()));
}

/// Waits until segment `last` is ready as the `count`-th of those kept ready or a later one: after fast rotations more are
/// kept than were asked for. In a log that has not rotated yet the preparer rests then. The name of a segment alone says
/// less: it is there before the segment is handed over.
#[track_caller]
pub fn wait_until_prepared(recorder: &Recorder, directory: &Path, last: &str, count: u64) {
    wait_until(|| (directory.join(last).exists() && gauge(recorder, "queue_depth") >= count).then_some(()));
}

/// Whether an error is about the disk: what an operation may say that a fault has struck.
pub fn is_about_the_disk(error: &Error) -> bool {
    matches!(error.code(), Code::Io | Code::Full | Code::Poisoned)
}
