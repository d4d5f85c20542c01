//! Every metric of a recorder moves by exactly what occurred, failures too.
//!
//! The last test holds the list of what the others have moved against the catalogue, so that no metric is left out.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{
    Metrics, append_many, code, contents, fill_segments, left_behind, page_options, rotate, segments_of,
    small_log, small_log_on, temporary_in_memory, wait_until, watched_log,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, Rule, events};
use flashstrike_recorder::{Code, Event, Recorder, RecorderOptions};
use flashstrike_telemetry::RecorderTelemetry;
use flashstrike_telemetry::page::TelemetryPage;

/// A watched log with segments so large that nothing is refused for want of one.
fn roomy_log(directory: &Path) -> RecorderOptions {
    let (options, _) = watched_log(&FaultFileSystem::default(), directory, 32);
    RecorderOptions { segment_bytes: 1 << 20, ..options }
}

fn appends_blocks_and_ids() {
    let directory = temporary_in_memory();
    let options = roomy_log(directory.path());
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    // Full blocks of 32 events, and one of 10.
    append_many(&mut log, 32, 74);
    assert_eq!(metrics.number("manager.last_event_id"), 64, "as of the last block");
    log.flush().unwrap();
    let appends = || {
        let (ok, failed, _) = metrics.operation("manager.append_event");
        (ok, failed)
    };
    assert_eq!(appends(), (74, 0));
    assert_eq!(metrics.spread("segment_writer.block_fill"), (3, 74));
    assert_eq!(metrics.spread("segment_writer.write_block").0, 3);
    assert_eq!(metrics.number("manager.events"), 74);
    assert_eq!(metrics.number("manager.bytes"), 74 * 32);
    assert_eq!(metrics.number("manager.last_event_id"), 74);
    assert_eq!(metrics.number("manager.written_event_id"), 74);
    assert_eq!(metrics.number("manager.durable_event_id"), 0);
    assert_eq!(code(log.append(&[0; 31])), Code::Schema);
    assert_eq!(code(log.append_with_id(7, &[0; 32])), Code::EventId);
    assert_eq!(code(log.append_batch(&vec![[0; 32]; 40_000])), Code::EventTooLarge);
    assert_eq!(appends(), (74, 3));
    log.close().unwrap();
    assert_eq!(metrics.number("manager.durable_event_id"), 74);

    let (options, _) = watched_log(&FaultFileSystem::default(), directory.path(), 32);
    let opened = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(opened.telemetry());
    for id in ["last", "written", "durable"] {
        assert_eq!(metrics.number(&format!("manager.{id}_event_id")), 74, "before anything is appended");
    }
}

fn whether_it_is_open() {
    let directory = temporary_in_memory();
    let options = roomy_log(directory.path());
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    let states =
        || ["live", "closed", "dead"].map(|state| metrics.number(&format!("source.state state={state}")));
    assert_eq!(states(), [1, 0, 0]);
    log.close().unwrap();
    assert_eq!(states(), [0, 1, 0]);
    let dropped = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(dropped.telemetry());
    drop(dropped);
    assert_eq!(metrics.number("source.state state=closed"), 1);
}

fn each_recorder_for_itself() {
    let [directory, other] = [(); 2].map(|()| temporary_in_memory());
    let options = roomy_log(directory.path());
    let mut log = Recorder::open(&options).unwrap();
    let beside = RecorderOptions { directory: other.path().to_path_buf(), ..options.clone() };
    let mut beside = Recorder::open(&beside).unwrap();
    append_many(&mut log, 32, 10);
    append_many(&mut beside, 32, 3);
    beside.close().unwrap();
    log.close().unwrap();
    let events = |log: &Recorder| Metrics::of(log.telemetry()).number("manager.events");
    assert_eq!((events(&log), events(&beside)), (10, 3));
    let again = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(again.telemetry());
    assert_eq!(metrics.number("manager.events"), 0, "counts from its own opening on");
    assert_eq!(metrics.number("source.state state=live"), 1);
}

fn timed_appends() {
    let directory = temporary_in_memory();
    let options = roomy_log(directory.path());
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    let timed = || metrics.operation("manager.append_event").2;
    // Two that are timed are 2 047 appends apart at most.
    append_many(&mut log, 32, 10_000);
    let singly = timed();
    assert!((4..100).contains(&singly), "{singly}");
    for _ in 0..100 {
        log.append_batch(&[[0; 32]; 100]).unwrap();
    }
    let batches = timed() - singly;
    assert!((4..=100).contains(&batches), "{batches}");
}

