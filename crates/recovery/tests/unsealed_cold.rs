//! Compressed segments whose content has no sealed header, which no recorder makes: whoever reads one says the same of it
//! as everybody else. What continues the log is read, and what does not is damage at the same place.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::follow::{AROUND, FollowOptions, Start, Wait};
use flashstrike_recovery::repair::{ByHandOptions, plan_repair};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Code, Error, Mode, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE};
use flashstrike_segment::{BlockHeader, SegmentHeader, cold};
use support::writer::{LogWriter, end_of_blocks};
use support::{Watchdog, os_files, temporary_directory};

const SEGMENTS: u32 = 6;

/// What becomes of the header, and how many blocks are left out at the end.
#[derive(Debug, Clone, Copy)]
struct Forged {
    segment: u32,
    header: Header,
    cut: usize,
    /// The uncompressed one stays beside it, not sealed either.
    has_twin: bool,
}

#[derive(Debug, Clone, Copy)]
enum Header {
    NotSealed,
    Damaged,
}

/// Writes the log; gives its last event.
fn write(log: &Path) -> u64 {
    let mut writer = LogWriter::new(log, 64, 4096);
    while writer.next_segment < SEGMENTS {
        writer.append(5);
    }
    writer.append(5);
    writer.write_meta(0);
    writer.link.last_event_id
}

/// Puts a compressed file in a segment's place; gives where its blocks end, and the last event in it.
fn forge(log: &Path, Forged { segment, header, cut, has_twin }: Forged) -> (u64, u64) {
    let hot = hot_path(log, segment);
    let mut bytes = fs::read(&hot).unwrap();
    let mut ends = vec![SEGMENT_HEADER_SIZE];
    let mut ids = Vec::new();
    while ends[ends.len() - 1] < end_of_blocks(&bytes) {
        let at = ends[ends.len() - 1];
        let block = BlockHeader::decode(&bytes[at..]).unwrap();
        ids.push(block.last_event_id);
        ends.push(at + block.block_len());
    }
    let end = ends[ends.len() - 1 - cut];
    match header {
        Header::NotSealed => {
            let header = SegmentHeader::decode(&bytes).unwrap();
            bytes[..SEGMENT_HEADER_SIZE].copy_from_slice(&SegmentHeader { sealed: None, ..header }.encode());
        }
        Header::Damaged => bytes[20] ^= 1,
    }
    assert!(end > SEGMENT_HEADER_SIZE + BLOCK_HEADER_SIZE);
    fs::write(cold_path(log, segment), cold::compress(&bytes[..end], 3).unwrap()).unwrap();
    if has_twin {
        fs::write(hot, bytes).unwrap();
    } else {
        fs::remove_file(hot).unwrap();
    }
    (end as u64, ids[ids.len() - 1 - cut])
}

/// Where an error says that the damage is, in which file.
fn place(error: &Error) -> (Option<u32>, Option<u64>) {
    let name = error.path().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    assert!(error.path().is_some_and(Path::exists), "{name:?} is not there: {error}");
    (error.segment(), error.offset())
}

/// The events that are read before the end, or before the damage.
fn read(what: &str, mut next: impl FnMut() -> Result<Option<u64>, Error>) -> (Vec<u64>, Option<Error>) {
    let mut ids = Vec::new();
    loop {
        match next() {
            Ok(Some(id)) => ids.push(id),
            Ok(None) => return (ids, None),
            Err(error) => {
                assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
                return (ids, Some(error));
            }
        }
    }
}

#[test]
fn every_reader_says_the_same_of_a_compressed_segment_without_a_seal() {
    let _watchdog = Watchdog::new("a compressed segment without a seal");
    for segment in 0..SEGMENTS {
        for header in [Header::NotSealed, Header::Damaged] {
            for cut in [0, 1] {
                for has_twin in [false, true] {
                    check(Forged { segment, header, cut, has_twin });
                }
            }
        }
    }
}

