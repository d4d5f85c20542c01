//! A process that may not write, and one that has used up its descriptors.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{PATIENCE, append_many, contents, expect_log, small_log, wait_until, wait_until_prepared};
use flashstrike_crash_lab::{Child, Errno, events, forbidden, given, is_child, skipped};
use flashstrike_recorder::{Code, Error, Recorder, RecorderOptions};
use flashstrike_recovery::follow::{FollowOptions, Wait};
use flashstrike_recovery::{Recovery, RecoveryOptions};
use flashstrike_segment::staging::STAGING_WAITERS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const EVENTS: u64 = 500;

/// Runs a test of this file as a user that owns nothing; false, loudly, where that cannot be done.
fn run_as_stranger(test: &str, log: &Path, expected: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    // The build directory may be closed to strangers.
    let program = directory.path().join("test-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let as_stranger = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command
    };
    match as_stranger().arg("--list").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(status) => {
            forbidden(&format!("nothing can be run as another user: {status}"));
            return false;
        }
        Err(error) => {
            skipped(&format!("setpriv, which runs a test as another user: {error}"));
            return false;
        }
    }
    let output = as_stranger()
        .args([test, "--exact", "--ignored", "--nocapture"])
        .envs([("LAB_LOG", log.as_os_str()), ("LAB_EXPECTED", expected.as_ref())])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    true
}

#[test]
#[ignore = "run by without_permission_opening_is_an_io_error_and_changes_nothing, as another user"]
fn a_stranger_opens() {
    let log = given("LAB_LOG");
    let error = Recorder::open(&small_log(&log, 32)).map(drop).unwrap_err();
    assert_eq!((error.code(), error.os_error()), (Code::Io, Some(Errno::ACCESS.raw_os_error())), "{error}");
    assert!(error.path().is_some_and(|path| path.starts_with(&log)), "{error}");
    let expected = given("LAB_EXPECTED");
    for part in [expected.to_str().unwrap(), "appending needs permission to write in the log's directory"] {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
}

#[test]
#[ignore = "run by a_reader_that_may_not_write_follows_a_writer_that_it_cannot_have_wake_it, as another user"]
fn a_stranger_follows() {
    let log = Recovery::open(RecoveryOptions::new(given("LAB_LOG"))).unwrap();
    let mut follower = log.follow(FollowOptions::default()).unwrap();
    // Most of them are appended while it follows.
    for id in 1..=2 * EVENTS {
        let event = follower.next_event(Wait::AtMost(PATIENCE)).unwrap().expect("one comes");
        assert_eq!((event.id, event.bytes), (id, &events::event(id, 32)[..]));
    }
}

#[test]
fn a_reader_that_may_not_write_follows_a_writer_that_it_cannot_have_wake_it() {
    let outside = tempfile::tempdir().unwrap();
    let log = outside.path().join("log");
    let options = RecorderOptions { file_mode: 0o644, ..small_log(&log, 32) };
    let mut recorder = Recorder::open(&options).unwrap();
    for directory in [outside.path(), &log] {
        fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                append_many(&mut recorder, 32, 7);
                recorder.flush().unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let stopping = StopOnDrop(&stop);
        run_as_stranger("a_stranger_follows", &log, "");
        drop(stopping);
    });
    assert_eq!(recorder.staging().mapping().atomic_u32(STAGING_WAITERS).load(Ordering::SeqCst), 0);
    recorder.close().unwrap();
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn without_permission_opening_is_an_io_error_and_changes_nothing() {
    // Modes of the parent, of the log, of its files and of one segment, and what fails first.
    let cases = [
        (0o755, 0o700, 0o644, 0o644, "open the lock file"),
        (0o755, 0o755, 0o644, 0o644, "open the lock file"),
        (0o755, 0o777, 0o666, 0o600, "00000000.wal"),
        (0o700, 0o777, 0o666, 0o666, ""),
    ];
    for (parent, directory, file, segment, expected) in cases {
        let outside = tempfile::tempdir().unwrap();
        let log = outside.path().join("log");
        let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
        append_many(&mut recorder, 32, EVENTS);
        recorder.close().unwrap();
        for entry in fs::read_dir(&log).unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(file)).unwrap();
        }
        fs::set_permissions(log.join("00000000.wal"), Permissions::from_mode(segment)).unwrap();
        fs::set_permissions(&log, Permissions::from_mode(directory)).unwrap();
        fs::set_permissions(outside.path(), Permissions::from_mode(parent)).unwrap();
        let before = contents(&log);
        if !run_as_stranger("a_stranger_opens", &log, expected) {
            return;
        }
        assert!(contents(&log) == before, "{expected}");
        let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
        append_many(&mut recorder, 32, 1);
        recorder.close().unwrap();
        expect_log(&log, 32, EVENTS + 1);
    }
}

