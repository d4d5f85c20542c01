//! After a failed sync nothing is synced again: the kernel may have dropped the pages and would answer "done".

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{
    PATIENCE, append_many, append_next, code, expect_log, left_behind, next_events, rotate, small_log,
    small_log_on, wait_until, wait_until_prepared, watched_log,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, ReadBack, Rule, events};
use flashstrike_recorder::{Code, Event, Recorder};

/// Syncs of this file that began after a moment.
fn syncs_since(files: &FaultFileSystem, name: &str, tick: u64) -> usize {
    let is_sync = |kind| matches!(kind, Kind::SyncData | Kind::SyncAll);
    files
        .trace()
        .iter()
        .filter(|operation| operation.name() == name && is_sync(operation.kind) && operation.began > tick)
        .count()
}

/// Everything that appends or promises is refused, and says why.
fn expect_poisoned(recorder: &mut Recorder, path: &Path) {
    let last = recorder.last_event_id();
    let event = events::fixed(last + 1, 32);
    let error = recorder.append(&event).unwrap_err();
    assert_eq!(error.code(), Code::Poisoned);
    assert_eq!(error.path(), Some(path), "{error}");
    let cause = std::io::Error::from(Errno::IO).to_string();
    assert!(error.to_string().contains(&cause), "the cause is named: {error}");
    assert_eq!(code(recorder.append_with_id(last + 1, &event)), Code::Poisoned);
    assert_eq!(code(recorder.append_batch(&[&event])), Code::Poisoned);
    assert_eq!(code(recorder.append_batch(&next_events(recorder, 32, 100))), Code::Poisoned);
    assert_eq!(code(recorder.flush()), Code::Poisoned);
    assert_eq!(code(recorder.durable_sync(None)), Code::Poisoned);
    assert_eq!(code(recorder.request_durable(None)), Code::Poisoned);
    assert_eq!(code(recorder.rotate()), Code::Poisoned);
    assert_eq!(code(recorder.drain(PATIENCE)), Code::Poisoned);
    assert_eq!(recorder.last_event_id(), last, "a refused event is not in the log");
}

#[test]
fn after_a_failed_sync_nothing_is_promised_any_more_and_the_file_is_never_synced_again() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 50);
    recorder.durable_sync(None).unwrap();
    append_many(&mut recorder, 32, 10);

    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").times(1));
    let error = recorder.durable_sync(None).unwrap_err();
    assert_eq!(error.code(), Code::Poisoned);
    let failed = files.tick();
    assert_eq!(recorder.durable_event_id(), 50, "what was promised before stays, no more is promised");

    // A second sync would succeed: the rule strikes once.
    expect_poisoned(&mut recorder, &directory.path().join("00000000.wal"));
    let handle = recorder.commit_handle();
    assert_eq!(code(handle.wait(60)), Code::Poisoned);
    assert_eq!(code(handle.sync_here(60)), Code::Poisoned);
    assert_eq!(code(recorder.close()), Code::Poisoned);
    drop(recorder);
    assert_eq!(syncs_since(&files, "00000000.wal", failed), 0, "synced again after a failure");
    assert_eq!(told.picked(|event| matches!(event, Event::Durable { event_id: 51.. }).then_some(())), []);

    // Reading goes on, and opening again recovers what is really there.
    expect_log(directory.path(), 32, 60);
    let mut recorder = Recorder::open(&options).unwrap();
    assert_eq!((recorder.last_event_id(), recorder.durable_event_id()), (60, 60));
    append_many(&mut recorder, 32, 5);
    recorder.durable_sync(None).unwrap();
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 65);
}

/// A log of which five events are durable and three are not, and whose next sync fails.
fn before_a_failing_sync(log: &Path) -> Recorder {
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, log, 32)).unwrap();
    append_many(&mut recorder, 32, 5);
    recorder.durable_sync(None).unwrap();
    append_many(&mut recorder, 32, 3);
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").times(1));
    recorder
}

#[test]
fn a_poisoned_log_is_not_marked_as_closed_cleanly() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = before_a_failing_sync(directory.path());
    assert_eq!(code(recorder.close()), Code::Poisoned);
    let meta = ReadBack::now(directory.path()).meta.unwrap();
    assert!(!meta.clean);
    assert_eq!(meta.durable_event_id, 5, "what was promised before is noted all the same");
}

#[test]
fn what_was_durable_before_a_log_was_poisoned_is_noted_while_it_stays_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = before_a_failing_sync(directory.path());
    assert_eq!(code(recorder.durable_sync(None)), Code::Poisoned);
    wait_until(|| {
        let meta = ReadBack::now(directory.path()).meta.unwrap();
        (meta.durable_event_id == 5).then_some(())
    });
}

