//! Following over segments that are not sealed though the log goes on behind them: one whose header cannot be read counts as
//! unsealed, and one that appending has left may hold remains behind its end.

mod support;

use std::path::Path;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::files::{FileSystem, OpenMode, OsFileSystem};
use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions};
use support::staging::BOOT_ID;
use support::writer::{LogWriter, end_of_blocks, expected_event, hold_lock};
use support::{Watchdog, temporary_directory};

const SEGMENT: u32 = 16_384;
const EVENT: u16 = 64;

/// A log of four segments.
fn write(directory: &Path, unsealed: usize) -> LogWriter {
    let mut writer = LogWriter::new(directory, EVENT, SEGMENT);
    writer.unsealed = unsealed;
    while writer.next_segment < 4 {
        writer.append(5);
    }
    writer
}

fn overwrite(directory: &Path, segment: u32, at: u64, bytes: &[u8]) {
    let file = OsFileSystem.open(&hot_path(directory, segment), OpenMode::ReadWrite).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

/// Follows from an event to the last one, which there are all between, in a log that verifies.
fn expect_all(directory: &Path, from: u64, last: u64) {
    let options = RecoveryOptions { boot_id: Some(BOOT_ID), ..RecoveryOptions::new(directory) };
    let log = Recovery::open(options).expect("a log");
    assert_eq!(log.verify(&mut |_| {}).expect("a log").state, LogState::Clean);
    let options = FollowOptions { from: Start::At(from), ..FollowOptions::default() };
    let mut follower = log.follow(options).expect("they are there");
    for id in from..=last {
        let event = follower.next_event(Wait::Forever).expect("they are there").expect("it waits");
        assert_eq!((event.id, event.bytes), (id, &*expected_event(id, EVENT)), "from {from}");
    }
}

#[test]
fn no_event_is_passed_over_in_sealed_segments_behind_one_whose_header_is_damaged() {
    let _watchdog = Watchdog::new("damaged header");
    for is_alive in [false, true] {
        let directory = temporary_directory();
        let _lock = is_alive.then(|| hold_lock(directory.path()));
        let writer = write(directory.path(), 0);
        overwrite(directory.path(), 0, 39, &[0xA5]);
        for segment in 0..4 {
            expect_all(directory.path(), writer.first_of(segment), writer.link.last_event_id);
        }
    }
}

#[test]
fn remains_behind_the_end_of_a_segment_that_another_continues_are_no_end() {
    let _watchdog = Watchdog::new("remains");
    for is_alive in [false, true] {
        // The segment behind is unsealed as well, or sealed.
        for unsealed in [6, 0] {
            let directory = temporary_directory();
            let _lock = is_alive.then(|| hold_lock(directory.path()));
            let writer = write(directory.path(), unsealed);
            let bytes = std::fs::read(hot_path(directory.path(), 1)).unwrap();
            let end = end_of_blocks(&bytes);
            assert!(end + 64 <= bytes.len(), "there is room for remains");
            // What looks like a block, and is none of this place.
            overwrite(directory.path(), 1, end as u64, &bytes[64..128]);
            if unsealed == 0 {
                overwrite(directory.path(), 1, 39, &[0xA5]);
            }
            for segment in 0..4 {
                expect_all(directory.path(), writer.first_of(segment), writer.link.last_event_id);
            }
        }
    }
}
