//! Followers of a log in another process than its recorder, which is killed and comes back all the time while it appends,
//! rotates, seals, compresses and removes at full speed. Whatever the moment: every event once, in order, as it was
//! appended, and of those who want durable ones none before it is durable.
//!
//! A few seconds in a test run; `FLASHSTRIKE_FOLLOW_SECONDS=300` for as long as that.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{PATIENCE, append_next, small_log, small_log_on, temporary_in_memory, wait_until};
use fastrand::Rng;
use flashstrike_crash_lab::{Child, FaultFileSystem, Kind, Rule, Seed, events, given, is_child};
use flashstrike_recorder::{Code, Recorder, RecorderOptions, Retention};
use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::follow::{FollowOptions, Follower, Start, Wait};
use flashstrike_recovery::watch::{StagingWatch, Whose};
use flashstrike_recovery::{Recovery, RecoveryOptions, machine};
use flashstrike_segment::staging::STAGING_WAITERS;

/// Each follower has to see so many events.
const EVENTS: u64 = 120_000;
/// And each log so many kills.
const KILLS: u64 = 8;
/// A writer far ahead of slow followers would lose them to retention all the time.
const PACE: u64 = 2_000;

fn follow(directory: &Path, options: FollowOptions) -> Follower {
    Recovery::open(RecoveryOptions::new(directory)).expect("a log").follow(options).expect("a log")
}

/// How long the stress is to take at least.
fn seconds() -> Duration {
    let given = std::env::var("FLASHSTRIKE_FOLLOW_SECONDS").ok();
    Duration::from_secs(given.map_or(0, |text| text.parse().expect("a number of seconds")))
}

#[test]
#[ignore = "the process that is killed"]
fn writer_to_be_killed() {
    if !is_child() {
        return;
    }
    let number = |name: &str| given(name).to_str().unwrap().parse::<u64>().unwrap();
    let (event_size, mut rng) = (number("LAB_EVENT_SIZE") as u16, Rng::with_seed(number("LAB_SEED")));
    let limits = if number("LAB_REMOVES") == 1 {
        Retention { hot_segments: Some(4), cold_segments: Some(60), ..Retention::default() }
    } else {
        Retention { hot_segments: Some(3), ..Retention::default() }
    };
    let options = RecorderOptions { retention: limits, ..small_log(&given("LAB_LOG"), event_size) };
    let mut log = Recorder::open(&options).unwrap();
    loop {
        for _ in 0..rng.u64(1..PACE) {
            append_next(&mut log, event_size).unwrap();
        }
        match rng.u32(0..6) {
            0 => log.durable_sync(None).unwrap(),
            1 => log.flush().unwrap(),
            2 => std::thread::sleep(Duration::from_millis(rng.u64(0..4))),
            3 => common::rotate(&mut log).unwrap(),
            _ => {}
        }
    }
}

struct Stress<'a> {
    directory: &'a Path,
    event_size: u16,
    /// Followers may lose the race against retention.
    removes: bool,
    kills: AtomicU64,
    stop: AtomicBool,
    least: Duration,
}

impl Stress<'_> {
    /// Starts and kills writers until everybody has seen enough.
    fn write(&self, mut rng: Rng) {
        while !self.stop.load(Ordering::Relaxed) {
            let removes = u64::from(self.removes);
            let variables = [
                ("LAB_LOG", self.directory.as_os_str().to_owned()),
                ("LAB_EVENT_SIZE", self.event_size.to_string().into()),
                ("LAB_SEED", rng.u64(..).to_string().into()),
                ("LAB_REMOVES", removes.to_string().into()),
            ];
            let mut child = Child::spawn("writer_to_be_killed", &variables);
            child.ends_within(Duration::from_millis(rng.u64(30..400)));
            child.kill();
            self.kills.fetch_add(1, Ordering::Relaxed);
            if rng.bool() {
                // With no writer alive what is staged is yielded.
                std::thread::sleep(Duration::from_millis(rng.u64(0..60)));
            }
        }
    }

    /// Follows until enough was seen; how often retention was faster.
    fn read(&self, options: FollowOptions) -> u64 {
        let (began, mut seen, mut gone) = (Instant::now(), 0, 0);
        let mut follower = follow(self.directory, options);
        let mut last = None;
        let mut watch = watch(self.directory);
        loop {
            match follower.next_event(Wait::AtMost(PATIENCE)) {
                Ok(Some(event)) => {
                    assert!(last.is_none_or(|last| event.id == last + 1), "{} behind {last:?}", event.id);
                    assert_eq!(event.bytes, events::event(event.id, self.event_size), "event {}", event.id);
                    last = Some(event.id);
                    seen += 1;
                    if options.durable_only && seen % 64 == 0 {
                        check_durable(self.directory, &mut watch, event.id);
                    }
                }
                Ok(None) => panic!("nothing behind {last:?} within {PATIENCE:?}"),
                Err(error) => {
                    assert!(self.removes && error.code() == Code::Gone, "behind {last:?}: {error}");
                    (last, gone) = (None, gone + 1);
                    follower = follow(self.directory, FollowOptions { from: Start::First, ..options });
                }
            }
            let is_enough = seen >= EVENTS && self.kills.load(Ordering::Relaxed) >= KILLS;
            if is_enough && began.elapsed() >= self.least {
                eprintln!("{options:?}: {seen} events, retention was faster {gone} times");
                return gone;
            }
        }
    }
}

