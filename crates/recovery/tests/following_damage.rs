//! Damage between two segments beside a living writer: it is named, and neither waited for nor passed over.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::files::{FileSystem, OpenMode, OsFileSystem};
use flashstrike_recovery::follow::{FollowOptions, Follower, Wait};
use flashstrike_recovery::{Code, Error, Recovery, RecoveryOptions};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use support::interleaving::InterleavingFiles;
use support::staging::{BOOT_ID, stage};
use support::writer::{LogWriter, end_of_blocks, hold_lock};
use support::{Watchdog, temporary_directory};

const SEGMENT: u32 = 16_384;
const BLOCK_0: u64 = SEGMENT_HEADER_SIZE as u64;

fn follow(options: RecoveryOptions) -> Follower {
    let options = RecoveryOptions { boot_id: Some(BOOT_ID), ..options };
    Recovery::open(options).expect("a log").follow(FollowOptions::default()).expect("a log")
}

/// What following ends with, and the last event that came before.
fn error_of(follower: &mut Follower) -> (Error, u64) {
    loop {
        if let Err(error) = follower.next_run(Wait::Forever) {
            return (error, follower.last_event_id());
        }
    }
}

/// Replaces bytes of a segment by what is made of them.
fn change(directory: &Path, segment: u32, at: u64, change: impl Fn(u8) -> u8, length: usize) {
    let file = OsFileSystem.open(&hot_path(directory, segment), OpenMode::ReadWrite).unwrap();
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, at).unwrap();
    for byte in &mut bytes {
        *byte = change(*byte);
    }
    file.write_all_at(&bytes, at).unwrap();
}

/// What is done to the beginning of segment 1, and where the log is corrupt then.
type Damage = (&'static str, fn(&Path), u64);

const DAMAGES: [Damage; 4] = [
    ("a flipped bit in its header", |log| change(log, 1, BLOCK_0 + 10, |byte| byte ^ 1, 1), BLOCK_0),
    ("a flipped bit in its payload", |log| change(log, 1, BLOCK_0 + 64 + 20, |byte| byte ^ 1, 1), BLOCK_0),
    ("zeros", |log| change(log, 1, BLOCK_0, |_| 0, 64), BLOCK_0),
    ("no file", |log| std::fs::remove_file(hot_path(log, 1)).unwrap(), 0),
];

#[test]
fn a_damaged_beginning_of_the_next_segment_is_named_once_the_log_goes_on_behind_it() {
    let _watchdog = Watchdog::new("damaged beginnings");
    std::thread::scope(|scope| {
        for (what, damage, offset) in DAMAGES {
            // In the segment before: what is read block by block, or whole since it is sealed.
            for unsealed in [6, 0] {
                scope.spawn(move || {
                    let directory = temporary_directory();
                    let _lock = hold_lock(directory.path());
                    let mut writer = LogWriter::new(directory.path(), 64, SEGMENT);
                    writer.unsealed = unsealed;
                    stage(directory.path(), 0, 0, 64, 0);
                    writer.append(5);
                    let begun = || follow(RecoveryOptions::new(directory.path()));
                    let early = (unsealed > 0).then(begun);
                    while writer.next_segment < 2 {
                        writer.append(5);
                    }
                    let last = writer.first_of(1) - 1;
                    // Not sealed any more, so that its damage is the end for now.
                    writer.unsealed = 6;
                    while writer.next_segment < 3 {
                        writer.append(5);
                    }
                    let mut follower = early.unwrap_or_else(begun);
                    damage(directory.path());
                    let (error, given) = error_of(&mut follower);
                    let place = (error.code(), error.segment(), error.offset(), given);
                    assert_eq!(place, (Code::Corrupt, Some(1), Some(offset), last), "{what}: {error}");
                });
            }
        }
    });
}

#[test]
fn a_damaged_beginning_of_the_last_segment_is_named_once_the_writer_says_that_it_has_written_on() {
    let _watchdog = Watchdog::new("damaged beginnings");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, SEGMENT);
    writer.unsealed = 6;
    writer.append(5);
    while writer.next_segment < 2 {
        writer.append(5);
    }
    let (first, last) = (writer.first_of(1), writer.link.last_event_id);
    // The one writer that is alive, from the beginning on.
    stage(directory.path(), last, 0, 64, 0);
    change(directory.path(), 1, BLOCK_0 + 64 + 20, |byte| byte ^ 1, 1);
    let mut follower = follow(RecoveryOptions::new(directory.path()));
    let (error, given) = error_of(&mut follower);
    let place = (error.code(), error.segment(), error.offset(), given);
    assert_eq!(place, (Code::Corrupt, Some(1), Some(BLOCK_0), first - 1), "{error}");
}

#[test]
fn a_segment_that_continues_another_block_than_a_sealed_one_ends_with_is_not_gone_on_in() {
    let _watchdog = Watchdog::new("another block");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, SEGMENT);
    writer.append(5);
    let mut follower = follow(RecoveryOptions::new(directory.path()));
    while writer.next_segment < 2 {
        writer.append(5);
    }
    let bytes = std::fs::read(hot_path(directory.path(), 0)).unwrap();
    let (end, last) = (end_of_blocks(&bytes) as u64, writer.first_of(1) - 1);
    drop(follower.next_run(Wait::Forever).unwrap());
    std::fs::remove_file(hot_path(directory.path(), 1)).unwrap();
    (writer.next_segment, writer.active) = (1, None);
    (writer.link.chain, writer.link.last_event_id) = (writer.link.chain ^ 1, last);
    writer.activate();
    writer.append(2);
    let mut late = follow(RecoveryOptions {
        mode: flashstrike_recovery::Mode::Tail,
        ..RecoveryOptions::new(directory.path())
    });
    for follower in [&mut follower, &mut late] {
        let (error, given) = error_of(follower);
        let place = (error.code(), error.segment(), error.offset(), given);
        assert_eq!(place, (Code::Corrupt, Some(0), Some(end), last), "{error}");
    }
}

#[test]
fn what_a_header_claims_that_does_not_verify_is_not_read() {
    const CLAIMED: u32 = 60 << 20;
    let _watchdog = Watchdog::new("claims");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 64 << 20);
    writer.append(5);
    let operations = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&operations);
    let files = InterleavingFiles::shared(Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let options = RecoveryOptions { files: Some(files), ..RecoveryOptions::new(directory.path()) };
    let mut follower = follow(options);
    assert!(follower.next_run(Wait::Never).unwrap().is_some());
    let (end, _) = writer.place();
    writer.append(5);
    let file = OsFileSystem.open(&hot_path(directory.path(), 0), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&CLAIMED.to_le_bytes(), end as u64 + 40).unwrap();
    operations.store(0, Ordering::Relaxed);
    assert!(follower.ready_run().unwrap().is_none());
    let read = operations.load(Ordering::Relaxed);
    assert!(read < 30, "{read} operations on files for a block header");
}
