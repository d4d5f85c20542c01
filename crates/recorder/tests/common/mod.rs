//! What the tests of the recorder have in common.

#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use flashstrike_crash_lab::PATIENCE;
use flashstrike_crash_lab::{FaultFileSystem, ReadBack, copy_log, events};
use flashstrike_recorder::{Code, Error, Event, Recorder, RecorderOptions, Result};
use flashstrike_segment::names::{SegmentFile, SegmentKind};
use flashstrike_telemetry::Value;
use tempfile::TempDir;

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

/// The indexes of the segments that hold a block, uncompressed and compressed ones.
pub fn segments_of(directory: &Path) -> (Vec<u32>, Vec<u32>) {
    let (mut hot, mut cold) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let Some(segment) = entry.file_name().to_str().and_then(SegmentFile::parse) else { continue };
        match segment.kind {
            SegmentKind::Cold => cold.push(segment.index),
            // It may be removed at this moment.
            SegmentKind::Hot => {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                if bytes.len() > 128 && bytes[120..128] != [0; 8] {
                    hot.push(segment.index);
                }
            }
        }
    }
    hot.sort_unstable();
    cold.sort_unstable();
    (hot, cold)
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

/// Reads the log back from its files: it has to be clean, with the events 1 … `last`, each once, as appended.
#[track_caller]
pub fn expect_log(directory: &Path, event_size: u16, last: u64) {
    let found = ReadBack::now(directory);
    found.expect_events_from_ids(event_size);
    assert_eq!(found.last_id(), last, "the last event");
}

/// Keeps what the recorder tells, and when.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<(u64, Event)>>>);

impl Told {
    /// Listens to what a recorder with these options tells, with the ticks of `files`.
    pub fn by(options: &mut RecorderOptions, files: &FaultFileSystem) -> Self {
        let told = Self::default();
        let (listener, files) = (told.clone(), files.clone());
        options.observer = Some(Arc::new(move |event: &Event| {
            let tick = files.tick();
            listener.0.lock().expect("no listener panics").push((tick, event.clone()));
        }));
        told
    }

    /// All of it so far.
    pub fn all(&self) -> Vec<(u64, Event)> {
        self.0.lock().expect("no listener panics").clone()
    }

    /// What `pick` takes of it.
    pub fn picked<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.all().iter().filter_map(|(_, event)| pick(event)).collect()
    }

    /// Waits until something is told.
    ///
    /// # Panics
    /// If it is not within [`PATIENCE`].
    #[track_caller]
    pub fn wait_for<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> T {
        wait_until(|| self.picked(&pick).pop())
    }
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

/// Everything in a log's directory but the lock file, which every opener touches.
pub fn contents(log: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut directories = vec![log.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with("wal.lock") {
                let bytes = std::fs::read(&path).expect("a file");
                all.insert(path, bytes);
            }
        }
    }
    all
}

/// Where nothing but the speed of the disk is lost if the machine stops: for tests that sync very often and cut no
/// power. On the disk where there is little memory for files, as in many containers.
pub fn temporary_in_memory() -> TempDir {
    const ENOUGH: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    let has_room = rustix::fs::statvfs(memory).is_ok_and(|about| about.f_bavail * about.f_frsize >= ENOUGH);
    if has_room { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a temporary directory")
}

/// The log as a process leaves it that dies now; nothing more is done on `files` afterwards.
pub fn left_behind(files: &FaultFileSystem, log: &Path) -> TempDir {
    files.stop();
    let left = temporary_in_memory();
    copy_log(log, left.path()).expect("a copy");
    left
}
