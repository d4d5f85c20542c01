//! What the three levels promise, to the id: staged, written, durable.

mod common;

use flashstrike_segment::names::SegmentFile;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use common::{
    PATIENCE, Told, append_many, append_next, code, expect_log, next_events, rotate, small_log, small_log_on,
    watched_log,
};
use flashstrike_crash_lab::{FaultFileSystem, Kind, Operation, ReadBack, Rule, events};
use flashstrike_recorder::{Code, Event, Recorder};

/// Events of 32 bytes in a block of the small log.
const BLOCK: u64 = 1024 / 32;

fn levels(recorder: &Recorder) -> [u64; 3] {
    [recorder.last_event_id(), recorder.written_event_id(), recorder.durable_event_id()]
}

#[test]
fn each_step_of_the_ladder_is_exact() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    assert_eq!(levels(&recorder), [0, 0, 0]);
    append_many(&mut recorder, 32, 1);
    assert_eq!(levels(&recorder), [1, 0, 0]);
    append_many(&mut recorder, 32, BLOCK - 2);
    assert_eq!(levels(&recorder), [BLOCK - 1, 0, 0], "one event is missing to a full block");
    append_many(&mut recorder, 32, 1);
    assert_eq!(levels(&recorder), [BLOCK, BLOCK, 0], "a full block is written at once");
    append_many(&mut recorder, 32, 3);
    recorder.flush().unwrap();
    assert_eq!(levels(&recorder), [BLOCK + 3, BLOCK + 3, 0]);
    append_many(&mut recorder, 32, 3);
    recorder.durable_sync(Some(BLOCK)).unwrap();
    assert_eq!(levels(&recorder), [BLOCK + 6, BLOCK + 3, BLOCK + 3], "what is written is synced, no more");
    recorder.durable_sync(Some(BLOCK + 4)).unwrap();
    assert_eq!(levels(&recorder), [BLOCK + 6; 3], "a staged event is written first");
    assert_eq!(code(recorder.durable_sync(Some(BLOCK + 7))), Code::EventId);
    assert_eq!(code(recorder.request_durable(Some(BLOCK + 7))), Code::EventId);
    append_many(&mut recorder, 32, 2);
    recorder.close().unwrap();
    assert_eq!(levels(&recorder), [BLOCK + 8; 3]);
}

#[test]
fn staged_events_are_in_the_files_before_any_flush() {
    for event_size in [32, 0] {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::open(&small_log(directory.path(), event_size)).unwrap();
        for last in 1..100 {
            append_next(&mut recorder, event_size).unwrap();
            expect_log(directory.path(), event_size, last);
        }
    }
}

#[test]
fn a_batch_climbs_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 30);
    let batch = next_events(&recorder, 32, 10);
    assert_eq!(recorder.append_batch(&batch).unwrap(), 40);
    assert_eq!(levels(&recorder), [40, 30, 0], "it does not fit behind the thirty, so it begins a block");
    let batch = next_events(&recorder, 32, BLOCK + 1);
    assert_eq!(recorder.append_batch(&batch).unwrap(), 41 + BLOCK);
    assert_eq!(levels(&recorder), [41 + BLOCK, 41 + BLOCK, 0], "more than a block is written at once");
    assert_eq!(recorder.append_batch::<&[u8]>(&[]).unwrap(), 41 + BLOCK, "an empty one changes nothing");
}

#[test]
fn blocks_claim_no_more_than_what_was_synced() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.durable_sync(None).unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    let found = ReadBack::now(directory.path());
    assert_eq!((found.last_id(), found.verdict.durable_proof), (30, Some(10)));
}

