//! Opening a damaged log for append in every mode: a refusal touches nothing, what is cut is kept, and appending goes on.

use std::path::Path;

use flashstrike_recorder::{Code, Mode, Recorder, RecorderOptions, Report};
use flashstrike_segment::layout::{SEGMENT_HEADER_SIZE, STAGING_HEADER_SIZE};
use flashstrike_segment::names::{SegmentFile, SegmentKind, WAL_META, WAL_STAGING, hot_name};
use flashstrike_segment::staging::STAGING_COUNT;
use flashstrike_segment::verify::is_whole;
use flashstrike_segment::{Schema, State, WalMeta, cold};

use super::case::Case;
use super::expected::{Expected, Oracle};
use super::files::{Snapshot, quarantined, snapshot, written};
use super::reading::{check_error, ids};
use crate::common::when_there_is_room;
use crate::memory::BOOT_ID;
use crate::memory::build::{SCHEMA, SEGMENT_SIZE};

const APPENDED: u64 = 3;

/// Opens for append in every mode, each time as it was damaged.
pub fn check(case: &Case, expected: Option<&Expected>, oracle: &mut Oracle) {
    for mode in Mode::ALL {
        let what = format!("{}, opened for append in {mode}", case.what);
        let directory = written(&case.log);
        let before = snapshot(directory.path());
        match Recorder::open(&options(case, directory.path(), mode)) {
            Err(error) => {
                match expected {
                    _ if mode == Mode::Diagnostic => {
                        assert_eq!(error.code(), Code::Unsupported, "{what}: {error}");
                    }
                    None => assert_eq!(error.code(), Code::Unsupported, "{what}: {error}"),
                    Some(expected) => match expected.refusal(mode) {
                        Some(code) => check_error(case, expected, code, &error, &what),
                        None => panic!("{what}: {error}"),
                    },
                }
                assert!(
                    snapshot(directory.path()) == before,
                    "{what}: refused, and yet something has changed"
                );
            }
            Ok(recorder) => {
                assert!(mode != Mode::Diagnostic, "{what}: it is read-only");
                // Somewhere in a sealed segment, where opening does not look.
                let Some(expected) = expected else { continue };
                check_opened(case, expected, mode, recorder, directory.path(), &before, oracle, &what);
            }
        }
    }
}

/// As whoever made the log would open it.
fn options(case: &Case, log: &Path, mode: Mode) -> RecorderOptions {
    let mut options = RecorderOptions::new(log);
    if case.event_size > 0 {
        options.schema = Some(Schema::parse(SCHEMA).expect("a schema"));
    }
    options.block_bytes = 128;
    options.segment_bytes = SEGMENT_SIZE as u32;
    options.prepared_segments = 1;
    options.mode = mode;
    options.boot_id = Some(BOOT_ID);
    options
}

#[expect(clippy::too_many_arguments, reason = "one check in one place")]
fn check_opened(
    case: &Case,
    expected: &Expected,
    mode: Mode,
    mut recorder: Recorder,
    log: &Path,
    before: &Snapshot,
    oracle: &mut Oracle,
    what: &str,
) {
    let report = recorder.report().clone();
    let last = recorder.last_event_id();
    assert_eq!(recorder.durable_event_id(), last, "{what}: everything is durable once it is open");
    for n in 1..=APPENDED {
        let id = when_there_is_room(&mut recorder, |log| log.append(&[0xE7; 32])).expect(what);
        assert_eq!(id, last + n, "{what}");
    }
    recorder.close().expect(what);
    drop(recorder);
    let after = snapshot(log);
    let found = oracle.of_directory(log, what);
    if expected.refusal(mode).is_some() {
        // A damaged sealed segment is found by whoever reads it, and nothing happens to it meanwhile.
        let is_behind_the_look = expected.bad.is_some_and(|(segment, _)| segment <= last_sealed(case));
        // That a name is missing is seen without a look into any file.
        let is_missing = expected.reason.contains("missing") && !case.is_damaged_twice;
        assert!(!is_missing && is_behind_the_look && expected.state == State::Corrupt, "{what}: not refused");
        assert_eq!((found.state, found.bad), (expected.state, expected.bad), "{what}: and then");
        assert!(case.is_damaged_twice || quarantined(&after).is_empty(), "{what}");
        check_kept(case, before, &after, &report, what);
        return;
    }
    assert_eq!(last, expected.last_id(), "{what}: the last event");
    assert_eq!(report.state.as_str(), expected.state.to_string(), "{what}");
    assert_eq!((found.state, found.bad), (State::Clean, None), "{what}: after opening");
    let (old, new) = found.events.split_at(found.events.len().saturating_sub(APPENDED as usize));
    assert!(
        *old == expected.events[..],
        "{what}: {:?} instead of {:?}",
        ids(&found.events),
        ids(&expected.events)
    );
    assert!(new.iter().all(|(_, bytes)| bytes.ends_with(&[0xE7; 24])), "{what}");
    check_kept(case, before, &after, &report, what);
    check_lost(case, expected, &report, what);
    if mode.verifies_everything() {
        check_headers(&after, what);
    }
}

