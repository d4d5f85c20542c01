//! Following that is ended wherever it is, also while it is still beginning.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flashstrike_recovery::follow::{Canceller, FollowOptions, Start, Wait};
use flashstrike_recovery::{Code, Recovery, RecoveryOptions};
use support::interleaving::InterleavingFiles;
use support::writer::{LogWriter, hold_lock};
use support::{Watchdog, temporary_directory};

/// What follows may be half of a read that was begun, by each of two threads.
const MOST_BEHIND: u64 = 4;

/// Follows to the end and is ended at operation `at` on a file; `None`: it did not come so far. Else how many operations
/// there were behind that, and with what it ended.
fn end_at(directory: &Path, from: Start, last: u64, at: u64) -> Option<(u64, Code)> {
    let (canceller, begun, operations) =
        (Canceller::default(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let step = {
        let (canceller, begun, operations) = (canceller.clone(), Arc::clone(&begun), Arc::clone(&operations));
        move || {
            if begun.load(Ordering::Relaxed) == 1 && operations.fetch_add(1, Ordering::Relaxed) == at {
                canceller.cancel();
            }
        }
    };
    let files = InterleavingFiles::shared(Box::new(step));
    let options = RecoveryOptions { files: Some(files), ..RecoveryOptions::new(directory) };
    let recovery = Recovery::open(options).expect("clean");
    begun.store(1, Ordering::Relaxed);
    let follow = FollowOptions { from, ..FollowOptions::default() };
    let code = match recovery.follow_until(follow, &canceller) {
        Err(error) => error.code(),
        Ok(mut follower) => loop {
            match follower.next_run(Wait::Never).map(|run| run.is_none()) {
                Err(error) => break error.code(),
                Ok(true) if follower.last_event_id() >= last => return None,
                Ok(_) => {}
            }
        },
    };
    Some((operations.load(Ordering::Relaxed) - at - 1, code))
}

#[test]
fn following_that_is_ended_reads_no_further_wherever_it_is() {
    let _watchdog = Watchdog::new("cancelling");
    let directory = temporary_directory();
    let _lock = hold_lock(directory.path());
    let mut writer = LogWriter::new(directory.path(), 64, 16_384);
    writer.unsealed = 2;
    while writer.next_segment < 9 {
        writer.append(20);
    }
    writer.compress(0);
    writer.compress(1);
    let last = writer.link.last_event_id;
    for from in [Start::First, Start::At(last / 2), Start::At(last - 3), Start::End] {
        let mut at = 0;
        while let Some((behind, code)) = end_at(directory.path(), from, last, at) {
            assert_eq!(code, Code::Closed, "{from:?}, ended at operation {at}");
            assert!(behind <= MOST_BEHIND, "{from:?}, ended at operation {at}: {behind} more");
            at += 1;
        }
        assert!(at > 20, "{from:?}: only {at} operations");
    }
}
