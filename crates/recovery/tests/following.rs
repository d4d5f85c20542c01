//! Following a log whose writer does what writers do, and whose files are what they should not be.

mod support;

use std::path::Path;
use std::time::Duration;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::files::{FileSystem, OpenMode, OsFileSystem};
use flashstrike_recovery::follow::{FollowOptions, Follower, Start, Wait};
use flashstrike_recovery::{Code, Error, Mode, Recovery, RecoveryOptions};
use flashstrike_segment::{BlockHeader, names, payload};
use flashstrike_telemetry::Value;
use support::staging::{BOOT_ID, stage};
use support::writer::{LogWriter, expected_event, hold_lock};
use support::{Watchdog, temporary_directory};

/// Longer than a look around takes, so that one lies in it.
const A_WHILE: Duration = Duration::from_millis(60);

fn open(directory: &Path) -> Recovery {
    let options = RecoveryOptions { boot_id: Some(BOOT_ID), ..RecoveryOptions::new(directory) };
    Recovery::open(options).expect("a log")
}

fn follow(directory: &Path, from: Start) -> Follower {
    open(directory).follow(FollowOptions { from, ..FollowOptions::default() }).expect("a log")
}

fn follow_durable(directory: &Path) -> Follower {
    open(directory).follow(FollowOptions { durable_only: true, ..FollowOptions::default() }).expect("a log")
}

/// The events up to this one are there, in order and as they were written.
#[track_caller]
fn expect_up_to(follower: &mut Follower, first: u64, last: u64, event_size: u16) {
    for id in first..=last {
        let event = follower.next_event(Wait::Forever).unwrap_or_else(|error| panic!("event {id}: {error}"));
        let event = event.expect("one comes");
        assert_eq!(event.id, id);
        assert_eq!(event.bytes, expected_event(id, event_size), "event {id}");
    }
}

#[track_caller]
fn expect_nothing(follower: &mut Follower) {
    let event = follower.next_event(Wait::AtMost(A_WHILE)).expect("intact");
    assert_eq!(event.map(|event| event.id), None);
}

#[track_caller]
fn error_of(follower: &mut Follower) -> Error {
    loop {
        if let Err(error) = follower.next_event(Wait::Forever) {
            let again = follower.next_event(Wait::Never).expect_err("an error is never followed by events");
            assert_eq!(again.to_string(), error.to_string());
            return error;
        }
    }
}

#[test]
fn what_is_there_comes_first_and_then_what_is_written_in_every_kind_of_segment() {
    let _watchdog = Watchdog::new("following");
    for event_size in [64, 0] {
        let directory = temporary_directory();
        let _lock = hold_lock(directory.path());
        let mut writer = LogWriter::new(directory.path(), event_size, 16_384);
        (writer.unsealed, writer.ahead) = (2, 2);
        while writer.next_segment < 9 {
            writer.append(7);
        }
        writer.compress(0);
        writer.compress(1);
        let last = writer.link.last_event_id;
        let mut all = follow(directory.path(), Start::First);
        let mut from = follow(directory.path(), Start::At(last / 3));
        let mut end = follow(directory.path(), Start::End);
        let mut beyond = follow(directory.path(), Start::At(last + 100));
        expect_up_to(&mut all, 1, last, event_size);
        expect_up_to(&mut from, last / 3, last, event_size);
        expect_nothing(&mut end);
        for round in 0..300_u64 {
            writer.append(1 + round as u32 % 20);
            let now = writer.link.last_event_id;
            let before = all.last_event_id();
            expect_up_to(&mut all, before + 1, now, event_size);
        }
        // The one that lags behind finds segments sealed and compressed meanwhile.
        for index in 2..writer.next_segment - 4 {
            writer.compress(index);
        }
        let now = writer.link.last_event_id;
        expect_up_to(&mut from, last + 1, now, event_size);
        expect_up_to(&mut end, last + 1, now, event_size);
        expect_up_to(&mut beyond, last + 100, now, event_size);
        expect_nothing(&mut beyond);
    }
}

