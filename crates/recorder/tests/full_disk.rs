//! A disk without space for the next segment: a clean error, no signal, nothing lost, and on again when space is back.
#![cfg(target_os = "linux")]

mod common;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use common::{PATIENCE, append_many, append_next, expect_log, small_log, small_log_on, wait_until};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, Rule, SmallDisk, events};
use flashstrike_recorder::{Code, Recorder, RecorderOptions};

#[test]
fn on_a_full_tmpfs_appends_go_on_to_the_end_of_the_segment_and_resume_when_space_is_back() {
    if let Some(disk) = SmallDisk::tmpfs(2 << 20) {
        fill_and_free(&disk, small_log(&disk.path().join("log"), 32));
    }
}

#[test]
fn on_a_full_ext4_appends_go_on_to_the_end_of_the_segment_and_resume_when_space_is_back() {
    if let Some(disk) = SmallDisk::ext4(16 << 20) {
        fill_and_free(&disk, small_log(&disk.path().join("log"), 32));
    }
}

#[test]
fn zero_filled_segments_meet_a_full_disk_in_the_same_way() {
    if let Some(disk) = SmallDisk::ext4(16 << 20) {
        let mut options = small_log(&disk.path().join("log"), 32);
        options.small_syncs = true;
        fill_and_free(&disk, options);
    }
}

/// Takes all space, appends until refused, gives the space back, appends on; a SIGBUS would end the test binary.
fn fill_and_free(disk: &SmallDisk, mut options: RecorderOptions) {
    options.prepared_segments = 1;
    let mut recorder = Recorder::open(&options).unwrap();
    wait_until(|| options.directory.join("00000001.wal").exists().then_some(()));
    // Less than a segment stays free: enough for wal.meta, too little to prepare another one.
    let ballast = disk.fill_but(20 << 10);

    let refused = append_until_refused(&mut recorder);
    assert_eq!(refused, Code::Full);
    let (segment, end) = recorder.manager().unwrap().writer().position().unwrap();
    assert_eq!(segment, 1, "the segment that was ready is used up first");
    assert!(end + 64 + 1024 + 64 > 32 << 10, "up to its end: {end}");
    let last = recorder.last_event_id();

    // It says so again, and what is there can be made durable.
    let error = recorder.append(&events::fixed(last + 1, 32)).unwrap_err();
    assert_eq!(error.code(), Code::Full);
    assert!(error.to_string().contains("nothing was appended: make space, wait with drain()"), "{error}");
    assert_eq!(recorder.drain(Duration::from_millis(20)).unwrap_err().code(), Code::Full);
    recorder.durable_sync(None).unwrap();
    assert_eq!(recorder.durable_event_id(), last);

    SmallDisk::free(&ballast);
    recorder.drain(PATIENCE).unwrap();
    for id in last + 1..=last + 3000 {
        assert_eq!(append_next(&mut recorder, 32).unwrap(), id, "ids go on");
    }
    recorder.close().unwrap();
    expect_log(&options.directory, 32, last + 3000);
}

fn append_until_refused(recorder: &mut Recorder) -> Code {
    loop {
        let event = events::fixed(recorder.last_event_id() + 1, 32);
        match recorder.append(&event).map_err(|error| error.code()) {
            Ok(_) => {}
            // The preparer has not tried yet.
            Err(Code::Backpressure) => {
                let _ = recorder.drain(Duration::from_millis(5));
            }
            Err(code) => return code,
        }
    }
}

#[test]
fn a_log_on_a_full_disk_can_be_closed_and_keeps_everything() {
    let Some(disk) = SmallDisk::tmpfs(2 << 20) else { return };
    let mut options = small_log(&disk.path().join("log"), 32);
    options.prepared_segments = 1;
    let mut recorder = Recorder::open(&options).unwrap();
    wait_until(|| options.directory.join("00000001.wal").exists().then_some(()));
    let ballast = disk.fill_but(0);
    append_until_refused(&mut recorder);
    let last = recorder.last_event_id();
    let error = recorder.close().expect_err("there is not even room for wal.meta");
    assert!(error.to_string().contains("wal.meta"), "{error}");
    expect_log(&options.directory, 32, last);

    SmallDisk::free(&ballast);
    assert_eq!(Recorder::open(&options).unwrap().last_event_id(), last);
}

