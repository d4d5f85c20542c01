//! A segment is compressed without a moment in which it is not whole on disk, and without a doubt about the copy.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{
    Told, append_many, code, expect_log, fill_segments, left_behind, rotate, segments_of, small_log,
    small_log_on, temporary_in_memory, wait_until, watched_log,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, Operation, Rule, copy_log, events};
use flashstrike_recorder::{Code, Compression, Error, Event, Recorder, RecorderOptions};
use flashstrike_segment::cold::{self, SeekTable};
use flashstrike_segment::layout::COLD_FRAME_CONTENT;
use flashstrike_segment::{SegmentHeader, names};
use tempfile::TempDir;

const SIZE: u16 = 32;
const EVENTS: u64 = 40;

/// Options for a log that keeps one uncompressed segment.
fn compressing(files: &FaultFileSystem, directory: &Path) -> RecorderOptions {
    let mut options = small_log_on(files, directory, SIZE);
    options.retention.hot_segments = Some(1);
    options
}

#[track_caller]
fn wait_for_cold(directory: &Path, cold: &[u32]) {
    wait_until(|| {
        let (hot, found) = segments_of(directory);
        (found == cold && hot.iter().all(|index| !cold.contains(index))).then_some(())
    });
}

/// A closed log with so many sealed segments and one more.
fn sealed_log(segments: u64) -> TempDir {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&small_log(directory.path(), SIZE)).unwrap();
    fill_segments(&mut log, SIZE, segments, EVENTS);
    append_many(&mut log, SIZE, EVENTS);
    log.close().unwrap();
    directory
}

#[test]
fn a_cold_file_holds_the_bytes_up_to_the_end_of_the_last_block_in_frames_of_a_mebibyte() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut options = compressing(&files, directory.path());
    options.segment_bytes = 8 << 20;
    options.block_bytes = 64 << 10;
    options.compression = Compression { level: 1 };
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    // A block that is larger than a frame, too.
    let batch: Vec<Vec<u8>> = (1..=50_000).map(|id| events::event(id, SIZE)).collect();
    log.append_batch(&batch).unwrap();
    append_many(&mut log, SIZE, 50_000);
    let hot = directory.path().join(names::hot_name(0));
    let (gate_rule, gate) = Rule::hold();
    files.add(gate_rule.kind(Kind::Remove).named("00000000.wal"));
    rotate(&mut log).unwrap();
    gate.wait_for_arrivals(1);
    // Both are there now.
    let cold = std::fs::read(directory.path().join(names::cold_name(0))).unwrap();
    let hot_bytes = std::fs::read(&hot).unwrap();
    gate.open();
    let read = cold::read_all(&cold, 8 << 20);
    assert_eq!(read.damage, None);
    assert!(hot_bytes.starts_with(&read.bytes), "other bytes");
    assert!(hot_bytes[read.bytes.len()..].iter().all(|byte| *byte == 0), "a block was left out");
    let table = SeekTable::parse(&cold, cold.len() as u64).unwrap();
    let (last, all_but_last) = table.frames().split_last().unwrap();
    assert!(all_but_last.len() >= 3, "{} frames", table.frames().len());
    assert!(all_but_last.iter().all(|frame| frame.content_len as usize == COLD_FRAME_CONTENT));
    assert!(last.content_len as usize <= COLD_FRAME_CONTENT);

    wait_for_cold(directory.path(), &[0]);
    let sizes = told.wait_for(|event| match event {
        Event::Compressed { segment: 0, bytes_in, bytes_out } => Some((*bytes_in, *bytes_out)),
        _ => None,
    });
    assert_eq!(sizes, (read.bytes.len() as u64, cold.len() as u64));
    log.close().unwrap();
    expect_log(directory.path(), SIZE, 100_000);
}

/// The times of the operations of one kind on one name that succeeded.
fn times(trace: &[Operation], kind: Kind, name: &str) -> Vec<(u64, u64)> {
    let of_it = trace
        .iter()
        .filter(|operation| operation.kind == kind && operation.succeeded && operation.name() == name);
    of_it.filter_map(|operation| Some((operation.began, operation.ended?))).collect()
}

