//! The shared page: what is in it, whose it is, and what happens to what was there before.
#![cfg(all(not(loom), unix))]

mod pages;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use flashstrike_telemetry::page::{
    PageError, PageOptions, PageState, TelemetryPage, snapshot_of_bytes, started_ticks,
};
use flashstrike_telemetry::recorder::RecorderMetrics;
use flashstrike_telemetry::recovery::RecoveryMetrics;
use flashstrike_telemetry::{RecorderTelemetry, RecoveryTelemetry, decode_snapshot, encode_snapshot};
use pages::{
    VALUES_AT, attach, directory, labels, names, options, recorder_on, recovery_on, refused, same_metrics,
    told,
};

/// Stores a different number into every word of the values, as if everything there is had been recorded.
fn fill(path: &Path, bytes: usize, seed: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut at = [0; 8];
    file.read_exact_at(&mut at, VALUES_AT as u64).unwrap();
    let begin = u64::from_le_bytes(at);
    for word in 0..bytes as u64 / 8 {
        // Below 2^40, so that sums of what several threads recorded do not depend on how they overflow.
        let value = (word + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        file.write_all_at(&value.to_le_bytes(), begin + word * 8).unwrap();
    }
}

#[test]
fn every_metric_of_the_catalogue_is_in_the_page_with_every_word_it_has() {
    let directory = directory();
    let path = directory.path().join("page");
    let recorder = recorder_on(&path);
    for seed in [1, 77] {
        fill(&path, size_of::<RecorderMetrics>(), seed);
        let own = recorder.snapshot();
        assert_eq!(own.metrics().len(), RecorderTelemetry::catalogue().len());
        same_metrics(&attach(&path).snapshot().unwrap(), &own);
        let copy = snapshot_of_bytes(&fs::read(&path).unwrap(), &path).unwrap();
        same_metrics(&copy, &own);
        assert_eq!(told(&copy), "dead");
    }

    let path = directory.path().join("other");
    let recovery = recovery_on(&path);
    fill(&path, size_of::<RecoveryMetrics>(), 5);
    let own = recovery.snapshot();
    assert_eq!(own.metrics().len(), RecoveryTelemetry::catalogue().len());
    same_metrics(&attach(&path).snapshot().unwrap(), &own);
}

#[test]
fn a_snapshot_of_a_page_goes_wherever_one_of_a_recorder_goes() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    telemetry.segment_writer_updater().on_block_fill(256);
    let (page, own) = (attach(&path).snapshot().unwrap(), telemetry.snapshot());
    assert_eq!(page.to_string(), own.to_string());
    same_metrics(&decode_snapshot(&encode_snapshot(&page)).unwrap(), &own);
}

#[test]
fn a_page_says_whose_it_is_and_since_when() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    let page = attach(&path);
    assert_eq!(page.process_id(), std::process::id());
    assert_eq!(Some(page.process_started_ticks()), started_ticks(std::process::id()));
    assert_eq!(page.started_unix_ns(), telemetry.snapshot().started_unix_ns());
    assert_eq!(page.generation(), 1);
    assert_eq!(page.path(), path);
    assert_eq!(telemetry.page(), Some(path.as_path()));
    assert_eq!(telemetry.labels(), labels());
}

#[test]
fn a_page_is_live_until_it_is_closed_and_stays_with_its_last_values() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    let writer = telemetry.segment_writer_updater();
    let mut page = attach(&path);
    assert_eq!(page.state().unwrap(), PageState::Live);
    assert_eq!(
        (told(&page.snapshot().unwrap()), told(&telemetry.snapshot())),
        ("live".into(), "live".into())
    );
    writer.on_block_fill(7);
    telemetry.close();
    telemetry.close();
    assert_eq!(page.state().unwrap(), PageState::Closed);
    writer.on_block_fill(8);
    let last = telemetry.snapshot();
    assert_eq!((told(&page.snapshot().unwrap()), told(&last)), ("closed".into(), "closed".into()));
    let copy = snapshot_of_bytes(&fs::read(&path).unwrap(), &path).unwrap();
    assert_eq!(told(&copy), "closed");
    drop((telemetry, writer));
    assert_eq!(page.state().unwrap(), PageState::Closed);
    same_metrics(&page.snapshot().unwrap(), &last);
    same_metrics(&attach(&path).snapshot().unwrap(), &last);
}

#[test]
fn the_last_holder_of_the_metrics_closes_the_page() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    let updater = telemetry.manager_updater();
    let mut page = attach(&path);
    drop(telemetry);
    assert_eq!(page.state().unwrap(), PageState::Live);
    drop(updater);
    assert_eq!(page.state().unwrap(), PageState::Closed);
}

