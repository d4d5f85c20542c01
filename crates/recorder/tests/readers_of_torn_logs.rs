//! A reader that was there before a writer came and cut a torn tail reads what that writer appends.

mod common;

use common::{append_many, left_behind, small_log, small_log_on, temporary_in_memory};
use flashstrike_crash_lab::{FaultFileSystem, events};
use flashstrike_recorder::Recorder;
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

const SIZE: u16 = 32;

#[test]
fn a_reader_opened_on_a_torn_log_reads_what_a_later_writer_appends() {
    let image = temporary_in_memory();
    let files = FaultFileSystem::default();
    let mut log = Recorder::open(&small_log_on(&files, image.path(), SIZE)).unwrap();
    append_many(&mut log, SIZE, 90);
    log.flush().unwrap();
    let left = left_behind(&files, image.path());
    drop(log);
    // As after a power cut: nothing is staged, and the last block is there in part.
    std::fs::remove_file(left.path().join("wal.staging")).unwrap();
    let path = left.path().join("00000000.wal");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = events::fixed(90, SIZE.into());
    let at = bytes.windows(last.len()).position(|event| *event == last).unwrap();
    bytes[at + 9] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();

    let reader = Recovery::open(RecoveryOptions::new(left.path())).unwrap();
    assert_eq!(reader.report().state, LogState::Torn);
    let cut_behind = reader.last_event_id();
    assert!(cut_behind < 90);
    let mut writer = Recorder::open(&small_log(left.path(), SIZE)).unwrap();
    append_many(&mut writer, SIZE, 50);
    writer.flush().unwrap();
    let mut replay = reader.replay(ReplayOptions::default()).unwrap();
    let mut ids = Vec::new();
    while let Some(event) = replay.next_event().unwrap() {
        ids.push(event.id);
    }
    assert_eq!(ids, (1..=cut_behind + 50).collect::<Vec<_>>());
    assert_eq!(reader.last_event_id(), cut_behind + 50);
    drop(replay);
    writer.close().unwrap();
}