#[test]
fn a_block_that_is_not_published_or_does_not_verify_is_not_there_yet() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(3);
    let mut follower = follow(directory.path(), Start::First);
    expect_up_to(&mut follower, 1, 3, 64);
    let end = writer.active.as_ref().unwrap().end;
    writer.append(2);
    // As if the payload had not been stored when the header was.
    let path = hot_path(directory.path(), 0);
    let file = OsFileSystem.open(&path, OpenMode::ReadWrite).unwrap();
    let stored = std::fs::read(&path).unwrap();
    file.write_all_at(&[0; 64], end as u64 + 64).unwrap();
    expect_nothing(&mut follower);
    file.write_all_at(&stored[end + 64..end + 128], end as u64 + 64).unwrap();
    expect_up_to(&mut follower, 4, 5, 64);
}

#[test]
fn staged_events_of_a_dead_writer_come_once_also_when_the_next_one_has_made_a_block_of_them() {
    let _watchdog = Watchdog::new("following");
    for event_size in [64, 0] {
        let directory = temporary_directory();
        let lock = hold_lock(directory.path());
        let mut writer = LogWriter::new(directory.path(), event_size, 16_384);
        stage(directory.path(), 0, 0, event_size, 0);
        writer.append(5);
        stage(directory.path(), 5, 4, event_size, 0);
        let mut follower = follow(directory.path(), Start::First);
        let mut durable = follow_durable(directory.path());
        let mut late = follow(directory.path(), Start::At(8));
        expect_up_to(&mut follower, 1, 5, event_size);
        expect_nothing(&mut follower);
        drop(lock);
        expect_up_to(&mut follower, 6, 9, event_size);
        expect_up_to(&mut late, 8, 9, event_size);
        expect_nothing(&mut follower);
        let mut end = follow(directory.path(), Start::End);
        let _lock = hold_lock(directory.path());
        writer.append(4);
        stage(directory.path(), 9, 0, event_size, 9);
        expect_nothing(&mut follower);
        writer.append(3);
        expect_up_to(&mut follower, 10, 12, event_size);
        expect_up_to(&mut end, 10, 12, event_size);
        expect_up_to(&mut late, 10, 12, event_size);
        expect_up_to(&mut durable, 1, 9, event_size);
        expect_nothing(&mut durable);
    }
}

#[test]
fn staged_events_come_once_also_when_their_block_is_found_in_a_sealed_segment() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(5);
    stage(directory.path(), 5, 4, 64, 0);
    let mut follower = follow(directory.path(), Start::First);
    drop(lock);
    expect_up_to(&mut follower, 1, 9, 64);
    let _lock = hold_lock(directory.path());
    writer.append(4);
    while writer.next_segment < 3 {
        writer.append(7);
    }
    let last = writer.link.last_event_id;
    stage(directory.path(), last, 0, 64, last);
    // It looks around before it looks at the segment again.
    std::thread::sleep(A_WHILE);
    expect_up_to(&mut follower, 10, last, 64);
}

#[test]
fn staged_events_that_the_next_writer_did_not_take_are_not_passed_over_in_silence() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let mut writer = LogWriter::new(directory.path(), 0, 16_384);
    writer.append(5);
    stage(directory.path(), 5, 2, 0, 0);
    let mut follower = follow(directory.path(), Start::First);
    expect_up_to(&mut follower, 1, 7, 0);
    let _lock = hold_lock(directory.path());
    let mut other = Vec::new();
    payload::encode_entry(&mut other, b"another event with the id of one that was handed out");
    writer.publish(&other, flashstrike_segment::KIND_EVENTS, 1, 6, 6);
    let error = error_of(&mut follower);
    assert_eq!((error.code(), error.event_id()), (Code::Gone, Some(7)), "{error}");
}

/// Opening for append after a power cut or a failed sync: the last blocks are zeroed, and others come in their place.
fn cut_last_block_and_go_on(directory: &Path, writer: &mut LogWriter, before: Before) {
    let path = hot_path(directory, 0);
    let file = OsFileSystem.open(&path, OpenMode::ReadWrite).unwrap();
    let end = writer.active.as_ref().unwrap().end;
    file.write_all_at(&vec![0; end - before.end], before.end as u64).unwrap();
    writer.active.as_mut().unwrap().end = before.end;
    writer.rewind(before.blocks, before.link);
    stage(directory, writer.link.last_event_id, 0, 64, writer.link.last_event_id);
}

