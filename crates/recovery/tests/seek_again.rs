//! What is remembered of a segment makes seeking fast, and never shows anything but what was verified.
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::{Code, Manager, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::SegmentHeader;
use flashstrike_telemetry::Value;
use support::writer::{LogWriter, end_of_blocks, hold_lock};
use support::{Watchdog, temporary_directory};
use tempfile::TempDir;

const SEGMENT: u32 = 4 << 20;
/// Events of 1 KiB in a block of 64 KiB.
const EVENTS: u32 = 63;

/// A log of so many segments, and the id of the last event of each.
fn log(segments: u32) -> (TempDir, LogWriter, Vec<u64>) {
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 1024, SEGMENT);
    writer.activate();
    let mut lasts = Vec::new();
    while writer.next_segment <= segments {
        let (segment, last) = (writer.next_segment, writer.link.last_event_id);
        if segment == segments && !writer.fits(1024 * EVENTS as usize) {
            break;
        }
        writer.append(EVENTS);
        if writer.next_segment > segment {
            lasts.push(last);
        }
    }
    lasts.push(writer.link.last_event_id);
    (directory, writer, lasts)
}

fn opened(directory: &Path) -> Recovery {
    Recovery::open(RecoveryOptions::new(directory)).expect("clean")
}

/// How often something was done.
fn count(recovery: &Recovery, subsystem: &str, name: &str) -> u64 {
    let snapshot = recovery.telemetry().snapshot();
    let is_it = |metric: &&flashstrike_telemetry::Metric| {
        metric.descriptor.name == name && metric.descriptor.section.subsystem == subsystem
    };
    match snapshot.metrics().iter().find(is_it).map(|metric| &metric.value) {
        Some(Value::Operation { ok, .. }) => *ok,
        Some(Value::Duration(latency)) => latency.count(),
        other => panic!("{subsystem}.{name} is {other:?}"),
    }
}

/// Seeks that were served by what was remembered, and segments verified as a whole.
fn work(recovery: &Recovery) -> (u64, u64) {
    (count(recovery, "segment_reader", "seek_event"), count(recovery, "segment_reader", "verify_segment"))
}

fn from(id: u64) -> ReplayOptions {
    ReplayOptions { from: Some(id), ..ReplayOptions::default() }
}

/// Nothing of the segments behind is read.
fn only(id: u64) -> ReplayOptions {
    ReplayOptions { from: Some(id), to: Some(id), reverse: false }
}

fn back_from(id: u64) -> ReplayOptions {
    ReplayOptions { to: Some(id), reverse: true, ..ReplayOptions::default() }
}

fn first(recovery: &Recovery, options: ReplayOptions) -> Result<Option<u64>, (Code, String)> {
    let failed = |error: flashstrike_recovery::Error| (error.code(), error.to_string());
    let mut replay = recovery.replay(options).map_err(failed)?;
    Ok(replay.next_event().map_err(failed)?.map(|event| event.id))
}

/// When the block of an event was written.
fn written_at(recovery: &Recovery, id: u64) -> u64 {
    let mut replay = recovery.replay(from(id)).expect("readable");
    let run = replay.next_run().expect("intact").expect("there");
    run.blocks().next().expect("a block").header.written_ts_ns
}

/// Reads to the end or an error; gives the ids. Every event is the one that was written.
fn all(recovery: &Recovery, options: ReplayOptions) -> (Vec<u64>, Option<(Code, String)>) {
    match recovery.replay(options) {
        Ok(mut replay) => rest(&mut replay, usize::MAX),
        Err(error) => (Vec::new(), Some((error.code(), error.to_string()))),
    }
}

fn rest(replay: &mut Manager, take: usize) -> (Vec<u64>, Option<(Code, String)>) {
    let mut ids = Vec::new();
    while ids.len() < take {
        match replay.next_event() {
            Ok(Some(event)) => {
                let is_as_written = (8..event.bytes.len())
                    .all(|at| event.bytes[at] == (event.id as u8).wrapping_mul(at as u8));
                assert!(is_as_written, "event {} is not the one that was written", event.id);
                ids.push(event.id);
            }
            Ok(None) => break,
            Err(error) => return (ids, Some((error.code(), error.to_string()))),
        }
    }
    (ids, None)
}