/// On the same boot staging proves what was published, but not after a sync that failed while opening.
#[test]
fn a_sync_that_fails_while_opening_is_noted_in_the_staging_memory_that_stays() {
    for torn in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let files = FaultFileSystem::default();
        let mut recorder = Recorder::open(&small_log_on(&files, &log, 32)).unwrap();
        append_many(&mut recorder, 32, 70);
        let left = left_behind(&files, &log);
        drop(recorder);
        let (log, files) = (left.path(), FaultFileSystem::default());
        let mut options = small_log_on(&files, log, 32);
        if torn {
            flip(&log.join("00000000.wal"), &events::fixed(40, 32));
            options.boot_id = Some([7; 16]);
        }
        let marked = || std::fs::read(log.join("wal.staging")).unwrap()[72];
        assert_eq!(marked(), 0);

        files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").times(1));
        Recorder::open(&options).unwrap_err();
        assert_eq!(marked(), 1, "torn: {torn}");

        let recorder = Recorder::open(&options).unwrap();
        assert_eq!(recorder.last_event_id(), if torn { 32 } else { 70 });
    }
}

/// Flips a bit of an event.
fn flip(segment: &Path, event: &[u8]) {
    let mut bytes = std::fs::read(segment).unwrap();
    let at = bytes.windows(event.len()).position(|found| found == event).unwrap();
    bytes[at + 9] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

#[test]
fn every_thread_that_waits_hears_of_the_failure() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").times(1));
    // Threads of their own and no scope: if one waits for ever, this test fails instead of waiting too.
    let (heard, all_heard) = std::sync::mpsc::channel();
    for id in 1..=8 {
        let (handle, heard) = (recorder.commit_handle(), heard.clone());
        std::thread::spawn(move || {
            let _ = heard.send(code(handle.wait(id)));
        });
    }
    let codes: Vec<Code> = (1..=8).map(|_| all_heard.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(codes, [Code::Poisoned; 8]);
    told.wait_for(|event| match event {
        Event::Poisoned { error } => {
            assert_eq!(error.code(), Code::Poisoned);
            Some(())
        }
        _ => None,
    });
    expect_poisoned(&mut recorder, &directory.path().join("00000000.wal"));
}

#[test]
fn an_append_into_a_half_full_block_is_refused_too() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    append_many(&mut recorder, 32, 3);
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").times(1));
    assert_eq!(code(recorder.commit_handle().sync_here(10)), Code::Poisoned);
    expect_poisoned(&mut recorder, &directory.path().join("00000000.wal"));
    drop(recorder);
    // What was staged before is still there: the process has not lost it.
    let recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    assert_eq!(recorder.last_event_id(), 13);
}

#[test]
fn a_seal_that_fails_before_its_header_is_written_poisons_the_log() {
    failed_seal(0);
}

#[test]
fn a_seal_that_fails_after_its_header_was_written_poisons_the_log() {
    failed_seal(1);
}

/// Sealing syncs twice: the blocks, then the header that claims them.
fn failed_seal(syncs_that_succeed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 200);
    let rule = Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal");
    files.add(rule.skip(syncs_that_succeed).times(1));
    rotate(&mut recorder).unwrap();
    told.wait_for(|event| matches!(event, Event::Poisoned { .. }).then_some(()));
    let failed = files.tick();
    expect_poisoned(&mut recorder, &directory.path().join("00000000.wal"));
    assert_eq!(recorder.durable_event_id(), 0);
    assert_eq!(code(recorder.close()), Code::Poisoned);
    drop(recorder);
    assert_eq!(syncs_since(&files, "00000000.wal", failed), 0, "synced again after a failure");
    assert!(told.sealed().is_empty(), "{:?}", told.sealed());

    let mut recorder = Recorder::open(&options).unwrap();
    assert_eq!(recorder.last_event_id(), 200);
    append_next(&mut recorder, 32).unwrap();
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 201);
}

#[test]
fn a_seal_that_fails_while_closing_is_reported_by_close() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), 32);
    options.prepared_segments = 2;
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 200);
    recorder.durable_sync(None).unwrap();
    // Nothing is left to sync but the sealed header, and the maintainer is held before it writes it.
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::Write).named("00000000.wal").times(1));
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").skip(1));
    rotate(&mut recorder).unwrap();
    gate.wait_for_arrivals(1);
    let closed = std::thread::scope(|scope| {
        let closing = scope.spawn(|| recorder.close());
        std::thread::sleep(Duration::from_millis(50));
        gate.open();
        closing.join().unwrap()
    });
    assert_eq!(code(closed), Code::Poisoned);
    assert!(!ReadBack::now(directory.path()).meta.unwrap().clean);
    expect_log(directory.path(), 32, 200);
}