fn group_commit() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (options, _) = watched_log(&files, directory.path(), 32);
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    append_many(&mut log, 32, 5);
    log.durable_sync(None).unwrap();
    assert_eq!(metrics.operation("committer.sync"), (1, 0, 1));
    assert_eq!(metrics.spread("committer.sync.waiters"), (1, 1));
    let (syncs, bytes) = metrics.spread("committer.sync.size");
    assert_eq!((syncs, bytes), (1, 5 * 32));
    assert_eq!(metrics.number("manager.durable_event_id"), 5);
    // Two who ask while a sync runs share the next one.
    let (rule, gate) = Rule::hold();
    files.add(rule.kind(Kind::SyncData).ending(".wal").times(1));
    append_many(&mut log, 32, 1);
    log.request_durable(None).unwrap();
    gate.wait_for_arrivals(1);
    append_many(&mut log, 32, 1);
    log.request_durable(None).unwrap();
    append_many(&mut log, 32, 1);
    log.request_durable(None).unwrap();
    gate.open();
    wait_until(|| (log.durable_event_id() == 8).then_some(()));
    wait_until(|| (metrics.operation("committer.sync").0 == 3).then_some(()));
    assert_eq!(metrics.spread("committer.sync.waiters"), (3, 1 + 1 + 2));
    wait_until(|| (metrics.number("committer.durable_lag") == 0).then_some(()));

    append_many(&mut log, 32, 3);
    log.flush().unwrap();
    assert_eq!(metrics.number("committer.durable_lag"), 3, "although nobody has asked for a sync");
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncData).ending(".wal"));
    assert_eq!(code(log.durable_sync(None)), Code::Poisoned);
    assert_eq!(metrics.operation("committer.sync"), (3, 1, 4));
    assert_eq!(metrics.number("committer.durable_lag"), 3);
    assert_eq!(code(log.append(&[0; 32])), Code::Poisoned);
    assert_eq!(metrics.operation("manager.append_event").1, 1);
}

fn rotation_and_preparation() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    assert_eq!(metrics.operation("segment_writer.open_new_segment"), (1, 0, 1));
    assert_eq!(metrics.operation("manager.init_active_segment"), (1, 0, 1), "opening the log does it too");
    wait_until(|| (metrics.number("segment_preparer.queue_depth") == 2).then_some(()));
    assert_eq!(metrics.operation("segment_preparer.prepare_segment"), (2, 0, 2));
    files.add(Rule::fail(Errno::NOSPC).kind(Kind::Allocate));
    for _ in 0..2 {
        append_many(&mut log, 32, 1);
        rotate(&mut log).unwrap();
    }
    for name in ["segment_rotation", "work_planning", "persist_current_segment"] {
        assert_eq!(metrics.spread(&format!("manager.{name}")).0, 2, "{name}");
    }
    assert_eq!(metrics.operation("manager.init_active_segment"), (3, 0, 3));
    assert_eq!(metrics.operation("segment_writer.close_segment"), (2, 0, 2));
    assert_eq!(metrics.spread("segment_preparer.get_next_segment").0, 2);
    told.wait_until_sealed(2);
    assert_eq!(metrics.number("manager.hot_segments"), 3);
    // The disk is full.
    append_many(&mut log, 32, 1);
    wait_until(|| (code(log.rotate()) == Code::Full).then_some(()));
    let (_, failed, _) = metrics.operation("manager.init_active_segment");
    assert!(failed >= 1, "{failed}");
    let (_, failed, _) = metrics.operation("segment_preparer.prepare_segment");
    assert!(failed >= 1, "{failed}");
    files.heal();
    log.drain(common::PATIENCE).unwrap();
    let struck = files.struck().len() as u64;
    assert_eq!(metrics.number("segment_preparer.no_space.failures"), struck);
    assert_eq!(metrics.operation("segment_preparer.prepare_segment").1, struck);
    log.close().unwrap();
}

fn the_files_of_wal_meta() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, directory.path(), 32);
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    assert_eq!(metrics.operation("meta_store.meta_flush"), (1, 0, 1));
    files.add(Rule::fail(Errno::IO).kind(Kind::Rename).named("wal.meta").times(1));
    append_many(&mut log, 32, 1);
    log.durable_sync(None).unwrap();
    told.wait_for_failure();
    wait_until(|| (metrics.operation("meta_store.meta_flush") == (2, 1, 3)).then_some(()));
    wait_until(|| (metrics.cycles("meta_coordinator.loop").0 == 2).then_some(()));
    assert!(metrics.cycles("meta_coordinator.loop").1 > 0);
    // It was woken before each of the two, and had nothing to write yet.
    let (idle_cycles, idle_ns) = metrics.idle_cycles("meta_coordinator.loop");
    assert_eq!(idle_cycles, 2);
    assert!(idle_ns > 0);
    log.close().unwrap();
    assert_eq!(metrics.operation("meta_store.meta_flush"), (3, 1, 4));
}

