//! Errors of the operating system are never taken for damage, reading never needs permission to write, and odd files
//! are left alone.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use flashstrike_recovery::files::FileSystem;
use flashstrike_recovery::{Code, Mode, Piece, Recovery, RecoveryOptions, ReplayOptions, Result};
use support::failing::FailingFiles;
use support::writer::hold_lock;
use support::{Vector, Watchdog, contents, vector};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;

fn count(recovery: &Recovery) -> Result<u64> {
    let mut replay = recovery.replay(ReplayOptions::default())?;
    let mut events = 0;
    while let Some(run) = replay.next_run()? {
        events += run.event_count();
    }
    Ok(events)
}

/// Everything that reading does, over these files.
fn read_all(vector: &Vector, mode: Mode, files: Arc<dyn FileSystem>) -> Result<u64> {
    let options = RecoveryOptions {
        mode,
        files: Some(files),
        boot_id: Some(vector.boot_id),
        ..RecoveryOptions::new(vector.path())
    };
    let recovery = Recovery::open(options)?;
    if mode == Mode::Diagnostic {
        let mut diagnosis = recovery.diagnose(ReplayOptions::default())?;
        let mut events = 0;
        while let Some(piece) = diagnosis.next_piece()? {
            if let Piece::Run(run) = piece {
                events += run.event_count();
            }
        }
        return Ok(events);
    }
    let summary = recovery.verify(&mut |_| {})?;
    assert!(summary.bad.is_none(), "{:?}", summary.bad);
    let events = count(&recovery)?;
    count(&recovery).map(|again| {
        assert_eq!(again, events);
        events
    })
}