fn code_of(outcome: &(Vec<u64>, Option<(Code, String)>)) -> Option<Code> {
    outcome.1.as_ref().map(|error| error.0)
}

/// Changes one byte of a file in place.
fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// Puts another file under a name, as recovery and people do.
fn replace(path: &Path, bytes: &[u8]) {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes).unwrap();
    fs::rename(temporary, path).unwrap();
}

#[test]
fn a_segment_is_verified_as_a_whole_once_and_found_again_without() {
    let _watchdog = Watchdog::new("seeking again");
    let (directory, writer, lasts) = log(3);
    writer.compress(0);
    let recovery = opened(directory.path());
    let (_, verified) = work(&recovery);
    for last in &lasts {
        let middle = last - 500;
        assert_eq!(all(&recovery, only(middle)), (vec![middle], None));
    }
    // The segment in which the log ends was verified when it was opened.
    let (sought, once) = work(&recovery);
    assert_eq!((sought, once), (1, verified + 2));
    for segment in [2, 0, 1, 0] {
        for id in [lasts[segment] - 700, lasts[segment]] {
            assert_eq!(first(&recovery, from(id)), Ok(Some(id)));
            assert_eq!(first(&recovery, back_from(id)), Ok(Some(id)));
        }
    }
    assert_eq!(work(&recovery), (sought + 16, once));
    assert_eq!(count(&recovery, "segment_reader", "build_index"), 3);
    let written = written_at(&recovery, lasts[0]);
    assert!(recovery.seek_time(written).unwrap().is_some_and(|id| id <= lasts[0]));
    assert_eq!(work(&recovery), (sought + 18, once));
    assert_eq!(count(&recovery, "manager", "seek_event"), 1);
}

#[test]
fn what_was_written_to_the_last_segment_since_follows_what_was_known_of_it() {
    let _watchdog = Watchdog::new("a segment that grows");
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 1024, SEGMENT);
    writer.activate();
    (0..10).for_each(|_| writer.append(EVENTS));
    let _lock = hold_lock(directory.path());
    let recovery = opened(directory.path());
    assert_eq!(first(&recovery, from(100)), Ok(Some(100)));
    for _ in 0..8 {
        (0..20).for_each(|_| writer.append(EVENTS));
        let (sought, _) = work(&recovery);
        let (ids, error) = all(&recovery, from(100));
        assert_eq!(error, None);
        assert_eq!((ids.first(), ids.last()), (Some(&100), Some(&writer.link.last_event_id)));
        assert!(ids.is_sorted_by(|one, next| one + 1 == *next));
        assert_eq!(work(&recovery).0, sought + 1);
    }
}

#[test]
fn a_time_is_found_in_what_was_written_to_a_segment_since_it_was_verified() {
    let _watchdog = Watchdog::new("seeking a time again");
    let (directory, mut writer, _) = log(1);
    let _lock = hold_lock(directory.path());
    let recovery = opened(directory.path());
    let before = writer.link.last_event_id;
    let time_before = writer.link.written_ts_ns;
    assert!(recovery.seek_time(time_before).expect("readable").is_some());
    let segment = writer.next_segment;
    writer.tick = 1;
    writer.append(1);
    assert_eq!(writer.next_segment, segment, "there was room");
    writer.tick = 0;
    while writer.next_segment == segment {
        writer.append(EVENTS);
    }
    assert_eq!(
        first(&recovery, ReplayOptions { reverse: true, ..ReplayOptions::default() }),
        Ok(Some(writer.link.last_event_id))
    );
    assert_eq!(recovery.seek_time(time_before + 1).expect("readable"), Some(before + 1));
}

