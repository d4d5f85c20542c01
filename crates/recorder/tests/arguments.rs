//! Bad arguments are refused with a code, and nothing changes.

mod common;

use common::{
    append_many, code, contents, expect_log, next_events, small_log, temporary_in_memory, wait_until,
};
use flashstrike_crash_lab::events;
use flashstrike_recorder::{Code, Recorder, RecorderOptions};
use flashstrike_segment::Schema;

const HIGHEST_ID: u64 = (1 << 53) - 1;

#[test]
fn an_event_of_another_size_is_refused() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 3);
    for size in [0, 8, 24, 31, 33, 64, 4096] {
        assert_eq!(code(recorder.append(&vec![1; size])), Code::Schema, "{size}");
        assert_eq!(code(recorder.append_with_id(10, &vec![1; size])), Code::Schema, "{size}");
    }
    assert_eq!(recorder.last_event_id(), 3);
    append_many(&mut recorder, 32, 1);
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 4);
}

#[test]
fn ids_have_to_increase_and_may_have_gaps() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    let event = [7; 32];
    assert_eq!(code(recorder.append_with_id(0, &event)), Code::EventId);
    recorder.append_with_id(5, &event).unwrap();
    for id in [0, 1, 4, 5] {
        let error = recorder.append_with_id(id, &event).unwrap_err();
        assert_eq!((error.code(), error.event_id()), (Code::EventId, Some(id)), "{error}");
    }
    assert_eq!(recorder.append(&event).unwrap(), 6);
    recorder.append_with_id(1 << 40, &event).unwrap();
    recorder.append_with_id(HIGHEST_ID, &event).unwrap();
    for id in [HIGHEST_ID + 1, u64::MAX] {
        assert_eq!(code(recorder.append_with_id(id, &event)), Code::EventId);
    }
    assert_eq!(code(recorder.append(&event)), Code::EventId, "ids are used up");
    assert_eq!(code(recorder.append_batch(&[event])), Code::EventId);
    recorder.close().unwrap();
    let found = flashstrike_crash_lab::ReadBack::now(directory.path());
    assert!(found.is_clean());
    assert_eq!(found.ids(), [5, 6, 1 << 40, HIGHEST_ID]);
    let recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    assert_eq!(recorder.last_event_id(), HIGHEST_ID);
}

#[test]
fn a_byte_log_numbers_its_events_itself() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 0)).unwrap();
    assert_eq!(code(recorder.append_with_id(1, b"first")), Code::EventId);
    assert_eq!(recorder.append(b"").unwrap(), 1);
    assert_eq!(recorder.append(b"second").unwrap(), 2);
}

#[test]
fn an_event_is_limited_by_what_an_empty_segment_holds() {
    for event_size in [0_u16, 32] {
        let directory = temporary_in_memory();
        let mut recorder = Recorder::open(&small_log(directory.path(), event_size)).unwrap();
        append_many(&mut recorder, event_size, 3);
        let batch = next_events(&recorder, 32, 2000);
        let whole: Vec<u8> = batch.concat();
        let error = if event_size == 0 { recorder.append(&whole) } else { recorder.append_batch(&batch) };
        assert_eq!(code(error), Code::EventTooLarge);
        assert_eq!(recorder.last_event_id(), 3);
        append_many(&mut recorder, event_size, 1);
        recorder.close().unwrap();
        expect_log(directory.path(), event_size, 4);
    }
}

#[test]
fn the_largest_event_is_read_back() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 0)).unwrap();
    // The limit, found by asking.
    let fits = |recorder: &mut Recorder, length: usize| {
        common::when_there_is_room(recorder, |log| log.append(&vec![3; length]))
    };
    let limit = (30_000..33_000).rev().find(|length| fits(&mut recorder, *length).is_ok()).unwrap();
    assert_eq!(code(fits(&mut recorder, limit + 1)), Code::EventTooLarge);
    recorder.close().unwrap();
    let found = flashstrike_crash_lab::ReadBack::now(directory.path());
    assert!(found.is_clean());
    assert_eq!(found.events, [(1, vec![3; limit])]);
    assert!(limit > (32 << 10) - 600, "a segment has room for nothing else: {limit}");
}