#[test]
fn a_failed_sync_nobody_asked_for_poisons_the_log_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (mut options, told) = watched_log(&files, directory.path(), 32);
    options.sync_interval_ms = Some(1);
    let mut recorder = Recorder::open(&options).unwrap();
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).ending(".wal"));
    append_many(&mut recorder, 32, 5);
    recorder.flush().unwrap();
    told.wait_for(|event| matches!(event, Event::Poisoned { .. }).then_some(()));
    let failed = files.tick();
    expect_poisoned(&mut recorder, &directory.path().join("00000000.wal"));
    drop(recorder);
    assert_eq!(syncs_since(&files, "00000000.wal", failed), 0);
}

#[test]
fn staging_says_that_the_log_was_poisoned() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 5);
    let marked = |directory: &Path| std::fs::read(directory.join("wal.staging")).unwrap()[72];
    assert_eq!(marked(directory.path()), 0);
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).named("00000000.wal").times(1));
    assert_eq!(code(recorder.durable_sync(None)), Code::Poisoned);
    assert_eq!(marked(directory.path()), 1);
}

#[test]
fn a_failure_that_loses_nothing_does_not_poison() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut recorder = Recorder::open(&options).unwrap();
    // wal.meta is a hint, and a segment that cannot be prepared is tried again.
    files.add(Rule::fail(Errno::IO).when(|operation| operation.name().starts_with("wal.meta")));
    files.add(Rule::fail(Errno::IO).ending(".wal.new"));
    append_many(&mut recorder, 32, 100);
    recorder.durable_sync(None).unwrap();
    let meta_failed = |event: &Event| match event {
        Event::Failed { error } if error.path().is_some_and(|path| path.ends_with("wal.meta.tmp")) => {
            Some(())
        }
        _ => None,
    };
    told.wait_for(meta_failed);
    files.heal();
    // Without another event.
    let noted = || ReadBack::now(directory.path()).meta.is_some_and(|meta| meta.durable_event_id == 100);
    wait_until(|| noted().then_some(()));
    // The last failure stands until the next try succeeds.
    wait_until_prepared(&recorder, directory.path(), "00000002.wal", 2);
    append_many(&mut recorder, 32, 3000);
    recorder.close().unwrap();
    let poisoned = |event: &Event| match event {
        Event::Poisoned { error } => Some(error.to_string()),
        _ => None,
    };
    assert_eq!(told.picked(poisoned), [""; 0]);
    expect_log(directory.path(), 32, 3100);
}

#[test]
fn reading_goes_on_while_the_log_is_poisoned() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 500);
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).ending(".wal"));
    assert_eq!(code(recorder.durable_sync(None)), Code::Poisoned);
    expect_log(directory.path(), 32, 500);
    drop(recorder);
    expect_log(directory.path(), 32, 500);
}

/// A listener that panics ends the worker that tells it; nobody else does that worker's work.
#[test]
fn a_worker_that_panics_ends_appending_and_keeps_nobody_waiting() {
    type Pick = fn(&Event) -> bool;
    let events: [(&str, Pick); 3] = [
        ("wal-commit", |event| matches!(event, Event::Durable { .. })),
        ("wal-seal", |event| matches!(event, Event::Sealed { .. })),
        ("wal-maintain", |event| matches!(event, Event::Compressed { .. })),
    ];
    for (worker, is_deadly) in events {
        let directory = tempfile::tempdir().unwrap();
        let mut options = small_log(directory.path(), 32);
        options.retention.hot_segments = Some(1);
        options.observer = Some(Arc::new(move |event: &Event| assert!(!is_deadly(event), "on purpose")));
        let mut recorder = Recorder::open(&options).unwrap();
        append_many(&mut recorder, 32, 10);
        let refused = if worker == "wal-commit" {
            recorder.flush().unwrap();
            // The sync was made before the worker died of telling it, or this one is refused.
            let _ = recorder.commit_handle().wait(10);
            wait_until(|| append_next(&mut recorder, 32).err())
        } else {
            rotate(&mut recorder).unwrap();
            wait_until(|| append_next(&mut recorder, 32).err())
        };
        assert_eq!(refused.code(), Code::Poisoned);
        assert!(refused.to_string().contains(worker), "{refused}");
        if worker == "wal-commit" {
            recorder.commit_handle().wait(10).expect("it was durable before");
        }
        let last = recorder.last_event_id();
        drop(recorder);
        expect_log(directory.path(), 32, last);
    }
}