#[test]
fn waiters_share_syncs() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 200);
    recorder.flush().unwrap();
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::SyncData).named("00000000.wal").times(1));
    let before = syncs(&files.trace(), "00000000.wal").len();
    // Threads of their own and no scope: if one waits for ever, this test fails instead of waiting too.
    let (resolved, all_resolved) = mpsc::channel();
    let wait = |id: u64| {
        let (handle, resolved, staging) =
            (recorder.commit_handle(), resolved.clone(), recorder.staging().clone());
        std::thread::spawn(move || {
            handle.wait(id).unwrap();
            let _ = resolved.send((id, staging.durable_event_id()));
        });
    };
    wait(1);
    gate.wait_for_arrivals(1);
    // While the first sync runs, everybody else gathers.
    for id in 2..=40 {
        wait(5 * id);
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(all_resolved.try_recv().is_err(), "resolved before any sync has ended");
    gate.open();
    for _ in 1..=40 {
        let (id, durable) = all_resolved.recv_timeout(PATIENCE).unwrap();
        assert!(id <= durable, "{id} resolved at {durable}");
    }
    // All 200 were written before the first sync began, so it covers them all; one more for late comers at most.
    let count = syncs(&files.trace(), "00000000.wal").len() - before;
    assert!((1..=2).contains(&count), "{count} syncs for 40 waiters");
}

#[test]
fn a_sync_that_has_begun_does_not_count_for_what_is_written_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    let (hold, gate) = Rule::hold();
    files.add(hold.kind(Kind::SyncData).named("00000000.wal").times(1));
    recorder.request_durable(None).unwrap();
    gate.wait_for_arrivals(1);
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    let before = syncs(&files.trace(), "00000000.wal").len();
    let handle = recorder.commit_handle();
    std::thread::scope(|scope| {
        let late = scope.spawn(|| handle.wait(20));
        gate.open();
        late.join().unwrap().unwrap();
    });
    assert_eq!(recorder.durable_event_id(), 20);
    assert_eq!(
        syncs(&files.trace(), "00000000.wal").len() - before,
        1,
        "a sync of its own, begun afterwards"
    );
}

#[test]
fn a_waiter_for_an_event_that_is_not_written_is_refused_and_not_left_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    let handle = recorder.commit_handle();
    assert_eq!(code(handle.wait(10)), Code::EventId, "nobody has published it");
    recorder.flush().unwrap();
    handle.wait(10).unwrap();
    assert_eq!(code(handle.wait(11)), Code::EventId);
    assert_eq!(code(handle.sync_here(11)), Code::EventId);
}

#[test]
fn a_waiter_that_outlives_the_log_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    let handle = recorder.commit_handle();
    recorder.close().unwrap();
    handle.wait(10).unwrap();
    let mut second = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut second, 32, 10);
    second.flush().unwrap();
    assert_eq!(code(handle.wait(20)), Code::Closed);
}

fn syncs<'a>(trace: &'a [Operation], name: &str) -> Vec<&'a Operation> {
    let is_sync = |kind| matches!(kind, Kind::SyncData | Kind::SyncAll);
    trace.iter().filter(|operation| operation.name() == name && is_sync(operation.kind)).collect()
}

/// The last id written in each segment, with a time shortly before it was: a sync may see it as soon as it is.
type Written = BTreeMap<PathBuf, Vec<(u64, u64)>>;

fn note_written(recorder: &mut Recorder, before: u64, written: &mut Written) {
    let directory = recorder.manager().unwrap().writer().directory().to_path_buf();
    let (segment, _) = recorder.manager().unwrap().writer().position().unwrap();
    let path = directory.join(format!("{segment:08}.wal"));
    written.entry(path).or_default().push((recorder.written_event_id(), before));
}

/// Before `told`, a sync of every segment that holds an event up to `id` has ended that began when the last of these
/// events was written there.
#[track_caller]
fn expect_synced_before(trace: &[Operation], written: &Written, id: u64, told: u64) {
    for (path, ids) in written {
        let Some((last, at)) = ids.iter().rfind(|(written, _)| *written <= id) else { continue };
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_covered = syncs(trace, name)
            .iter()
            .any(|sync| sync.succeeded && sync.began > *at && sync.ended.is_some_and(|ended| ended < told));
        assert!(is_covered, "event {id} was called durable; {last} in {name} was written and not synced");
    }
}

