//! Every operation on a file fails once, and the world stops at every one.
//!
//! Whatever the operation and whoever does it: opening gives a typed error or succeeds, what was acknowledged is never
//! lost, an error of the disk is never taken for damage, a fault that passes is got over without reopening (unless it
//! was a sync of what was written, which poisons), and the next opening works.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{
    PATIENCE, append_many, expect_log, is_about_the_disk, left_behind, next_events, rotate, small_log,
    small_log_on, temporary_in_memory, wait_until,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, ReadBack, Rule, copy_log, events};
use flashstrike_recorder::{Code, Error, Recorder, RecorderOptions, Result, Retention};
use tempfile::TempDir;

/// How a log stands before the faults come.
struct Image {
    directory: TempDir,
    /// The events 1 to this one are there and must stay.
    last: u64,
    /// How it is opened.
    adjust: fn(&mut RecorderOptions),
}

impl Image {
    fn new(make: impl FnOnce(&Path) -> u64) -> Self {
        let directory = temporary_in_memory();
        let last = make(&directory.path().join("log"));
        Self { directory, last, adjust: |_| () }
    }

    fn copy(&self) -> TempDir {
        let copy = temporary_in_memory();
        copy_log(self.directory.path(), copy.path()).expect("a copy");
        copy
    }

    fn options(&self, directory: &Path, files: &FaultFileSystem) -> RecorderOptions {
        let mut options = small_log_on(files, &directory.join("log"), 32);
        (self.adjust)(&mut options);
        options
    }
}

/// Puts in the place of a log what its process leaves that dies at this moment.
fn leave(files: &FaultFileSystem, recorder: Recorder, log: &Path) {
    let left = left_behind(files, log);
    drop(recorder);
    std::fs::remove_dir_all(log).expect("the log is removed");
    copy_log(left.path(), log).expect("a copy");
}

fn no_log() -> Image {
    Image::new(|_| 0)
}

fn closed_log() -> Image {
    Image::new(|log| {
        let mut recorder = Recorder::open(&small_log(log, 32)).unwrap();
        append_many(&mut recorder, 32, 1500);
        recorder.close().unwrap();
        1500
    })
}

/// Three segments that were left and not sealed, an active one, prepared ones, and events in the staging memory.
fn killed_log() -> Image {
    Image::new(|log| {
        let files = FaultFileSystem::default();
        let mut recorder = Recorder::open(&small_log_on(&files, log, 32)).unwrap();
        for _ in 0..3 {
            append_many(&mut recorder, 32, 100);
            rotate(&mut recorder).unwrap();
        }
        append_many(&mut recorder, 32, 77);
        wait_until(|| log.join("00000005.wal").exists().then_some(()));
        leave(&files, recorder, log);
        377
    })
}

/// The same after a power cut that has lost a block: its end has to be cut, and staging is of an earlier boot.
fn torn_log() -> Image {
    let mut image = Image::new(|log| {
        let files = FaultFileSystem::default();
        let mut recorder = Recorder::open(&small_log_on(&files, log, 32)).unwrap();
        append_many(&mut recorder, 32, 100);
        rotate(&mut recorder).unwrap();
        append_many(&mut recorder, 32, 70);
        leave(&files, recorder, log);
        let last_segment = log.join("00000001.wal");
        let mut bytes = std::fs::read(&last_segment).unwrap();
        // The second of two blocks: a bit of its payload.
        let found = bytes.windows(32).position(|event| *event == events::fixed(150, 32)).unwrap();
        bytes[found + 9] ^= 1;
        std::fs::write(&last_segment, bytes).unwrap();
        132
    });
    image.adjust = |options| options.boot_id = Some([7; 16]);
    image
}

/// Opened with another segment size: the prepared segments are of no use any more.
fn resized_log() -> Image {
    let mut image = killed_log();
    image.adjust = |options| options.segment_bytes = 64 << 10;
    image
}

/// The same for a log that is kept within limits: segments are compressed and removed meanwhile.
fn limited_log() -> Image {
    let mut image = killed_log();
    image.adjust = |options| {
        options.retention.hot_segments = Some(1);
        options.retention.cold_segments = Some(1);
    };
    image
}

/// What was acknowledged in the course of one life.
#[derive(Debug, Default, Clone, Copy)]
struct Acknowledged {
    staged: u64,
    durable: u64,
}

/// What a life ended with, and where.
enum Ended {
    Well,
    Opening(Error),
    Appending(Error),
    Closing(Error),
}

