//! Preparing a log for appending: what is cut is kept, what is left is clean, and a crash anywhere changes nothing
//! about the result.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_recovery::files::FileSystem;
use flashstrike_recovery::inspect::{Depth, InspectOptions, Inspection, inspect};
use flashstrike_recovery::repair::{AppendPoint, RepairOptions, Repaired, prepare_for_append};
use flashstrike_recovery::{Code, Mode, Result};
use flashstrike_segment::{State, WalMeta};
use support::fault::{Done, StoppingFiles};
use support::{Vector, contents, os_files, vector, vectors};

const APPENDING: [Mode; 3] = [Mode::Tail, Mode::Strict, Mode::PointInTime];

fn inspected(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    boot_id: [u8; 16],
    mode: Mode,
) -> Result<Inspection> {
    let options = InspectOptions { depth: Depth::of(mode), boot_id: Some(boot_id), beside_writer: false };
    inspect(files, directory, &options)
}

fn repair(files: &Arc<dyn FileSystem>, vector: &Vector, mode: Mode) -> Result<Repaired> {
    let inspection = inspected(files, vector.path(), vector.boot_id, mode)?;
    prepare_for_append(files, vector.path(), &inspection, &RepairOptions { mode, file_mode: 0o600 })
}

/// What the recorder does behind a repair, as far as an inspection sees it: `wal.meta` and staging are made anew.
fn finish_opening(vector: &Vector, repaired: &Repaired) {
    let staging = vector.path().join("wal.staging");
    if repaired.staged.is_none() && staging.exists() {
        fs::remove_file(staging).unwrap();
    }
    let meta = vector.path().join("wal.meta");
    match &repaired.identity {
        Some(identity) => {
            let last = repaired.link.last_event_id;
            let meta_now = WalMeta {
                clean: false,
                log_id: identity.log_id,
                last_event_id: last,
                durable_event_id: last,
                first_segment: repaired.first_segment,
                last_segment: 0,
                end_offset: 0,
            };
            fs::write(meta, meta_now.encode()).unwrap();
        }
        None if meta.exists() => fs::remove_file(meta).unwrap(),
        None => {}
    }
}

fn refusal(vector: &Vector, mode: Mode) -> Option<&'static str> {
    match (vector.text("state"), mode) {
        ("corrupt", Mode::Tail | Mode::Strict) => Some("WAL_CORRUPT"),
        ("torn", Mode::Strict) => Some("WAL_TORN"),
        _ => None,
    }
}

/// Damage in a sealed segment is found by whoever reads it, or by verifying everything.
fn is_found_at_open(name: &str) -> bool {
    ![
        "cold-damaged",
        "corrupt-sealed",
        "corrupt-metadata",
        "foreign-block",
        "swapped-blocks",
        "first-segment-empty",
    ]
    .contains(&name)
}

#[test]
fn every_mode_refuses_or_leaves_a_clean_log_with_the_expected_events() {
    for mode in APPENDING {
        for vector in vectors() {
            let what = format!("{} in {mode}", vector.name);
            let before = contents(vector.path());
            match (repair(&os_files(), &vector, mode), refusal(&vector, mode)) {
                (Err(error), Some(code)) => {
                    assert_eq!(error.code().as_str(), code, "{what}: {error}");
                    let (segment, offset) = vector.bad().expect("a position");
                    assert_eq!(error.segment(), segment, "{what}");
                    assert_eq!(error.offset().unwrap_or(0), offset, "{what}");
                    assert!(contents(vector.path()) == before, "{what}: changed");
                }
                (Err(error), None) => panic!("{what}: {error}"),
                (Ok(_), Some(_)) => assert!(!is_found_at_open(&vector.name), "{what}: not refused"),
                (Ok(repaired), None) => {
                    finish_opening(&vector, &repaired);
                    check_clean(&vector, &repaired, &what);
                }
            }
        }
    }
}