fn check(forged: Forged) {
    let what = &format!("{forged:?}");
    let directory = temporary_directory();
    let log = directory.path();
    let last = write(log);
    let (end, last_in_it) = forge(log, forged);
    let is_damaged = forged.cut > 0;
    let damage = is_damaged.then_some((Some(forged.segment), Some(end)));
    let g = if is_damaged { last_in_it } else { last };

    let options = |mode| RecoveryOptions { mode, ..RecoveryOptions::new(log) };
    let recovery = Recovery::open(options(Mode::Tail));
    let verification = Recovery::open(options(Mode::Diagnostic)).unwrap().verify(&mut |_| {}).unwrap();
    let expected = if is_damaged { LogState::Corrupt } else { LogState::Clean };
    assert_eq!(verification.state, expected, "{what}");
    let bad = verification.bad.as_ref().map(|bad| (bad.segment, Some(bad.offset)));
    assert_eq!((bad, verification.last_id), (damage, g), "{what}");
    let plan =
        plan_repair(&os_files(), log, &ByHandOptions { mode: Mode::PointInTime, ..Default::default() });
    assert_eq!(plan.unwrap().last_event_id, g, "{what}: repaired");

    let given = Recovery::open(options(Mode::PointInTime)).unwrap();
    let mut replay = given.replay(ReplayOptions::default()).unwrap();
    let (ids, error) = read(what, || Ok(replay.next_event()?.map(|event| event.id)));
    assert!(ids.iter().copied().eq(1..=g) && error.is_none(), "{what}: {error:?}");

    // What is behind the damage is none of the log's, also where it stands in another file.
    let mut follower = given.follow(FollowOptions::default()).unwrap();
    let (ids, _) = read(what, || Ok(follower.next_event(Wait::AtMost(AROUND * 3))?.map(|event| event.id)));
    assert!(
        ids.len() as u64 <= g && ids.iter().copied().eq(1..=ids.len() as u64),
        "{what}, followed: {ids:?}"
    );

    // Where damage lies behind the last sealed segment, opening finds it.
    let recovery = match recovery {
        Err(error) => return assert_eq!(Some(place(&error)), damage, "{what}: {error}"),
        Ok(recovery) => recovery,
    };
    for from in [1, last_in_it.saturating_sub(2).max(1), last_in_it] {
        let what = &format!("{what} from {from}");
        let options = ReplayOptions { from: Some(from), ..ReplayOptions::default() };
        let mut replay = recovery.replay(options).unwrap();
        let (ids, error) = read(what, || Ok(replay.next_event()?.map(|event| event.id)));
        assert_eq!(error.as_ref().map(place), damage, "{what}");
        assert!(ids.iter().copied().eq(from..=g), "{what}: {ids:?}");

        let options = FollowOptions { from: Start::At(from), ..FollowOptions::default() };
        let (ids, error) = match recovery.follow(options) {
            Err(error) => (Vec::new(), Some(error)),
            Ok(mut follower) => read(what, || {
                let wait = if !is_damaged && follower.last_event_id() == g {
                    Wait::Never
                } else {
                    Wait::AtMost(Duration::from_secs(60))
                };
                Ok(follower.next_event(wait)?.map(|event| event.id))
            }),
        };
        assert_eq!(error.as_ref().map(place), damage, "{what}, followed: {error:?}");
        assert!(ids.iter().copied().eq(from..=g), "{what}, followed: {ids:?}");
    }
}

#[test]
fn an_error_names_the_compressed_file_where_that_is_the_one_that_was_read() {
    let _watchdog = Watchdog::new("damaged compressed files");
    for segment in [0, 2, SEGMENTS - 2] {
        for has_hot in [false, true] {
            let what = &format!("segment {segment}, beside an uncompressed one: {has_hot}");
            let directory = temporary_directory();
            let log = directory.path();
            write(log);
            let hot = hot_path(log, segment);
            let mut bytes = fs::read(&hot).unwrap();
            let mut compressed = cold::compress(&bytes[..end_of_blocks(&bytes)], 3).unwrap();
            let middle = compressed.len() / 2;
            compressed[middle] ^= 1;
            fs::write(cold_path(log, segment), compressed).unwrap();
            if has_hot {
                bytes[SEGMENT_HEADER_SIZE + BLOCK_HEADER_SIZE + 20] ^= 1;
                fs::write(&hot, bytes).unwrap();
            } else {
                fs::remove_file(&hot).unwrap();
            }
            let path = Some(cold_path(log, segment));
            let mut errors = Vec::new();
            errors.extend(Recovery::open(RecoveryOptions::new(log)).err());
            if let Ok(recovery) = Recovery::open(RecoveryOptions::new(log)) {
                let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
                errors.extend(read(what, || Ok(replay.next_event()?.map(|event| event.id))).1);
                let mut follower = recovery.follow(FollowOptions::default()).unwrap();
                let wait = Wait::AtMost(Duration::from_secs(60));
                errors.extend(read(what, || Ok(follower.next_event(wait)?.map(|event| event.id))).1);
                assert_eq!(errors.len(), 2, "{what}");
            }
            assert!(!errors.is_empty(), "{what}");
            for error in errors {
                assert_eq!(error.path().map(Path::to_path_buf), path, "{what}: {error}");
            }
        }
    }
}