#[test]
fn an_error_of_the_operating_system_is_an_io_error_wherever_it_comes() {
    let _watchdog = Watchdog::new("reading with failing operations");
    for name in ["fixed-rotated", "cold", "staged", "cold-and-hot", "meta-stale"] {
        for mode in Mode::ALL {
            for error in [EIO, EACCES, EMFILE] {
                for at in 0.. {
                    let Some(vector) = vector(name) else { return };
                    let files = FailingFiles::new(at, error);
                    let what = format!("{name} in {mode}, error {error} at operation {at}");
                    match read_all(&vector, mode, Arc::clone(&files) as Arc<dyn FileSystem>) {
                        Err(found) => {
                            assert_eq!(
                                (found.code(), found.os_error()),
                                (Code::Io, Some(error)),
                                "{what}: {found}"
                            );
                            assert!(found.path().is_some(), "{what}: {found}");
                        }
                        // Without permission to read the lock nobody can share the log with a writer.
                        Ok(events) => {
                            assert_eq!(events, vector.number("events"), "{what}");
                            assert!(!files.has_failed() || error == EACCES, "{what}: passed over");
                            if !files.has_failed() {
                                break;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Runs a test of this file as a user that owns nothing; says loudly where that cannot be done.
fn run_as_stranger(test: &str, directory: &Path) {
    let uid = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap();
    let exe = std::env::current_exe().unwrap();
    // The build directory may be closed to strangers.
    let program = directory.join("test-program");
    fs::copy(exe, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let as_stranger = || {
        if uid != 0 {
            return Command::new(&program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command
    };
    // A kernel may refuse it, and another user may not be let into the temporary directory.
    let can_run = as_stranger().arg("--list").stdout(Stdio::null()).status();
    if !can_run.as_ref().is_ok_and(ExitStatus::success) {
        eprintln!("SKIPPED: nothing can be run as another user: {can_run:?}");
        return;
    }
    let mut command = as_stranger();
    command.args([test, "--exact", "--ignored", "--nocapture"]).env("READ_ONLY_LOG", directory.join("log"));
    let output = command.output().expect("it can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn reading_needs_no_permission_to_write() {
    for name in ["staged", "cold", "torn-hole", "meta-stale"] {
        let Some(vector) = vector(name) else { return };
        drop(hold_lock(vector.path()));
        let outside = tempfile::tempdir().unwrap();
        let log = outside.path().join("log");
        fs::create_dir(&log).unwrap();
        support::copy_tree(vector.path(), &log);
        fs::write(outside.path().join("expected"), vector.number("events").to_string()).unwrap();
        for entry in fs::read_dir(&log).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(&log, fs::Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let before = contents(&log);
        run_as_stranger("a_stranger_reads", outside.path());
        assert!(contents(&log) == before, "{name}");
        fs::set_permissions(&log, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
#[ignore = "run by reading_needs_no_permission_to_write, as another user"]
fn a_stranger_reads() {
    let log = std::path::PathBuf::from(std::env::var_os("READ_ONLY_LOG").expect("a log"));
    let error = fs::File::create(log.join("probe")).expect_err("the directory must be closed to this user");
    assert_eq!(error.raw_os_error(), Some(EACCES));
    assert!(fs::OpenOptions::new().write(true).open(log.join("00000000.wal")).is_err());
    let expected: u64 = fs::read_to_string(log.parent().unwrap().join("expected")).unwrap().parse().unwrap();
    let boot_id = flashstrike_recovery::machine::parse_uuid("00000000-0000-0000-0000-00000000b007");
    let options = RecoveryOptions { boot_id, ..RecoveryOptions::new(&log) };
    let recovery = Recovery::open(options).expect("readable");
    assert_eq!(count(&recovery).expect("intact"), expected);
    recovery.verify(&mut |_| {}).expect("readable");
}

#[test]
fn links_and_odd_files_under_our_names_are_neither_followed_nor_taken_for_missing() {
    let Some(vector) = vector("fixed-rotated") else { return };
    let path = vector.path().join("00000001.wal");
    let aside = vector.path().join("elsewhere");
    fs::rename(&path, &aside).unwrap();
    symlink(&aside, &path).unwrap();
    let open = || Recovery::open(RecoveryOptions::new(vector.path())).map(|_| ());
    let error = open().expect_err("a symbolic link");
    assert_eq!((error.code(), error.path()), (Code::Io, Some(&*path)));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(open().expect_err("a directory").code(), Code::Io);
    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    // Names that are not ours mean nothing, whatever they are.
    symlink("/dev/null", vector.path().join("1.wal")).unwrap();
    symlink("/nowhere", vector.path().join("00000007.wal.new")).unwrap();
    fs::write(vector.path().join("00000009.WAL"), b"foreign").unwrap();
    open().expect("clean");
}

#[test]
fn a_directory_without_a_log_is_not_found() {
    let directory = support::temporary_directory();
    for path in [directory.path().to_path_buf(), directory.path().join("none")] {
        let error = Recovery::open(RecoveryOptions::new(&path)).expect_err("nothing there");
        assert_eq!((error.code(), error.path()), (Code::NotFound, Some(&*path)));
    }
    fs::write(directory.path().join("file"), b"").unwrap();
    let error = Recovery::open(RecoveryOptions::new(directory.path().join("file"))).expect_err("a file");
    assert_eq!(error.code(), Code::NotFound);
}

#[test]
fn another_schema_than_the_logs_is_refused() {
    let Some(vector) = vector("fixed-active") else { return };
    let open = |schema: Option<&str>, event_size| {
        let schema = schema.map(|text| flashstrike_segment::Schema::parse(text).expect("a schema"));
        Recovery::open(RecoveryOptions { schema, event_size, ..RecoveryOptions::new(vector.path()) })
            .map(|recovery| recovery.identity().expect("known").schema)
            .map_err(|error| error.code())
    };
    let own = open(None, None).expect("whatever it has");
    assert_eq!(open(Some(&own), Some(32)), Ok(own.clone()));
    assert_eq!(open(Some("{}"), None), Err(Code::Schema));
    assert_eq!(open(None, Some(64)), Err(Code::Schema));
    assert_eq!(open(Some(&own.replace("price", "prices")), None), Err(Code::Schema));
}
