//! Metrics of a recorder in a page, read by another process: while it runs, is started again, and is killed.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{PATIENCE, append_many, page_options, small_log, temporary_in_memory, wait_until};
use flashstrike_crash_lab::{Child, SmallDisk, given, is_child, skipped};
use flashstrike_recorder::{Code, Recorder, RecorderOptions};
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_telemetry::clock::now_ns;
use flashstrike_telemetry::page::{PageState, TelemetryPage, started_ticks};
use flashstrike_telemetry::{Metric, RecorderTelemetry, Snapshot, Value, decode_snapshot, encode_snapshot};

fn with_page(log: &Path, page: &Path) -> RecorderOptions {
    RecorderOptions { telemetry_page: Some(page_options(page)), ..small_log(log, 32) }
}

fn number(snapshot: &Snapshot, name: &str) -> u64 {
    let metric = snapshot.metrics().iter().find(|metric| metric.descriptor.full_name() == name);
    match metric.unwrap_or_else(|| panic!("no {name}")).value {
        Value::Counter(number) | Value::Gauge(number) | Value::ConstantGauge(number) => number,
        ref other => panic!("{name} is {other:?}"),
    }
}

/// Waits for a page there with a living writer.
fn live_page(path: &Path) -> TelemetryPage {
    wait_until(|| {
        let mut page = TelemetryPage::attach(path).ok()?;
        (page.state().unwrap() == PageState::Live).then_some(page)
    })
}

/// Writes a file so that it is there as a whole or not at all.
fn put(path: &Path, bytes: &[u8]) {
    let temporary = path.with_extension("half");
    let mut file = File::create(&temporary).unwrap();
    file.write_all(bytes).unwrap();
    fs::rename(temporary, path).unwrap();
}

#[test]
#[ignore = "the child of a_killed_recorder_leaves_the_values_that_it_had"]
fn records_and_says_what_it_has() {
    if !is_child() {
        return;
    }
    // One segment for all of it, so that nothing goes on in the background that the appender's metrics tell of.
    let options =
        RecorderOptions { segment_bytes: 1 << 20, ..with_page(&given("LAB_LOG"), &given("LAB_PAGE")) };
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 700);
    recorder.durable_sync(None).unwrap();
    put(&given("LAB_SAID"), &encode_snapshot(&recorder.telemetry().snapshot()));
    loop {
        std::thread::park();
    }
}

/// What nobody moves any more who appends nothing: the other workers may go on preparing and noting.
fn at_rest(snapshot: &Snapshot) -> Vec<&Metric> {
    let of_appending = ["manager", "segment_writer", "committer"];
    let metrics = snapshot.metrics().iter();
    metrics.filter(|metric| of_appending.contains(&metric.descriptor.section.subsystem.as_ref())).collect()
}

#[test]
fn a_killed_recorder_leaves_the_values_that_it_had() {
    let directory = temporary_in_memory();
    let (log, path, said) =
        (directory.path().join("log"), directory.path().join("page"), directory.path().join("said"));
    let variables = [("LAB_LOG", &log), ("LAB_PAGE", &path), ("LAB_SAID", &said)];
    let mut reader: Option<TelemetryPage> = None;
    for generation in 1..=3 {
        let mut child = Child::spawn("records_and_says_what_it_has", &variables);
        wait_until(|| said.exists().then_some(()));
        let page = reader.get_or_insert_with(|| live_page(&path));
        // The reader has gone over to the new one by itself.
        assert_eq!(page.state().unwrap(), PageState::Live);
        assert_eq!((page.process_id(), page.generation()), (child.id(), generation));
        assert_eq!(Some(page.process_started_ticks()), started_ticks(child.id()));
        let beside = page.snapshot().unwrap();
        child.kill();

        assert_eq!(page.state().unwrap(), PageState::Dead);
        let own = decode_snapshot(&fs::read(&said).unwrap()).unwrap();
        fs::remove_file(&said).unwrap();
        for left in
            [&beside, &page.snapshot().unwrap(), &TelemetryPage::attach(&path).unwrap().snapshot().unwrap()]
        {
            for (left, own) in at_rest(left).into_iter().zip(at_rest(&own)) {
                assert_eq!(left.value, own.value, "{}", own.descriptor.full_name());
            }
            assert_eq!(at_rest(left).len(), at_rest(&own).len());
            assert_eq!(left.process_id(), child.id());
            assert_eq!(left.started_unix_ns(), own.started_unix_ns());
        }
        assert_eq!(number(&own, "wal.recorder.manager.last_event_id"), 700 * generation);
        assert_eq!(number(&own, "wal.recorder.manager.events"), 700, "each run counts from 0");
    }
}

