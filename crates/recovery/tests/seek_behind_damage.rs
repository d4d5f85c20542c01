//! A segment that was verified as a whole, and is damaged since: what stands behind the place where the log ends now is
//! not found by what is remembered of it, neither by its id nor by its time.

mod support;

use std::fs;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::WalMeta;
use flashstrike_segment::names::WAL_META;
use support::temporary_directory;
use support::writer::LogWriter;

/// More than one segment holds.
const BLOCKS: u64 = 90;
const PER_BLOCK: u32 = 500;

#[test]
fn nothing_is_found_behind_the_place_where_a_remembered_segment_is_damaged_now() {
    let place = temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 64, 2 << 20);
    writer.tick = 1_000;
    // So that a look at the log verifies both segments.
    writer.unsealed = 8;
    let mut places = Vec::new();
    for _ in 0..BLOCKS {
        writer.append(PER_BLOCK);
        let (end, _) = writer.place();
        places.push((end, writer.link));
    }
    assert!(
        places[30].0 > places[10].0 && places[80].0 < places[50].0,
        "the second segment begins in between"
    );
    let recovery = Recovery::open(RecoveryOptions::new(log)).unwrap();
    let read = |options| {
        let mut replay = recovery.replay(options).unwrap();
        let mut last = None;
        while let Some(event) = replay.next_event().unwrap() {
            last = Some(event.id);
        }
        last
    };
    assert_eq!(read(ReplayOptions::default()), Some(BLOCKS * u64::from(PER_BLOCK)));
    let sought = places[30].1;
    let first = Some(sought.last_event_id - u64::from(PER_BLOCK) + 1);
    assert_eq!(recovery.seek_time(sought.written_ts_ns).unwrap(), first);
    let behind = ReplayOptions { from: first, ..ReplayOptions::default() };
    assert_eq!(read(behind), Some(BLOCKS * u64::from(PER_BLOCK)));

    let path = hot_path(log, 0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[places[10].0 - 100] ^= 1;
    fs::write(&path, bytes).unwrap();
    // A writer has been there, so the log is looked at afresh; nothing was durable.
    writer.write_meta(0);
    let meta = WalMeta::decode(&fs::read(log.join(WAL_META)).unwrap()).unwrap();
    fs::write(log.join(WAL_META), WalMeta { durable_event_id: 0, ..meta }.encode()).unwrap();

    let end = places[9].1;
    // A look that reads nothing, so that what was remembered stays.
    assert_eq!(read(ReplayOptions { from: Some(1 << 40), ..ReplayOptions::default() }), None);
    assert_eq!(recovery.seek_time(sought.written_ts_ns).unwrap(), None);
    assert_eq!(read(behind), None);
    assert_eq!(read(ReplayOptions::default()), Some(end.last_event_id));
    // In front of it they are found as before.
    let before = places[5].1;
    assert!(recovery.seek_time(before.written_ts_ns).unwrap().is_some_and(|id| id <= before.last_event_id));
}