fn watch(directory: &Path) -> StagingWatch {
    let log = Recovery::open(RecoveryOptions::new(directory)).expect("a log");
    let log_id = log.identity().expect("a log").log_id;
    let files: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    StagingWatch::open(&files, directory, Whose { log_id, boot_id: machine::boot_id().unwrap() }).unwrap()
}

/// When an event has been handed out, the staging memory says that it is durable, or its segment is sealed.
fn check_durable(directory: &Path, watch: &mut StagingWatch, event_id: u64) {
    watch.refresh().unwrap();
    let said = watch.said().unwrap().expect("staging memory of this log and boot");
    if said.durable_event_id < event_id {
        let report = Recovery::open(RecoveryOptions::new(directory)).expect("a log").report().clone();
        let proved = report.durable_event_id;
        assert!(proved >= event_id, "event {event_id}: {said:?}, proved {proved}");
    }
}

fn stress(what: &str, event_size: u16, removes: bool) {
    let seed = Seed::of_this_run(what);
    let directory = temporary_in_memory();
    Recorder::open(&small_log(directory.path(), event_size)).unwrap().close().unwrap();
    let stress = &Stress {
        directory: directory.path(),
        event_size,
        removes,
        kills: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        least: seconds(),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| stress.write(Rng::with_seed(seed.0)));
        let stop = StopOnDrop(&stress.stop);
        let all = FollowOptions::default();
        let durable = FollowOptions { durable_only: true, ..all };
        let readers = [all, durable].map(|options| scope.spawn(move || stress.read(options)));
        for reader in readers {
            reader.join().unwrap_or_else(|_| panic!("seed {}", seed.0));
        }
        drop(stop);
    });
    eprintln!("{what}: {} kills", stress.kills.load(Ordering::Relaxed));
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_killed_writer_that_compresses_is_followed_without_a_gap() {
    // Nothing is removed, so it is not for minutes.
    if seconds().is_zero() {
        stress("following with compression", 64, false);
    }
}

#[test]
fn a_killed_writer_that_removes_is_followed_until_retention_is_faster() {
    stress("following with retention", 0, true);
}

#[test]
fn a_reader_that_sleeps_is_woken_and_says_so_once() {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&small_log(directory.path(), 64)).unwrap();
    let mut follower = follow(directory.path(), FollowOptions::default());
    let waiting =
        std::thread::spawn(move || follower.next_event(Wait::Forever).unwrap().map(|event| event.id));
    let waiters = log.staging().mapping().clone();
    wait_until(|| (waiters.atomic_u32(STAGING_WAITERS).load(Ordering::SeqCst) > 0).then_some(()));
    append_next(&mut log, 64).unwrap();
    log.flush().unwrap();
    assert_eq!(waiting.join().unwrap(), Some(1));
    append_next(&mut log, 64).unwrap();
    log.flush().unwrap();
    assert_eq!(waiters.atomic_u32(STAGING_WAITERS).load(Ordering::SeqCst), 0, "nobody sleeps any more");
    log.close().unwrap();
}

#[test]
fn what_a_failed_sync_leaves_behind_is_never_handed_out_as_durable() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&small_log_on(&files, directory.path(), 64)).unwrap();
    append_next(&mut log, 64).unwrap();
    log.durable_sync(None).unwrap();
    let mut all = follow(directory.path(), FollowOptions::default());
    let mut durable =
        follow(directory.path(), FollowOptions { durable_only: true, ..FollowOptions::default() });
    files.add(Rule::fail(flashstrike_crash_lab::Errno::IO).kind(Kind::SyncData));
    append_next(&mut log, 64).unwrap();
    assert_eq!(common::code(log.durable_sync(None)), Code::Poisoned);
    let next = |follower: &mut Follower, wait| follower.next_event(wait).unwrap().map(|event| event.id);
    for id in [1, 2] {
        assert_eq!(next(&mut all, Wait::Forever), Some(id));
    }
    assert_eq!(next(&mut durable, Wait::Forever), Some(1));
    assert_eq!(next(&mut durable, Wait::AtMost(Duration::from_millis(50))), None);
    drop(log);
    assert_eq!(next(&mut durable, Wait::AtMost(Duration::from_millis(50))), None);
    let log = Recorder::open(&small_log(directory.path(), 64)).unwrap();
    // It was written once more and synced.
    assert_eq!(next(&mut durable, Wait::Forever), Some(2));
    drop(log);
}
