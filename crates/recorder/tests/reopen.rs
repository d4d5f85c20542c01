//! Opening again: whatever stands there, appending goes on behind the last event.

mod common;

use std::path::{Path, PathBuf};

use common::{
    append_many, append_next, code, contents, expect_log, left_behind, next_events, rotate, small_log,
    small_log_on, temporary_in_memory, wait_until,
};
use flashstrike_crash_lab::{FaultFileSystem, ReadBack, Rule, events};
use flashstrike_recorder::{Code, Mode, Recorder, RecorderOptions};
use flashstrike_recovery::report::{IdRange, LogState};
use flashstrike_segment::names;

/// Opens a log that nobody has closed, expects its last event, appends more, closes, and reads it back.
fn go_on(options: &RecorderOptions, event_size: u16, last: u64) -> Recorder {
    let mut recorder = Recorder::open(options).unwrap();
    let levels = [recorder.last_event_id(), recorder.written_event_id(), recorder.durable_event_id()];
    assert_eq!(levels, [last; 3], "after opening everything found is durable");
    append_many(&mut recorder, event_size, 100);
    recorder.close().unwrap();
    expect_log(&options.directory, event_size, last + 100);
    recorder
}

#[test]
fn a_closed_log_goes_on_in_its_last_segment() {
    for event_size in [32, 0] {
        let directory = temporary_in_memory();
        let options = small_log(directory.path(), event_size);
        for round in 0..5 {
            let recorder = go_on(&options, event_size, round * 100);
            assert_eq!(recorder.report().state, LogState::Clean);
        }
    }
}

#[test]
fn an_empty_log_that_was_closed_is_opened_again() {
    let directory = temporary_in_memory();
    let options = small_log(directory.path(), 32);
    drop(Recorder::open(&options).unwrap());
    go_on(&options, 32, 0);
}

#[test]
fn events_that_were_only_staged_are_taken_over() {
    for event_size in [32, 0] {
        for staged in 1..20 {
            let directory = temporary_in_memory();
            let files = FaultFileSystem::default();
            let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), event_size)).unwrap();
            append_many(&mut recorder, event_size, 10);
            recorder.flush().unwrap();
            append_many(&mut recorder, event_size, staged);
            let expected = recorder.last_event_id() - recorder.written_event_id();
            let left = left_behind(&files, directory.path());
            let options = small_log(left.path(), event_size);
            let again = go_on(&options, event_size, 10 + staged);
            assert_eq!(u64::from(again.report().staged.events), expected);
        }
    }
}

#[test]
fn a_log_killed_between_publishing_a_block_and_emptying_the_staging_memory_has_no_event_twice() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 7);
    let staging = std::fs::read(directory.path().join(names::WAL_STAGING)).unwrap();
    recorder.flush().unwrap();
    let left = left_behind(&files, directory.path());
    std::fs::write(left.path().join(names::WAL_STAGING), staging).unwrap();
    go_on(&small_log(left.path(), 32), 32, 7);
}

#[test]
fn staged_events_of_another_boot_are_not_taken_and_are_kept() {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    recorder.flush().unwrap();
    append_many(&mut recorder, 32, 3);
    let left = left_behind(&files, directory.path());
    let mut options = small_log(left.path(), 32);
    options.boot_id = Some([3; 16]);
    let recorder = Recorder::open(&options).unwrap();
    let report = recorder.report();
    assert_eq!((recorder.last_event_id(), report.staged.events), (10, 0));
    assert!(report.staged.not_taken.is_some());
    assert_eq!(report.lost, Some(IdRange { from: 11, to: 13 }), "the ids were given out");
    let is_kept = |cut: &&flashstrike_recovery::report::CutReport| {
        cut.kept_in.to_string_lossy().contains("wal.staging") && left.path().join(&cut.kept_in).exists()
    };
    assert_eq!(report.cuts.iter().filter(is_kept).count(), 1);
}

#[test]
fn rotated_segments_that_were_not_sealed_are_sealed() {
    for event_size in [32, 0] {
        let directory = temporary_in_memory();
        let files = FaultFileSystem::default();
        let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), event_size)).unwrap();
        for _ in 0..3 {
            append_many(&mut recorder, event_size, 10);
            rotate(&mut recorder).unwrap();
        }
        append_many(&mut recorder, event_size, 5);
        let last = recorder.last_event_id();
        let left = left_behind(&files, directory.path());
        go_on(&small_log(left.path(), event_size), event_size, last);
        let found = ReadBack::now(left.path());
        let sealed = found.verdict.segments.iter().filter(|segment| segment.sealed).count();
        assert!(sealed >= 3, "{sealed}");
    }
}