#[test]
fn a_log_cannot_be_made_where_nothing_may_be_made() {
    let outside = tempfile::tempdir().unwrap();
    fs::set_permissions(outside.path(), Permissions::from_mode(0o755)).unwrap();
    run_as_stranger("a_stranger_opens", &outside.path().join("log"), "create the directory");
    assert!(!outside.path().join("log").exists());
}

/// Lets this process open so many descriptors more than it has. What others have given it may leave gaps below.
fn limit_descriptors(more: usize) {
    let is_free = |number: &u64| !Path::new(&format!("/proc/self/fd/{number}")).exists();
    let beyond = (0..).filter(is_free).nth(more).unwrap();
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(beyond), ..limits }).unwrap();
}

fn lift_limit() {
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits }).unwrap();
}

fn expect_too_many(error: &Error) {
    assert_eq!((error.code(), error.os_error()), (Code::Io, Some(Errno::MFILE.raw_os_error())), "{error}");
    assert!(error.to_string().contains("raise the limit of open files"), "{error}");
    assert!(error.path().is_some(), "{error}");
}

#[test]
#[ignore = "the process that runs out of descriptors"]
fn with_few_descriptors() {
    if !is_child() {
        return;
    }
    let log = &given("LAB_LOG");
    let mut options = small_log(log, 32);
    options.prepared_segments = 1;

    // With each number of descriptors opening succeeds or says which file it could not open, and changes no event.
    let mut refusals = 0;
    let mut recorder = (0..).find_map(|more| {
        limit_descriptors(more);
        let opened = Recorder::open(&options);
        lift_limit();
        match opened {
            Ok(recorder) => Some(recorder),
            Err(error) => {
                expect_too_many(&error);
                expect_log(log, 32, EVENTS);
                refusals += 1;
                None
            }
        }
    });
    assert!(refusals > 3, "{refusals}");
    let recorder = recorder.as_mut().unwrap();
    assert_eq!(recorder.last_event_id(), EVENTS);

    // Nothing new can be opened: appends go on to the end of what is ready, and then say why they do not.
    let (segment, _) = recorder.manager().unwrap().writer().position().unwrap();
    wait_until_prepared(recorder, log, &format!("{:08}.wal", segment + 1), 1);
    limit_descriptors(0);
    let refused = append_until_io(recorder);
    expect_too_many(&refused);
    assert!(
        refused.to_string().contains("nothing was appended: wait with drain() and append again"),
        "{refused}"
    );
    let last = recorder.last_event_id();
    assert!(last > EVENTS);
    recorder.durable_sync(None).expect("the files that are open can be synced");

    lift_limit();
    recorder.drain(PATIENCE).unwrap();
    append_many(recorder, 32, 2000);
    recorder.close().unwrap();
    expect_log(log, 32, last + 2000);
}

/// Appends until it is refused for another reason than that the next segment is not ready yet.
fn append_until_io(recorder: &mut Recorder) -> Error {
    wait_until(|| {
        let append = |_| recorder.append(&events::fixed(recorder.last_event_id() + 1, 32)).err();
        (0..10_000).find_map(append).filter(|error| error.code() != Code::Backpressure)
    })
}

#[test]
fn without_descriptors_nothing_is_lost_and_appending_goes_on_when_there_are_some() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
    append_many(&mut recorder, 32, EVENTS);
    recorder.close().unwrap();
    let mut child = Child::spawn("with_few_descriptors", &[("LAB_LOG", &log)]);
    assert!(child.wait(2 * PATIENCE).success());
}