#[test]
fn a_disk_that_is_full_before_the_log_is_created_refuses_it_with_wal_full() {
    let Some(disk) = SmallDisk::tmpfs(2 << 20) else { return };
    let _ballast = disk.fill_but(20 << 10);
    let error = Recorder::open(&small_log(&disk.path().join("log"), 32)).unwrap_err();
    assert_eq!(error.code(), Code::Full, "{error}");
    assert!(error.to_string().contains("make space and open the log again"), "{error}");
    let left = common::contents(&disk.path().join("log"));
    assert!(left.is_empty(), "{left:?}");
}

/// A copy of a log without its zeros has no blocks behind the last event. On a full disk a store into it would be a
/// signal that ends the process.
#[test]
fn a_sparse_copy_of_a_log_is_refused_on_a_full_disk_and_goes_on_with_space() {
    for (small_syncs, disk) in [
        (false, SmallDisk::tmpfs(2 << 20)),
        (true, SmallDisk::tmpfs(2 << 20)),
        (false, SmallDisk::ext4(16 << 20)),
        (true, SmallDisk::ext4(16 << 20)),
    ] {
        let Some(disk) = disk else { return };
        let original = tempfile::tempdir().unwrap();
        let mut options = small_log(original.path(), 32);
        options.small_syncs = small_syncs;
        let mut recorder = Recorder::open(&options).unwrap();
        append_many(&mut recorder, 32, 100);
        recorder.close().unwrap();

        options.directory = disk.path().join("log");
        copy_without_zeros(original.path(), &options.directory);
        let ballast = disk.fill_but(20 << 10);
        let error = Recorder::open(&options).unwrap_err();
        assert_eq!(error.code(), Code::Full, "{error}");
        expect_log(&options.directory, 32, 100);

        SmallDisk::free(&ballast);
        let mut recorder = Recorder::open(&options).unwrap();
        let _ballast = disk.fill_but(0);
        append_until_refused(&mut recorder);
        let last = recorder.last_event_id();
        drop(recorder);
        expect_log(&options.directory, 32, last);
    }
}

fn copy_without_zeros(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        let copy = std::fs::File::create(to.join(entry.file_name())).unwrap();
        copy.set_len(bytes.len() as u64).unwrap();
        for (page, at) in bytes.chunks(4096).zip((0..).step_by(4096)) {
            if page.iter().any(|byte| *byte != 0) {
                copy.write_all_at(page, at).unwrap();
            }
        }
    }
}

#[test]
fn an_exhausted_quota_is_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), 32);
    options.prepared_segments = 1;
    let mut recorder = Recorder::open(&options).unwrap();
    files.add(Rule::fail(Errno::DQUOT).kind(Kind::Allocate));
    assert_eq!(append_until_refused(&mut recorder), Code::Full);
    files.heal();
    append_next(&mut recorder, 32).unwrap();
}

#[test]
fn nothing_of_failed_staging_memory_stays_behind() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    files.add(Rule::fail(Errno::NOSPC).kind(Kind::Allocate).named("wal.staging.tmp"));
    Recorder::open(&small_log_on(&files, directory.path(), 32)).unwrap_err();
    assert!(common::contents(directory.path()).is_empty());
}

#[test]
fn nothing_of_a_failed_preparation_stays_behind() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let mut options = small_log_on(&files, directory.path(), 32);
    options.prepared_segments = 1;
    let mut recorder = Recorder::open(&options).unwrap();
    files.add(Rule::fail(Errno::NOSPC).kind(Kind::Allocate));
    append_until_refused(&mut recorder);
    recorder.close().unwrap();
    let names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".new") || name.ends_with(".tmp"))
        .collect();
    assert_eq!(names, [""; 0]);
}
