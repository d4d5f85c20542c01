//! What stands in the way of one segment being compressed or removed does not for the others, and is told.

mod common;

use std::path::Path;

use common::{
    append_many, fill_segments, small_log, temporary_in_memory, wait_for_segments, wait_until, watched_log,
};
use flashstrike_crash_lab::{Errno, FaultFileSystem, Kind, Rule};
use flashstrike_recorder::{Code, Recorder, Retention};
use flashstrike_segment::names;
use tempfile::TempDir;

const SIZE: u16 = 32;
const EVENTS: u64 = 40;
/// A byte of a segment's header, and one of an event behind its first block.
const IN_HEADER: usize = 20;
const IN_EVENT: usize = 1500;

/// A closed log with so many sealed segments and one more.
fn sealed_log(segments: u64) -> TempDir {
    let directory = temporary_in_memory();
    let mut log = Recorder::open(&small_log(directory.path(), SIZE)).unwrap();
    fill_segments(&mut log, SIZE, segments, EVENTS);
    append_many(&mut log, SIZE, EVENTS);
    log.close().unwrap();
    directory
}

fn damage(directory: &Path, index: u32, at: usize) {
    let path = directory.join(names::hot_name(index));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Compresses until the removal of this segment's original, which fails.
fn leave_half_done(directory: &Path, index: u32, hot_segments: u32) {
    let files = FaultFileSystem::default();
    let (mut options, _) = watched_log(&files, directory, SIZE);
    options.retention.hot_segments = Some(hot_segments);
    files.add(Rule::fail(Errno::IO).kind(Kind::Remove).named(&names::hot_name(index)));
    let log = Recorder::open(&options).unwrap();
    wait_until(|| (!files.struck().is_empty()).then_some(()));
    drop(log);
    assert!(has_both(directory, index));
}

fn has_both(directory: &Path, index: u32) -> bool {
    directory.join(names::hot_name(index)).exists() && directory.join(names::cold_name(index)).exists()
}

#[test]
fn what_goes_before_a_segment_whose_header_is_damaged_goes() {
    let image = sealed_log(10);
    damage(image.path(), 5, IN_HEADER);
    let (mut options, told) = watched_log(&FaultFileSystem::default(), image.path(), SIZE);
    options.retention = Retention { hot_segments: Some(3), cold_segments: Some(3), ..Retention::default() };
    let mut log = Recorder::open(&options).unwrap();
    wait_for_segments(image.path(), &[5, 6, 7, 8, 9, 10], &[]);
    let error = told.wait_for_failure();
    assert_eq!((error.code(), error.segment()), (Code::Corrupt, Some(5)), "{error}");
    log.close().unwrap();
    assert_eq!((told.deleted(), told.compressed()), (vec![0, 1, 2, 3, 4], vec![]));
}

#[test]
fn every_segment_that_does_not_verify_is_told() {
    let image = sealed_log(5);
    damage(image.path(), 1, IN_EVENT);
    damage(image.path(), 2, IN_EVENT);
    let (mut options, told) = watched_log(&FaultFileSystem::default(), image.path(), SIZE);
    options.retention.hot_segments = Some(1);
    let mut log = Recorder::open(&options).unwrap();
    wait_for_segments(image.path(), &[1, 2, 5], &[0, 3, 4]);
    log.close().unwrap();
    let failures: Vec<_> = told.failures().iter().map(|error| (error.code(), error.segment())).collect();
    assert_eq!(failures, [(Code::Corrupt, Some(1)), (Code::Corrupt, Some(2))]);
}

#[test]
fn a_compression_that_was_nearly_done_is_finished_behind_a_segment_that_stays_as_it_is() {
    let image = sealed_log(3);
    damage(image.path(), 0, IN_EVENT);
    leave_half_done(image.path(), 1, 3);
    let mut log = Recorder::open(&small_log(image.path(), SIZE)).unwrap();
    wait_for_segments(image.path(), &[0, 2, 3], &[1]);
    log.close().unwrap();
}

#[test]
fn a_segment_of_which_one_of_two_files_was_removed_goes_under_a_limit_of_bytes_too() {
    let image = sealed_log(8);
    leave_half_done(image.path(), 0, 8);
    // So that it keeps both.
    damage(image.path(), 0, IN_EVENT);
    let files = FaultFileSystem::default();
    let (mut options, told) = watched_log(&files, image.path(), SIZE);
    files.add(Rule::fail(Errno::BUSY).kind(Kind::Remove).named(&names::hot_name(0)));
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(3), ..Retention::default() };
    let mut log = Recorder::open(&options).unwrap();
    wait_until(|| (!files.struck().is_empty()).then_some(()));
    let bytes = Some(20 * u64::from(options.segment_bytes));
    log.set_retention(Retention { bytes, ..options.retention }).unwrap();
    files.heal();
    wait_for_segments(image.path(), &[7, 8], &[4, 5, 6]);
    log.close().unwrap();
    assert_eq!(told.deleted(), [0, 1, 2, 3]);
    // Three of these were not part of the log any more when the first could not be removed.
    assert_eq!(told.compressed(), [4, 5, 6]);
}

#[test]
fn of_more_than_are_removed_at_a_time_none_is_compressed() {
    let image = sealed_log(60);
    let (mut options, told) = watched_log(&FaultFileSystem::default(), image.path(), SIZE);
    options.retention = Retention { hot_segments: Some(2), cold_segments: Some(3), ..Retention::default() };
    let mut log = Recorder::open(&options).unwrap();
    wait_for_segments(image.path(), &[59, 60], &[56, 57, 58]);
    log.close().unwrap();
    assert_eq!((told.deleted(), told.compressed()), ((0..56).collect(), vec![56, 57, 58]));
}

#[test]
fn what_nobody_needs_any_more_is_not_compressed_before_it_goes() {
    let image = sealed_log(6);
    let (options, told) = watched_log(&FaultFileSystem::default(), image.path(), SIZE);
    let mut log = Recorder::open(&options).unwrap();
    log.truncate_before(5 * EVENTS + 1).unwrap();
    log.set_retention(Retention { hot_segments: Some(1), ..Retention::default() }).unwrap();
    wait_for_segments(image.path(), &[5, 6], &[]);
    log.close().unwrap();
    assert_eq!((told.deleted(), told.compressed()), (vec![0, 1, 2, 3, 4], vec![]));
}