#[derive(Clone, Copy)]
struct Before {
    end: usize,
    blocks: u32,
    link: flashstrike_segment::Link,
}

fn before(writer: &LogWriter) -> Before {
    let (end, blocks) = writer.place();
    Before { end, blocks, link: writer.link }
}

#[test]
fn a_reader_whose_events_were_cut_is_told_so_and_one_of_durable_events_only_goes_on() {
    let _watchdog = Watchdog::new("following");
    // Up to so many that a slow reader finds sealed segments behind its place.
    for comes_after in [0, 1, 9, 500] {
        let directory = temporary_directory();
        let lock = hold_lock(directory.path());
        let mut writer = LogWriter::new(directory.path(), 64, 16_384);
        writer.append(5);
        stage(directory.path(), 5, 0, 64, 5);
        let mut follower = follow(directory.path(), Start::First);
        let mut durable = follow_durable(directory.path());
        expect_up_to(&mut follower, 1, 5, 64);
        expect_up_to(&mut durable, 1, 5, 64);
        let place = before(&writer);
        writer.append(4);
        expect_up_to(&mut follower, 6, 9, 64);
        expect_nothing(&mut durable);
        drop(lock);
        let _lock = hold_lock(directory.path());
        cut_last_block_and_go_on(directory.path(), &mut writer, place);
        for _ in 0..comes_after {
            writer.append(1);
        }
        let last = writer.link.last_event_id;
        let error = error_of(&mut follower);
        assert_eq!((error.code(), error.event_id()), (Code::Gone, Some(9)), "{error}");
        assert!(error.to_string().contains("begins with event 1"), "{error}");
        stage(directory.path(), last, 0, 64, last);
        expect_up_to(&mut durable, 6, last, 64);
    }
}

#[test]
fn a_slow_reader_whose_events_were_cut_is_told_so_also_where_sealed_segments_stand_behind_its_place() {
    let _watchdog = Watchdog::new("following");
    for segments in 2..5 {
        let directory = temporary_directory();
        let lock = hold_lock(directory.path());
        let mut writer = LogWriter::new(directory.path(), 64, 16_384);
        stage(directory.path(), 0, 0, 64, 0);
        writer.append(100);
        let mut follower = follow(directory.path(), Start::First);
        let place = before(&writer);
        writer.append(60);
        expect_up_to(&mut follower, 1, 160, 64);
        drop(lock);
        let _lock = hold_lock(directory.path());
        cut_last_block_and_go_on(directory.path(), &mut writer, place);
        // Each fills a segment, and the first one does not fit the one that was cut.
        (0..segments).for_each(|_| writer.append(200));
        let error = error_of(&mut follower);
        assert_eq!((error.code(), error.event_id()), (Code::Gone, Some(160)), "{error}");
    }
}

/// After a power cut that took a segment with nothing but its metadata block, the one before goes on as if there had been
/// none.
#[test]
fn a_segment_without_events_that_was_cut_takes_no_reader_with_it() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(5);
    stage(directory.path(), 5, 0, 64, 5);
    let mut follower = follow(directory.path(), Start::First);
    let mut durable = follow_durable(directory.path());
    expect_up_to(&mut follower, 1, 5, 64);
    expect_up_to(&mut durable, 1, 5, 64);
    let (active, link) = (writer.active.take(), writer.link);
    writer.activate();
    expect_nothing(&mut follower);
    expect_nothing(&mut durable);
    drop(lock);
    let _lock = hold_lock(directory.path());
    std::fs::remove_file(hot_path(directory.path(), 1)).unwrap();
    (writer.active, writer.link, writer.next_segment) = (active, link, 1);
    stage(directory.path(), 5, 0, 64, 5);
    writer.append(3);
    stage(directory.path(), 8, 0, 64, 8);
    expect_up_to(&mut follower, 6, 8, 64);
    expect_up_to(&mut durable, 6, 8, 64);
}