fn check_clean(vector: &Vector, repaired: &Repaired, what: &str) {
    let again = inspected(&os_files(), vector.path(), vector.boot_id, Mode::PointInTime).expect(what);
    assert_eq!(again.state, State::Clean, "{what}: {:?}", again.damage);
    assert_eq!(again.verdict.events, vector.number("events"), "{what}: events");
    assert_eq!(again.last_id(), vector.number("last_id"), "{what}: last id");
    // What stands behind the end of a sealed segment stays there.
    let is_untouched = vector.name == "behind-sealed" && again.notes.len() == 1;
    assert!(again.notes.is_empty() || is_untouched, "{what}: {:?}", again.notes);
    assert!(
        again.listing.leftovers.is_empty() && again.retired.is_empty() && again.behind.is_empty(),
        "{what}"
    );
    assert!(again.prepared.iter().all(|prepared| prepared.usable.is_some()), "{what}: prepared");
    if let AppendPoint::Active(facts) = &repaired.append {
        let last = again.segments.last().expect("a segment");
        assert_eq!((last.index, last.end, &last.counts), (facts.index, facts.end, &facts.counts), "{what}");
        assert_eq!(again.link, Some(repaired.link), "{what}: link");
        let bytes = fs::read(vector.path().join(format!("{:08}.wal", last.index))).unwrap();
        assert_eq!(bytes.len() as u64, last.length, "{what}: length");
        assert!(bytes[last.end as usize..].iter().all(|&byte| byte == 0), "{what}: zeros behind the end");
    }
}

#[test]
fn nothing_is_lost_every_byte_cut_can_be_put_back() {
    for mode in [Mode::Tail, Mode::PointInTime] {
        for vector in vectors() {
            let before = contents(vector.path());
            let Ok(repaired) = repair(&os_files(), &vector, mode) else { continue };
            let after = contents(vector.path());
            for cut in &repaired.cuts {
                check_evidence(&vector, cut.kept_in.as_path(), &before);
            }
            for (name, old) in before.iter().filter(|(name, _)| is_segment(name)) {
                let new = after.get(name).map_or(&[][..], Vec::as_slice);
                let kept =
                    repaired.cuts.iter().filter(|cut| kept_name(&cut.kept_in) == name.to_str().unwrap());
                // What is gone or changed is either zero or in the quarantine, except a header that was damaged.
                let mut restored = new.to_vec();
                restored.resize(restored.len().max(old.len()), 0);
                for cut in kept {
                    let bytes = &after[&cut.kept_in];
                    restored[cut.offset as usize..cut.offset as usize + bytes.len()].copy_from_slice(bytes);
                }
                let what = format!("{} in {mode}: {}", vector.name, name.display());
                let is_retired = repaired.notes.iter().any(|note| note.contains("retention"));
                let had_remains = repaired.notes.iter().any(|note| note.contains("unpublished"));
                let damaged_header = repaired.notes.iter().any(|note| note.contains("header written anew"));
                if !is_retired && !had_remains {
                    let from = if damaged_header { 64 } else { 0 };
                    assert!(restored[from..old.len()] == old[from..], "{what}");
                }
            }
        }
    }
}

/// The `.json` beside kept bytes says what they are, and the bytes are those of before.
fn check_evidence(vector: &Vector, kept_in: &Path, before: &std::collections::BTreeMap<PathBuf, Vec<u8>>) {
    let path = vector.path().join(kept_in);
    let text = fs::read_to_string(path.with_extension("json")).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&text).unwrap();
    let offset = evidence["offset"].as_u64().unwrap() as usize;
    let bytes = fs::read(&path).unwrap();
    let old = &before[Path::new(evidence["file"].as_str().unwrap())];
    assert!(old[offset..offset + bytes.len()] == bytes, "{}: {}", vector.name, kept_in.display());
    assert!(!evidence["reason"].as_str().unwrap().is_empty());
    assert!(evidence["restore"].as_str().unwrap().contains(kept_in.to_str().unwrap()));
    assert_eq!(evidence["version"], env!("CARGO_PKG_VERSION"));
}

fn is_segment(name: &Path) -> bool {
    flashstrike_segment::names::SegmentFile::parse(name.to_str().unwrap()).is_some()
}

/// `00000001.wal` of `quarantine/00000001.wal.64.20260101T000000Z.bin`.
fn kept_name(kept_in: &Path) -> String {
    let name = kept_in.file_name().unwrap().to_str().unwrap();
    name.rsplitn(4, '.').nth(3).unwrap().to_owned()
}

/// What a directory holds, the times in the names of the quarantine left out.
fn outcome(directory: &Path) -> BTreeSet<(String, Vec<u8>)> {
    contents(directory)
        .into_iter()
        .filter(|(name, _)| name.extension().is_none_or(|ending| ending != "json"))
        .map(|(name, bytes)| match name.strip_prefix("quarantine") {
            Ok(_) => (format!("quarantine/{}", kept_name(&name)), bytes),
            Err(_) => (name.to_string_lossy().into_owned(), bytes),
        })
        .collect()
}