#[test]
fn a_log_whose_last_segment_is_sealed_goes_on_in_the_next_one() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    rotate(&mut recorder).unwrap();
    recorder.close().unwrap();
    // As a copy without the segment that was begun: it held no event.
    std::fs::remove_file(directory.path().join("00000001.wal")).unwrap();
    for index in 2..5 {
        let _ = std::fs::remove_file(directory.path().join(names::hot_name(index)));
    }
    let sealed = std::fs::read(directory.path().join("00000000.wal")).unwrap();
    go_on(&small_log(directory.path(), 32), 32, 10);
    assert!(
        std::fs::read(directory.path().join("00000000.wal")).unwrap() == sealed,
        "a sealed segment stays as it is"
    );
}

#[test]
fn prepared_segments_alone_are_an_empty_log() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    wait_until(|| directory.path().join("00000002.wal").exists().then_some(()));
    recorder.close().unwrap();
    // Segment 0 as it was before its metadata block was published.
    let path = directory.path().join("00000000.wal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[64..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    for name in [names::WAL_STAGING, names::WAL_META] {
        std::fs::remove_file(directory.path().join(name)).unwrap();
    }
    go_on(&small_log(directory.path(), 32), 32, 0);
}

#[test]
fn prepared_segments_are_used_and_not_made_again() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    wait_until(|| directory.path().join("00000002.wal").exists().then_some(()));
    recorder.close().unwrap();
    let header = |index| std::fs::read(directory.path().join(names::hot_name(index))).unwrap()[..64].to_vec();
    let before = [header(1), header(2)];
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    rotate(&mut recorder).unwrap();
    append_many(&mut recorder, 32, 10);
    assert_eq!([header(1), header(2)], before);
}

#[test]
fn segments_may_change_their_size_from_one_opening_to_the_next() {
    let directory = temporary_in_memory();
    let mut last = 0;
    for segment_bytes in [32 << 10, 64 << 10, 8 << 10, 128 << 10, 8 << 10] {
        let mut options = small_log(directory.path(), 32);
        options.segment_bytes = segment_bytes;
        let mut recorder = Recorder::open(&options).unwrap();
        assert_eq!(recorder.last_event_id(), last);
        append_many(&mut recorder, 32, 1000);
        rotate(&mut recorder).unwrap();
        append_many(&mut recorder, 32, 10);
        last = recorder.last_event_id();
        recorder.close().unwrap();
        expect_log(directory.path(), 32, last);
    }
}

#[test]
fn blocks_may_change_their_size_with_events_staged() {
    let directory = temporary_in_memory();
    let mut log = directory;
    let mut last = 0;
    for block_bytes in [1024, 64, 4096, 512, 2048] {
        let files = FaultFileSystem::default();
        let mut options = small_log_on(&files, log.path(), 32);
        options.block_bytes = block_bytes;
        let mut recorder = Recorder::open(&options).unwrap();
        assert_eq!(recorder.last_event_id(), last);
        append_many(&mut recorder, 32, 77);
        last += 77;
        let left = left_behind(&files, log.path());
        drop(recorder);
        log = left;
    }
    expect_log(log.path(), 32, last);
}