/// Opens, appends over several segments, makes durable, closes; ends with the first error that does not pass.
fn live(options: &RecorderOptions, files: &FaultFileSystem, acknowledged: &mut Acknowledged) -> Ended {
    let mut recorder = match Recorder::open(options) {
        Ok(recorder) => recorder,
        Err(error) => return Ended::Opening(error),
    };
    if let Err(error) = append_over_segments(&mut recorder, files, acknowledged) {
        return Ended::Appending(error);
    }
    match recorder.close() {
        Ok(()) => {
            acknowledged.durable = recorder.last_event_id();
            Ended::Well
        }
        Err(error) => Ended::Closing(error),
    }
}

fn append_over_segments(
    recorder: &mut Recorder,
    files: &FaultFileSystem,
    acknowledged: &mut Acknowledged,
) -> Result<()> {
    acknowledged.staged = recorder.last_event_id();
    acknowledged.durable = recorder.durable_event_id();
    for round in 0..3 {
        for _ in 0..40 {
            let event = events::fixed(recorder.last_event_id() + 1, 32);
            acknowledged.staged = try_again(recorder, files, |log| log.append(&event))?;
        }
        recorder.flush()?;
        let batch = next_events(recorder, 32, 50);
        acknowledged.staged = try_again(recorder, files, |log| log.append_batch(&batch))?;
        if round == 1 {
            recorder.durable_sync(None)?;
            acknowledged.durable = recorder.last_event_id();
        }
        try_again(recorder, files, Recorder::rotate)?;
    }
    Ok(())
}

