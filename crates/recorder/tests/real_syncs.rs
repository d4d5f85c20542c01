//! Syncs that the kernel itself says have failed, and space that it says has gone: a tracer puts its answers in place of
//! the system call. Between this and the simulated disk of the other tests lies the real file system underneath.
#![cfg(target_os = "linux")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{PATIENCE, append_next, expect_log, rotate, small_log};
use flashstrike_crash_lab::{AckPage, Child, events, forbidden, given, is_child, skipped};
use flashstrike_recorder::{Code, Error, Recorder, Result};

const EVENTS: u64 = 300;

/// Whether system calls can be made to fail here; says so loudly if not.
fn can_inject() -> bool {
    let mut probe = Command::new("strace");
    probe.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=getppid:error=EIO:when=100", "true"]);
    match probe.status() {
        Ok(status) if status.success() => return true,
        Ok(_) => forbidden("no process can be traced here, so no system call can be made to fail"),
        Err(error) => skipped(&format!("strace, which makes system calls fail: {error}")),
    }
    false
}

/// Opens the log, appends over segments, makes it durable again and again, closes it.
fn live(log: &Path, page: &AckPage) -> Result<()> {
    let mut options = small_log(log, 32);
    options.prepared_segments = 1;
    let mut recorder = Recorder::open(&options)?;
    let outcome = work(&mut recorder, page);
    if let Err(error) = &outcome
        && error.code() == Code::Poisoned
    {
        expect_ended(&mut recorder, error);
    }
    let closed = recorder.close();
    outcome.and(closed)
}

fn work(recorder: &mut Recorder, page: &AckPage) -> Result<()> {
    for n in 1..=EVENTS {
        let id = append_next(recorder, 32)?;
        page.staged(id);
        match n % 50 {
            10 => {
                recorder.flush()?;
                recorder.commit_handle().wait(id)?;
                page.durable(id);
            }
            30 => {
                recorder.durable_sync(None)?;
                page.durable(id);
            }
            40 => rotate(recorder)?,
            _ => {}
        }
    }
    Ok(())
}

/// After a failed sync nothing is appended or promised, and the error says what to do.
fn expect_ended(recorder: &mut Recorder, error: &Error) {
    for part in ["cannot sync", "(os error ", "close and open the log again"] {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
    let (last, durable) = (recorder.last_event_id(), recorder.durable_event_id());
    // The next call would be answered with success.
    for _ in 0..3 {
        let refused = recorder.append(&events::fixed(last + 1, 32)).unwrap_err();
        assert_eq!(refused.code(), Code::Poisoned, "{refused}");
        assert_eq!(recorder.durable_sync(None).unwrap_err().code(), Code::Poisoned);
    }
    assert_eq!((recorder.last_event_id(), recorder.durable_event_id()), (last, durable));
}

#[test]
#[ignore = "the process whose system calls fail"]
fn living() {
    if !is_child() {
        return;
    }
    let page = AckPage::open(&given("LAB_PAGE")).unwrap();
    let outcome = live(&given("LAB_LOG"), &page);
    let told = outcome.map_or_else(|error| format!("{} {error}", error.code()), |()| "well".to_owned());
    std::fs::write(given("LAB_TOLD"), told).unwrap();
}

/// Lets each call of a kind in turn fail once in each thread, until one more changes nothing; gives what was told.
fn sweep(call: &str, error: &str) -> Vec<String> {
    let mut all = Vec::new();
    // More would not be reached by any thread of a life so short.
    for n in 1..200 {
        let directory = tempfile::tempdir().unwrap();
        let [log, page, told] = ["log", "page", "told"].map(|name| directory.path().join(name));
        let acknowledged = AckPage::create(&page).unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(directory.path().join("trace"));
        strace.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:error={error}:when={n}")]);
        let variables = [("LAB_LOG", &log), ("LAB_PAGE", &page), ("LAB_TOLD", &told)];
        let mut child = Child::spawn_under(&mut strace, "living", &variables);
        assert!(child.wait(2 * PATIENCE).success(), "{call} {n}");
        let trace = std::fs::read_to_string(directory.path().join("trace")).unwrap();
        let told = std::fs::read_to_string(&told).unwrap();
        expect_nothing_lost(&log, &acknowledged, &format!("{call} {n}: {told}"));
        if !trace.contains("(INJECTED)") {
            assert_eq!(told, "well", "without a failure");
            return all;
        }
        all.push(told);
    }
    panic!("{call} is still called after 200 times");
}

/// Everything that was promised is there, and the log goes on.
fn expect_nothing_lost(log: &Path, acknowledged: &AckPage, what: &str) {
    let mut recorder = Recorder::open(&small_log(log, 32)).unwrap_or_else(|error| panic!("{what}: {error}"));
    let last = recorder.last_event_id();
    // The process has not died of the failure, so even what was only staged is there.
    assert!(last >= acknowledged.last_staged(), "{what}: {last}");
    assert!(last >= acknowledged.last_durable(), "{what}: {last}");
    append_next(&mut recorder, 32).unwrap();
    recorder.close().unwrap();
    expect_log(log, 32, last + 1);
}

/// How many of them begin with a code.
fn with_code(told: &[String], code: Code) -> usize {
    told.iter().filter(|text| text.starts_with(code.as_str())).count()
}

#[test]
fn a_failed_fdatasync_ends_appending_and_nothing_that_was_promised_is_lost() {
    if can_inject() {
        let told = sweep("fdatasync", "EIO");
        assert!(with_code(&told, Code::Poisoned) > 0, "{told:?}");
        let others = told.len() - with_code(&told, Code::Poisoned) - with_code(&told, Code::Io);
        assert!(told.iter().filter(|text| *text == "well").count() == others, "{told:?}");
    }
}

#[test]
fn a_failed_fsync_of_a_directory_or_a_new_file_loses_nothing() {
    if can_inject() {
        let told = sweep("fsync", "EIO");
        assert!(with_code(&told, Code::Io) > 0, "{told:?}");
    }
}

#[test]
fn space_that_has_gone_passes_and_loses_nothing() {
    if can_inject() {
        let told = sweep("fallocate", "ENOSPC");
        // While opening; later it is waited for.
        assert!(with_code(&told, Code::Full) > 0, "{told:?}");
        assert_eq!(with_code(&told, Code::Poisoned), 0, "{told:?}");
        assert_eq!(with_code(&told, Code::Backpressure), 0, "{told:?}");
    }
}

#[test]
fn space_that_has_gone_on_thin_storage_shows_at_the_sync_and_ends_appending() {
    if can_inject() {
        let told = sweep("fdatasync", "ENOSPC");
        assert_eq!(
            with_code(&told, Code::Full),
            0,
            "a sync is never tried again, so it does not pass: {told:?}"
        );
        assert!(with_code(&told, Code::Poisoned) > 0, "{told:?}");
    }
}
