//! One writer a log.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use common::{
    PATIENCE, append_many, append_next, code, contents, expect_log, rotate, small_log, small_log_on,
    wait_until, wait_until_prepared, watched_log,
};
use flashstrike_crash_lab::{AckPage, Child, FaultFileSystem, Kind, Rule, events, given, is_child};
use flashstrike_recorder::{Code, Event, Recorder};

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
    let page = AckPage::open(&given("LAB_PAGE")).unwrap();
    let mut recorder = Recorder::open(&small_log(&given("LAB_LOG"), 32)).unwrap();
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

/// What a writer does that has lost its place to another one, or to nobody. Gives its last event.
fn expect_nothing_promised(recorder: &mut Recorder, durable: u64) -> u64 {
    // It is refused if a worker has noticed already.
    let _ = recorder.append(&events::fixed(recorder.last_event_id() + 1, 32));
    let error = recorder.durable_sync(None).expect_err("a promise in somebody else's place");
    assert_eq!(error.code(), Code::Poisoned);
    assert!(error.to_string().contains("another writer may append in its place"), "{error}");
    assert_eq!(recorder.durable_event_id(), durable);
    let last = recorder.last_event_id();
    assert_eq!(code(recorder.append(&events::fixed(last + 1, 32))), Code::Poisoned);
    assert_eq!(code(recorder.close()), Code::Poisoned);
    last
}

#[test]
fn a_writer_whose_directory_was_moved_promises_nothing_more_and_touches_no_other_log() {
    for has_successor in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (log, moved) = (directory.path().join("log"), directory.path().join("moved"));
        let mut first = Recorder::open(&small_log(&log, 32)).unwrap();
        append_many(&mut first, 32, 100);
        first.durable_sync(None).unwrap();
        wait_until_prepared(&first, &log, "00000002.wal", 2);
        std::fs::rename(&log, &moved).unwrap();
        if has_successor {
            let mut second = Recorder::open(&small_log(&log, 32)).unwrap();
            append_many(&mut second, 32, 50);
            let last = expect_nothing_promised(&mut first, 100);
            append_many(&mut second, 32, 2000);
            second.close().unwrap();
            expect_log(&log, 32, 2050);
            expect_log(&moved, 32, last);
        } else {
            let last = expect_nothing_promised(&mut first, 100);
            assert!(!log.exists());
            expect_log(&moved, 32, last);
        }
    }
}

#[cfg(unix)] // Windows locks no directory.
#[test]
fn a_log_whose_lock_file_was_removed_lets_no_second_writer_in_and_the_first_promises_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path();
    let mut first = Recorder::open(&small_log(log, 32)).unwrap();
    append_many(&mut first, 32, 100);
    first.durable_sync(None).unwrap();
    std::fs::remove_file(log.join("wal.lock")).unwrap();
    assert_eq!(Recorder::open(&small_log(log, 32)).unwrap_err().code(), Code::Locked);
    let last = expect_nothing_promised(&mut first, 100);
    assert_eq!(Recorder::open(&small_log(log, 32)).unwrap().last_event_id(), last);
}

#[test]
fn no_segment_is_prepared_in_the_place_of_a_log_that_was_moved() {
    let directory = tempfile::tempdir().unwrap();
    let (log, moved) = (directory.path().join("log"), directory.path().join("moved"));
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, &log, 32);
    let mut recorder = Recorder::open(&options).unwrap();
    wait_until_prepared(&recorder, &log, "00000002.wal", 2);
    std::fs::rename(&log, &moved).unwrap();
    std::fs::create_dir(&log).unwrap();
    // More than the segments take that are ready.
    let refused = (0..10_000).find_map(|_| append_next(&mut recorder, 32).err()).expect("a refusal");
    assert_eq!(refused.code(), Code::Poisoned, "{refused}");
    let told = told.wait_for(|event| match event {
        Event::Poisoned { error } => Some(error.to_string()),
        _ => None,
    });
    for text in [refused.to_string(), told] {
        assert!(text.ends_with("open it where it lies now, or put it back first"), "{text}");
    }
    assert_eq!(contents(&log).len(), 0);
}

#[test]
fn sealing_promises_nothing_in_somebody_elses_place() {
    let directory = tempfile::tempdir().unwrap();
    let (log, moved) = (directory.path().join("log"), directory.path().join("moved"));
    let files = FaultFileSystem::default();
    let mut first = Recorder::open(&small_log_on(&files, &log, 32)).unwrap();
    wait_until_prepared(&first, &log, "00000002.wal", 2);
    // The segment is synced and sealed only after the directory was moved.
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::SyncData).named("00000000.wal").times(1));
    append_many(&mut first, 32, 100);
    rotate(&mut first).unwrap();
    wait_until_prepared(&first, &log, "00000003.wal", 2);
    gate.wait_for_arrivals(1);
    std::fs::rename(&log, &moved).unwrap();
    let second = Recorder::open(&small_log(&log, 32)).unwrap();
    gate.open();
    let refused = wait_until(|| first.append(&events::fixed(first.last_event_id() + 1, 32)).err());
    assert_eq!(refused.code(), Code::Poisoned, "{refused}");
    assert!(first.durable_event_id() < 100);
    drop(second);
}

/// Where a child is being started it has a copy of every descriptor until it runs its program.
#[cfg(target_os = "linux")]
#[test]
fn a_lock_is_given_back_although_a_child_has_copies_of_its_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().canonicalize().unwrap();
    let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
    // It opens the directory to sync the names of the segments that it makes.
    wait_until_prepared(&recorder, &log, "00000002.wal", 2);
    // Of these two only: a worker may close any other meanwhile.
    let locked = [log.clone(), log.join("wal.lock")];
    let copies: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_locked = locked.contains(&std::fs::read_link(&path).ok()?);
            let number: i32 = path.file_name()?.to_str()?.parse().ok()?;
            is_locked.then(|| copy_of_descriptor(number))
        })
        .collect();
    assert_eq!(copies.len(), 2);
    recorder.close().unwrap();
    Recorder::open(&small_log(&log, 32)).unwrap();
    drop(copies);
}

#[cfg(target_os = "linux")]
fn copy_of_descriptor(number: i32) -> std::os::fd::OwnedFd {
    // SAFETY: the descriptor is open: the recorder that has it is not closed yet.
    let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    descriptor.try_clone_to_owned().unwrap()
}

#[test]
fn closing_that_panics_lets_nobody_in_before_the_workers_have_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = small_log(directory.path(), 32);
    options.observer =
        Some(Arc::new(|event: &Event| assert!(!matches!(event, Event::Durable { .. }), "on purpose")));
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 10);
    catch_unwind(AssertUnwindSafe(|| recorder.close())).expect_err("a panic");
    assert_eq!(Recorder::open(&small_log(directory.path(), 32)).unwrap_err().code(), Code::Locked);
    drop(recorder);
    assert_eq!(Recorder::open(&small_log(directory.path(), 32)).unwrap().last_event_id(), 10);
}
