//! The faults of the implementation that this log replaces, each as a test that it is gone.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{
    PATIENCE, append_many, append_next, code, contents, expect_log, left_behind, rotate, small_log,
    small_log_on, temporary_in_memory, wait_until,
};
use flashstrike_crash_lab::{AckPage, Child, FaultFileSystem, ReadBack, events, given, is_child};
use flashstrike_recorder::{Code, Mode, Recorder, RecorderOptions};
use flashstrike_segment::{BlockHeader, SegmentHeader, names};
use flashstrike_telemetry::Value;

/// As the original was used: events of 64 bytes, blocks of 256 events.
fn original(log: &Path) -> RecorderOptions {
    let mut options = RecorderOptions::new(log).with_schema(events::schema(64));
    options.block_bytes = 256 * 64;
    options
}

#[test]
#[ignore = "the process that is killed"]
fn appender() {
    if !is_child() {
        return;
    }
    let page = AckPage::open(&given("LAB_PAGE")).unwrap();
    let count: u64 = given("LAB_COUNT").to_str().unwrap().parse().unwrap();
    let mut recorder = Recorder::open(&original(&given("LAB_LOG"))).unwrap();
    for _ in 0..count {
        append_next(&mut recorder, 64).unwrap();
    }
    page.staged(recorder.last_event_id());
    std::thread::sleep(PATIENCE);
}

/// Lets a process append so many events and kills it when `append` has returned the last id.
fn append_and_kill(log: &Path, count: u64) -> u64 {
    let page = tempfile::tempdir().unwrap();
    let page = page.path().join("page");
    let acknowledged = AckPage::create(&page).unwrap();
    let variables = [
        ("LAB_LOG", log.as_os_str().to_owned()),
        ("LAB_PAGE", page.into_os_string()),
        ("LAB_COUNT", count.to_string().into()),
    ];
    let mut child = Child::spawn("appender", &variables);
    let last = wait_until(|| Some(acknowledged.last_staged()).filter(|&id| id > 0));
    child.kill();
    last
}

#[test]
fn f1_half_a_million_events_are_there_after_a_kill_and_no_file_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    assert_eq!(append_and_kill(&log, 500_000), 500_000);
    expect_log(&log, 64, 500_000);
    let before = contents(&log);
    let mut recorder = Recorder::open(&original(&log)).unwrap();
    assert_eq!(recorder.last_event_id(), 500_000);
    recorder.close().unwrap();
    let segments = before.keys().filter(|path| path.extension().is_some_and(|ending| ending == "wal"));
    for path in segments {
        assert!(path.exists(), "{} is gone", path.display());
    }
    expect_log(&log, 64, 500_000);
}

#[test]
fn f2_reopening_a_closed_log_and_crashing_loses_neither_the_old_nor_the_new_events() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut recorder = Recorder::open(&original(&log)).unwrap();
    append_many(&mut recorder, 64, 300);
    recorder.close().unwrap();
    drop(recorder);
    assert_eq!(append_and_kill(&log, 500), 800);
    expect_log(&log, 64, 800);
    assert_eq!(Recorder::open(&original(&log)).unwrap().last_event_id(), 800);
}

#[test]
fn f3_a_flipped_byte_in_the_last_segment_deletes_nothing() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 2000);
    recorder.durable_sync(None).unwrap();
    recorder.close().unwrap();
    drop(recorder);
    let last = wait_until(|| {
        (0..100).rev().map(|index| directory.path().join(names::hot_name(index))).find(|path| {
            std::fs::read(path)
                .is_ok_and(|bytes| bytes.windows(32).any(|event| *event == events::fixed(1999, 32)))
        })
    });
    let whole = std::fs::read(&last).unwrap();
    for at in (0..whole.len()).step_by(977) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&last, &bytes).unwrap();
        // Refused, or opened because the byte was of no block; never gone.
        match Recorder::open(&small_log(directory.path(), 32)) {
            Ok(recorder) => assert_eq!(recorder.last_event_id(), 2000, "byte {at}"),
            Err(error) => {
                assert_eq!(error.code(), Code::Corrupt, "byte {at}: {error}");
                assert!(std::fs::read(&last).unwrap() == bytes, "byte {at}: refused, and yet changed");
            }
        }
        std::fs::write(&last, &whole).unwrap();
    }
    expect_log(directory.path(), 32, 2000);
}

#[test]
fn f6_a_second_process_cannot_touch_a_living_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut recorder = Recorder::open(&original(&log)).unwrap();
    append_many(&mut recorder, 64, 1000);
    let mut second = Child::spawn(
        "appender",
        &[
            ("LAB_LOG", log.as_os_str().to_owned()),
            ("LAB_PAGE", page_of(directory.path())),
            ("LAB_COUNT", "1".into()),
        ],
    );
    assert!(!second.wait(PATIENCE).success(), "it was let in");
    append_many(&mut recorder, 64, 1000);
    recorder.close().unwrap();
    expect_log(&log, 64, 2000);
}

fn page_of(directory: &Path) -> std::ffi::OsString {
    let page = directory.join("page");
    AckPage::create(&page).unwrap();
    page.into_os_string()
}