#[test]
fn a_segment_that_a_new_file_has_replaced_is_read_on_where_the_chain_goes_on() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(5);
    stage(directory.path(), 5, 0, 64, 5);
    let mut follower = follow(directory.path(), Start::First);
    expect_up_to(&mut follower, 1, 5, 64);
    drop(lock);
    let _lock = hold_lock(directory.path());
    let path = hot_path(directory.path(), 0);
    let copy = directory.path().join(names::new_name(0));
    std::fs::copy(&path, &copy).unwrap();
    std::fs::rename(&copy, &path).unwrap();
    writer.reopen(0);
    stage(directory.path(), 5, 0, 64, 5);
    writer.append(6);
    expect_up_to(&mut follower, 6, 11, 64);
}

#[test]
fn retention_that_overtakes_a_reader_is_an_error_that_names_the_first_event_there_is() {
    let _watchdog = Watchdog::new("following");
    for compressed in [false, true] {
        let directory = temporary_directory();
        let _lock = hold_lock(directory.path());
        let mut writer = LogWriter::new(directory.path(), 64, 16_384);
        writer.append(5);
        let mut follower = follow(directory.path(), Start::First);
        expect_up_to(&mut follower, 1, 5, 64);
        while writer.next_segment < 7 {
            writer.append(5);
        }
        let before_fifth = writer.first_event_of(5) - 1;
        if compressed {
            (0..5).for_each(|index| writer.compress(index));
        }
        writer.write_meta(5);
        for index in 0..5 {
            let _ = std::fs::remove_file(hot_path(directory.path(), index));
            let _ = std::fs::remove_file(flashstrike_recovery::directory::cold_path(directory.path(), index));
        }
        let error = error_of(&mut follower);
        assert_eq!(error.code(), Code::Gone, "{error}");
        // The segment that was being read stays readable to its end.
        let next = follower.last_event_id() + 1;
        assert_eq!((error.event_id(), next > 5), (Some(next), true), "{error}");
        assert!(error.to_string().contains(&format!("event {}", before_fifth + 1)), "{error}");
        let gone = open(directory.path())
            .follow(FollowOptions { from: Start::At(3), ..FollowOptions::default() })
            .map(drop)
            .expect_err("it is gone");
        assert_eq!(gone.code(), Code::Gone);
    }
}

#[test]
fn damage_that_the_log_goes_on_behind_is_named_and_not_waited_for() {
    let _watchdog = Watchdog::new("following");
    for sealed in [true, false] {
        let directory = temporary_directory();
        let _lock = hold_lock(directory.path());
        let mut writer = LogWriter::new(directory.path(), 64, 16_384);
        writer.unsealed = if sealed { 0 } else { 4 };
        writer.append(5);
        let mut follower = follow(directory.path(), Start::First);
        expect_up_to(&mut follower, 1, 5, 64);
        let end = writer.active.as_ref().unwrap().end;
        while writer.next_segment < 2 {
            writer.append(5);
        }
        let file = OsFileSystem.open(&hot_path(directory.path(), 0), OpenMode::ReadWrite).unwrap();
        file.write_all_at(&[1], end as u64 + 100).unwrap();
        let error = error_of(&mut follower);
        let place = (error.code(), error.segment(), error.offset());
        assert_eq!(place, (Code::Corrupt, Some(0), Some(end as u64)), "{error}");
    }
}

#[test]
fn a_segment_that_continues_another_block_is_not_gone_on_in() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.unsealed = 4;
    writer.append(5);
    let mut follower = follow(directory.path(), Start::First);
    expect_up_to(&mut follower, 1, 5, 64);
    let (end, _) = writer.place();
    writer.link.chain ^= 1;
    writer.active = None;
    writer.activate();
    writer.append(2);
    let error = error_of(&mut follower);
    let place = (error.code(), error.segment(), error.offset());
    assert_eq!(place, (Code::Corrupt, Some(0), Some(end as u64)), "{error}");
}