/// Does it again after a failure to prepare a segment has passed. In a world that has stopped, none does.
fn try_again<T>(
    recorder: &mut Recorder,
    files: &FaultFileSystem,
    mut act: impl FnMut(&mut Recorder) -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match act(recorder) {
            Err(error) if is_about_room(error.code()) && Instant::now() < deadline => {
                // Not for ever: what is refused because the world has stopped stays refused.
                match recorder.drain(Duration::from_millis(20)) {
                    Err(error) if !is_about_room(error.code()) || files.struck().len() > 1 => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            outcome => return outcome,
        }
    }
}

fn is_about_room(code: Code) -> bool {
    matches!(code, Code::Backpressure | Code::Full | Code::Io)
}

/// Lets the fault strike at operation 1, 2, 3 … until a life has fewer operations than that.
fn sweep(image: &Image, rule: fn(u64) -> Rule, expect: fn(&str, &Ended)) {
    for n in 1.. {
        let copy = image.copy();
        let files = FaultFileSystem::with(rule(n));
        let options = image.options(copy.path(), &files);
        let mut acknowledged = Acknowledged::default();
        let outcome = live(&options, &files, &mut acknowledged);
        let struck = files.struck();
        if struck.is_empty() {
            assert!(matches!(outcome, Ended::Well), "a life without a fault");
            eprintln!("{n} operations");
            break;
        }
        expect(&format!("fault {n} at {:?}", struck[0]), &outcome);
        files.heal();
        after(image, &options, acknowledged, n);
    }
}

/// Nothing is lost, and the next opening works.
fn after(image: &Image, options: &RecorderOptions, acknowledged: Acknowledged, n: u64) {
    let log = &options.directory;
    let at_least = acknowledged.staged.max(acknowledged.durable).max(image.last);
    let mut recorder = Recorder::open(options).unwrap_or_else(|error| panic!("fault {n}: {error}"));
    let last = recorder.last_event_id();
    assert!(last >= at_least, "fault {n}: {acknowledged:?}, but the log ends at {last}");
    assert_eq!(recorder.durable_event_id(), last, "fault {n}");
    append_many(&mut recorder, 32, 40);
    recorder.close().unwrap();
    let found = ReadBack::of(log, &options.boot_id.unwrap_or_else(boot_id)).unwrap();
    let has_all = options.retention == Retention::default();
    found.expect_events_from(if has_all { 1 } else { found.ids()[0] }, 32);
    assert_eq!(found.last_id(), last + 40, "fault {n}");
}

fn boot_id() -> [u8; 16] {
    flashstrike_recovery::machine::boot_id().unwrap().unwrap()
}

/// After a single fault opening says what it met, closing too; but once the log is open, nothing but a failed sync of
/// what was written ends appending.
fn is_got_over(fault: &str, ended: &Ended) {
    match ended {
        Ended::Well => {}
        Ended::Opening(error) | Ended::Closing(error) => {
            assert!(is_about_the_disk(error), "{fault}: {}: {error}", error.code());
        }
        Ended::Appending(error) => assert_eq!(error.code(), Code::Poisoned, "{fault}: {error}"),
    }
}

/// In a world that has stopped everybody says so.
fn is_typed(fault: &str, ended: &Ended) {
    if let Ended::Opening(error) | Ended::Appending(error) | Ended::Closing(error) = ended {
        let is_expected = is_about_the_disk(error) || error.code() == Code::Backpressure;
        assert!(is_expected, "{fault}: {}: {error}", error.code());
    }
}

fn fail_once(n: u64) -> Rule {
    Rule::fail(Errno::IO).number(n)
}

fn full_once(n: u64) -> Rule {
    Rule::fail(Errno::NOSPC).number(n)
}

fn stop_after(n: u64) -> Rule {
    Rule::stop_after().number(n)
}

fn stop_halfway(n: u64) -> Rule {
    Rule::stop_halfway().number(n)
}

#[test]
fn creating_a_log_gets_over_every_single_fault() {
    sweep(&no_log(), fail_once, is_got_over);
}

#[test]
fn going_on_with_a_closed_log_gets_over_every_single_fault() {
    sweep(&closed_log(), fail_once, is_got_over);
}

#[test]
fn going_on_with_a_killed_log_gets_over_every_single_fault() {
    sweep(&killed_log(), fail_once, is_got_over);
}

#[test]
fn going_on_with_a_killed_log_gets_over_every_full_disk() {
    sweep(&killed_log(), full_once, is_got_over);
}

#[test]
fn keeping_a_log_within_limits_gets_over_every_single_fault() {
    sweep(&limited_log(), fail_once, is_got_over);
}

#[test]
fn keeping_a_log_within_limits_gets_over_every_full_disk() {
    sweep(&limited_log(), full_once, is_got_over);
}

#[test]
fn a_log_that_is_kept_within_limits_may_die_at_every_operation() {
    for rule in [stop_after, stop_halfway] {
        sweep(&limited_log(), rule, is_typed);
    }
}

#[test]
fn cutting_a_torn_log_gets_over_every_single_fault() {
    sweep(&torn_log(), fail_once, is_got_over);
}

#[test]
fn changing_the_segment_size_gets_over_every_single_fault() {
    sweep(&resized_log(), fail_once, is_got_over);
}

#[test]
fn a_new_log_may_die_at_every_operation() {
    for rule in [stop_after, stop_halfway] {
        sweep(&no_log(), rule, is_typed);
    }
}

#[test]
fn a_closed_log_that_is_opened_may_die_at_every_operation() {
    for rule in [stop_after, stop_halfway] {
        sweep(&closed_log(), rule, is_typed);
    }
}

#[test]
fn a_killed_log_that_is_opened_may_die_at_every_operation() {
    for rule in [stop_after, stop_halfway] {
        sweep(&killed_log(), rule, is_typed);
    }
}

#[test]
fn a_torn_log_that_is_cut_may_die_at_every_operation() {
    for rule in [stop_after, stop_halfway] {
        sweep(&torn_log(), rule, is_typed);
    }
}

#[test]
fn a_log_whose_segment_size_changes_may_die_at_every_operation() {
    for rule in [stop_after, stop_halfway] {
        sweep(&resized_log(), rule, is_typed);
    }
}

#[test]
fn opening_that_dies_again_and_again_loses_nothing() {
    for image in [killed_log(), torn_log(), resized_log()] {
        let copy = image.copy();
        // Each opening gets one operation further than the one before, on what that one has left.
        for n in 1.. {
            let files = FaultFileSystem::with(Rule::stop_halfway().number(n));
            let options = image.options(copy.path(), &files);
            if let Ok(recorder) = Recorder::open(&options) {
                assert_eq!(recorder.last_event_id(), image.last);
                break;
            }
        }
        let options = image.options(copy.path(), &FaultFileSystem::default());
        let mut recorder = Recorder::open(&options).unwrap();
        assert_eq!(recorder.last_event_id(), image.last);
        recorder.close().unwrap();
    }
}

#[test]
fn a_log_that_was_left_is_read_as_it_was_left() {
    let image = killed_log();
    expect_log(&image.directory.path().join("log"), 32, image.last);
}

#[test]
fn the_name_of_a_new_log_is_durable_even_if_the_process_dies_right_after_making_it() {
    let parent = temporary_in_memory();
    let log = parent.path().join("log");
    let files = FaultFileSystem::with(Rule::stop_after().kind(Kind::CreateDirectory));
    Recorder::open(&small_log_on(&files, &log, 32)).unwrap_err();
    assert!(log.exists());

    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, &log, 32)).unwrap();
    append_many(&mut recorder, 32, 1);
    recorder.durable_sync(None).unwrap();
    let is_synced = files.trace().iter().any(|operation| {
        operation.kind == Kind::SyncDirectory && operation.succeeded && operation.is_on(parent.path())
    });
    assert!(is_synced, "the directory that names the log was never synced");
}
