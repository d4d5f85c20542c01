//! Directories that are no place for a log, or not for this version of it: refused with a code, a message that says what
//! to do, and nothing changed.
#![cfg(target_os = "linux")]

mod common;

use std::path::Path;

use common::{append_many, contents, expect_log, small_log, temporary_in_memory};
use flashstrike_crash_lab::{Errno, SmallDisk};
use flashstrike_recorder::{Code, Error, Recorder, RecorderOptions};
use flashstrike_recovery::{Recovery, RecoveryOptions};

/// A closed log of so many events.
fn make_log(directory: &Path, events: u64) {
    let mut recorder = Recorder::open(&small_log(directory, 32)).unwrap();
    append_many(&mut recorder, 32, events);
    recorder.close().unwrap();
}

/// Opens it, which must be refused, and gives the error.
#[track_caller]
fn refused(options: &RecorderOptions) -> Error {
    Recorder::open(options).map(drop).expect_err("this is no place for a log")
}

/// The error has this code and error number, and names the place and what to do.
#[track_caller]
fn expect_io(error: &Error, number: Errno, path: &Path, advice: &str) {
    assert_eq!((error.code(), error.os_error()), (Code::Io, Some(number.raw_os_error())), "{error}");
    assert_eq!(error.path(), Some(path), "{error}");
    for part in [&path.display().to_string(), advice] {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn a_directory_whose_parent_is_missing_is_not_made() {
    let directory = temporary_in_memory();
    let log = directory.path().join("missing").join("log");
    expect_io(&refused(&small_log(&log, 32)), Errno::NOENT, &log, "its parent has to exist");
    assert!(contents(directory.path()).is_empty());
    std::fs::create_dir(log.parent().unwrap()).unwrap();
    make_log(&log, 10);
    expect_log(&log, 32, 10);
}

#[test]
fn a_file_in_the_place_of_the_directory_stays_as_it_is() {
    let directory = temporary_in_memory();
    let file = directory.path().join("log");
    std::fs::write(&file, "not a directory").unwrap();
    let error = refused(&small_log(&file, 32));
    expect_io(&error, Errno::NOTDIR, &file.join("wal.lock"), "a log is a directory");
    assert_eq!(std::fs::read(&file).unwrap(), b"not a directory");
    let below = file.join("log");
    expect_io(&refused(&small_log(&below, 32)), Errno::NOTDIR, &below, "a log is a directory");
}

#[test]
fn a_link_to_nowhere_in_the_place_of_the_directory_is_not_followed() {
    let directory = temporary_in_memory();
    let link = directory.path().join("log");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();
    let told = "it is a symbolic link to a directory that is not there";
    expect_io(&refused(&small_log(&link, 32)), Errno::NOENT, &link, told);
    let unread = Recovery::open(RecoveryOptions::new(&link)).unwrap_err();
    assert_eq!((unread.code(), unread.path()), (Code::NotFound, Some(&*link)), "{unread}");
    assert!(unread.to_string().contains(told), "{unread}");
    assert!(!directory.path().join("nowhere").exists());
    make_log(&directory.path().join("nowhere"), 10);
    expect_log(&link, 32, 10);
}

#[test]
fn whoever_opens_a_link_to_itself_or_a_lock_that_is_no_file_is_told_what_to_put_there() {
    let directory = temporary_in_memory();
    let itself = directory.path().join("itself");
    std::os::unix::fs::symlink("itself", &itself).unwrap();
    expect_io(&refused(&small_log(&itself, 32)), Errno::LOOP, &itself, "remove the link");
    let unread = Recovery::open(RecoveryOptions::new(&itself)).unwrap_err();
    assert!(unread.to_string().contains("remove the link"), "{unread}");

    let log = directory.path().join("log");
    let lock = log.join("wal.lock");
    std::fs::create_dir_all(&lock).unwrap();
    expect_io(&refused(&small_log(&log, 32)), Errno::ISDIR, &lock, "this has to be a regular file");
    std::fs::remove_dir(&lock).unwrap();
    std::os::unix::fs::symlink("elsewhere", &lock).unwrap();
    expect_io(&refused(&small_log(&log, 32)), Errno::LOOP, &lock, "no file of a log may be a symbolic link");
    std::fs::remove_file(&lock).unwrap();
    make_log(&log, 10);
    expect_log(&log, 32, 10);
}

#[test]
fn a_file_system_that_is_not_supported_is_refused_until_it_is_allowed_by_name() {
    let Some(disk) = SmallDisk::ramfs() else { return };
    let mut options = small_log(&disk.path().join("log"), 32);
    let error = refused(&options);
    assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(&*options.directory)), "{error}");
    assert!(error.to_string().contains("name ramfs in allowFileSystem"), "{error}");

    options.allow_file_system = vec!["nfs".to_owned()];
    assert_eq!(refused(&options).code(), Code::Unsupported);
    options.allow_file_system.push("ramfs".to_owned());
    // What cannot be allocated is written.
    for small_syncs in [false, true] {
        options.small_syncs = small_syncs;
        options.directory.set_file_name(format!("log-{small_syncs}"));
        let mut recorder = Recorder::open(&options).unwrap();
        assert_eq!(recorder.report().unproven, ["the log lies on ramfs, allowed by option"]);
        append_many(&mut recorder, 32, 3000);
        recorder.durable_sync(None).unwrap();
        drop(recorder);
        expect_log(&options.directory, 32, 3000);
        assert_eq!(Recorder::open(&options).unwrap().last_event_id(), 3000);
        options.allow_file_system.clear();
        assert_eq!(refused(&options).code(), Code::Unsupported);
        options.allow_file_system.push("ramfs".to_owned());
    }
}

