//! Blocks larger than a window: whoever keeps the windows that he was given has few of them, however many blocks there are.

mod support;

use std::collections::BTreeSet;

use flashstrike_recovery::follow::{FollowOptions, Wait};
use flashstrike_recovery::pool::{WINDOW_LEN, WindowId};
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions, Run};
use support::writer::{LogWriter, hold_lock};
use support::{Watchdog, temporary_directory};

const BLOCKS: u32 = 10;
const EVENTS: u32 = 70_000;

#[test]
fn large_blocks_are_read_in_the_same_few_windows() {
    let _watchdog = Watchdog::new("large blocks");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    // One block in each segment.
    let mut writer = LogWriter::new(directory.path(), 64, 8 << 20);
    (0..BLOCKS).for_each(|_| writer.append(EVENTS));
    assert_eq!(writer.next_segment, BLOCKS);
    let options = RecoveryOptions { preload_segments: 1, ..RecoveryOptions::new(directory.path()) };
    let recovery = Recovery::open(options).expect("clean");
    let mut windows = BTreeSet::<WindowId>::new();
    let mut events = 0;
    let mut note = |run: &Run<'_>| {
        assert!(run.bytes().len() > WINDOW_LEN);
        events += run.event_count();
        windows.insert(run.window().id);
    };
    for reverse in [false, true, false] {
        let mut replay = recovery.replay(ReplayOptions { reverse, ..ReplayOptions::default() }).unwrap();
        while let Some(run) = replay.next_run().expect("intact") {
            note(&run);
        }
    }
    let mut follower = recovery.follow(FollowOptions::default()).expect("a log");
    for _ in 0..BLOCKS {
        note(&follower.next_run(Wait::Forever).expect("intact").expect("a block"));
    }
    assert_eq!(events, 4 * u64::from(BLOCKS) * u64::from(EVENTS));
    // Those that are read, read ahead and not put down yet; one for each block that was read would be four times as many.
    assert!(windows.len() <= BLOCKS as usize, "{windows:?}");
}
