//! What reports and messages tell to whoever has to act on them: what is lost, which file it is, what will happen.
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use flashstrike_recovery::cursor::{CursorOptions, CursorStart};
use flashstrike_recovery::follow::{FollowOptions, Wait};
use flashstrike_recovery::overview::overview;
use flashstrike_recovery::repair::{ByHandOptions, plan_repair, repair};
use flashstrike_recovery::{Code, Error, Mode, Recovery, RecoveryOptions};
use flashstrike_segment::WalMeta;
use flashstrike_segment::names::{WAL_META, WAL_STAGING};
use rustix::io::Errno;
use support::staging::{BOOT_ID, stage};
use support::writer::LogWriter;
use support::{os_files, temporary_directory};

fn unproven(log: &Path, boot_id: [u8; 16]) -> String {
    overview(&os_files(), log, Some(boot_id)).unwrap().unproven.join("\n")
}

fn open(log: &Path) -> Recovery {
    Recovery::open(RecoveryOptions { boot_id: Some(BOOT_ID), ..RecoveryOptions::new(log) }).unwrap()
}

#[test]
fn a_log_without_its_staging_says_what_that_may_have_lost_unless_it_was_closed() {
    let place = temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    writer.write_meta(0);
    let meta = log.join(WAL_META);
    for (clean, staged, told) in
        [(false, false, true), (true, false, false), (false, true, false), (true, true, false)]
    {
        let said = WalMeta::decode(&fs::read(&meta).unwrap()).unwrap();
        fs::write(&meta, WalMeta { clean, ..said }.encode()).unwrap();
        let _ = fs::remove_file(log.join(WAL_STAGING));
        if staged {
            stage(log, 10, 0, 32, 10);
        }
        let text = unproven(log, BOOT_ID);
        assert_eq!(text.contains("wal.staging is missing"), told, "closed {clean}, staging {staged}: {text}");
        assert!(!text.contains("wal.meta"), "{text}");
    }
}

#[test]
fn a_log_without_its_meta_says_that_its_end_is_not_proved_unless_staging_of_this_boot_is_there() {
    let place = temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    writer.write_meta(0);
    stage(log, 10, 0, 32, 10);
    let meta = fs::read(log.join(WAL_META)).unwrap();
    for (what, bytes) in [("missing", None), ("damaged", Some(vec![7; 64])), ("valid", Some(meta))] {
        let _ = fs::remove_file(log.join(WAL_META));
        if let Some(bytes) = bytes {
            fs::write(log.join(WAL_META), bytes).unwrap();
        }
        for (boot_id, is_proved) in [(BOOT_ID, true), ([9; 16], false)] {
            let text = unproven(log, boot_id);
            let told = format!("wal.meta is {what}: nothing else says where the log ended");
            assert_eq!(text.contains(&told), !is_proved && what != "valid", "{what}, {is_proved}: {text}");
        }
    }
}

#[test]
fn a_repair_keeps_things_under_the_names_that_its_plan_has_told_and_names_cursors_it_leaves_behind() {
    let place = temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    writer.append(10);
    writer.write_meta(0);
    let (offset, _) = writer.place();
    let recovery = open(log);
    for (name, event_id) in [("ahead", 20), ("within", 10)] {
        let create = Some(CursorStart::After(event_id));
        drop(recovery.cursor(name, &CursorOptions { create, ..CursorOptions::default() }).unwrap());
    }
    let path = log.join("00000000.wal");
    let whole = fs::read(&path).unwrap();
    let damaged = offset - 32;
    for time in [1_000, 2_000] {
        let mut bytes = whole.clone();
        bytes[damaged] ^= 1;
        fs::write(&path, bytes).unwrap();
        writer.write_meta(0);
        let options = |at| ByHandOptions {
            mode: Mode::PointInTime,
            boot_id: Some(BOOT_ID),
            at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(at)),
            ..ByHandOptions::default()
        };
        let plan = plan_repair(&os_files(), log, &options(time)).unwrap();
        assert_eq!(plan.last_event_id, 10);
        let ahead: Vec<_> =
            plan.cursors_ahead.iter().map(|cursor| (&*cursor.name, cursor.event_id)).collect();
        assert_eq!(ahead, [("ahead", 20)]);
        let done = repair(&os_files(), log, &options(time)).unwrap();
        assert!(!plan.cuts.is_empty());
        assert_eq!((&done.cuts, &done.cursors_ahead), (&plan.cuts, &plan.cursors_ahead), "at {time}");
        for cut in &done.cuts {
            assert!(log.join(&cut.kept_in).exists(), "{cut:?}");
        }
    }
}

