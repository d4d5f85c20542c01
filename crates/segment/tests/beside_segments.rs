//! Cold segments, `wal.staging` and `wal.meta`.

mod common;

use common::build::{LogBuilder, SEGMENT_SIZE};
use common::judge::{up_to, verify};
use common::{BOOT_ID, MemoryLog};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::names::{WAL_META, WAL_STAGING, cold_name, hot_name};
use flashstrike_segment::verify::StagingFault;
use flashstrike_segment::{
    LogVerifier, Note, NothingFollows, Position, SegmentBytes, StagingOutcome, State, Verdict, cold,
};

fn cold_log() -> (MemoryLog, usize) {
    let mut builder = LogBuilder::fixed();
    let mut log = builder.append_many(80).finish();
    let end = builder
        .placed
        .iter()
        .rfind(|block| block.segment == 0)
        .map(|block| block.offset + block.len)
        .unwrap();
    log.compress(0, end, false);
    (log, end)
}

#[test]
fn damage_behind_the_frames_of_a_cold_segment_loses_nothing() {
    let (log, _) = cold_log();
    let table = log.files[&cold_name(0)].len() - 17 - 8;
    for at in table..log.files[&cold_name(0)].len() {
        let mut changed = log.clone();
        changed.flip(&cold_name(0), at, 6);
        let outcome = verify(&changed);
        assert_eq!((outcome.verdict.state, outcome.ids()), (State::Clean, up_to(80)), "byte {at}");
    }
}

#[test]
fn a_cold_segment_that_cannot_be_read_whole_is_corruption() {
    let (log, end) = cold_log();
    for len in [0, 3, 100] {
        let mut changed = log.clone();
        changed.files.get_mut(&cold_name(0)).unwrap().truncate(len);
        let verdict = verify(&changed).verdict;
        assert_eq!((verdict.state, verdict.durable_proof), (State::Corrupt, None), "{len} bytes");
    }
    // The sealed header is in the first frame, the damage in the second.
    let content = cold::read_all(&log.files[&cold_name(0)], 1 << 20).bytes;
    let (first, second) = content.split_at(end / 2);
    let mut file = cold::compress(first, 3).unwrap();
    let damaged = file.len() + 20;
    file.extend(cold::compress(second, 3).unwrap());
    let mut changed = log.clone();
    changed.files.insert(cold_name(0), file);
    assert_eq!(verify(&changed).ids(), up_to(80));
    changed.flip(&cold_name(0), damaged, 0);
    let verdict = verify(&changed).verdict;
    assert_eq!((verdict.state, verdict.durable_proof, verdict.proved_event_id), (State::Corrupt, None, 72));
    assert!(verdict.g > 0 && verdict.g < 72);
}

#[test]
fn an_unsealed_cold_segment_that_ends_in_damage_is_corruption_not_a_torn_tail() {
    let mut builder = LogBuilder::fixed();
    let hot = builder.append_many(12).finish().files[&hot_name(0)].clone();
    let last = builder.placed.last().unwrap();
    let cut = cold::compress(&hot[..last.offset + 64], 3).unwrap();
    let verdict = verify(&MemoryLog { files: [(cold_name(0), cut)].into() }).verdict;
    assert_eq!((verdict.state, verdict.g, verdict.durable_proof), (State::Corrupt, 8, None));
}

#[test]
fn a_cold_segment_does_not_expand_beyond_its_segment() {
    let (mut log, end) = cold_log();
    let mut content = cold::read_all(&log.files[&cold_name(0)], 1 << 20).bytes;
    assert_eq!(content.len(), end);
    let mut file = cold::compress(&content, 3).unwrap();
    file.extend(cold::compress(&vec![0; 1 << 20], 3).unwrap());
    let read = cold::read_all(&file, 1 << 31);
    assert!(read.bytes == content && read.damage.unwrap().contains("expands"));
    log.files.insert(cold_name(0), file);
    assert_eq!(verify(&log).ids(), up_to(80));
    content.resize(SEGMENT_SIZE + 64, 0);
    assert!(cold::read_all(&cold::compress(&content, 3).unwrap(), SEGMENT_SIZE).bytes.is_empty());
}

fn staging_outcome(builder: &mut LogBuilder, change: impl FnOnce(&mut Vec<u8>)) -> (StagingOutcome, Verdict) {
    let mut log = builder.finish();
    let mut file = log.files.remove(WAL_STAGING).unwrap();
    change(&mut file);
    let mut verifier = LogVerifier::new(None, None);
    let bytes = &log.files[&hot_name(0)];
    verifier.segment(SegmentBytes { index: 0, bytes, cold: None }, &mut NothingFollows, &mut |_| {}).unwrap();
    (verifier.staging(&file, &BOOT_ID).unwrap(), verifier.finish())
}