/// A writer that has looked at all headers leaves none that is damaged, but of files that a compressed one stands for.
fn check_headers(after: &Snapshot, what: &str) {
    for (path, bytes) in after {
        let segment = path.to_str().and_then(SegmentFile::parse);
        let (Some(segment), Some(bytes)) = (segment.filter(|it| it.kind == SegmentKind::Hot), bytes) else {
            continue;
        };
        if other_form(segment, after).is_some() {
            continue;
        }
        let header =
            flashstrike_segment::SegmentHeader::decode(&bytes[..SEGMENT_HEADER_SIZE.min(bytes.len())]);
        let is_right = header.is_ok_and(|header| header.segment_index == segment.index);
        assert!(is_right, "{what}: the header of {} is damaged still", path.display());
    }
}

/// The last segment that is sealed, or compressed, by its header alone.
fn last_sealed(case: &Case) -> Option<u32> {
    let files = case.log.files.iter().filter_map(|(name, bytes)| Some((SegmentFile::parse(name)?, bytes)));
    let is_sealed = |bytes: &[u8]| {
        let header = bytes.get(..SEGMENT_HEADER_SIZE).map(flashstrike_segment::SegmentHeader::decode);
        header.is_some_and(|header| header.is_ok_and(|header| header.sealed.is_some()))
    };
    let sealed = files.filter(|(file, bytes)| file.kind == SegmentKind::Cold || is_sealed(bytes));
    sealed.map(|(file, _)| file.index).max()
}

/// Every byte that was there is there still, in its place or in the quarantine.
fn check_kept(case: &Case, before: &Snapshot, after: &Snapshot, report: &Report, what: &str) {
    let kept = quarantined(after);
    let meta = case.log.files.get(WAL_META).and_then(|file| WalMeta::decode(file).ok());
    for (path, old) in before {
        let (name, Some(old)) = (path.to_str().expect("plain names"), old) else { continue };
        if kept.iter().any(|(of, offset, bytes)| of == name && *offset == 0 && bytes == old) {
            continue;
        }
        let Some(file) = SegmentFile::parse(name) else {
            check_beside_segments(name, old, report, what);
            continue;
        };
        let is_retired = meta.as_ref().is_some_and(|meta| file.index < meta.first_segment);
        if is_retired && report.state.as_str() != "corrupt" {
            continue;
        }
        // Of a segment whose hot file is whole the cold one is a copy, to be made anew.
        let twin = case.log.files.get(&hot_name(file.index));
        if file.kind == SegmentKind::Cold && twin.is_some_and(|hot| is_whole(file.index, hot)) {
            continue;
        }
        let now = after.get(path).and_then(Option::as_ref);
        let (old, mut restored) = if let Some(now) = now {
            (old.clone(), now.clone())
        } else {
            // Of two that are the same, one goes; what never became a block goes with it.
            let other = other_form(file, after);
            let mut old = content_of(file, old);
            old.truncate(other.as_ref().map_or(usize::MAX, Vec::len));
            (old, other.unwrap_or_default())
        };
        restored.resize(restored.len().max(old.len()), 0);
        for (_, offset, bytes) in kept.iter().filter(|(of, ..)| of == name) {
            restored[*offset..*offset + bytes.len()].copy_from_slice(bytes);
        }
        // Sealing, and writing a damaged header anew, are no loss; neither are bytes that never became a block.
        let is_published = old.get(120..128).is_some_and(|word| word != [0; 8]);
        let has_remains = is_published && report.notes.iter().any(|note| note.contains("unpublished"));
        let is_lost = |at: &usize| old[*at] != 0 && restored[*at] != old[*at];
        let from = if file.kind == SegmentKind::Cold && now.is_some() { 0 } else { SEGMENT_HEADER_SIZE };
        let lost = (from.min(old.len())..old.len()).find(is_lost).filter(|_| !has_remains);
        assert_eq!(lost, None, "{what}: a byte of {name} is gone; kept are {:?}", names(&kept));
    }
    for cut in &report.cuts {
        let bytes =
            after.get(&cut.kept_in).and_then(Option::as_ref).unwrap_or_else(|| panic!("{what}: {cut:?}"));
        assert_eq!(bytes.len() as u64, cut.bytes, "{what}: {cut:?}");
    }
    assert_eq!(kept.len(), report.cuts.len(), "{what}: {:?} and {:?}", names(&kept), report.cuts);
}

