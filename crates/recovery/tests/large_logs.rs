//! Logs of real size: many segments, windows, large blocks, compressed segments, range and order.

mod support;

use std::sync::Arc;

use flashstrike_recovery::files::FileSystem;
use flashstrike_recovery::inspect::{Depth, InspectOptions, Inspection, inspect};
use flashstrike_recovery::{Code, Mode, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::names::{cold_name, hot_name};
use flashstrike_segment::{BlockFields, KIND_EVENTS, SegmentHeader, State, seal_block};
use support::failing::FailingFiles;
use support::writer::LogWriter;
use support::{Watchdog, os_files};
use tempfile::TempDir;

fn recovery(directory: &TempDir) -> Recovery {
    Recovery::open(RecoveryOptions::new(directory.path())).expect("clean")
}

/// Reads all runs, checks that every block lies in its window as it stands there, and gives the number of events.
fn count(recovery: &Recovery, options: ReplayOptions) -> u64 {
    let mut replay = recovery.replay(options).expect("readable");
    let mut expected = options.from.unwrap_or(1);
    let mut events = 0;
    while let Some(run) = replay.next_run().expect("intact") {
        let window = run.window();
        // SAFETY: the window lies in its buffer, which `run` keeps; nobody writes while `run` is borrowed.
        let through_window = unsafe {
            std::slice::from_raw_parts(
                window.buffer.as_mut_ptr().add(window.start + run.start()).cast_const(),
                run.end() - run.start(),
            )
        };
        assert!(through_window == run.bytes());
        let mut at = 0;
        for block in run.blocks() {
            if !options.reverse {
                assert!(block.header.first_event_id <= expected && expected <= block.header.last_event_id);
                expected = block.header.last_event_id + 1;
            }
            at += block.header.block_len();
            events += u64::from(block.header.event_count);
        }
        assert_eq!(at, run.bytes().len());
    }
    events
}

#[test]
fn many_segments_of_fixed_events() {
    let _watchdog = Watchdog::new("replaying many segments");
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 16 << 20);
    while writer.next_segment < 7 {
        writer.append(128);
    }
    let last = writer.link.last_event_id;
    let recovery = recovery(&directory);
    assert_eq!(recovery.last_event_id(), last);
    assert_eq!(count(&recovery, ReplayOptions::default()), last);
    assert_eq!(count(&recovery, ReplayOptions { reverse: true, ..Default::default() }), last);
    let from = last / 2;
    let rest = count(&recovery, ReplayOptions { from: Some(from), ..Default::default() });
    assert!(rest > last - from && rest <= last - from + 128);
}

#[test]
fn a_segment_whose_names_a_list_has_passed_over_is_not_missing() {
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 64 << 10);
    while writer.next_segment < 9 {
        writer.append(128);
    }
    for index in 0..4 {
        writer.compress(index);
    }
    let last = writer.link.last_event_id;
    writer.write_meta(0);
    for hidden in [vec![2], vec![5], vec![0], vec![1, 2, 6]] {
        let names = hidden.iter().flat_map(|&index| [hot_name(index), cold_name(index)]);
        let files: Arc<dyn FileSystem> = FailingFiles::passing_over(names);
        for mode in [Mode::Tail, Mode::PointInTime] {
            let options = RecoveryOptions {
                files: Some(Arc::clone(&files)),
                mode,
                ..RecoveryOptions::new(directory.path())
            };
            let recovery = Recovery::open(options).unwrap_or_else(|error| panic!("{hidden:?}: {error}"));
            assert_eq!(count(&recovery, ReplayOptions::default()), last, "{hidden:?}");
        }
    }
}

#[test]
fn compressed_segments_read_like_the_others() {
    let _watchdog = Watchdog::new("replaying compressed segments");
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 0, 8 << 20);
    while writer.next_segment < 5 {
        writer.append(300);
    }
    for index in 0..3 {
        writer.compress(index);
    }
    let last = writer.link.last_event_id;
    assert_eq!(count(&recovery(&directory), ReplayOptions::default()), last);
}