#[test]
fn staging_gives_what_is_not_in_the_log_yet() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(12).flush();
    let entries = builder.entries(&[11, 12, 13, 20]);
    let (outcome, verdict) = staging_outcome(builder.with_staging(10, false, &entries), |_| ());
    let StagingOutcome::Taken(staged) = outcome else { panic!("{outcome:?}") };
    assert_eq!((staged.event_count, staged.first_event_id, staged.last_event_id), (2, 13, 20));
    assert_eq!(staged.payload, entries[2..].concat());
    assert_eq!((verdict.g, verdict.last_event_id, verdict.staged, verdict.events), (12, 20, 2, 14));
    assert_eq!((verdict.state, verdict.link.unwrap().last_event_id), (State::Clean, 12));
}

#[test]
fn staging_of_an_unfinished_reset_gives_nothing() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(12).flush();
    let entries = builder.entries(&[11, 12]);
    let (outcome, verdict) = staging_outcome(builder.with_staging(10, false, &entries), |_| ());
    assert_eq!((&outcome, verdict.state), (&StagingOutcome::Empty, State::Clean));
    assert!(!outcome.leaves_something());
}

#[test]
fn damaged_staging_is_corruption_of_its_own() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(Change, StagingFault); 6] = [
        (|file| file.truncate(4000), StagingFault::Header),
        (|file| file.truncate(5000), StagingFault::Length),
        (|file| file[9] ^= 1, StagingFault::Header),
        (|file| file[128] = 33, StagingFault::Events),
        (|file| file[131] = 0x80, StagingFault::Events),
        (|file| file[4096] = 13, StagingFault::Events),
    ];
    for (change, fault) in changes {
        let mut builder = LogBuilder::fixed();
        builder.append_many(12).flush();
        let entries = builder.entries(&[14, 15]);
        let (outcome, verdict) =
            staging_outcome(builder.with_staging(13, false, &entries).with_meta(|_| ()), |file| {
                file[64] = 12;
                if fault == StagingFault::Events && file[4096] == 14 {
                    file[4096 + 32] = 13;
                }
                change(file);
            });
        assert_eq!(outcome, StagingOutcome::Damaged(fault));
        assert!(outcome.leaves_something() && verdict.is_only_staging_damaged());
        assert_eq!(verdict.bad.unwrap().position, Position { segment: None, offset: 0 });
    }
}

#[test]
fn staged_events_behind_damage_are_not_taken() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(12).flush();
    let entries = builder.entries(&[9, 10, 11, 12]);
    let mut log = builder.with_staging(8, false, &entries).finish();
    assert_eq!(verify(&log).ids(), up_to(12));
    log.flip(&hot_name(0), builder.placed[3].offset + 70, 0);
    let outcome = verify(&log);
    assert_eq!((outcome.verdict.state, outcome.ids()), (State::Torn, up_to(8)));
    assert_eq!(outcome.verdict.notes, [Note::StagingBehindDamage { event_count: 4 }]);
}

#[test]
fn wal_meta_says_where_the_log_begins() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(170);
    let mut log = builder.with_meta(|meta| meta.first_segment = 1).finish();
    assert_eq!(verify(&log).ids(), (73..=170).collect::<Vec<_>>(), "a lower segment is ignored");
    log.files.remove(&hot_name(0));
    assert_eq!(verify(&log).verdict.state, State::Clean);
    log.files.remove(&hot_name(1));
    assert_eq!(verify(&log).bad(), Some((Some(1), 0)));
    log.files.remove(WAL_META);
    let unproven = verify(&log);
    assert_eq!(unproven.verdict.state, State::Clean);
    assert_eq!(unproven.verdict.notes, [Note::BeginningUnproven { segment: 2 }]);
}

#[test]
fn a_log_without_segments_is_what_wal_meta_says() {
    let mut builder = LogBuilder::fixed();
    let nothing = LogVerifier::new(None, None).finish();
    assert_eq!((nothing.state, nothing.g, nothing.identity), (State::Clean, 0, None));
    let empty = LogVerifier::new(None, Some(&builder.meta())).finish();
    assert_eq!(empty.state, State::Clean);
    builder.append_many(4).flush();
    builder.durable = 4;
    let lost = LogVerifier::new(None, Some(&builder.meta())).finish();
    assert_eq!((lost.state, lost.durable_proof), (State::Corrupt, Some(4)));
    assert_eq!(lost.bad.unwrap().position, Position { segment: Some(0), offset: SEGMENT_HEADER_SIZE as u64 });
}

#[test]
fn staging_without_any_segment_says_that_they_are_missing() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(12).flush();
    let entries = builder.entries(&[13]);
    let (meta, log) = (builder.meta(), builder.with_staging(12, false, &entries).finish());
    let mut verifier = LogVerifier::new(None, Some(&meta));
    let outcome = verifier.staging(&log.files[WAL_STAGING], &BOOT_ID).expect("a supported version");
    assert_eq!(outcome, StagingOutcome::Damaged(StagingFault::NoSegments));
}