#[test]
fn a_reader_goes_with_the_name_to_the_next_page() {
    let directory = directory();
    let path = directory.path().join("page");
    let first = recorder_on(&path);
    first.segment_writer_updater().on_block_fill(1);
    let mut page = attach(&path);
    let inode = fs::metadata(&path).unwrap().ino();
    drop(first);

    let second = recovery_on(&path);
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(page.state().unwrap(), PageState::Live);
    assert_eq!(page.generation(), 2);
    same_metrics(&page.snapshot().unwrap(), &second.snapshot());

    // Without a page under the name the last one is kept.
    let last = second.snapshot();
    drop(second);
    fs::remove_file(&path).unwrap();
    assert_eq!(page.state().unwrap(), PageState::Closed);
    same_metrics(&page.snapshot().unwrap(), &last);
    assert!(matches!(TelemetryPage::attach(&path), Err(PageError::NotFound { .. })));

    // What is no page is told, not passed over.
    fs::write(&path, "something else").unwrap();
    assert!(matches!(page.snapshot(), Err(PageError::NotAPage { .. })));
    fs::remove_file(&path).unwrap();
    let _third = recorder_on(&path);
    assert_eq!(page.state().unwrap(), PageState::Live);
    assert_eq!(page.generation(), 1);
}

#[test]
fn the_page_of_a_living_writer_is_never_taken_from_it() {
    let directory = directory();
    let path = directory.path().join("page");
    let first = recorder_on(&path);
    let error = refused(&options(&path));
    let PageError::InUse { process, .. } = &error else { panic!("{error}") };
    assert_eq!((*process, error.code()), (std::process::id(), "WAL_LOCKED"));
    assert!(error.to_string().contains("give this one a page of its own"), "{error}");
    first.segment_writer_updater().on_block_fill(1);
    same_metrics(&attach(&path).snapshot().unwrap(), &first.snapshot());
    assert_eq!(names(directory.path()), [Path::new("page")]);

    // Closed, but still looked at in this process: its place is free.
    first.close();
    let second = recorder_on(&path);
    assert_eq!(attach(&path).generation(), 2);
    drop(first);
    assert_eq!(attach(&path).state().unwrap(), PageState::Live);
    drop(second);
}

#[test]
fn what_is_no_page_is_neither_overwritten_nor_read() {
    let directory = directory();
    let target = directory.path().join("target");
    fs::write(&target, "FSTMPAGf and more that is nobody's business").unwrap();
    let empty = directory.path().join("empty");
    fs::write(&empty, "").unwrap();
    let link = directory.path().join("link");
    symlink(&target, &link).unwrap();
    let dangling = directory.path().join("dangling");
    symlink(directory.path().join("nowhere"), &dangling).unwrap();
    let folder = directory.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let before = names(directory.path());
    for (path, told) in [
        (&target, "does not begin like one"),
        (&empty, "does not begin like one"),
        (&link, "symbolic link"),
        (&dangling, "symbolic link"),
        (&folder, "it is a directory"),
        (&pipe, "no regular file"),
    ] {
        for error in [refused(&options(path)), TelemetryPage::attach(path).unwrap_err()] {
            let text = error.to_string();
            assert!(matches!(error, PageError::NotAPage { .. }), "{text}");
            assert!(text.contains(told), "{told}: {text}");
            // Whoever mistakes the directory of a log for a page is not told to be rid of it.
            assert!(!text.contains("remove"), "{text}");
            assert_eq!(error.path(), Some(path.as_path()));
        }
    }
    assert_eq!(names(directory.path()), before);
    assert_eq!(fs::read(&target).unwrap(), b"FSTMPAGf and more that is nobody's business");
}

#[test]
fn what_a_writer_left_that_died_while_it_made_a_page_is_cleared_away_and_nothing_else() {
    let directory = directory();
    let path = directory.path().join("page");
    let left = directory.path().join(".page.new");
    for content in [&b""[..], &[0; 4096], b"FSTMPAGE and a half"] {
        fs::write(&left, content).unwrap();
        drop(recorder_on(&path));
        assert_eq!(names(directory.path()), [Path::new("page")]);
    }
    fs::write(&left, "a letter").unwrap();
    let error = refused(&options(&path));
    assert!(matches!(error, PageError::NotAPage { .. }), "{error}");
    assert_eq!(fs::read(&left).unwrap(), b"a letter");
    // What was there before is still there.
    assert_eq!(attach(&path).state().unwrap(), PageState::Closed);
}