#[test]
fn blocks_too_large_for_a_window_get_one_of_their_own() {
    let _watchdog = Watchdog::new("replaying large blocks");
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 32 << 20);
    for count in [100, 16_384, 30_000, 70_000, 100_000, 1, 16_383, 200_000, 5, 50_000] {
        writer.append(count);
    }
    let last = writer.link.last_event_id;
    let recovery = recovery(&directory);
    assert_eq!(count(&recovery, ReplayOptions::default()), last);
    assert_eq!(count(&recovery, ReplayOptions { reverse: true, ..Default::default() }), last);
}

/// The original waited for ever at the end of a log of one segment, for a worker that was never started (trap F5).
#[test]
fn the_end_of_a_log_of_any_number_of_segments_is_reached() {
    let _watchdog = Watchdog::new("reaching the end");
    for segments in 1..6 {
        for preload_segments in [1, 2, 5, 16] {
            let directory = TempDir::new().unwrap();
            let mut writer = LogWriter::new(directory.path(), 64, 65_536);
            while writer.next_segment < segments {
                writer.append(10);
            }
            let options = RecoveryOptions { preload_segments, ..RecoveryOptions::new(directory.path()) };
            let recovery = Recovery::open(options).expect("clean");
            for _ in 0..20 {
                assert_eq!(count(&recovery, ReplayOptions::default()), writer.link.last_event_id);
            }
        }
    }
}

/// An error in a segment that is being read ahead must neither hang the consumer nor hide the events before it.
#[test]
fn an_unreadable_segment_is_an_error_when_its_turn_comes() {
    let _watchdog = Watchdog::new("reading behind damage");
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 65_536);
    while writer.next_segment < 8 {
        writer.append(10);
    }
    for broken in 0..7_u32 {
        let path = directory.path().join(format!("{broken:08}.wal"));
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[30_000] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let recovery = recovery(&directory);
        let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
        let mut segments = 0;
        let error = loop {
            match replay.next_run() {
                Ok(Some(run)) => segments = run.segment().unwrap() + 1,
                Ok(None) => panic!("segment {broken} was passed over"),
                Err(error) => break error,
            }
        };
        assert_eq!(
            (error.code(), error.segment(), segments),
            (flashstrike_recovery::Code::Corrupt, Some(broken), broken)
        );
        std::fs::write(&path, whole).unwrap();
    }
}

/// Prepared segments are looked at whole: blocks deep inside one are a gap, other bytes make it unusable, an error there
/// is an error.
#[test]
fn prepared_segments_are_looked_at_to_their_end() {
    let _watchdog = Watchdog::new("looking at prepared segments");
    let directory = TempDir::new().unwrap();
    let mut writer = LogWriter::new(directory.path(), 64, 2 << 20);
    writer.ahead = 3;
    writer.append(10);
    let inspected = |files: &Arc<dyn FileSystem>| {
        let options = InspectOptions { depth: Depth::Unsealed, boot_id: None, beside_writer: false };
        inspect(files, directory.path(), &options)
    };
    let usable = |found: &Inspection| {
        found.prepared.iter().map(|prepared| prepared.usable.is_some()).collect::<Vec<_>>()
    };
    let clean = inspected(&os_files()).expect("readable");
    assert_eq!((clean.state, usable(&clean)), (State::Clean, vec![true, true, true]));

    let path = directory.path().join("00000002.wal");
    let prepared = std::fs::read(&path).unwrap();
    let mut bytes = prepared.clone();
    bytes[1_500_000] = 1;
    std::fs::write(&path, &bytes).unwrap();
    let found = inspected(&os_files()).expect("readable");
    assert_eq!((found.state, usable(&found)), (State::Clean, vec![true, false, true]));

    let header = SegmentHeader::decode(&prepared).expect("a header");
    let fields = BlockFields {
        first_event_id: 11,
        last_event_id: 11,
        written_ts_ns: 9_999,
        block_index: 7,
        event_count: 1,
        undurable: u32::MAX,
        salt: header.salt,
        kind: KIND_EVENTS,
    };
    let mut payload = [0; 64];
    payload[0] = 11;
    let (block, _) = seal_block(&fields, &payload, 0);
    let mut bytes = prepared.clone();
    bytes[1_500_032..1_500_096].copy_from_slice(&block);
    bytes[1_500_096..1_500_160].copy_from_slice(&payload);
    std::fs::write(&path, &bytes).unwrap();
    let found = inspected(&os_files()).expect("readable");
    let bad = found.damage.as_ref().map(|bad| (bad.position.segment, bad.position.offset));
    assert_eq!((found.state, bad, found.behind), (State::Torn, Some((Some(1), 64)), vec![1, 2, 3]));
    std::fs::write(&path, &prepared).unwrap();

    let mut errors = 0;
    for at in 0.. {
        let files = FailingFiles::new(at, 5);
        match inspected(&(Arc::clone(&files) as Arc<dyn FileSystem>)) {
            Err(error) => {
                assert_eq!((error.code(), error.os_error()), (Code::Io, Some(5)), "operation {at}: {error}");
                errors += 1;
            }
            Ok(found) => {
                assert_eq!((found.state, usable(&found)), (State::Clean, vec![true, true, true]));
                assert!(!files.has_failed(), "operation {at} was passed over");
                break;
            }
        }
    }
    assert!(errors > 30, "{errors} operations");
}