/// Flips a bit of the payload of this event.
fn damage(log: &Path, segment: u32, event_id: u64) {
    let path = log.join(names::hot_name(segment));
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(32).position(|bytes| *bytes == events::fixed(event_id, 32)).unwrap();
    bytes[at + 20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

/// Three blocks, 1–10, 11–20 and 21–30, as a power cut leaves them: nothing durable, another boot.
fn three_blocks() -> tempfile::TempDir {
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    for _ in 0..3 {
        append_many(&mut recorder, 32, 10);
        recorder.flush().unwrap();
    }
    left_behind(&files, directory.path())
}

#[test]
fn a_torn_tail_is_cut_kept_and_reported() {
    let log = three_blocks();
    damage(log.path(), 0, 15);
    let mut options = small_log(log.path(), 32);
    options.boot_id = Some([3; 16]);

    let before = contents(log.path());
    options.mode = Mode::Strict;
    assert_eq!(code(Recorder::open(&options)), Code::Torn);
    assert!(contents(log.path()) == before, "a refusal changes nothing");

    options.mode = Mode::Tail;
    let mut recorder = Recorder::open(&options).unwrap();
    assert_eq!(recorder.last_event_id(), 10);
    let report = recorder.report();
    assert_eq!((report.state, report.lost), (LogState::Torn, Some(IdRange { from: 11, to: 30 })));
    let cut = &report.cuts[0];
    let kept = std::fs::read(log.path().join(&cut.kept_in)).unwrap();
    let whole = &before[&log.path().join("00000000.wal")];
    let from = cut.offset as usize;
    assert!(kept[..] == whole[from..from + kept.len()], "the bytes are kept as they were");
    assert!(whole[from + kept.len()..].iter().all(|byte| *byte == 0), "and none but zeros is missing");

    append_many(&mut recorder, 32, 5);
    recorder.close().unwrap();
    let found = ReadBack::of(log.path(), &[3; 16]).unwrap();
    found.expect_events_from_ids(32);
    assert_eq!(found.last_id(), 15, "the next id follows the last event there is");
}

#[test]
fn a_block_behind_the_cut_does_not_come_back_to_life() {
    let log = three_blocks();
    damage(log.path(), 0, 15);
    let mut options = small_log(log.path(), 32);
    options.boot_id = Some([3; 16]);
    let mut recorder = Recorder::open(&options).unwrap();
    // A block of the same ids, length and contents in the place of the one that was cut; behind it stood 21 to 30.
    append_many(&mut recorder, 32, 10);
    recorder.close().unwrap();
    let found = ReadBack::of(log.path(), &[3; 16]).unwrap();
    assert_eq!((found.is_clean(), found.last_id()), (true, 20));
}

#[test]
fn damage_below_what_was_durable_is_refused_and_nothing_changes() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    for _ in 0..3 {
        append_many(&mut recorder, 32, 10);
        recorder.durable_sync(None).unwrap();
    }
    recorder.close().unwrap();
    drop(recorder);
    damage(directory.path(), 0, 15);
    let before = contents(directory.path());
    for mode in [Mode::Tail, Mode::Strict] {
        let mut options = small_log(directory.path(), 32);
        options.mode = mode;
        let error = Recorder::open(&options).unwrap_err();
        assert_eq!((error.code(), error.segment()), (Code::Corrupt, Some(0)), "{error}");
        assert!(contents(directory.path()) == before, "a refusal changes nothing");
    }
    let mut options = small_log(directory.path(), 32);
    options.mode = Mode::PointInTime;
    let mut recorder = Recorder::open(&options).unwrap();
    assert_eq!(recorder.last_event_id(), 10);
    assert_eq!(recorder.report().lost, Some(IdRange { from: 11, to: 30 }));
    append_many(&mut recorder, 32, 1);
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 11);
}

#[test]
fn diagnostic_mode_never_opens_for_append() {
    let directory = temporary_in_memory();
    let mut options = small_log(directory.path(), 32);
    options.mode = Mode::Diagnostic;
    assert_eq!(code(Recorder::open(&options)), Code::Unsupported);
}

#[test]
fn an_error_of_the_disk_is_never_taken_for_damage() {
    let log = three_blocks();
    for kind in [flashstrike_crash_lab::Kind::Read, flashstrike_crash_lab::Kind::Open] {
        let before = contents(log.path());
        for errno in [
            flashstrike_crash_lab::Errno::IO,
            flashstrike_crash_lab::Errno::ACCESS,
            flashstrike_crash_lab::Errno::MFILE,
        ] {
            let files = FaultFileSystem::with(Rule::fail(errno).kind(kind).ending(".wal"));
            for mode in [Mode::Tail, Mode::Strict, Mode::PointInTime] {
                let mut options = small_log_on(&files, log.path(), 32);
                options.mode = mode;
                let error = Recorder::open(&options).unwrap_err();
                assert_eq!(
                    (error.code(), error.os_error()),
                    (Code::Io, Some(errno.raw_os_error())),
                    "{error}"
                );
                assert!(contents(log.path()) == before, "something has changed");
            }
        }
    }
}