/// The content of a segment's file.
fn content_of(file: SegmentFile, bytes: &[u8]) -> Vec<u8> {
    if file.kind == SegmentKind::Cold { cold::read_all(bytes, SEGMENT_SIZE).bytes } else { bytes.to_vec() }
}

/// The content of the other form of a segment.
fn other_form(file: SegmentFile, after: &Snapshot) -> Option<Vec<u8>> {
    let kind = if file.kind == SegmentKind::Hot { SegmentKind::Cold } else { SegmentKind::Hot };
    let other = SegmentFile { kind, ..file };
    Some(content_of(other, after.get(Path::new(&other.name()))?.as_ref()?))
}

fn names<'a>(kept: &'a [(String, usize, &[u8])]) -> Vec<(&'a str, usize, usize)> {
    kept.iter().map(|(name, offset, bytes)| (name.as_str(), *offset, bytes.len())).collect()
}

/// `wal.meta` and `wal.staging` are made anew at every opening; only what says or holds something is kept.
fn check_beside_segments(name: &str, old: &[u8], report: &Report, what: &str) {
    match name {
        WAL_STAGING => {
            let count = old
                .get(STAGING_COUNT..STAGING_COUNT + 4)
                .map_or(0, |raw| u32::from_le_bytes(raw.try_into().unwrap()));
            let is_taken = report.staged.not_taken.is_none();
            assert!(
                count == 0 || old.len() < STAGING_HEADER_SIZE || is_taken,
                "{what}: {count} staged events are neither in the log nor kept: {:?}",
                report.staged
            );
        }
        WAL_META => {
            let foreign = WalMeta::decode(old).is_ok_and(|meta| {
                report.log_id != Some(format!("{:032x}", u128::from_be_bytes(meta.log_id)))
            });
            assert!(!foreign || report.log_id.is_none(), "{what}: wal.meta of another log was not kept");
        }
        _ => {}
    }
}

/// The ids above the end are named where blocks or proofs name them.
fn check_lost(case: &Case, expected: &Expected, report: &Report, what: &str) {
    let durable = expected.durable.unwrap_or(0);
    let last = expected.last_id();
    match report.lost {
        None => assert!(durable <= last, "{what}: {durable} was durable and is not called lost"),
        Some(lost) => {
            assert!(expected.state != State::Clean || report.staged.not_taken.is_some(), "{what}: {lost:?}");
            assert_eq!(lost.from, last + 1, "{what}");
            assert!(lost.to >= lost.from && lost.to >= durable, "{what}: {lost:?}");
            let written = case.histories.iter().filter_map(|history| history.last()).map(|(id, _)| *id).max();
            // What is said of more than there is says at most so much more.
            let most = written.unwrap_or(0).max(durable) + 8;
            assert!(lost.to <= most || expected.durable.is_none(), "{what}: {lost:?}");
        }
    }
}