#[test]
fn a_batch_with_one_bad_event_is_refused_as_a_whole() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 3);
    // The segments kept ready are there, so that nothing changes by itself.
    wait_until(|| directory.path().join("00000002.wal").exists().then_some(()));
    let before = contents(directory.path());
    let mut batch = next_events(&recorder, 32, 10);
    batch[9] = vec![0; 40];
    assert_eq!(code(recorder.append_batch(&batch)), Code::Schema);
    assert_eq!((recorder.last_event_id(), recorder.written_event_id()), (3, 0));
    assert!(contents(directory.path()) == before, "something of it has reached the files");
}

#[test]
fn large_events_whose_layout_is_wrong_are_refused() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    let payload: Vec<u8> = next_events(&recorder, 32, 100).concat();
    let manager = recorder.manager().unwrap();
    for (bytes, count, first, last) in [
        (&payload[..], 99, 1, 100),
        (&payload[..], 100, 2, 101),
        (&payload[..], 100, 1, 101),
        (&payload[..3199], 100, 1, 100),
        (&payload[..0], 0, 1, 0),
    ] {
        assert_eq!(code(manager.append_large(bytes, count, first, last)), Code::EventId);
    }
    manager.append_large(&payload, 100, 1, 100).unwrap();
    assert_eq!(code(manager.append_large(&payload, 100, 1, 100)), Code::EventId, "ids have to increase");
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 100);
}

#[test]
fn staged_events_of_a_binding_are_checked_before_they_are_published() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 10);
    let staging = recorder.staging().clone();
    // Another id than the next ones, as a wrong encoder would leave it.
    staging.put(320, &events::fixed(10, 32));
    staging.set_count(11);
    assert_eq!(code(recorder.manager().unwrap().publish_staged()), Code::EventId);
    assert_eq!(recorder.written_event_id(), 0, "nothing is published");
    staging.put(320, &events::fixed(11, 32));
    recorder.manager().unwrap().publish_staged().unwrap();
    assert_eq!(recorder.written_event_id(), 11);
    recorder.close().unwrap();
    expect_log(directory.path(), 32, 11);
}

#[test]
fn after_closing_everything_says_so_and_closing_again_does_nothing() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 3);
    recorder.close().unwrap();
    let before = contents(directory.path());
    recorder.close().unwrap();
    let event = [1; 32];
    assert_eq!(code(recorder.append(&event)), Code::Closed);
    assert_eq!(code(recorder.append_with_id(9, &event)), Code::Closed);
    assert_eq!(code(recorder.append_batch(&[event])), Code::Closed);
    assert_eq!(code(recorder.flush()), Code::Closed);
    assert_eq!(code(recorder.durable_sync(None)), Code::Closed);
    assert_eq!(code(recorder.request_durable(None)), Code::Closed);
    assert_eq!(code(recorder.rotate()), Code::Closed);
    assert_eq!(code(recorder.drain(common::PATIENCE)), Code::Closed);
    assert_eq!(code(recorder.manager().map(|_| ())), Code::Closed);
    assert_eq!(
        (recorder.last_event_id(), recorder.durable_event_id()),
        (3, 3),
        "what is there can still be asked"
    );
    drop(recorder);
    assert!(contents(directory.path()) == before);
}

#[test]
fn another_schema_is_refused_and_nothing_changes() {
    let directory = temporary_in_memory();
    let mut recorder = Recorder::open(&small_log(directory.path(), 32)).unwrap();
    append_many(&mut recorder, 32, 3);
    recorder.close().unwrap();
    let before = contents(directory.path());
    let mut renamed = events::schema(32);
    renamed.fields[1].name = "other".to_owned();
    for schema in [None, Some(events::schema(64)), Some(renamed)] {
        let mut options = small_log(directory.path(), 32);
        options.schema = schema;
        let error = Recorder::open(&options).unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::Schema, Some(directory.path())), "{error}");
        assert!(contents(directory.path()) == before);
    }
}