#[test]
fn what_is_no_file_system_for_files_is_refused() {
    let error = refused(&small_log(Path::new("/proc/self"), 32));
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    let error = refused(&small_log(Path::new("/proc/self/log"), 32));
    assert_eq!(error.code(), Code::Io, "{error}");
}

#[test]
fn a_log_on_a_read_only_file_system_can_be_read_and_goes_on_when_it_can_be_written_again() {
    for disk in [SmallDisk::tmpfs(2 << 20), SmallDisk::ext4(16 << 20)] {
        let Some(disk) = disk else { return };
        let log = disk.path().join("log");
        make_log(&log, 500);
        let before = contents(&log);
        disk.set_read_only(true);
        let error = refused(&small_log(&log, 32));
        expect_io(&error, Errno::ROFS, &log.join("wal.lock"), "Recovery reads a log without");
        let new = disk.path().join("new");
        expect_io(&refused(&small_log(&new, 32)), Errno::ROFS, &new, "Recovery reads a log without");
        expect_log(&log, 32, 500);
        disk.set_read_only(false);
        assert!(contents(&log) == before);
        let mut recorder = Recorder::open(&small_log(&log, 32)).unwrap();
        append_many(&mut recorder, 32, 10);
        recorder.close().unwrap();
        expect_log(&log, 32, 510);
    }
}

/// Writes another version number into the first 64 bytes of a file, with the checksum that belongs to it.
fn make_newer(path: &Path, at_version: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at_version] += 1;
    let checksum = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_of_a_newer_version_is_refused_and_not_taken_for_damaged() {
    // Where the version lies in each kind of file.
    for (name, at_version) in [("00000000.wal", 2), ("wal.staging", 4), ("wal.meta", 4)] {
        let directory = temporary_in_memory();
        let log = directory.path();
        make_log(log, 200);
        let original = std::fs::read(log.join(name)).unwrap();
        make_newer(&log.join(name), at_version);
        let before = contents(log);
        let error = refused(&small_log(log, 32));
        assert_eq!(error.code(), Code::Unsupported, "{name}: {error}");
        assert!(error.to_string().contains("version that wrote it"), "{name}: {error}");
        assert!(contents(log) == before, "{name}");
        std::fs::write(log.join(name), original).unwrap();
        expect_log(log, 32, 200);
        assert_eq!(Recorder::open(&small_log(log, 32)).unwrap().last_event_id(), 200);
    }
}