/// Gives the stamps in the quarantine's names an earlier second, as after a restart that takes its time.
fn let_time_pass(log: &Path) {
    let Ok(entries) = fs::read_dir(log.join("quarantine")) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_stamp = |part: &str| part.len() == 16 && part.ends_with('Z');
        let parts: Vec<_> = name.split('.').map(|part| if is_stamp(part) { EARLIER } else { part }).collect();
        fs::rename(&path, path.with_file_name(parts.join("."))).unwrap();
    }
}

const EARLIER: &str = "20260101T000000Z";

/// Stops the repair at each of its operations, then repairs again: the outcome is that of a repair never stopped.
fn stop_everywhere(name: &str, mode: Mode, is_half_done: bool) {
    let Some(undisturbed) = vector(name) else { return };
    let Ok(expected) = repair(&os_files(), &undisturbed, mode) else { return };
    let expected_outcome = outcome(undisturbed.path());
    for operations in 0.. {
        let vector = vector(name).expect("it was there");
        let files = StoppingFiles::new(operations, is_half_done);
        let stopped = repair(&(Arc::clone(&files) as Arc<dyn FileSystem>), &vector, mode);
        let what = format!("{name} in {mode}, stopped at operation {operations}");
        if let Err(error) = &stopped {
            assert_eq!(error.code(), Code::Io, "{what}: {error}");
        }
        let_time_pass(vector.path());
        let again = repair(&os_files(), &vector, mode).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(outcome(vector.path()) == expected_outcome, "{what}");
        assert_eq!(again.link, expected.link, "{what}");
        assert_eq!(again.append, expected.append, "{what}");
        assert_eq!(again.staged, expected.staged, "{what}");
        if stopped.is_ok() {
            assert!(operations > 5, "{what}");
            return;
        }
    }
}

#[test]
fn a_repair_that_is_stopped_anywhere_leads_to_the_same_log() {
    for mode in [Mode::Tail, Mode::PointInTime] {
        for vector in vectors() {
            stop_everywhere(&vector.name, mode, false);
        }
    }
}

#[test]
fn a_write_that_is_done_by_half_leads_to_the_same_log() {
    let names = [
        "torn-hole",
        "torn-rotated",
        "corrupt-payload",
        "file-cut",
        "header-damaged",
        "unpublished",
        "cold-damaged",
    ];
    for name in names {
        for mode in [Mode::Tail, Mode::PointInTime] {
            stop_everywhere(name, mode, true);
        }
    }
}

#[test]
fn repairing_twice_changes_nothing_more() {
    for vector in vectors() {
        let Ok(repaired) = repair(&os_files(), &vector, Mode::PointInTime) else { continue };
        finish_opening(&vector, &repaired);
        let before = contents(vector.path());
        let again = repair(&os_files(), &vector, Mode::PointInTime).expect("clean");
        assert!(again.cuts.is_empty() && again.lost.is_none(), "{}: {:?}", vector.name, again.cuts);
        assert!(contents(vector.path()) == before, "{}", vector.name);
    }
}

#[test]
fn lost_ids_are_named() {
    let lost = |name: &str, mode: Mode| {
        let vector = vector(name)?;
        repair(&os_files(), &vector, mode).expect(name).lost.map(|range| (range.from, range.to))
    };
    if vectors().is_empty() {
        return;
    }
    assert_eq!(lost("torn-payload", Mode::Tail), Some((9, 10)));
    assert_eq!(lost("torn-hole", Mode::Tail), Some((5, 12)));
    assert_eq!(lost("meta-ahead", Mode::PointInTime), Some((11, 12)));
    assert_eq!(lost("staged-gap-poisoned", Mode::Tail), Some((9, 13)));
    assert_eq!(lost("fixed-rotated", Mode::Tail), None);
    assert_eq!(lost("staged", Mode::Tail), None);
}

#[test]
fn diagnostic_mode_never_opens_for_append() {
    for vector in vectors() {
        let before = contents(vector.path());
        let error = repair(&os_files(), &vector, Mode::Diagnostic).expect_err("read-only");
        assert_eq!(error.code(), Code::Unsupported, "{}", vector.name);
        assert!(contents(vector.path()) == before);
    }
}