/// Whoever verifies a segment wants to know whether blocks stand in those behind it.
#[test]
fn prepared_segments_are_looked_at_once() {
    let operations = |ahead: u32| {
        let directory = TempDir::new().unwrap();
        let mut writer = LogWriter::new(directory.path(), 64, 2 << 20);
        writer.ahead = ahead;
        writer.append(10);
        let files = FailingFiles::counting();
        let options = InspectOptions { depth: Depth::Unsealed, boot_id: None, beside_writer: false };
        let shared = Arc::clone(&files) as Arc<dyn FileSystem>;
        inspect(&shared, directory.path(), &options).expect("readable");
        files.operations()
    };
    let per_segment = operations(2) - operations(1);
    assert_eq!(operations(6) - operations(2), 4 * per_segment);
}

/// What opening in `point-in-time` mode says that there is, a replay gives: also where the segment in which the log now
/// ends has a sealed header that claims more, is compressed and cut off, or has another length than it should.
#[test]
fn up_to_the_damage_everything_is_replayed_in_point_in_time() {
    type Damage = fn(&std::path::Path, &std::path::Path);
    fn change(path: &std::path::Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }
    let damages: [(&str, bool, Damage); 7] = [
        ("a flipped byte", false, |hot, _| change(hot, |bytes| bytes[600_000] ^= 1)),
        ("too short", false, |hot, _| change(hot, |bytes| bytes.truncate(600_000))),
        ("too long, and a flipped byte", false, |hot, _| {
            change(hot, |bytes| {
                bytes[600_000] ^= 1;
                bytes.resize(bytes.len() + 8192, 7);
            });
        }),
        ("cut in the last block's padding", false, |hot, _| {
            change(hot, |bytes| bytes.truncate(support::writer::end_of_blocks(bytes) - 8));
        }),
        ("a compressed one cut off", true, |_, cold| {
            change(cold, |bytes| bytes.truncate(bytes.len() * 6 / 10));
        }),
        ("a compressed one with a flipped byte", true, |_, cold| {
            change(cold, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        }),
        ("beside a foreign file", true, |hot, cold| {
            change(cold, |bytes| bytes.truncate(bytes.len() * 6 / 10));
            std::fs::write(hot, [7; 5000]).unwrap();
        }),
    ];
    let _watchdog = Watchdog::new("replaying up to the damage");
    for (what, is_cold, damage) in damages {
        for event_size in [64, 0] {
            let directory = TempDir::new().unwrap();
            let mut writer = LogWriter::new(directory.path(), event_size, 1 << 20);
            while writer.next_segment < 4 {
                writer.append(300);
            }
            if is_cold {
                writer.compress(1);
            }
            damage(&directory.path().join("00000001.wal"), &directory.path().join("00000001.wal.zst"));
            let options =
                RecoveryOptions { mode: Mode::PointInTime, ..RecoveryOptions::new(directory.path()) };
            let what = format!("{what}, events of {event_size} bytes");
            let recovery = Recovery::open(options).unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut events = 0;
            let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
            while let Some(run) = replay.next_run().unwrap_or_else(|error| panic!("{what}: {error}")) {
                events += run.event_count();
            }
            assert_eq!(events, recovery.last_event_id(), "{what}");
            assert!(events > 0, "{what}");
        }
    }
}
