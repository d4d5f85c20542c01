//! One writer a log.

mod common;

use std::path::Path;

use common::{PATIENCE, append_many, contents, expect_log, small_log, wait_until};
use flashstrike_crash_lab::{AckPage, Child, is_child};
use flashstrike_recorder::{Code, Recorder};

#[test]
fn a_second_opener_in_the_same_process_is_told_who_has_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut first, 32, 10);
    let error = Recorder::open(&small_log(directory.path(), 32)).unwrap_err();
    assert_eq!(error.code(), Code::Locked);
    assert_eq!(error.code().as_str(), "WAL_LOCKED");
    let pid = format!("process {} (this one)", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");

    append_many(&mut first, 32, 10);
    first.close().unwrap();
    expect_log(directory.path(), 32, 20);
    let second = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    assert_eq!(second.last_event_id(), 20);
}

#[test]
fn dropping_a_recorder_gives_the_lock_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Recorder::open(&small_log(directory.path(), 0)).unwrap();
    append_many(&mut first, 0, 3);
    drop(first);
    assert_eq!(Recorder::open(&small_log(directory.path(), 0)).unwrap().last_event_id(), 3);
}

#[test]
fn a_refused_opening_gives_the_lock_back() {
    let directory = tempfile::tempdir().unwrap();
    drop(Recorder::open(&small_log(directory.path(), 32)).unwrap());
    assert_eq!(Recorder::open(&small_log(directory.path(), 64)).unwrap_err().code(), Code::Schema);
    Recorder::open(&small_log(directory.path(), 32)).unwrap();
}

#[test]
#[ignore = "the process that holds the log"]
fn holder() {
    if !is_child() {
        return;
    }
    let variable = |name: &str| std::env::var_os(name).unwrap();
    let page = AckPage::open(Path::new(&variable("LAB_PAGE"))).unwrap();
    let mut recorder = Recorder::open(&small_log(Path::new(&variable("LAB_LOG")), 32)).unwrap();
    append_many(&mut recorder, 32, 100);
    page.staged(recorder.last_event_id());
    std::thread::sleep(PATIENCE);
}

#[test]
fn the_lock_of_another_process_is_respected_and_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let [log, page] = ["log", "page"].map(|name| directory.path().join(name));
    let acknowledged = AckPage::create(&page).unwrap();
    let mut holder = Child::spawn("holder", &[("LAB_LOG", &log), ("LAB_PAGE", &page)]);
    // It has appended, and has prepared the two segments that it keeps ready.
    wait_until(|| (acknowledged.last_staged() == 100 && log.join("00000002.wal").exists()).then_some(()));

    let before = contents(&log);
    let error = Recorder::open(&small_log(&log, 32)).unwrap_err();
    assert_eq!(error.code(), Code::Locked);
    assert!(error.to_string().contains(&format!("process {} ", holder.id())), "{error}");
    assert_eq!(error.path(), Some(log.join("wal.lock").as_path()));
    assert!(contents(&log) == before, "a refused opener has changed something");

    holder.kill();
    let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
    assert_eq!(recorder.last_event_id(), 100, "what the killed holder had appended is there");
    append_many(&mut recorder, 32, 1);
    recorder.close().unwrap();
    expect_log(&log, 32, 101);
}

#[test]
fn of_many_openers_at_once_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let openers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Recorder::open(&small_log(directory.path(), 0)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winners = openers.iter().filter(|opener| opener.is_ok()).count();
    assert_eq!(winners, 1);
    for loser in openers.iter().filter_map(|opener| opener.as_ref().err()) {
        assert_eq!(loser.code(), Code::Locked, "{loser}");
    }
}