/// The original deleted a segment for one flipped byte in it (trap F3).
#[test]
fn a_flipped_byte_never_deletes_a_segment() {
    for at in [70, 600, 700, 900] {
        for mode in APPENDING {
            let Some(vector) = vector("fixed-active") else { return };
            let path = vector.path().join("00000000.wal");
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 0x40;
            fs::write(&path, &bytes).unwrap();
            let outcome = repair(&os_files(), &vector, mode);
            let after = contents(vector.path());
            let found = after
                .values()
                .any(|kept| bytes[64..1000].windows(64).any(|w| kept.windows(64).any(|k| k == w)));
            assert!(found, "byte {at} in {mode}: {outcome:?}");
            let total: usize = after
                .iter()
                .filter(|(name, _)| name.extension().is_none_or(|ending| ending != "json"))
                .map(|(_, bytes)| bytes.iter().filter(|&&byte| byte != 0).count())
                .sum();
            assert!(
                total >= bytes.iter().filter(|&&byte| byte != 0).count(),
                "byte {at} in {mode}: bytes are gone"
            );
        }
    }
}

/// Whatever byte of the newest segment is wrong, a repair keeps every event that was durable, and the log goes on behind
/// the last one that is left.
#[test]
fn a_repair_never_cuts_what_was_durable() {
    let Some(original) = vector("fixed-rotated") else { return };
    let bytes = fs::read(original.path().join("00000002.wal")).unwrap();
    let durable = original.number("durable_proof");
    for at in (0..256).chain((256..bytes.len()).step_by(5)) {
        let vector = vector("fixed-rotated").expect("there");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(vector.path().join("00000002.wal"), &flipped).unwrap();
        let what = format!("byte {at}");
        let repaired =
            repair(&os_files(), &vector, Mode::Tail).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(repaired.link.last_event_id >= durable, "{what}: {:?}", repaired.link);
        assert_eq!(repaired.identity.as_ref().map(|identity| identity.event_size), Some(32), "{what}");
        match &repaired.append {
            AppendPoint::Active(facts) => assert_eq!(facts.index, 2, "{what}"),
            AppendPoint::Next(index) => assert_eq!(*index, 2, "{what}"),
        }
        let again =
            inspected(&os_files(), vector.path(), vector.boot_id, Mode::PointInTime).expect("readable");
        assert_eq!((again.state, again.last_id()), (State::Clean, repaired.link.last_event_id), "{what}");
        assert_eq!(again.link, Some(repaired.link), "{what}");
    }
}

/// What a repair does to the disk, in order.
fn doings(vector: &Vector, mode: Mode) -> Option<Vec<Done>> {
    let files = StoppingFiles::new(u64::MAX, false);
    repair(&(Arc::clone(&files) as Arc<dyn FileSystem>), vector, mode).ok().map(|_| files.done())
}

/// Evidence is kept before anything is cut, and kept means synced: contents, names, and the directory's own name.
#[test]
fn nothing_is_cut_before_what_is_cut_has_been_synced_elsewhere() {
    for mode in [Mode::Tail, Mode::PointInTime] {
        for vector in vectors() {
            let Some(done) = doings(&vector, mode) else { continue };
            let quarantine = vector.path().join("quarantine");
            let is_ours = |path: &Path| {
                path.parent() == Some(vector.path()) && is_segment(path.file_name().unwrap().as_ref())
            };
            let is_kept =
                |done: &Done| matches!(done, Done::Renamed { to, .. } if to.starts_with(&quarantine));
            if !done.iter().any(is_kept) {
                continue;
            }
            let what = format!("{} in {mode}: {done:#?}", vector.name);
            let names_synced =
                done.iter().rposition(|done| *done == Done::SyncedDirectory(quarantine.clone()));
            let names_synced = names_synced.unwrap_or_else(|| panic!("{what}"));
            let directory_synced =
                done.iter().position(|done| *done == Done::SyncedDirectory(vector.path().into()));
            assert!(directory_synced.is_some_and(|at| at < names_synced), "{what}");
            for (at, step) in done.iter().enumerate() {
                match step {
                    Done::Renamed { to, .. } if to.starts_with(&quarantine) => {
                        assert!(at < names_synced, "{what}");
                    }
                    Done::Removed(path) if is_ours(path) => assert!(at > names_synced, "{what}"),
                    Done::Written { path, .. } if is_ours(path) => assert!(at > names_synced, "{what}"),
                    Done::Renamed { to, .. } if is_ours(to) => assert!(at > names_synced, "{what}"),
                    _ => {}
                }
            }
            let is_synced = |path: &Path| done[..names_synced].contains(&Done::Synced(path.to_path_buf()));
            for step in &done[..names_synced] {
                if let Done::Written { path, .. } = step {
                    assert!(is_synced(path), "{what}");
                }
            }
        }
    }
}