#[test]
fn a_page_is_its_owners_unless_told_otherwise() {
    let directory = directory();
    let path = directory.path().join("page");
    drop(recorder_on(&path));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let for_group = PageOptions { file_mode: 0o640, ..options(&path) };
    let telemetry = RecorderTelemetry::on_page(&for_group, Vec::new()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    drop(telemetry);

    fs::set_permissions(&path, Permissions::from_mode(0o200)).unwrap();
    match TelemetryPage::attach(&path) {
        Ok(_) => eprintln!("SKIPPED: this user may read everything"),
        Err(error) => {
            assert_eq!(error.code(), "WAL_IO");
            assert!(error.to_string().contains("its writer lets others with fileMode"), "{error}");
        }
    }

    // A page that nobody may write is one to be read, and to be replaced by whoever may write in its directory.
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(attach(&path).state().unwrap(), PageState::Closed);
    drop(recorder_on(&path));
    let error = refused(&PageOptions { file_mode: 0o440, ..options(&path) });
    assert_eq!(error.code(), "WAL_UNSUPPORTED");
}

#[test]
fn a_page_on_a_disk_has_to_be_asked_for() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("page");
    match RecorderTelemetry::on_page(&PageOptions::new(&path), Vec::new()) {
        Ok(_) => eprintln!("SKIPPED: the build directory lies in memory"),
        Err(PageError::FileSystem { file_system, .. }) => {
            assert!(names(directory.path()).is_empty());
            let allowed =
                PageOptions { allow_file_system: vec![file_system.clone()], ..PageOptions::new(&path) };
            let telemetry = RecorderTelemetry::on_page(&allowed, Vec::new()).unwrap();
            same_metrics(&attach(&path).snapshot().unwrap(), &telemetry.snapshot());
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_page_needs_a_directory_that_is_there_and_a_name() {
    let directory = directory();
    let missing = directory.path().join("missing");
    let error = refused(&options(missing.join("page")));
    assert_eq!(error.code(), "WAL_IO", "{error}");
    let told = format!("there is no directory {} to make the metrics page", missing.display());
    assert!(error.to_string().starts_with(&told), "{error}");
    for error in [refused(&options("a\0b")), TelemetryPage::attach("a\0b").unwrap_err()] {
        assert_eq!(error.code(), "WAL_UNSUPPORTED", "{error}");
        assert!(error.to_string().contains(r"a\0b"), "{error}");
    }
    let error = refused(&options("/"));
    assert!(matches!(error, PageError::NotAPage { .. } | PageError::FileSystem { .. }), "{error}");
    let labels = vec![("system".to_owned(), "mine".to_owned())];
    let error =
        RecorderTelemetry::on_page(&options(directory.path().join("page")), labels).map(drop).unwrap_err();
    assert_eq!(error.code(), "WAL_UNSUPPORTED");
    assert!(names(directory.path()).is_empty());
}

/// What the documentation of the layout says, read as somebody would who has only that.
#[test]
#[cfg_attr(feature = "unrecorded", ignore = "it finds what was recorded")]
fn a_reader_of_the_layout_alone_finds_a_counter() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    telemetry.manager_updater().on_append_block(300, 9_000);
    let bytes = fs::read(&path).unwrap();
    let number = |at: usize, length: usize| {
        bytes[at..at + length].iter().rev().fold(0, |number: usize, &byte| number << 8 | usize::from(byte))
    };
    assert_eq!(&bytes[..8], b"FSTMPAGE");
    assert_eq!((number(8, 4), number(16, 8), number(24, 8)), (1, 1, bytes.len()));
    let (mut at, values) = (number(12, 4), number(32, 8));
    for _ in 0..2 * number(76, 4) {
        at += 2 + number(at, 2);
    }
    let mut found = Vec::new();
    for _ in 0..number(80, 4) {
        let places = number(at, 4);
        let place = number(at + 4, 8);
        at += 4 + 8 * places;
        let length = number(at, 4);
        let kind = bytes[at + 4];
        // Side, subsystem, title, legacy subsystem, name.
        let (mut strings, mut string_at) = (Vec::new(), at + 22);
        while strings.len() < 5 {
            let end = string_at + 2 + number(string_at, 2);
            strings.push(std::str::from_utf8(&bytes[string_at + 2..end]).unwrap());
            string_at = end;
        }
        if strings[4] == "events" {
            found.push((kind, number(values + place, 8)));
        }
        at += 4 + length;
    }
    assert_eq!(found, [(3, 300)]);
}
