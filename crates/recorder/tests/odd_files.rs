//! What somebody has put into a log's directory under one of its names, links, pipes, sockets and directories among
//! them, is never followed, changed or waited for; and no length or count in a file makes anybody get memory for it.
#![cfg(target_os = "linux")]

#[path = "../../segment/tests/common/mod.rs"]
mod memory;

mod common;

use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{PATIENCE, temporary_in_memory};
use flashstrike_recorder::{Code, Error, Mode, Recorder, RecorderOptions, Result};
use flashstrike_recovery::cursor::{CursorOptions, CursorStart};
use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::repair::{ByHandOptions, repair, undo};
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::layout::MAX_SCHEMA_LEN;
use flashstrike_segment::{
    BlockFields, KIND_METADATA, Metadata, Schema, SegmentHeader, StagingHeader, seal_block,
};
use memory::BOOT_ID;
use memory::build::{LOG_ID, LogBuilder, SCHEMA};
use tempfile::TempDir;

/// Ends the process when a test hangs: several of the things here would wait for ever if they were opened in the usual
/// way.
fn watch(what: &'static str) -> std::sync::mpsc::Sender<()> {
    let (alive, ended) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("HANG: {what} did not end within {PATIENCE:?}");
            std::process::abort();
        }
    });
    alive
}

/// A log with a compressed segment, a sealed one, and a torn tail in the active one; and what lies outside of it.
struct Place {
    log: PathBuf,
    victim: PathBuf,
    elsewhere: PathBuf,
    _directory: TempDir,
}

fn place() -> Place {
    let directory = temporary_in_memory();
    let (log, elsewhere) = (directory.path().join("log"), directory.path().join("elsewhere"));
    let victim = directory.path().join("victim");
    let mut builder = LogBuilder::fixed();
    builder.append_many(160);
    let entries = builder.entries(&[161, 162]);
    let mut made = builder.with_staging(160, false, &entries).with_meta(|_| ()).finish();
    let end = builder.placed.iter().rfind(|block| block.segment == 0).map(|block| block.offset + block.len);
    made.compress(0, end.unwrap(), false);
    let last = builder.placed.last().unwrap().clone();
    made.flip("00000002.wal", last.offset + 70, 1);
    made.files.remove("wal.staging");
    made.write(&log);
    fs::write(&victim, b"of somebody else").unwrap();
    fs::create_dir(&elsewhere).unwrap();
    Place { log, victim, elsewhere, _directory: directory }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    Link,
    DanglingLink,
    LinkToDirectory,
    Pipe,
    Socket,
    Directory,
    Device,
    HardLink,
}

const ALL: [Odd; 8] = [
    Odd::Link,
    Odd::DanglingLink,
    Odd::LinkToDirectory,
    Odd::Pipe,
    Odd::Socket,
    Odd::Directory,
    Odd::Device,
    Odd::HardLink,
];

impl Odd {
    /// Puts it there; false where that is not allowed.
    fn put(self, place: &Place, path: &Path) -> bool {
        use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(path);
        let node = |kind, device| mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), device);
        match self {
            Self::Link => symlink(&place.victim, path).unwrap(),
            Self::DanglingLink => symlink(place.elsewhere.join("nothing"), path).unwrap(),
            Self::LinkToDirectory => symlink(&place.elsewhere, path).unwrap(),
            Self::Pipe => node(FileType::Fifo, 0).unwrap(),
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
            Self::Directory => fs::create_dir(path).unwrap(),
            // The console: nobody may write to it, whatever happens.
            Self::Device => return node(FileType::CharacterDevice, makedev(5, 1)).is_ok(),
            Self::HardLink => fs::hard_link(&place.victim, path).unwrap(),
        }
        true
    }
}

type Action = fn(&Path) -> Result<()>;