/// Where the block of an event begins in its segment, and where it ends.
fn block_of(recovery: &Recovery, id: u64) -> (u64, u64) {
    let mut replay = recovery.replay(only(id)).expect("readable");
    let run = replay.next_run().expect("intact").expect("there");
    let first = run.blocks().next().expect("a block");
    (run.offset(), run.offset() + first.header.block_len() as u64)
}

#[test]
fn a_byte_that_changes_after_its_segment_was_verified_is_never_shown() {
    let _watchdog = Watchdog::new("changed bytes");
    for is_cold in [false, true] {
        for segment in [1, 2] {
            if is_cold && segment == 2 {
                continue;
            }
            for at in 0..12 {
                let (directory, writer, lasts) = log(3);
                let path = if is_cold {
                    writer.compress(1);
                    cold_path(directory.path(), 1)
                } else {
                    hot_path(directory.path(), segment as u32)
                };
                let recovery = opened(directory.path());
                let (first_id, last) = (lasts[segment - 1] + 1, lasts[segment]);
                let id = first_id + (last - first_id) * at / 12;
                assert_eq!(all(&recovery, only(id)), (vec![id], None));
                let (begin, end) = block_of(&recovery, id);
                // Of a compressed one no byte of it is that of one block.
                let place = if is_cold {
                    64 + fs::metadata(&path).unwrap().len() * at / 13
                } else {
                    begin + (end - begin) / 2
                };
                flip(&path, place);
                let what = format!("cold {is_cold}, segment {segment}, byte {place}");

                for options in [from(id), back_from(id), from(first_id), back_from(last), only(id)] {
                    let outcome = all(&recovery, options);
                    let begins = if options.reverse { options.to } else { options.from }.unwrap();
                    let shown = &outcome.0;
                    let is_in_order = if options.reverse {
                        shown.iter().copied().eq((0..=begins).rev().take(shown.len()))
                    } else {
                        shown.iter().copied().eq((begins..).take(shown.len()))
                    };
                    assert!(is_in_order, "{what}");
                    if !is_cold || options != only(id) {
                        assert_eq!(
                            code_of(&outcome),
                            Some(Code::Corrupt),
                            "{what}: {options:?} {:?}",
                            outcome.1
                        );
                    }
                    if !is_cold {
                        assert!(!shown.contains(&id), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_byte_that_changes_while_its_segment_is_read_is_never_shown() {
    let _watchdog = Watchdog::new("bytes changed while reading");
    for reverse in [false, true] {
        let (directory, _writer, lasts) = log(3);
        let recovery = opened(directory.path());
        let (first_id, last) = (lasts[0] + 1, lasts[1]);
        assert_eq!(all(&recovery, only(first_id)), (vec![first_id], None));
        let damaged = first_id.midpoint(last);
        let (begin, _) = block_of(&recovery, damaged);
        let mut replay =
            recovery.replay(if reverse { back_from(last) } else { from(first_id) }).expect("readable");
        let (ids, _) = rest(&mut replay, 10);
        flip(&hot_path(directory.path(), 1), begin + 100);
        let outcome = rest(&mut replay, usize::MAX);
        assert_eq!(code_of(&outcome), Some(Code::Corrupt), "{:?}", outcome.1);
        let message = &outcome.1.as_ref().unwrap().1;
        assert!(message.contains(&format!("00000001.wal:{begin}")), "{message}");
        assert!(message.contains("What was handed out of that segment verifies"), "{message}");
        let shown = [ids, outcome.0].concat();
        assert!(shown.len() > 10 && !shown.contains(&damaged));
        assert!(if reverse {
            shown.iter().copied().eq((0..=last).rev().take(shown.len()))
        } else {
            shown.iter().copied().eq((first_id..).take(shown.len()))
        });
        // The same error again.
        assert_eq!(code_of(&rest(&mut replay, 1)), Some(Code::Corrupt));
    }
}

#[test]
fn another_segment_of_the_same_number_is_read_as_what_it_is() {
    let _watchdog = Watchdog::new("replaced segments");
    for in_place in [false, true] {
        let (directory, _writer, lasts) = log(4);
        // The same events in blocks of other times: nothing but checksums tells them apart.
        let other = temporary_directory();
        let mut writer = LogWriter::new(other.path(), 1024, SEGMENT);
        writer.tick = 7;
        writer.activate();
        while writer.next_segment < 4 {
            writer.append(EVENTS - 1);
        }
        let recovery = opened(directory.path());
        let id = lasts[1] - 300;
        assert_eq!(all(&recovery, only(id)), (vec![id], None));
        let path = hot_path(directory.path(), 1);
        let bytes = fs::read(hot_path(other.path(), 1)).unwrap();
        if in_place {
            fs::write(&path, bytes).unwrap();
        } else {
            replace(&path, &bytes);
        }
        for options in [only(id), from(id), back_from(id), from(lasts[1]), from(lasts[0] + 1)] {
            let expected = all(&opened(directory.path()), options);
            assert_eq!(all(&recovery, options), expected, "{options:?}");
            // What was remembered of it now is of this file.
            assert_eq!(all(&recovery, options), expected, "{options:?}");
        }
    }
}

#[test]
fn a_compressed_segment_takes_the_place_of_its_twin() {
    let _watchdog = Watchdog::new("compressed between seeks");
    let (directory, writer, lasts) = log(3);
    let recovery = opened(directory.path());
    let id = lasts[1] - 300;
    assert_eq!(all(&recovery, only(id)), (vec![id], None));
    let mut begun = recovery.replay(from(id)).expect("readable");
    assert_eq!(rest(&mut begun, 1).0, [id]);
    writer.compress(1);
    let (_, verified) = work(&recovery);
    assert_eq!(all(&recovery, only(id)), (vec![id], None));
    assert_eq!(work(&recovery).1, verified + 1, "another file is verified as a whole");
    for id in lasts[0] + 1..=lasts[1] {
        assert_eq!(first(&recovery, only(id)), Ok(Some(id)));
        assert_eq!(first(&recovery, back_from(id)), Ok(Some(id)));
    }
    assert_eq!(work(&recovery).1, verified + 1);
    // Who had begun with the uncompressed one has it to its end.
    let (ids, error) = rest(&mut begun, usize::MAX);
    assert_eq!(error, None);
    assert!(ids.into_iter().eq(id + 1..=lasts[2]));
    // And back: what is there uncompressed is read uncompressed.
    let cold = fs::read(cold_path(directory.path(), 1)).unwrap();
    fs::write(hot_path(directory.path(), 1), uncompressed(&cold)).unwrap();
    fs::remove_file(cold_path(directory.path(), 1)).unwrap();
    assert!(all(&recovery, from(id)).0.into_iter().eq(id..=lasts[2]));
}

/// A segment as it was before it was compressed.
fn uncompressed(cold: &[u8]) -> Vec<u8> {
    let mut bytes = flashstrike_segment::cold::read_all(cold, SEGMENT as usize).bytes;
    assert_eq!(end_of_blocks(&bytes), bytes.len());
    bytes.resize(SEGMENT as usize, 0);
    bytes
}

#[test]
fn what_retention_removes_between_seeks_is_gone_and_the_first_event_there_is_is_named() {
    let _watchdog = Watchdog::new("removed between seeks");
    for with_writer in [false, true] {
        let (directory, writer, lasts) = log(4);
        let _lock = with_writer.then(|| hold_lock(directory.path()));
        let recovery = opened(directory.path());
        let ids: Vec<u64> = (0..3).map(|segment| lasts[segment] - 300).collect();
        for &id in &ids {
            assert_eq!(all(&recovery, only(id)), (vec![id], None));
        }
        let mut begun = recovery.replay(from(ids[0])).expect("readable");
        let mut back = recovery.replay(back_from(ids[2])).expect("readable");
        assert_eq!((rest(&mut begun, 1).0, rest(&mut back, 1).0), (vec![ids[0]], vec![ids[2]]));
        writer.write_meta(2);
        (0..2).for_each(|segment| fs::remove_file(hot_path(directory.path(), segment)).unwrap());
        let named = format!("begins with event {}", lasts[1] + 1);
        for id in [ids[0], ids[1], lasts[1]] {
            let (code, message) = first(&recovery, from(id)).expect_err("gone");
            assert_eq!(code, Code::Gone);
            assert!(message.contains(&named), "{message}");
        }
        assert_eq!(first(&recovery, from(ids[2])), Ok(Some(ids[2])));
        // The segment that a replay is in stays readable to it.
        let (rest_of_first, error) = rest(&mut begun, usize::MAX);
        assert!(rest_of_first.into_iter().eq(ids[0] + 1..=lasts[0]));
        let (code, message) = error.expect("what comes behind is gone");
        assert_eq!(code, Code::Gone);
        assert!(message.contains(&named), "{message}");
        // A replay backwards ends where the log begins now, whether who removed it is still there or not.
        let (rest_of_third, error) = rest(&mut back, usize::MAX);
        assert!(rest_of_third.into_iter().eq((lasts[1] + 1..ids[2]).rev()));
        assert_eq!(error, None);
        // A time of which the events are gone is before the first event.
        assert_eq!(recovery.seek_time(0).unwrap(), Some(lasts[1] + 1));
    }
}

#[test]
fn what_retention_removes_before_a_replay_backwards_comes_to_it_is_named_by_its_last_event() {
    let _watchdog = Watchdog::new("removed before it was reached backwards");
    let (directory, writer, lasts) = log(5);
    let _lock = hold_lock(directory.path());
    let options = RecoveryOptions { preload_segments: 1, ..RecoveryOptions::new(directory.path()) };
    let recovery = Recovery::open(options).expect("clean");
    let backwards = ReplayOptions { reverse: true, ..ReplayOptions::default() };
    let mut replay = recovery.replay(backwards).expect("readable");
    let newest = rest(&mut replay, 1).0;
    writer.write_meta(1);
    fs::remove_file(hot_path(directory.path(), 0)).unwrap();
    let (ids, _) = rest(&mut replay, usize::MAX);
    assert!(newest.into_iter().chain(ids).eq((lasts[0] + 1..=*lasts.last().unwrap()).rev()));
    let error = replay.next_event().map(|_| ()).expect_err("gone");
    assert_eq!((error.code(), error.event_id()), (Code::Gone, Some(lasts[0])), "{error}");
}

#[test]
fn a_replay_does_not_go_on_in_another_history() {
    let _watchdog = Watchdog::new("another history");
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 1024, SEGMENT);
    writer.activate();
    (0..20).for_each(|_| writer.append(EVENTS));
    let _lock = hold_lock(directory.path());
    let recovery = opened(directory.path());
    assert_eq!(first(&recovery, from(100)), Ok(Some(100)));
    let known = writer.link.last_event_id;
    let mut replay = recovery.replay(from(100)).expect("readable");
    assert_eq!(rest(&mut replay, 1).0, [100]);

    let other = temporary_directory();
    let mut writer = LogWriter::new(other.path(), 1024, SEGMENT);
    writer.tick = 7;
    writer.activate();
    (0..40).for_each(|_| writer.append(EVENTS));
    replace(&hot_path(directory.path(), 0), &fs::read(hot_path(other.path(), 0)).unwrap());
    let (ids, error) = rest(&mut replay, usize::MAX);
    assert!(ids.into_iter().eq(101..=known), "all of what the file held when it was opened");
    let (code, message) = error.expect("what follows does not continue it");
    assert_eq!(code, Code::Gone, "{message}");
    assert!(message.contains(&format!("stands at event {known}")), "{message}");
}

#[test]
fn a_file_that_is_not_the_one_that_was_verified_is_verified_before_its_first_event() {
    let _watchdog = Watchdog::new("other files");
    for in_place in [false, true] {
        let (directory, _writer, lasts) = log(4);
        let recovery = opened(directory.path());
        let id = lasts[1] - 300;
        assert_eq!(all(&recovery, only(id)), (vec![id], None));
        let path = hot_path(directory.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        if in_place {
            let mut header = SegmentHeader::decode(&bytes).unwrap();
            header.sealed.as_mut().unwrap().event_count += 1;
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&header.encode(), 0).unwrap();
        } else {
            // Far away from the event.
            bytes[100_000] ^= 1;
            replace(&path, &bytes);
        }
        for _ in 0..2 {
            let outcome = all(&recovery, only(id));
            assert_eq!(
                (outcome.0.len(), code_of(&outcome)),
                (0, Some(Code::Corrupt)),
                "in place: {in_place}"
            );
        }
    }
}

#[test]
fn what_is_there_uncompressed_is_read_uncompressed() {
    let _watchdog = Watchdog::new("both files");
    let (directory, writer, lasts) = log(4);
    writer.compress(1);
    let recovery = opened(directory.path());
    let id = lasts[1] - 300;
    assert_eq!(all(&recovery, only(id)), (vec![id], None));
    let other = temporary_directory();
    let mut writer = LogWriter::new(other.path(), 1024, SEGMENT);
    writer.activate();
    while writer.next_segment < 4 {
        // It continues the segment before, and goes on otherwise.
        let is_other = writer.next_segment > 1;
        writer.tick = if is_other { 7 } else { 1 };
        writer.append(if is_other { EVENTS - 1 } else { EVENTS });
    }
    fs::copy(hot_path(other.path(), 1), hot_path(directory.path(), 1)).unwrap();
    for options in [only(id), from(id), from(lasts[1])] {
        assert_eq!(all(&recovery, options), all(&opened(directory.path()), options));
    }
    assert_eq!(written_at(&recovery, id), written_at(&opened(directory.path()), id));
}

#[test]
fn what_was_cut_off_and_written_anew_in_place_is_read_as_it_is_now() {
    let _watchdog = Watchdog::new("written anew");
    let (directory, other) = (temporary_directory(), temporary_directory());
    let mut now = Vec::new();
    // The same beginning, and then other times.
    for (tick, blocks, place) in [(1, 30, &directory), (7, 40, &other)] {
        let mut writer = LogWriter::new(place.path(), 1024, SEGMENT);
        writer.activate();
        for block in 0..blocks {
            writer.tick = if block < 10 { 1 } else { tick };
            writer.append(EVENTS);
        }
        now = (100..=writer.link.last_event_id).collect();
    }
    let _lock = hold_lock(directory.path());
    let recovery = opened(directory.path());
    let in_new = u64::from(EVENTS) * 20;
    assert_eq!(first(&recovery, from(in_new)), Ok(Some(in_new)));
    let mut begun = recovery.replay(from(100)).expect("readable");
    assert_eq!(rest(&mut begun, 1).0, [100]);
    let file = fs::OpenOptions::new().write(true).open(hot_path(directory.path(), 0)).unwrap();
    file.write_all_at(&fs::read(hot_path(other.path(), 0)).unwrap(), 0).unwrap();
    // Where a replay stands is before the cut, so it goes on behind.
    let (ids, error) = rest(&mut begun, usize::MAX);
    assert_eq!(error, None);
    assert_eq!(ids, now[1..]);
    assert_eq!(all(&recovery, from(100)), (now, None));
    assert_eq!(written_at(&recovery, in_new), written_at(&opened(other.path()), in_new));
}

#[test]
#[cfg(target_os = "linux")]
fn a_compressed_segment_in_which_a_time_was_sought_is_not_kept_open() {
    let (directory, writer, lasts) = log(3);
    writer.compress(0);
    let recovery = opened(directory.path());
    let written = written_at(&recovery, lasts[0] - 100);
    // The second time with what is remembered of it, from which something is kept for the replay behind.
    let found: Vec<_> = (0..3).map(|_| recovery.seek_time(written).unwrap()).collect();
    assert_eq!(found, [found[0]; 3]);
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let open = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    let cold = cold_path(directory.path(), 0);
    assert_eq!(open.filter(|path| *path == cold).count(), 0);
    let id = found[0].expect("there");
    assert_eq!(first(&recovery, from(id)), Ok(Some(id)));
}