#[test]
fn nothing_is_called_durable_before_every_segment_up_to_it_was_synced() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (mut options, told) = watched_log(&files, directory.path(), 32);
    options.prepared_segments = 8;
    let mut recorder = Recorder::open(&options).unwrap();
    let mut written = Written::new();
    for round in 0..60_u64 {
        for _ in 0..4 {
            let before = files.tick();
            append_many(&mut recorder, 32, round % 7 + 1);
            recorder.flush().unwrap();
            note_written(&mut recorder, before, &mut written);
        }
        match round % 5 {
            0 | 3 => rotate(&mut recorder).unwrap(),
            1 => recorder.durable_sync(None).unwrap(),
            2 => recorder.request_durable(None).unwrap(),
            _ => recorder.commit_handle().wait(recorder.written_event_id()).unwrap(),
        }
    }
    recorder.close().unwrap();
    let durable: Vec<(u64, u64)> = told
        .all()
        .iter()
        .filter_map(|(tick, event)| match event {
            Event::Durable { event_id } => Some((*event_id, *tick)),
            _ => None,
        })
        .collect();
    assert!(durable.len() > 10, "{}", durable.len());
    let trace = files.trace();
    for (id, tick) in durable {
        expect_synced_before(&trace, &written, id, tick);
    }
    expect_log(directory.path(), 32, recorder.last_event_id());
}

#[test]
fn a_segment_is_sealed_only_after_all_before_it_were_synced_and_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10_000);
    recorder.close().unwrap();
    let trace = files.trace();
    let header_writes: Vec<_> = trace
        .iter()
        .filter(|operation| operation.kind == Kind::Write && SegmentFile::parse(operation.name()).is_some())
        .collect();
    assert!(header_writes.len() > 5, "{} segments sealed", header_writes.len());
    for (index, write) in header_writes.iter().enumerate() {
        assert_eq!(write.name(), format!("{index:08}.wal"), "in order");
        let own = syncs(&trace, write.name());
        assert!(own.iter().any(|sync| sync.ended.is_some_and(|ended| ended < write.began)), "synced before");
        if let Some(next) = header_writes.get(index + 1) {
            let is_done = |sync: &&Operation| {
                sync.began > write.began && sync.ended.is_some_and(|ended| ended < next.began)
            };
            assert!(
                own.iter().copied().any(|sync| is_done(&sync)),
                "its header is synced before the next one"
            );
        }
    }
}

#[test]
fn a_name_is_durable_before_anything_is_written_under_it() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 10_000);
    recorder.close().unwrap();
    let trace = files.trace();
    let mut rotations = 0;
    for (tick, event) in told.all() {
        let Event::Rotated { segment } = event else { continue };
        rotations += 1;
        let name = format!("{segment:08}.wal");
        let find = |kind: Kind, name: &str| {
            trace
                .iter()
                .find(|operation| operation.kind == kind && operation.name() == name)
                .unwrap_or_else(|| panic!("{kind:?} of {name}"))
        };
        let whole = find(Kind::SyncAll, &format!("{name}.new"));
        let rename = find(Kind::Rename, &name);
        assert!(whole.succeeded && whole.ended.unwrap() < rename.began, "named before it is on the disk");
        let is_named = trace.iter().any(|operation| {
            operation.kind == Kind::SyncDirectory
                && operation.began > rename.ended.unwrap()
                && operation.ended.is_some_and(|ended| ended < tick)
        });
        assert!(is_named, "{name} is used before its name is durable");
    }
    assert!(rotations > 5);
}

#[test]
fn syncs_nobody_asked_for_come_when_they_are_due() {
    for by_time in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let mut options = small_log(directory.path(), 32);
        if by_time {
            options.sync_interval_ms = Some(5);
        } else {
            options.sync_bytes = Some(4096);
        }
        let files = FaultFileSystem::default();
        let told = Told::by(&mut options, &files);
        let mut recorder = Recorder::open(&options).unwrap();
        append_many(&mut recorder, 32, 4096 / 32);
        let durable = |event: &Event| matches!(event, Event::Durable { event_id: 128 }).then_some(());
        told.wait_for(durable);
        assert_eq!(recorder.durable_event_id(), 128);
    }
}

#[test]
fn without_a_policy_nothing_is_synced_that_nobody_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    let opened = files.tick();
    for id in 1..=500 {
        recorder.append(&events::fixed(id, 32)).unwrap();
    }
    recorder.flush().unwrap();
    let trace = files.trace();
    assert!(syncs(&trace, "00000000.wal").iter().all(|sync| sync.began < opened));
    assert_eq!(recorder.durable_event_id(), 0);
}