#[test]
fn f10_the_original_goes_only_after_its_copy_and_the_copys_name_are_on_disk() {
    let directory = temporary_in_memory();
    let log_name = directory.path().file_name().unwrap().to_str().unwrap().to_owned();
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&compressing(&files, directory.path())).unwrap();
    fill_segments(&mut log, SIZE, 4, EVENTS);
    wait_for_cold(directory.path(), &[0, 1, 2, 3]);
    log.close().unwrap();
    let trace = files.trace();
    for index in 0..4 {
        let (hot, cold) = (names::hot_name(index), names::cold_name(index));
        let temporary = names::temporary_name(&cold);
        let [(remove, removed)] = times(&trace, Kind::Remove, &hot)[..] else {
            panic!("{hot} is removed once")
        };
        let rename = *times(&trace, Kind::Rename, &cold).last().expect("it is renamed");
        let synced = *times(&trace, Kind::SyncAll, &temporary).last().expect("the copy is synced");
        let last_write = *times(&trace, Kind::Write, &temporary).last().expect("it is written");
        let read_back = *times(&trace, Kind::Read, &temporary).last().expect("it is read back");
        assert!(last_write.1 < synced.0, "{cold} is synced with all its bytes");
        assert!(
            synced.1 < read_back.0 && read_back.1 < rename.0,
            "{cold} is read back before it has its name"
        );
        let directory_syncs = times(&trace, Kind::SyncDirectory, &log_name);
        let between = directory_syncs.iter().any(|sync| rename.1 < sync.0 && sync.1 < remove);
        assert!(between, "the name {cold} is not synced before {hot} is removed");
        assert!(directory_syncs.iter().any(|sync| removed < sync.0), "the removal of {hot} is not synced");
    }
}

/// Whether the directory was synced after the last removal: the last thing that a compression does, and a while later.
fn is_removal_synced(trace: &[Operation]) -> bool {
    let last = |kind| trace.iter().rposition(|operation| operation.kind == kind && operation.succeeded);
    last(Kind::SyncDirectory) > last(Kind::Remove)
}

#[test]
fn f10_at_every_operation_of_a_compression_the_log_is_whole() {
    let image = sealed_log(2);
    for rule in [Rule::stop_after, Rule::stop_halfway] {
        for n in 1.. {
            let copy = temporary_in_memory();
            copy_log(image.path(), copy.path()).unwrap();
            let files = FaultFileSystem::default();
            let mut options = compressing(&files, copy.path());
            options.retention.cold_segments = Some(1);
            options.retention.hot_segments = None;
            let mut log = Recorder::open(&options).unwrap();
            // The operations of opening are tested elsewhere.
            let before = files.count();
            files.add(rule().number(before + n));
            let mut limits = options.retention;
            limits.hot_segments = Some(1);
            limits.cold_segments = None;
            log.set_retention(limits).unwrap();
            let is_done = wait_until(|| match (files.struck().is_empty(), segments_of(copy.path())) {
                (false, _) => Some(false),
                (true, (hot, _)) if hot == [2] && is_removal_synced(&files.trace()) => Some(true),
                _ => None,
            });
            let left = left_behind(&files, copy.path());
            drop(log);
            expect_log(left.path(), SIZE, 3 * EVENTS);
            // The next writer finishes it.
            let files = FaultFileSystem::default();
            let mut log = Recorder::open(&compressing(&files, left.path())).unwrap();
            wait_for_cold(left.path(), &[0, 1]);
            log.close().unwrap();
            expect_log(left.path(), SIZE, 3 * EVENTS);
            if is_done {
                break;
            }
        }
    }
}

