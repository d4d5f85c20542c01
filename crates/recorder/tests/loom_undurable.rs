//! All interleavings of the appender and a sync: no block is left that neither a sync covers nor the clock runs for.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p flashstrike-recorder --test loom_undurable --release`.
#![cfg(loom)]
#![allow(dead_code, reason = "the module under test is included whole")]

#[path = "../src/worker/undurable.rs"]
mod undurable;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use undurable::Undurable;

/// Payload bytes of a block.
const BLOCK: u64 = 10;

#[test]
fn a_block_is_synced_or_the_clock_runs_for_it() {
    loom::model(|| {
        let undurable = Arc::new(Undurable::new());
        let written = Arc::new(AtomicU64::new(1));
        undurable.note_block(BLOCK);
        undurable.start_clock(|| 1);

        let appender = {
            let (undurable, written) = (Arc::clone(&undurable), Arc::clone(&written));
            loom::thread::spawn(move || {
                written.store(2, Ordering::Release);
                undurable.note_block(BLOCK);
                undurable.start_clock(|| 2);
            })
        };
        let covered_bytes = undurable.begin_sync();
        let synced = written.load(Ordering::Acquire);
        appender.join().unwrap();

        assert!(synced == 2 || undurable.since_ns().is_some(), "block 2 is forgotten");
        assert!(covered_bytes <= synced * BLOCK, "bytes are counted that were not published before the sync");
        assert_eq!(covered_bytes + undurable.note_block(0), 2 * BLOCK, "no byte is counted twice or lost");
    });
}