#[test]
#[ignore = "the child of every_metric_survives_the_death_of_its_process"]
fn measures_and_says_what_it_has() {
    if !is_child() {
        return;
    }
    let telemetry = RecorderTelemetry::on_page(&page_options(&given("LAB_PAGE")), Vec::new()).unwrap();
    let writer = telemetry.segment_writer_updater();
    let coordinator = telemetry.meta_coordinator_updater();
    for latency_ns in (0..5_000).map(|step: u64| step * step) {
        writer.on_write_block(now_ns().saturating_sub(latency_ns));
        writer.on_close_segment(now_ns().saturating_sub(latency_ns), latency_ns % 3 == 0);
        writer.on_block_fill(latency_ns);
        coordinator.on_loop(latency_ns % 2 == 0, now_ns(), latency_ns);
    }
    put(&given("LAB_SAID"), &encode_snapshot(&telemetry.snapshot()));
    loop {
        std::thread::park();
    }
}

#[test]
fn every_metric_survives_the_death_of_its_process() {
    let directory = temporary_in_memory();
    let (path, said) = (directory.path().join("page"), directory.path().join("said"));
    let variables = [("LAB_PAGE", &path), ("LAB_SAID", &said)];
    let mut child = Child::spawn("measures_and_says_what_it_has", &variables);
    wait_until(|| said.exists().then_some(()));
    child.kill();
    let own = decode_snapshot(&fs::read(&said).unwrap()).unwrap();
    let mut page = TelemetryPage::attach(&path).unwrap();
    assert_eq!(page.state().unwrap(), PageState::Dead);
    let left = page.snapshot().unwrap();
    let of_source = |metric: &&Metric| metric.descriptor.section.subsystem == "source";
    let measured = |snapshot: &Snapshot| -> Vec<Metric> {
        snapshot.metrics().iter().filter(|metric| !of_source(metric)).cloned().collect()
    };
    assert_eq!(measured(&left), measured(&own));
    let states = |snapshot: &Snapshot| -> Vec<(String, Value)> {
        let states = snapshot.metrics().iter().filter(of_source);
        states.map(|state| (state.descriptor.attributes[0].1.to_string(), state.value.clone())).collect()
    };
    let expected = |live: u64, dead: u64| {
        [("live", live), ("closed", 0), ("dead", dead)]
            .map(|(state, value)| (state.to_owned(), Value::Gauge(value)))
    };
    assert_eq!(states(&own), expected(1, 0));
    assert_eq!(states(&left), expected(0, 1));
}

#[test]
fn a_page_goes_with_its_recorder_and_not_with_its_options() {
    let directory = temporary_in_memory();
    let (log, path) = (directory.path().join("log"), directory.path().join("page"));
    let options = with_page(&log, &path);
    let mut first = Recorder::open(&options).unwrap();
    let mut page = live_page(&path);
    append_many(&mut first, 32, 40);
    first.close().unwrap();
    assert_eq!(page.state().unwrap(), PageState::Closed);
    assert_eq!(number(&page.snapshot().unwrap(), "wal.recorder.manager.durable_event_id"), 40);
    // The same options again, and the first one still there to be asked.
    let second = Recorder::open(&options).unwrap();
    assert_eq!((page.state().unwrap(), page.generation()), (PageState::Live, 2));
    assert_eq!(number(&first.telemetry().snapshot(), "wal.recorder.manager.events"), 40);
    assert_eq!(number(&page.snapshot().unwrap(), "wal.recorder.manager.events"), 0);
    drop(second);
    assert_eq!(page.state().unwrap(), PageState::Closed);
}

#[test]
fn two_recorders_cannot_have_one_page_and_a_refused_one_changes_nothing() {
    let directory = temporary_in_memory();
    let path = directory.path().join("page");
    let (log, other) = (directory.path().join("log"), directory.path().join("other"));
    let mut first = Recorder::open(&with_page(&log, &path)).unwrap();
    let error = Recorder::open(&with_page(&other, &path)).map(drop).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Locked, Some(path.as_path())), "{error}");
    assert!(error.to_string().contains("a page of its own"), "{error}");
    // The log of a living recorder, with its page and with another one.
    for wrong in [&path, &directory.path().join("page2")] {
        let error = Recorder::open(&with_page(&log, wrong)).map(drop).unwrap_err();
        assert_eq!(error.code(), Code::Locked, "{error}");
    }
    assert!(!directory.path().join("page2").exists());
    append_many(&mut first, 32, 10);
    first.flush().unwrap();
    assert_eq!(number(&live_page(&path).snapshot().unwrap(), "wal.recorder.manager.events"), 10);
}