#[cfg(target_os = "linux")]
#[test]
fn f7_a_full_disk_is_an_error_and_no_signal() {
    let Some(disk) = flashstrike_crash_lab::SmallDisk::tmpfs(1 << 20) else { return };
    let mut options = small_log(&disk.path().join("log"), 32);
    options.segment_bytes = 128 << 10;
    let mut recorder = Recorder::open(&options).unwrap();
    // Nobody keeps room free here; the log itself fills the disk.
    let refused = loop {
        let event = events::fixed(recorder.last_event_id() + 1, 32);
        match recorder.append(&event).map_err(|error| error.code()) {
            Ok(_) => {}
            Err(Code::Backpressure) => {
                let _ = recorder.drain(std::time::Duration::from_millis(10));
            }
            Err(code) => break code,
        }
    };
    assert_eq!(refused, Code::Full);
    let last = recorder.last_event_id();
    assert!(last > 20_000, "{last}");
    drop(recorder);
    expect_log(&options.directory, 32, last);
}

#[test]
fn f8_every_single_event_survives_a_kill_as_soon_as_append_has_returned() {
    for count in [1, 2, 255, 256, 257] {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        assert_eq!(append_and_kill(&log, count), count);
        expect_log(&log, 64, count);
        assert_eq!(Recorder::open(&original(&log)).unwrap().last_event_id(), count);
    }
}

#[test]
fn f9_every_bit_of_a_block_header_is_checked() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 5);
    recorder.durable_sync(None).unwrap();
    append_many(&mut recorder, 32, 5);
    recorder.durable_sync(None).unwrap();
    recorder.close().unwrap();
    drop(recorder);
    let path = directory.path().join("00000000.wal");
    let whole = std::fs::read(&path).unwrap();
    let event = whole.windows(32).position(|bytes| *bytes == events::fixed(1, 32)).unwrap();
    let header = event - 64;
    assert!(BlockHeader::decode(&whole[header..event]).is_ok());
    for bit in 0..64 * 8 {
        let mut bytes = whole.clone();
        bytes[header + bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(code(Recorder::open(&small_log(directory.path(), 32))), Code::Corrupt, "bit {bit}");
    }
}

#[test]
fn f12_the_chain_goes_on_from_one_segment_to_the_next() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    for _ in 0..3 {
        append_many(&mut recorder, 32, 100);
        rotate(&mut recorder).unwrap();
    }
    append_many(&mut recorder, 32, 5);
    recorder.flush().unwrap();
    let left = left_behind(&files, directory.path());
    let found = ReadBack::now(left.path());
    let segments = &found.verdict.segments;
    assert!(segments.len() >= 4);
    for pair in segments.windows(2).filter(|pair| pair[1].published) {
        let bytes = std::fs::read(left.path().join(names::hot_name(pair[1].index))).unwrap();
        let start = flashstrike_segment::SegmentStart::read(&bytes).unwrap();
        let (block, metadata) = start.metadata.unwrap();
        assert_eq!(metadata.previous_chain, pair[0].last_chain);
        assert_ne!(metadata.previous_chain, 0);
        assert_eq!(block.last_event_id, pair[0].last_event_id);
    }

    // A segment in the place of another one, each whole by itself, is found out.
    let [one, two] = [1, 2].map(|index| left.path().join(names::hot_name(index)));
    let mut foreign = std::fs::read(&two).unwrap();
    let header = SegmentHeader::decode(&foreign[..64]).unwrap();
    foreign[..64].copy_from_slice(&SegmentHeader { segment_index: 1, ..header }.encode());
    std::fs::write(&one, foreign).unwrap();
    let mut options = small_log(left.path(), 32);
    options.mode = Mode::Strict;
    let refused = code(Recorder::open(&options));
    assert!(matches!(refused, Code::Corrupt | Code::Torn), "{refused}");
}

/// Whoever watches until then ends, also if what is watched fails.
struct OverOnDrop<'a>(&'a AtomicBool);

impl Drop for OverOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn f13_counts_of_a_snapshot_taken_at_any_moment_can_be() {
    let directory = temporary_in_memory();
    let mut options = small_log(directory.path(), 32);
    options.prepared_segments = 1;
    let mut recorder = Recorder::open(&options).unwrap();
    let telemetry = std::sync::Arc::clone(recorder.telemetry());
    let is_over = AtomicBool::new(false);
    let snapshots = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let _over = OverOnDrop(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                for metric in telemetry.snapshot().metrics() {
                    if let Value::Operation { ok, failed, .. } = &metric.value {
                        let name = &metric.descriptor.name;
                        assert!(*ok < 1 << 40 && *failed < 1 << 40, "{name}: {ok} ok, {failed} failed");
                    }
                }
                snapshots.fetch_add(1, Ordering::Release);
            }
        });
        wait_until(|| (snapshots.load(Ordering::Acquire) > 0).then_some(()));
        // Many of these appends are refused, so that failures are counted too.
        append_many(&mut recorder, 32, 50_000);
        recorder.durable_sync(None).unwrap();
    });
    let last = recorder.last_event_id();
    let metrics = telemetry.snapshot();
    let gauge = |name: &str| {
        metrics.metrics().iter().find_map(|metric| match metric.value {
            Value::Gauge(value) if metric.descriptor.name == name => Some(value),
            _ => None,
        })
    };
    assert_eq!(gauge("durable_event_id"), Some(last));
    assert_eq!(gauge("written_event_id"), Some(last));
}