const ACTIONS: [(&str, Action); 6] = [
    ("read in tail", |log| read(log, Mode::Tail)),
    ("read in point-in-time", |log| read(log, Mode::PointInTime)),
    ("diagnosed", |log| read(log, Mode::Diagnostic)),
    ("opened for append", |log| append(log)),
    ("repaired and undone", |log| repair_and_undo(log)),
    ("a cursor made", |log| make_cursor(log)),
];

fn recovery(log: &Path, mode: Mode) -> Result<Recovery> {
    Recovery::open(RecoveryOptions { mode, boot_id: Some(BOOT_ID), ..RecoveryOptions::new(log) })
}

fn read(log: &Path, mode: Mode) -> Result<()> {
    let recovery = recovery(log, mode)?;
    if mode == Mode::Diagnostic {
        let mut diagnosis = recovery.diagnose(ReplayOptions::default())?;
        while diagnosis.next_piece()?.is_some() {}
        return Ok(());
    }
    let mut replay = recovery.replay(ReplayOptions::default())?;
    while replay.next_event()?.is_some() {}
    recovery.verify(&mut |_| {}).map(|_| ())
}

fn append(log: &Path) -> Result<()> {
    let mut options = RecorderOptions::new(log).with_schema(Schema::parse(SCHEMA).unwrap());
    (options.block_bytes, options.segment_bytes, options.boot_id) = (128, 4096, Some(BOOT_ID));
    let mut recorder = Recorder::open(&options)?;
    recorder.append(&[7; 32])?;
    recorder.durable_sync(None)?;
    recorder.close()
}

fn repair_and_undo(log: &Path) -> Result<()> {
    let files: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    let options = ByHandOptions { mode: Mode::Tail, file_mode: None, boot_id: Some(BOOT_ID), at: None };
    let done = repair(&files, log, &options)?;
    if done.cut_at.is_some() { undo(&files, log, None, &options).map(|_| ()) } else { Ok(()) }
}

fn make_cursor(log: &Path) -> Result<()> {
    let options = CursorOptions { create: Some(CursorStart::Start), reset: None, file_mode: 0o600 };
    recovery(log, Mode::Tail)?.cursor("risk", &options).map(|_| ())
}

/// Every name that a log uses, and whether nothing at all can be done while it is odd.
const NAMES: [(&str, bool); 14] = [
    ("00000000.wal", true),
    ("00000000.wal.zst", true),
    ("00000001.wal", true),
    ("00000002.wal", true),
    ("00000003.wal", true),
    ("wal.meta", true),
    ("wal.staging", true),
    ("wal.lock", true),
    ("quarantine", false),
    ("cursors", false),
    ("cursors/.lock", false),
    ("cursors/risk.cursor", false),
    ("wal.meta.tmp", false),
    ("00000003.wal.new", false),
];

#[test]
fn whatever_has_one_of_our_names_is_never_followed_changed_or_waited_for() {
    for (name, is_needed) in NAMES {
        for odd in ALL {
            for (what, action) in ACTIONS {
                let _watched = watch("a log with an odd file in it");
                let what = format!("{name} is a {odd:?}, and the log is {what}");
                let place = place();
                let path = place.log.join(name);
                if !odd.put(&place, &path) {
                    eprintln!("SKIPPED: no device can be made here");
                    continue;
                }
                let before = fs::symlink_metadata(&path).unwrap();
                let outcome = action(&place.log);
                check_outside(&place, &what);
                if let Err(error) = &outcome {
                    check_message(error, odd, &place.log, &what);
                }
                // A hard link is a regular file, with contents that are not ours.
                if is_needed && odd != Odd::HardLink {
                    let error = outcome.expect_err(&what);
                    assert_eq!((error.code(), error.path()), (Code::Io, Some(&*path)), "{what}: {error}");
                }
                let is_temporary = name.ends_with(".tmp") || name.ends_with(".new");
                if !is_temporary && odd != Odd::HardLink {
                    let after = fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(
                        (after.ino(), after.file_type()),
                        (before.ino(), before.file_type()),
                        "{what}"
                    );
                    assert!(!after.file_type().is_char_device() || after.mtime_nsec() == before.mtime_nsec());
                }
            }
        }
    }
}