#[test]
fn without_a_writer_the_log_is_judged_as_a_replay_judges_it() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(5);
    let mut follower = follow(directory.path(), Start::First);
    expect_up_to(&mut follower, 1, 5, 64);
    let end = writer.active.as_ref().unwrap().end;
    writer.append(5);
    writer.append(5);
    let file = OsFileSystem.open(&hot_path(directory.path(), 0), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&[1], end as u64 + 100).unwrap();
    expect_nothing(&mut follower);
    writer.write_meta(0); // calls all of it durable
    drop(lock);
    let error = error_of(&mut follower);
    assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(end as u64)), "{error}");
}

#[test]
fn files_that_are_cut_short_or_gone_kill_nobody() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.append(5);
    stage(directory.path(), 5, 0, 64, 5);
    let mut follower = follow(directory.path(), Start::First);
    let mut durable = follow_durable(directory.path());
    expect_up_to(&mut follower, 1, 5, 64);
    expect_up_to(&mut durable, 1, 5, 64);
    let cut = |name: String, length| {
        let file = std::fs::OpenOptions::new().write(true).open(directory.path().join(name)).unwrap();
        file.set_len(length).unwrap();
    };
    cut(names::WAL_STAGING.to_owned(), 100);
    expect_nothing(&mut follower);
    expect_nothing(&mut durable);
    cut(names::WAL_STAGING.to_owned(), 0);
    cut(names::hot_name(0), 300);
    expect_nothing(&mut follower);
    expect_nothing(&mut durable);
    drop((lock, writer));
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let error = error_of(&mut follower);
    assert_eq!(error.code(), Code::NotFound, "{error}");
}

#[test]
fn waiting_is_ended_from_another_thread() {
    let _watchdog = Watchdog::new("following");
    for alive in [true, false] {
        let directory = temporary_directory();
        let _lock = alive.then(|| hold_lock(directory.path()));
        let mut writer = LogWriter::new(directory.path(), 64, 16_384);
        writer.append(1);
        let mut follower = follow(directory.path(), Start::End);
        let canceller = follower.canceller();
        let waiting = std::thread::spawn(move || follower.next_run(Wait::Forever).map(|_| ()));
        std::thread::sleep(A_WHILE);
        canceller.cancel();
        assert_eq!(waiting.join().unwrap().expect_err("ended").code(), Code::Closed);
    }
}

#[test]
fn what_is_handed_out_is_counted() {
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    while writer.next_segment < 3 {
        writer.append(7);
    }
    let log = open(directory.path());
    let mut follower = log.follow(FollowOptions::default()).unwrap();
    expect_up_to(&mut follower, 1, writer.link.last_event_id, 64);
    writer.append(3);
    let last = writer.link.last_event_id;
    expect_up_to(&mut follower, last - 2, last, 64);
    let snapshot = log.telemetry().snapshot();
    let counter = |name: &str| {
        let found = snapshot.metrics().iter().filter(|metric| metric.descriptor.name == name);
        found.map(|metric| if let Value::Counter(value) = metric.value { value } else { 0 }).sum::<u64>()
    };
    assert_eq!((counter("events"), counter("bytes")), (last, last * 64));
}

#[test]
fn a_damaged_log_is_not_followed() {
    let directory = temporary_directory();
    LogWriter::new(directory.path(), 64, 16_384).append(1);
    let options = RecoveryOptions { mode: Mode::Diagnostic, ..RecoveryOptions::new(directory.path()) };
    let refused = Recovery::open(options).unwrap().follow(FollowOptions::default()).map(drop);
    assert_eq!(refused.expect_err("refused").code(), Code::Unsupported);
}

#[test]
fn large_blocks_come_in_one_piece() {
    let _watchdog = Watchdog::new("following");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16 << 20);
    let mut follower = None;
    for count in [1, 20_000, 60_000, 80_000, 5] {
        writer.append(count);
        let follower = follower.get_or_insert_with(|| follow(directory.path(), Start::First));
        let first = follower.last_event_id() + 1;
        let run = follower.next_run(Wait::Forever).unwrap().expect("a block");
        assert_eq!((run.first_event_id(), run.event_count()), (first, u64::from(count)));
        assert!(run.end() <= run.window().length);
        assert_eq!(BlockHeader::decode(run.bytes()).unwrap().event_count, count);
    }
}