/// Lets every operation that a rule is made for fail for a while, and waits until it is got over.
fn is_got_over(rule: Rule, expected: Code) {
    let image = sealed_log(3);
    let files = FaultFileSystem::default();
    let mut options = compressing(&files, image.path());
    let told = Told::by(&mut options, &files);
    files.add(rule.times(2));
    let before: Vec<Vec<u8>> =
        (0..3).map(|index| std::fs::read(image.path().join(names::hot_name(index))).unwrap()).collect();
    let mut log = Recorder::open(&options).unwrap();
    wait_until(|| (files.struck().len() >= 2).then_some(()));
    assert_eq!(told.failures().iter().map(Error::code).collect::<Vec<_>>(), [expected], "told once");
    // All of them were tried, and none is lost.
    for (index, bytes) in (0..).zip(&before) {
        let hot = image.path().join(names::hot_name(index));
        assert!(hot.exists() || image.path().join(names::cold_name(index)).exists());
        if let Ok(now) = std::fs::read(&hot) {
            assert!(now == *bytes, "{index} has changed");
        }
    }
    assert!(log.append(&[1; SIZE as usize]).is_ok(), "appending goes on");
    wait_for_cold(image.path(), &[0, 1, 2]);
    log.close().unwrap();
    let leftovers: Vec<_> = std::fs::read_dir(image.path())
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".tmp"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

#[test]
fn f11_a_compression_that_fails_keeps_the_original_and_is_tried_again() {
    let temporary = |rule: Rule| rule.ending(".wal.zst.tmp");
    let fail = Rule::fail;
    is_got_over(temporary(fail(Errno::NOSPC)).kind(Kind::Write), Code::Full);
    is_got_over(temporary(fail(Errno::IO)).kind(Kind::Write), Code::Io);
    is_got_over(temporary(fail(Errno::MFILE)).kind(Kind::Create), Code::Io);
    is_got_over(temporary(fail(Errno::IO)).kind(Kind::SyncAll), Code::Io);
    is_got_over(temporary(fail(Errno::IO)).kind(Kind::Read), Code::Io);
    is_got_over(fail(Errno::IO).kind(Kind::Rename).ending(".wal.zst"), Code::Io);
    // An error of opening says nothing of the file.
    is_got_over(fail(Errno::MFILE).kind(Kind::Open).named("00000000.wal").skip(1), Code::Io);
    is_got_over(fail(Errno::IO).kind(Kind::Remove).named("00000001.wal"), Code::Io);
}

#[test]
fn f11_a_segment_that_does_not_verify_is_kept_as_it_is_and_told() {
    let image = sealed_log(3);
    let damaged = image.path().join(names::hot_name(1));
    let mut bytes = std::fs::read(&damaged).unwrap();
    let found = bytes.windows(32).position(|event| *event == events::fixed(EVENTS + 7, 32)).unwrap();
    bytes[found + 20] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();

    let files = FaultFileSystem::default();
    let mut options = compressing(&files, image.path());
    let told = Told::by(&mut options, &files);
    let mut log = Recorder::open(&options).unwrap();
    let error = told.wait_for_failure();
    assert_eq!((error.code(), error.segment()), (Code::Corrupt, Some(1)), "{error}");
    assert!(error.path().is_some_and(|path| path.ends_with("00000001.wal")), "{error}");
    // Those behind it do not wait for it.
    wait_for_cold(image.path(), &[0, 2]);
    assert_eq!(segments_of(image.path()), (vec![1, 3], vec![0, 2]));
    assert!(std::fs::read(&damaged).unwrap() == bytes, "it has changed");
    assert_eq!(told.failures().len(), 1, "told once");
    append_many(&mut log, SIZE, 10);
    log.close().unwrap();
    drop(log);
    // Mended, it is compressed after the next opening.
    bytes[found + 20] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let mut log = Recorder::open(&compressing(&files, image.path())).unwrap();
    wait_for_cold(image.path(), &[0, 1, 2]);
    log.close().unwrap();
    expect_log(image.path(), SIZE, 4 * EVENTS + 10);
}

#[test]
fn a_copy_that_reads_back_differently_is_not_taken() {
    let image = sealed_log(1);
    let files = FaultFileSystem::default();
    let mut options = compressing(&files, image.path());
    let told = Told::by(&mut options, &files);
    let (rule, gate) = Rule::hold();
    files.add(rule.kind(Kind::SyncAll).ending(".wal.zst.tmp"));
    let mut log = Recorder::open(&options).unwrap();
    gate.wait_for_arrivals(1);
    let temporary = image.path().join(names::temporary_name(&names::cold_name(0)));
    let mut bytes = std::fs::read(&temporary).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&temporary, bytes).unwrap();
    gate.open();
    let error = told.wait_for_failure();
    assert_eq!(error.code(), Code::Io, "{error}");
    assert!(error.to_string().contains("does not read back"), "{error}");
    wait_for_cold(image.path(), &[0]);
    log.close().unwrap();
    expect_log(image.path(), SIZE, 2 * EVENTS);
}