#[test]
fn foreign_files_are_left_alone() {
    let directory = temporary_in_memory();
    let foreign = ["notes.wal", "0.wal", "000000000.wal", "00000000.wal.bak", "wal.metadata", "x.tmp"];
    for name in foreign {
        std::fs::write(directory.path().join(name), name).unwrap();
    }
    let leftovers = ["00000007.wal.new", "wal.meta.tmp", "wal.staging.tmp"];
    for name in leftovers {
        std::fs::write(directory.path().join(name), name).unwrap();
    }
    go_on(&small_log(directory.path(), 32), 32, 0);
    for name in foreign {
        assert_eq!(std::fs::read(directory.path().join(name)).unwrap(), name.as_bytes());
    }
    for name in leftovers {
        assert!(!directory.path().join(name).exists(), "{name} is left over");
    }
}

#[test]
fn a_file_with_the_name_of_a_segment_is_kept_if_anything_is_in_it() {
    let mut late = vec![0; 64 << 10];
    late[40_000..40_005].copy_from_slice(b"hello");
    let foreign = [("text", b"a letter to a friend".to_vec()), ("late", late), ("zeros", vec![0; 4096])];
    for next in [0, 1] {
        for (what, bytes) in &foreign {
            let directory = temporary_in_memory();
            let log = directory.path();
            let mut options = small_log(log, 32);
            options.prepared_segments = 1;
            let last = if next == 0 { 0 } else { go_on(&options, 32, 0).last_event_id() };
            std::fs::write(log.join(names::hot_name(next)), bytes).unwrap();
            let kept: Vec<_> =
                go_on(&options, 32, last).report().cuts.iter().map(|cut| cut.kept_in.clone()).collect();
            if *what == "zeros" {
                assert_eq!(kept, [] as [PathBuf; 0]);
            } else {
                assert_eq!(kept.len(), 1, "{what}: {kept:?}");
                assert!(std::fs::read(log.join(&kept[0])).unwrap() == *bytes, "{what}");
            }
        }
    }
}

#[test]
fn a_batch_is_there_as_a_whole_or_not_at_all() {
    // Every moment of a batch at which a process can die: before, and after the one store that counts it.
    let directory = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut recorder = Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 3);
    let path = directory.path().join(names::WAL_STAGING);
    let before = std::fs::read(&path).unwrap();
    recorder.append_batch(&next_events(&recorder, 32, 5)).unwrap();
    let after = std::fs::read(&path).unwrap();
    let count = 128..132;
    // The bytes of the batch without their count are nothing yet.
    let mut torn = after.clone();
    torn[count.clone()].copy_from_slice(&before[count]);
    for (staging, last) in [(&before, 3), (&torn, 3), (&after, 8)] {
        let left = left_behind(&files, directory.path());
        std::fs::write(left.path().join(names::WAL_STAGING), staging).unwrap();
        go_on(&small_log(left.path(), 32), 32, last);
    }
}

#[test]
fn a_log_can_be_opened_many_times_without_growing() {
    let directory = temporary_in_memory();
    for last in 0..50 {
        let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
        assert_eq!(append_next(&mut recorder, 32).unwrap(), last + 1);
        drop(recorder);
    }
    let files = contents(directory.path()).len();
    assert!(files <= 5, "{files} files after fifty openings");
    expect_log(directory.path(), 32, 50);
}

/// The files of the log that this process has open, and those that it has mapped.
#[cfg(target_os = "linux")]
fn held(log: &Path) -> (Vec<PathBuf>, Vec<String>) {
    let open = std::fs::read_dir("/proc/self/fd")
        .expect("the open files")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.starts_with(log))
        .collect();
    let mapped = std::fs::read_to_string("/proc/self/maps")
        .expect("the mappings")
        .lines()
        .filter(|line| line.contains(log.to_str().expect("a name")))
        .map(str::to_owned)
        .collect();
    (open, mapped)
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_recorder_holds_no_file_and_no_memory_but_the_staging_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    // The kernel names the files without links.
    let log = directory.path().canonicalize().expect("a directory");
    let mut recorder = Recorder::open(&small_log(&log, 64)).expect("a log");
    append_many(&mut recorder, 64, 100);
    rotate(&mut recorder).expect("a rotation");
    append_many(&mut recorder, 64, 100);
    let (open, mapped) = held(&log);
    assert!(!open.is_empty() && mapped.len() > 1, "{open:?} {mapped:?}");
    recorder.close().expect("a close");
    let (open, mapped) = held(&log);
    assert_eq!(open, [] as [PathBuf; 0]);
    assert!(mapped.len() == 1 && mapped[0].ends_with("/wal.staging"), "{mapped:?}");
    assert_eq!((recorder.last_event_id(), recorder.durable_event_id()), (200, 200));
}
