//! Verifying sealed segments for themselves and joining them gives the verdict of verifying one after the other, for
//! every log, whatever is wrong with it.

mod common;

use common::build::LogBuilder;
use common::{MemoryLog, golden_vectors};
use flashstrike_segment::names::{WAL_META, hot_name};
use flashstrike_segment::{
    ApartSegment, LogVerifier, NothingFollows, Reason, SegmentBytes, Verdict, WalMeta,
};

/// The verdict, and how many segments were joined. `None`: of a version that nobody can judge.
fn verdict(log: &MemoryLog, joins: bool) -> Option<(Verdict, usize)> {
    let meta = log.files.get(WAL_META).and_then(|file| WalMeta::decode(file).ok());
    let first = meta.as_ref().map_or(0, |meta| meta.first_segment);
    let mut verifier = LogVerifier::new(None, meta.as_ref());
    let mut joined = 0;
    for (index, bytes, cold) in log.segments().into_iter().filter(|(index, ..)| *index >= first) {
        let segment = SegmentBytes { index, bytes: &bytes, cold };
        let apart = if joins { ApartSegment::verify(None, &segment) } else { None };
        if apart.is_some_and(|apart| verifier.join(&apart).is_some()) {
            joined += 1;
        } else {
            verifier.segment(segment, &mut NothingFollows, &mut |_| {}).ok()?;
        }
    }
    Some((verifier.finish(), joined))
}

fn check_same(log: &MemoryLog, what: &str) -> usize {
    let one_after_the_other = verdict(log, false).map(|(verdict, _)| verdict);
    let joined = verdict(log, true);
    assert_eq!(joined.as_ref().map(|(verdict, _)| verdict), one_after_the_other.as_ref(), "{what}");
    joined.map_or(0, |(_, joined)| joined)
}

fn logs() -> Vec<MemoryLog> {
    [LogBuilder::fixed(), LogBuilder::variable()]
        .into_iter()
        .map(|mut builder| {
            for _ in 0..3 {
                builder.append_many(20).rotate();
            }
            builder.append_many(5).finish()
        })
        .collect()
}

#[test]
fn every_sealed_segment_of_a_good_log_is_joined() {
    for log in logs() {
        assert_eq!(check_same(&log, "good"), 3);
    }
}

#[test]
fn every_flipped_bit_gets_the_same_verdict() {
    for (which, log) in logs().into_iter().enumerate() {
        for index in 0..4 {
            let name = hot_name(index);
            for at in 0..log.files[&name].len() {
                let mut flipped = log.clone();
                flipped.flip(&name, at, (at % 8) as u8);
                check_same(&flipped, &format!("log {which}, {name}, byte {at}"));
            }
        }
    }
}

#[test]
fn segments_of_another_log_or_out_of_order_get_the_same_verdict() {
    for log in logs() {
        let mut other = LogBuilder::new(32, 128, [9; 16]);
        for _ in 0..3 {
            other.append_many(20).rotate();
        }
        let other = other.finish();
        for into in 0..4 {
            for from in 0..4 {
                let mut swapped = log.clone();
                swapped.files.insert(hot_name(into), log.files[&hot_name(from)].clone());
                check_same(&swapped, &format!("{from} as {into}"));
                swapped.files.insert(hot_name(into), other.files[&hot_name(from)].clone());
                check_same(&swapped, &format!("{from} of another log as {into}"));
            }
            let mut missing = log.clone();
            missing.files.remove(&hot_name(into));
            check_same(&missing, &format!("without {into}"));
        }
    }
}

#[test]
fn another_history_of_the_same_log_is_not_joined() {
    let log = &logs()[0];
    let mut other = LogBuilder::fixed();
    other.clock += 1_000;
    for _ in 0..3 {
        other.append_many(20).rotate();
    }
    let mut mixed = log.clone();
    mixed.files.insert(hot_name(1), other.finish().files[&hot_name(1)].clone());
    assert_eq!(check_same(&mixed, "another history"), 1);
}

#[test]
fn a_log_that_is_not_the_one_of_its_meta_is_not_joined() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(20).rotate();
    let mut log = builder.with_meta(|meta| meta.log_id = [9; 16]).log.clone();
    log.files.extend(builder.finish().files);
    assert_eq!(check_same(&log, "another log"), 0);
}

#[test]
fn time_that_goes_back_between_segments_is_not_joined() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(20).flush();
    builder.clock -= 1_000_000;
    builder.rotate();
    builder.append_many(20).rotate();
    let log = builder.finish();
    assert_eq!(check_same(&log, "times"), 1);
    let (verdict, _) = verdict(&log, true).expect("of this version");
    assert!(matches!(verdict.bad.expect("damage").reason, Reason::TimeGoesBack { .. }));
}

#[test]
fn every_golden_log_gets_the_same_verdict() {
    let Some(root) = golden_vectors() else { return };
    let mut joined = 0;
    for entry in std::fs::read_dir(&root).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            joined += check_same(&MemoryLog::read(&entry.path()), &entry.file_name().to_string_lossy());
        }
    }
    assert!(joined >= 20, "{joined}");
}