/// A log whose segment 0 has two files, the cold one made by `change` from the right one.
fn twins(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> TempDir {
    let image = sealed_log(2);
    let hot = std::fs::read(image.path().join(names::hot_name(0))).unwrap();
    let end = hot.chunks(64).rposition(|line| line.iter().any(|byte| *byte != 0)).unwrap() * 64 + 64;
    // The padding of the last block is zeros: nothing is lost by reading on a little.
    let sealed = SegmentHeader::decode(&hot).unwrap().sealed.is_some();
    assert!(sealed);
    let cold = change(cold::compress(&hot[..end], 3).unwrap());
    std::fs::write(image.path().join(names::cold_name(0)), cold).unwrap();
    image
}

#[test]
fn a_compression_that_was_nearly_done_is_finished_even_without_a_limit() {
    let image = twins(|cold| cold);
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&small_log_on(&files, image.path(), SIZE)).unwrap();
    wait_for_cold(image.path(), &[0]);
    log.close().unwrap();
    assert_eq!(segments_of(image.path()).0, [1, 2], "the others are not compressed");
    let written = times(&files.trace(), Kind::Write, "00000000.wal.zst.tmp");
    assert!(written.is_empty(), "the copy that is there is good");
    expect_log(image.path(), SIZE, 3 * EVENTS);
}

#[test]
fn a_copy_that_is_damaged_or_of_something_else_is_made_anew() {
    let damages: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |cold| cold[..cold.len() / 2].to_vec(),
        |_| Vec::new(),
        |mut cold| {
            let middle = cold.len() / 2;
            cold[middle] ^= 1;
            cold
        },
        |_| cold::compress(&[7; 1000], 3).unwrap(),
    ];
    for damage in damages {
        let image = twins(damage);
        let mut log = Recorder::open(&small_log(image.path(), SIZE)).unwrap();
        wait_for_cold(image.path(), &[0]);
        log.close().unwrap();
        expect_log(image.path(), SIZE, 3 * EVENTS);
    }
}

#[test]
fn of_two_files_of_which_the_original_is_damaged_both_are_kept() {
    let image = twins(|cold| cold);
    let hot = image.path().join(names::hot_name(0));
    let mut bytes = std::fs::read(&hot).unwrap();
    let found = bytes.windows(32).position(|event| *event == events::fixed(7, 32)).unwrap();
    bytes[found + 20] ^= 1;
    std::fs::write(&hot, &bytes).unwrap();
    let files = FaultFileSystem::default();
    let (options, told) = watched_log(&files, image.path(), SIZE);
    let mut log = Recorder::open(&options).unwrap();
    let error = told.wait_for_failure();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    log.close().unwrap();
    assert!(std::fs::read(&hot).unwrap() == bytes && image.path().join(names::cold_name(0)).exists());
    // Readers take the good one.
    expect_log(image.path(), SIZE, 3 * EVENTS);
}

#[test]
fn closing_does_not_wait_for_a_compression_and_leaves_nothing_half_done() {
    let image = sealed_log(3);
    let files = FaultFileSystem::default();
    let (rule, gate) = Rule::hold();
    files.add(rule.kind(Kind::Create).named("00000001.wal.zst.tmp"));
    let mut log = Recorder::open(&compressing(&files, image.path())).unwrap();
    gate.wait_for_arrivals(1);
    let closing = std::thread::spawn(move || log.close());
    // It may just be going on when it is told, or have been told before: both are right.
    std::thread::sleep(Duration::from_millis(20));
    gate.open();
    closing.join().unwrap().unwrap();
    let (hot, cold) = segments_of(image.path());
    assert!(cold.contains(&0) && cold.len() + hot.len() == 4, "{hot:?} {cold:?}");
    assert!(!image.path().join("00000001.wal.zst.tmp").exists());
    expect_log(image.path(), SIZE, 4 * EVENTS);
}

#[test]
fn a_level_that_zstd_does_not_have_is_refused() {
    let directory = temporary_in_memory();
    for level in [0, -1, 20] {
        let mut options = small_log(directory.path(), SIZE);
        options.compression = Compression { level };
        assert_eq!(code(Recorder::open(&options)), Code::Unsupported, "{level}");
    }
}