fn check_outside(place: &Place, what: &str) {
    assert_eq!(fs::read(&place.victim).unwrap(), b"of somebody else", "{what}: it was changed");
    assert_eq!(fs::read_dir(&place.elsewhere).unwrap().count(), 0, "{what}: something was made elsewhere");
}

fn check_message(error: &Error, odd: Odd, log: &Path, what: &str) {
    let message = error.to_string();
    assert!(
        !message.contains('\n') && error.path().is_some_and(|path| path.starts_with(log)),
        "{what}: {message}"
    );
    let is_io = error.code() == Code::Io;
    assert!(is_io || odd == Odd::HardLink, "{what}: {message}");
}

#[test]
fn names_of_others_mean_nothing_however_odd_or_many() {
    let _watched = watch("a log among many files");
    let place = place();
    let names: [&[u8]; 7] = [
        b"\x1b[31mred\x1b[0m.wal",
        b"00000001.wal\n",
        b"\xff\xfe\xfd",
        b"00000001.wal\x07",
        b"quarantine\x1b",
        b"0000000\xd9\xa0.wal",
        b"-rf",
    ];
    for name in names {
        fs::write(place.log.join(std::ffi::OsString::from_vec(name.to_vec())), b"foreign").unwrap();
    }
    for n in 0..20_000 {
        fs::write(place.log.join(format!("{n}.txt")), b"").unwrap();
    }
    for (what, action) in ACTIONS {
        action(&place.log).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    for name in names {
        let path = place.log.join(std::ffi::OsString::from_vec(name.to_vec()));
        assert_eq!(fs::read(&path).unwrap(), b"foreign");
    }
    let foreign = fs::read_dir(&place.log).unwrap().flatten();
    let texts = foreign.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "txt"));
    assert_eq!(texts.count(), 20_000);
}

/// A log of one segment with nothing but its metadata block, which has this schema and says this of its size.
fn log_with_schema(log: &Path, schema: &str, segment_size: u32) {
    fs::create_dir(log).unwrap();
    let header = SegmentHeader { segment_index: 0, created_ts_ns: 1, salt: 9, event_size: 0, sealed: None };
    let metadata = Metadata {
        log_id: LOG_ID,
        previous_chain: 0,
        segment_index: 0,
        segment_size,
        salt: 9,
        event_size: 0,
        schema: String::new(),
    };
    let fields = BlockFields {
        first_event_id: 0,
        last_event_id: 0,
        written_ts_ns: 1,
        block_index: 0,
        event_count: 0,
        undurable: 0,
        salt: 9,
        kind: KIND_METADATA,
    };
    // Its encoder refuses what is tried here.
    let mut payload = metadata.encode();
    payload[40..44].copy_from_slice(&u32::try_from(schema.len()).unwrap().to_le_bytes());
    payload.extend(schema.as_bytes());
    let mut file = header.encode().to_vec();
    file.extend(seal_block(&fields, &payload, 0).0);
    file.extend(&payload);
    file.resize((128 << 10).max(file.len().next_multiple_of(4096)), 0);
    fs::write(log.join("00000000.wal"), file).unwrap();
}