#[test]
fn removing_a_cursor_that_cannot_be_removed_says_what_where_and_what_to_do() {
    let place = temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    writer.write_meta(0);
    let recovery = open(log);
    let said = |name: &str| {
        let error = recovery.remove_cursor(name).expect_err("nothing to remove");
        (error.code(), error.to_string())
    };
    let (code, text) = said("audit");
    assert_eq!(code, Code::NotFound);
    assert!(text.contains("has no cursor audit; it has none. There is nothing to remove"), "{text}");
    let create = Some(CursorStart::Start);
    for name in ["billing", "risk"] {
        drop(recovery.cursor(name, &CursorOptions { create, ..CursorOptions::default() }).unwrap());
    }
    let (_, text) = said("audit");
    assert!(text.contains(&log.display().to_string()) && text.contains("it has billing, risk"), "{text}");
    assert!(!text.contains("to have it made"), "{text}");
    let (code, text) = said("../risk");
    assert_eq!(code, Code::Unsupported);
    assert!(text.contains("\"../risk\"") && text.contains("1 to 64 of A-Z"), "{text}");

    // As the operating system says it to everybody but the superuser.
    for (error, told) in [
        (Errno::ACCESS, "a cursor needs permission to write in cursors/"),
        (Errno::ROFS, "a cursor needs a file system that can be written to"),
    ] {
        let error = io::Error::from_raw_os_error(error.raw_os_error());
        for path in ["cursors", "cursors/.lock", "cursors/risk.cursor"] {
            let text = Error::io("open", &log.join(path), &error).to_string();
            assert!(text.contains(path) && text.contains(told) && !text.contains("appending"), "{text}");
        }
        let text = Error::io("open", &log.join("00000000.wal"), &error).to_string();
        assert!(text.contains("appending needs"), "{text}");
        let is_told = text.contains("00000000.wal has to be readable, for Recovery too");
        assert_eq!(is_told, error.kind() == io::ErrorKind::PermissionDenied, "{text}");
    }
}

#[test]
fn whoever_may_make_no_file_of_a_segments_size_is_told_what_limits_it() {
    let error = io::Error::from_raw_os_error(Errno::FBIG.raw_os_error());
    let text = Error::io("allocate", Path::new("/log/00000000.wal.new"), &error).to_string();
    assert!(text.contains("/log/00000000.wal.new") && text.contains("(ulimit -f)"), "{text}");
    assert!(text.contains("smaller segments"), "{text}");
}

#[test]
fn whoever_wants_segments_where_only_wal_meta_is_left_is_told_of_what_was_there() {
    let place = temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.append(10);
    writer.write_meta(0);
    let recovery = open(log);
    let mut follower = recovery.follow(FollowOptions::default()).unwrap();
    while follower.last_event_id() < 10 {
        assert!(follower.next_run(Wait::AtMost(Duration::from_secs(60))).unwrap().is_some());
    }
    fs::remove_file(log.join("00000000.wal")).unwrap();
    // Another file of this name is that of a writer who has opened the log since.
    stage(log, 10, 0, 32, 10);
    let error = loop {
        match follower.next_event(Wait::AtMost(Duration::from_secs(60))) {
            Ok(event) => assert!(event.is_some(), "nothing is noticed"),
            Err(error) => break error,
        }
    };
    let text = error.to_string();
    assert!(text.contains("10") && !text.contains("create it with Recorder.open"), "{text}");

    let empty = temporary_directory();
    for tried in [plan_repair, repair] {
        let error = tried(&os_files(), empty.path(), &ByHandOptions::default()).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert!(!error.to_string().contains("Recorder.open"), "{error}");
    }
}