#[test]
fn what_opening_refuses_shows_in_the_page_it_has_closed() {
    let directory = temporary_in_memory();
    let (log, path) = (directory.path().join("log"), directory.path().join("page"));
    let mut recorder = Recorder::open(&with_page(&log, &path)).unwrap();
    append_many(&mut recorder, 32, 40);
    recorder.close().unwrap();
    let segment = File::options().write(true).open(log.join("00000000.wal")).unwrap();
    // All of its blocks, which `wal.meta` says are durable.
    segment.write_all_at(&[b'!'; 4000], 64).unwrap();
    let opened = Recorder::open(&with_page(&log, &path)).map(drop);
    let mut page = TelemetryPage::attach(&path).unwrap();
    assert_eq!((page.state().unwrap(), page.generation()), (PageState::Closed, 2));
    let failures: u64 = page
        .snapshot()
        .unwrap()
        .metrics()
        .iter()
        .filter(|metric| metric.descriptor.name == "integrity.failures")
        .map(|metric| if let Value::Counter(count) = metric.value { count } else { 0 })
        .sum();
    assert_eq!(opened.unwrap_err().code(), Code::Corrupt);
    assert_eq!(failures, 1);
}

#[test]
fn labels_are_checked_and_shown() {
    let directory = temporary_in_memory();
    let (log, path) = (directory.path().join("log"), directory.path().join("page"));
    let label = |name: &str| vec![(name.to_owned(), "x".to_owned())];
    let options = RecorderOptions { labels: label("sub system"), ..with_page(&log, &path) };
    let error = Recorder::open(&options).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    // With the log's name there are more than a page may have.
    let labels: Vec<_> = (0..64).flat_map(|at| label(&format!("l{at}"))).collect();
    let error = Recorder::open(&RecorderOptions { labels, ..with_page(&log, &path) }).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    assert!(!log.exists());
    let options = RecorderOptions { labels: label("zone"), ..with_page(&log, &path) };
    let mut recorder = Recorder::open(&options).unwrap();
    let named = ("log".to_owned(), "log".to_owned());
    assert_eq!(live_page(&path).snapshot().unwrap().labels(), [[named].as_slice(), &label("zone")].concat());
    recorder.close().unwrap();

    let reading = RecoveryOptions { labels: label("le"), ..RecoveryOptions::new(&log) };
    assert_eq!(Recovery::open(reading).map(drop).unwrap_err().code(), Code::Unsupported);
    let reading = RecoveryOptions { labels: label("log"), ..RecoveryOptions::new(&log) };
    assert_eq!(Recovery::open(reading).unwrap().telemetry().snapshot().labels(), label("log"));
}

#[test]
fn a_recovery_has_a_page_until_its_last_replay_ends() {
    let directory = temporary_in_memory();
    let (log, path) = (directory.path().join("log"), directory.path().join("page"));
    let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
    append_many(&mut recorder, 32, 500);
    recorder.close().unwrap();
    let options = RecoveryOptions { telemetry_page: Some(page_options(&path)), ..RecoveryOptions::new(&log) };
    let recovery = Recovery::open(options.clone()).unwrap();
    let mut page = live_page(&path);
    let error = Recovery::open(options.clone()).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::Locked, "{error}");
    let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
    drop(recovery);
    let mut events = 0;
    while let Some(event) = replay.next_event().unwrap() {
        events += 1;
        assert!(event.id > 0);
    }
    assert_eq!(events, 500);
    assert_eq!(page.state().unwrap(), PageState::Live);
    drop(replay);
    assert_eq!(page.state().unwrap(), PageState::Closed);
    let snapshot = page.snapshot().unwrap();
    assert_eq!(number(&snapshot, "wal.recovery.manager.events"), 500);
    drop(Recovery::open(options).unwrap());
    assert_eq!(TelemetryPage::attach(&path).unwrap().generation(), 2);
}

#[test]
fn a_full_tmpfs_is_an_error_and_leaves_nothing() {
    let Some(disk) = SmallDisk::tmpfs(1 << 20) else { return };
    let directory = temporary_in_memory();
    let (log, path) = (directory.path().join("log"), disk.path().join("page"));
    let ballast = disk.fill_but(32 << 10);
    let error = Recorder::open(&with_page(&log, &path)).map(drop).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Full, Some(path.as_path())), "{error}");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1, "the ballast alone");
    // With room for it, no store into it needs any more.
    SmallDisk::free(&ballast);
    let mut recorder = Recorder::open(&with_page(&log, &path)).unwrap();
    disk.fill_but(0);
    append_many(&mut recorder, 32, 500);
    recorder.close().unwrap();
    assert_eq!(
        number(&TelemetryPage::attach(&path).unwrap().snapshot().unwrap(), "wal.recorder.manager.events"),
        500
    );
}