#[test]
fn who_mixes_up_bytes_and_events_is_told_which_of_the_two_the_log_holds() {
    for (held, asked, words) in [
        (
            None,
            Some(events::schema(32)),
            ["holds bytes of any length", "not events of 32 bytes", "without a schema"],
        ),
        (
            Some(events::schema(32)),
            None,
            ["holds events of 32 bytes", "not bytes of any length", "its own schema"],
        ),
    ] {
        let directory = temporary_in_memory();
        let mut options = small_log(directory.path(), 32);
        options.schema = held;
        Recorder::open(&options).unwrap().close().unwrap();
        options.schema = asked;
        let message = Recorder::open(&options).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        let recovery = flashstrike_recovery::RecoveryOptions {
            schema: Some(options.schema.unwrap_or_else(Schema::byte_log)),
            ..flashstrike_recovery::RecoveryOptions::new(directory.path())
        };
        let message = flashstrike_recovery::Recovery::open(recovery).map(|_| ()).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn a_schema_that_cannot_be_is_refused_before_anything_is_made() {
    let directory = temporary_in_memory();
    let log = directory.path().join("log");
    let changes: [fn(&mut Schema); 5] = [
        |schema| schema.fields[1].offset = 4,
        |schema| schema.size = 20,
        |schema| schema.fields.clear(),
        |schema| schema.fields[1].name = "event_id".to_owned(),
        |schema| schema.name = "x".repeat(70_000),
    ];
    for change in changes {
        let mut wrong = events::schema(32);
        change(&mut wrong);
        let mut options = small_log(&log, 32);
        options.segment_bytes = 1 << 20;
        options.schema = Some(wrong);
        assert_eq!(code(Recorder::open(&options)), Code::Schema);
        assert!(!log.exists());
    }
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_made() {
    let directory = temporary_in_memory();
    let log = directory.path().join("log");
    let changes: [fn(&mut RecorderOptions); 13] = [
        |options| options.block_bytes = 63,
        |options| options.block_bytes = (1 << 20) + 1,
        |options| options.segment_bytes = 0,
        |options| options.segment_bytes = 5000,
        |options| options.segment_bytes = (1 << 31) + 4096,
        |options| (options.segment_bytes, options.block_bytes) = (8192, 8192),
        |options| options.prepared_segments = 0,
        |options| options.prepared_segments = 65,
        |options| options.file_mode = 0o400,
        |options| options.file_mode = 0o1600,
        |options| options.sync_interval_ms = Some(0),
        |options| options.sync_bytes = Some(0),
        |options| options.directory = "/nonexistent/of/course".into(),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut options = small_log(&log, 32);
        change(&mut options);
        let error = Recorder::open(&options).unwrap_err();
        let expected = if n == 12 { Code::Io } else { Code::Unsupported };
        assert_eq!(error.code(), expected, "{error}");
        assert!(!log.exists(), "option {n}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn files_have_the_permissions_asked_for() {
    use std::os::unix::fs::PermissionsExt;

    for mode in [0o600, 0o640] {
        let directory = temporary_in_memory();
        let log = directory.path().join("log");
        let mut options = small_log(&log, 32);
        options.file_mode = mode;
        let mut recorder = Recorder::open(&options).unwrap();
        append_many(&mut recorder, 32, 2000);
        recorder.close().unwrap();
        assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o7777, 0o700 & !umask());
        for entry in std::fs::read_dir(&log).unwrap() {
            let entry = entry.unwrap();
            let found = entry.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(found, mode & !umask(), "{}", entry.path().display());
        }
    }
}

/// What this process takes away from the permissions of every new file.
#[cfg(target_os = "linux")]
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(umask.trim(), 8).unwrap()
}
