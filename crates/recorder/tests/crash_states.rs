//! Every prefix of what a recorder does to its disk, with every kind of subset of what was not synced: nothing promised
//! is missing, and the log goes on.

mod crash;

use crash::log::{Kept, Shape};
use crash::workload::Workload;
use crash::{Explored, explore_lives};
use flashstrike_crash_lab::{Seed, Thoroughness};

/// The header that seals a segment is written.
const SEALED: &str = "write * bytes at * of *.wal";

/// Together the tests of this file see more than ten thousand states.
const AT_LEAST: usize = 1500;
const MOST_ROUNDS: u64 = 50;

/// Explores life after life until so many states were seen, each read, opened for appending, appended to, closed, and
/// read again; and until everything in `done` was done at least once, with `*` for a number.
#[track_caller]
fn expect_kept(test: &str, shape: Shape, done: &[&str]) {
    let seed = Seed::of_this_run(test);
    let workload = Workload::new(shape);
    let mut explored = Explored::default();
    for round in 0.. {
        let seed = Seed(seed.0.wrapping_add(round));
        if let Err(violation) = explore_lives(&workload, seed, 2, Thoroughness::USUAL, &mut explored) {
            panic!("{violation}");
        }
        if explored.states >= AT_LEAST && done.iter().all(|done| explored.has(done)) {
            break;
        }
        assert!(round < MOST_ROUNDS, "what was to be done was not done: {done:?} of {:?}", explored.done);
    }
    eprintln!("{} states", explored.states);
}

#[test]
fn fixed_size_events_in_tiny_segments() {
    expect_kept("fixed_size_events_in_tiny_segments", Shape::SMALL, &[SEALED]);
}

#[test]
fn variable_events_small_and_large() {
    let shape = Shape { event_size: 0, segment_bytes: 16 << 10, block_bytes: 1024, ..Shape::SMALL };
    expect_kept("variable_events_small_and_large", shape, &[SEALED]);
}

#[test]
fn many_blocks_in_one_segment() {
    let shape = Shape { event_size: 64, segment_bytes: 32 << 10, block_bytes: 256, ..Shape::SMALL };
    expect_kept("many_blocks_in_one_segment", shape, &[SEALED]);
}

#[test]
fn segments_prepared_for_small_syncs() {
    let shape = Shape { small_syncs: true, ..Shape::SMALL };
    expect_kept("segments_prepared_for_small_syncs", shape, &[SEALED]);
}

#[test]
fn syncs_that_nobody_asks_for() {
    let shape = Shape { adjust: |options| options.sync_bytes = Some(600), ..Shape::SMALL };
    expect_kept("syncs_that_nobody_asks_for", shape, &[SEALED]);
}

#[test]
fn blocks_that_fill_their_segment() {
    let shape = Shape { event_size: 0, block_bytes: 4096, ..Shape::SMALL };
    expect_kept("blocks_that_fill_their_segment", shape, &[SEALED]);
}

#[test]
fn segments_that_are_compressed() {
    let shape = Shape { kept: Kept::Compressed, ..Shape::SMALL };
    let done = ["rename *.wal.zst.tmp to *.wal.zst", "remove *.wal"];
    expect_kept("segments_that_are_compressed", shape, &done);
}

#[test]
fn segments_that_nobody_needs_any_more() {
    let shape = Shape { kept: Kept::FromFloor, ..Shape::SMALL };
    expect_kept("segments_that_nobody_needs_any_more", shape, &["remove *.wal"]);
}

#[test]
fn segments_beyond_the_limits() {
    let shape = Shape { kept: Kept::AFew, ..Shape::SMALL };
    let done = ["rename *.wal.zst.tmp to *.wal.zst", "remove *.wal", "remove *.wal.zst"];
    expect_kept("segments_beyond_the_limits", shape, &done);
}