fn maintenance() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let (mut options, told) = watched_log(&files, directory.path(), 32);
    options.retention.hot_segments = Some(1);
    files.add(Rule::fail(Errno::IO).kind(Kind::SyncAll).ending(".wal.zst.tmp").times(1));
    let mut log = Recorder::open(&options).unwrap();
    let metrics = Metrics::of(log.telemetry());
    assert_eq!(metrics.number("segment_maintainer.max_hot_segments"), 1);
    fill_segments(&mut log, 32, 5, 40);
    wait_until(|| (metrics.operation("segment_maintainer.compression") == (5, 1, 6)).then_some(()));
    let mut limits = options.retention;
    limits.cold_segments = Some(2);
    log.set_retention(limits).unwrap();
    assert_eq!(metrics.number("segment_maintainer.max_cold_segments"), 2);
    wait_until(|| (segments_of(directory.path()) == (vec![5], vec![3, 4])).then_some(()));
    wait_until(|| (metrics.operation("segment_maintainer.deletion") == (3, 0, 3)).then_some(()));
    assert_eq!(metrics.operation("segment_maintainer.compression"), (5, 1, 6));
    assert_eq!(metrics.operation("segment_maintainer.retention"), (5, 1, 6));
    let sizes = told.picked(|event| match event {
        Event::Compressed { bytes_in, bytes_out, .. } => Some((*bytes_in, *bytes_out)),
        _ => None,
    });
    assert_eq!(
        (
            metrics.number("segment_maintainer.compression.bytes direction=in"),
            metrics.number("segment_maintainer.compression.bytes direction=out")
        ),
        (sizes.iter().map(|size| size.0).sum(), sizes.iter().map(|size| size.1).sum())
    );
    wait_until(|| (metrics.number("manager.cold_segments") == 2).then_some(()));
    assert_eq!(metrics.number("manager.hot_segments"), 1);
    let (cycles, active_ns) = metrics.cycles("segment_maintainer.loop");
    assert!(cycles >= 5 && active_ns > 0, "{cycles} {active_ns}");

    // One that cannot be removed.
    files.add(Rule::fail(Errno::BUSY).kind(Kind::Remove).named("00000003.wal.zst").times(1));
    limits.cold_segments = Some(1);
    log.set_retention(limits).unwrap();
    wait_until(|| (metrics.operation("segment_maintainer.deletion") == (4, 1, 5)).then_some(()));
    log.close().unwrap();
}

fn what_does_not_verify() {
    let files = FaultFileSystem::default();
    let image = temporary_in_memory();
    let mut log = Recorder::open(&small_log_on(&files, image.path(), 32)).unwrap();
    append_many(&mut log, 32, 100);
    log.flush().unwrap();
    let left = left_behind(&files, image.path());
    drop(log);
    let whole = contents(left.path()).remove(&left.path().join("00000000.wal")).unwrap();
    let found = whole.windows(32).position(|event| *event == events::fixed(70, 32)).unwrap();
    // The block of event 70 begins where its magic stands.
    let header = (0..found).rev().find(|&at| at % 64 == 0 && whole[at + 56..at + 58] == *b"LB").unwrap();
    let damages: [(&str, usize); 4] =
        [("header", 13), ("block", found + 9), ("validation", header + 56), ("header", header + 4)];
    for (kind, at) in damages {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(left.path().join("00000000.wal"), &bytes).unwrap();
        // Of an opening that is refused, nothing but the page is left.
        let page = image.path().join("page");
        let telemetry_page = Some(page_options(&page));
        let outcome = Recorder::open(&RecorderOptions { telemetry_page, ..small_log(left.path(), 32) });
        assert_eq!(outcome.is_ok(), at == 13, "staging of this boot proves that the blocks were there");
        drop(outcome);
        let metrics = Metrics::of(&Arc::new(TelemetryPage::attach(&page).unwrap().snapshot().unwrap()));
        for other in ["header", "block", "chained", "validation"] {
            let count = metrics.number(&format!("segment_writer.integrity.failures kind={other}"));
            assert_eq!(count, u64::from(other == kind), "{other} for {kind} at byte {at}");
        }
        // Opening may have mended it, and added to it.
        std::fs::write(left.path().join("00000000.wal"), &whole).unwrap();
    }
    // A block in the place of another one chains to nothing.
    let log = Recorder::open(&small_log(left.path(), 32)).unwrap();
    let metrics = Metrics::of(log.telemetry());
    assert_eq!(metrics.operation("segment_writer.open_existing_segment"), (1, 0, 1));
    drop(log);
}

#[test]
fn every_metric_moves_by_what_has_occurred_and_none_is_left_out() {
    appends_blocks_and_ids();
    whether_it_is_open();
    each_recorder_for_itself();
    timed_appends();
    group_commit();
    rotation_and_preparation();
    the_files_of_wal_meta();
    maintenance();
    what_does_not_verify();
    Metrics::of(&RecorderTelemetry::new()).expect_none_left_out();
}