/// Removing is from the highest down, and each removal is durable before the next.
#[test]
fn every_removal_is_durable_before_the_next() {
    for vector in vectors() {
        let Some(done) = doings(&vector, Mode::PointInTime) else { continue };
        let mut owed = false;
        for step in &done {
            match step {
                Done::Removed(path) if is_segment(path.file_name().unwrap().as_ref()) => {
                    assert!(!owed, "{}: {done:#?}", vector.name);
                    owed = true;
                }
                Done::SyncedDirectory(path) if path == vector.path() => owed = false,
                _ => {}
            }
        }
        assert!(!owed, "{}: {done:#?}", vector.name);
    }
}

/// An earlier sync that failed may have left clean pages that never reached the disk.
#[test]
fn blocks_that_nothing_proves_durable_are_written_once_more_the_same_bytes() {
    for (name, file, from) in [
        // No event is proved: everything, header and metadata block too.
        ("fixed-active", "00000000.wal", 0),
        ("staged", "00000000.wal", 0),
        // The sealed segment before proves its own events, none of this segment.
        ("fixed-rotated", "00000002.wal", 0),
        // wal.meta proves the events up to 3, which end inside the first block: it has to be written again.
        ("meta-stale", "00000000.wal", 0),
    ] {
        let Some(vector) = vector(name) else { return };
        let before = fs::read(vector.path().join(file)).unwrap();
        let done = doings(&vector, Mode::Tail).expect(name);
        let inspection = inspected(&os_files(), vector.path(), vector.boot_id, Mode::Tail).expect(name);
        let end = inspection.segments.last().expect("a segment").end as usize;
        let mut written = vec![false; end];
        for step in &done {
            let Done::Written { path, offset, bytes } = step else { continue };
            if path.file_name().unwrap() == file {
                let range = *offset as usize..*offset as usize + bytes.len();
                assert!(before[range.clone()] == bytes[..], "{name}: other bytes");
                written[range].fill(true);
            }
        }
        assert!(written[from..].iter().all(|&written| written), "{name}");
        assert!(written[..from].iter().all(|&written| !written), "{name}");
    }
}

/// What staging proves is present on this boot, which is not to say that it is on the disk.
#[test]
fn staging_does_not_save_writing_once_more() {
    let Some(vector) = vector("staged-committed") else { return };
    let done = doings(&vector, Mode::Tail).expect("clean");
    let hot = vector.path().join("00000000.wal");
    assert!(done.iter().any(|done| matches!(done, Done::Written { path, offset: 0, .. } if *path == hot)));
}

/// What is proved to be on the disk is left alone.
#[test]
fn durable_blocks_are_not_written_again() {
    let Some(vector) = vector("fixed-active") else { return };
    let identity =
        inspected(&os_files(), vector.path(), vector.boot_id, Mode::Tail).unwrap().identity.unwrap();
    for (durable, from) in [(4, 640), (8, 832), (10, 960)] {
        let meta = WalMeta {
            clean: false,
            log_id: identity.log_id,
            last_event_id: 10,
            durable_event_id: durable,
            first_segment: 0,
            last_segment: 0,
            end_offset: 0,
        };
        fs::write(vector.path().join("wal.meta"), meta.encode()).unwrap();
        let written: Vec<u64> = doings(&vector, Mode::Tail)
            .expect("clean")
            .into_iter()
            .filter_map(|done| match done {
                Done::Written { offset, bytes, .. } if !bytes.is_empty() => Some(offset),
                _ => None,
            })
            .collect();
        let expected = if durable == 10 { vec![] } else { vec![from] };
        assert_eq!(written, expected, "durable up to {durable}");
    }
}

/// A file that is too long is kept under a second name, which must not be edited along with the first.
#[test]
fn what_was_kept_is_not_edited_through_its_other_name() {
    for name in ["torn-payload", "fixed-active", "unpublished", "header-damaged-active", "corrupt-hole"] {
        let Some(vector) = vector(name) else { return };
        let path = vector.path().join("00000000.wal");
        let mut bytes = fs::read(&path).unwrap();
        bytes.resize(bytes.len() + 4096, 0x77);
        fs::write(&path, &bytes).unwrap();
        let repaired =
            repair(&os_files(), &vector, Mode::PointInTime).unwrap_or_else(|e| panic!("{name}: {e}"));
        let whole =
            repaired.cuts.iter().find(|cut| cut.offset == 0).unwrap_or_else(|| panic!("{name}: not kept"));
        assert!(fs::read(vector.path().join(&whole.kept_in)).unwrap() == bytes, "{name}");
        finish_opening(&vector, &repaired);
        check_clean(&vector, &repaired, name);
    }
}