#[test]
#[ignore = "run by whoever_may_only_read_can_attach_and_change_nothing, as another user"]
fn a_stranger_attaches() {
    let mut page = TelemetryPage::attach(given("LAB_PAGE")).unwrap();
    assert_eq!(page.state().unwrap(), PageState::Live);
    assert_eq!(number(&page.snapshot().unwrap(), "wal.recorder.manager.events"), 64);
    let writing = File::options().write(true).open(given("LAB_PAGE"));
    assert!(writing.is_err(), "a stranger may write");
}

#[test]
fn whoever_may_only_read_can_attach_and_change_nothing() {
    let directory = temporary_in_memory();
    let (log, path) = (directory.path().join("log"), directory.path().join("page"));
    let mut options = with_page(&log, &path);
    if let Some(page) = &mut options.telemetry_page {
        page.file_mode = 0o644;
    }
    let mut recorder = Recorder::open(&options).unwrap();
    append_many(&mut recorder, 32, 64);
    recorder.flush().unwrap();
    let program = directory.path().join("test-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
    let outcome = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["a_stranger_attaches", "--exact", "--ignored", "--nocapture"])
        .env("LAB_PAGE", &path)
        .output();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    match outcome {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running") => {
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
        }
        other => skipped(&format!("running a test as another user: {other:?}")),
    }
}

/// The values that a child stores, one after the other, into a word: each all of one byte, so that a piece of one beside a
/// piece of another is seen.
fn is_whole(word: u64) -> bool {
    word == (word & 0xff) * 0x0101_0101_0101_0101
}

/// How many copies are looked at, at least, each of some six thousand words.
const COPIES: usize = 3_000;
/// So many of them find the page changed, on a busy machine too.
const CHANGED: usize = 100;

#[test]
#[ignore = "the child of no_word_of_a_page_is_torn"]
fn stores_without_end() {
    if !is_child() {
        return;
    }
    let telemetry = RecorderTelemetry::on_page(&page_options(&given("LAB_PAGE")), Vec::new()).unwrap();
    let manager = telemetry.manager_updater();
    let preparer = telemetry.segment_preparer_worker_updater();
    let maintainer = telemetry.segment_maintainer_updater();
    let pattern = |byte: u8| u64::from(byte) * 0x0101_0101_0101_0101;
    let mut byte = 0_u8;
    loop {
        byte = byte.wrapping_add(1);
        let value = pattern(byte);
        manager.set_hot_segments(value);
        manager.set_cold_segments(value);
        manager.set_written_event_id(value);
        preparer.set_queue_depth(value);
        maintainer.set_max_segments(value);
        maintainer.set_max_compressed_segments(value);
        // Grows by one carry after the other.
        manager.on_append_block(0xff, 0xffff);
    }
}

#[test]
fn no_word_of_a_page_is_torn() {
    let directory = temporary_in_memory();
    let path = directory.path().join("page");
    let _child = Child::spawn("stores_without_end", &[("LAB_PAGE", &path)]);
    let mut page = live_page(&path);
    let (mut events, mut bytes, mut copies, mut changed) = (0, 0, 0_usize, 0_usize);
    let start = Instant::now();
    while copies < COPIES || changed < CHANGED {
        assert!(start.elapsed() < PATIENCE, "the writer has done nothing");
        copies += 1;
        let snapshot = page.snapshot().unwrap();
        for name in [
            "manager.hot_segments",
            "manager.cold_segments",
            "manager.written_event_id",
            "committer.durable_lag",
            "segment_preparer.queue_depth",
            "segment_maintainer.max_hot_segments",
            "segment_maintainer.max_cold_segments",
        ] {
            let word = number(&snapshot, &format!("wal.recorder.{name}"));
            assert!(is_whole(word), "{name} is {word:#x}");
        }
        let (more, more_bytes) = (
            number(&snapshot, "wal.recorder.manager.events"),
            number(&snapshot, "wal.recorder.manager.bytes"),
        );
        assert!(more >= events && more_bytes >= bytes, "{events} then {more}, {bytes} then {more_bytes}");
        assert!(more % 0xff == 0 && more_bytes % 0xffff == 0, "{more:#x} {more_bytes:#x}");
        changed += usize::from(more > events);
        (events, bytes) = (more, more_bytes);
    }
}