#[test]
fn a_schema_that_is_too_long_or_too_deep_is_refused_and_nothing_overflows() {
    let longest = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_SCHEMA_LEN - 8));
    let deepest = format!("{}{}", "[".repeat(MAX_SCHEMA_LEN / 2), "]".repeat(MAX_SCHEMA_LEN / 2));
    let half_deep = "[".repeat(MAX_SCHEMA_LEN);
    let too_long = "x".repeat(MAX_SCHEMA_LEN + 1);
    for (schema, is_damage) in [(&longest, false), (&deepest, true), (&half_deep, true), (&too_long, true)] {
        let directory = temporary_in_memory();
        let log = directory.path().join("log");
        log_with_schema(&log, schema, 128 << 10);
        let told = Recovery::open(RecoveryOptions { boot_id: Some(BOOT_ID), ..RecoveryOptions::new(&log) });
        match told {
            Ok(recovery) => {
                assert_eq!(recovery.identity().is_none(), is_damage, "{} bytes", schema.len());
                assert!(recovery.replay(ReplayOptions::default()).unwrap().next_event().unwrap().is_none());
            }
            Err(error) => assert!(matches!(error.code(), Code::Schema | Code::Corrupt), "{error}"),
        }
        let before = fs::read(log.join("00000000.wal")).unwrap();
        let mut options = RecorderOptions::new(&log);
        (options.segment_bytes, options.boot_id) = (128 << 10, Some(BOOT_ID));
        match Recorder::open(&options) {
            // Torn: the metadata block that nobody can read is cut, and kept.
            Ok(recorder) => {
                assert!(is_damage && !recorder.report().cuts.is_empty(), "{} bytes", schema.len());
            }
            Err(error) => {
                assert!(matches!(error.code(), Code::Schema | Code::Corrupt), "{error}");
                assert_eq!(fs::read(log.join("00000000.wal")).unwrap(), before);
            }
        }
    }
    for text in [&*deepest, &*half_deep, &*too_long] {
        assert!(Schema::parse(text).is_err());
    }
}

/// Peak of the memory of this process, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// KiB by which the peak has grown. It seems to shrink by a little now and then: the kernel counts pages per processor, and
/// adds them up when it has time.
fn grown_since(before: u64) -> u64 {
    peak_memory().saturating_sub(before)
}

/// A file of this length without a block on the disk, beginning with these bytes.
fn sparse(path: &Path, bytes: &[u8], length: u64) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.set_len(length).unwrap();
}

const GIB: u64 = 1 << 30;

type Claim = fn(&Path);

/// What would need gigabytes if it were believed.
const CLAIMS: [(&str, Claim); 7] = [
    ("a staging area of 4 GiB", |log| {
        let header = StagingHeader { event_size: 32, log_id: LOG_ID, boot_id: BOOT_ID, area_len: u32::MAX };
        sparse(&log.join("wal.staging"), &header.encode(), 5 * GIB);
    }),
    ("a wal.meta of 8 GiB", |log| sparse(&log.join("wal.meta"), &[], 8 * GIB)),
    ("a wal.lock of 8 GiB", |log| sparse(&log.join("wal.lock"), &[], 8 * GIB)),
    ("a compressed file of 8 GiB", |log| sparse(&log.join("00000000.wal.zst"), &[], 8 * GIB)),
    ("compressed zeros of 512 MiB", |log| {
        let start = flashstrike_segment::cold::compress(&vec![0; 1 << 20], 3).unwrap();
        let frame = &start[..start.len() - (8 + 8 + 9)];
        fs::write(log.join("00000000.wal.zst"), frame.repeat(512)).unwrap();
    }),
    ("a segment of 8 GiB", |log| {
        let start = fs::read(log.join("00000001.wal")).unwrap();
        sparse(&log.join("00000001.wal"), &start, 8 * GIB);
    }),
    ("a segment without a block of 8 GiB", |log| sparse(&log.join("00000003.wal"), &[], 8 * GIB)),
];

#[test]
fn no_length_and_no_count_is_believed_before_it_is_checked() {
    const ENOUGH_KIB: u64 = 256 << 10;
    let _watched = watch("a log with files that claim gigabytes");
    for (claim, make) in CLAIMS {
        for (what, action) in &ACTIONS[..4] {
            let place = place();
            make(&place.log);
            let before = peak_memory();
            let outcome = action(&place.log);
            let taken = grown_since(before);
            assert!(taken < ENOUGH_KIB, "{claim}, {what}: {taken} KiB, {:?}", outcome.err());
        }
    }
    let directory = temporary_in_memory();
    let log = directory.path().join("log");
    log_with_schema(&log, "{}", 1 << 31);
    let before = peak_memory();
    read(&log, Mode::PointInTime).unwrap();
    assert!(grown_since(before) < ENOUGH_KIB);
}
