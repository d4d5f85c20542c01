//! Every prefix of what a recorder does to its disk, with every kind of subset of what was not synced: nothing promised
//! is missing, and the log goes on.

mod crash;

use crash::explore_lives;
use crash::log::Shape;
use crash::workload::Workload;
use flashstrike_crash_lab::{Seed, Thoroughness};

/// Together the tests of this file see more than ten thousand states.
const AT_LEAST: usize = 2000;

/// Explores life after life until so many states were seen, each read, opened for appending, appended to, closed, and
/// read again.
#[track_caller]
fn expect_kept(test: &str, shape: Shape) {
    let seed = Seed::of_this_run(test);
    let workload = Workload::new(shape);
    let mut states = 0;
    for round in 0.. {
        match explore_lives(&workload, Seed(seed.0.wrapping_add(round)), 2, Thoroughness::USUAL) {
            Ok(more) => states += more,
            Err(violation) => panic!("{violation}"),
        }
        if states >= AT_LEAST {
            break;
        }
    }
    eprintln!("{states} states");
}

#[test]
fn fixed_size_events_in_tiny_segments() {
    expect_kept("fixed_size_events_in_tiny_segments", Shape::SMALL);
}

#[test]
fn variable_events_small_and_large() {
    let shape = Shape { event_size: 0, segment_bytes: 16 << 10, block_bytes: 1024, ..Shape::SMALL };
    expect_kept("variable_events_small_and_large", shape);
}

#[test]
fn many_blocks_in_one_segment() {
    let shape = Shape { event_size: 64, segment_bytes: 32 << 10, block_bytes: 256, ..Shape::SMALL };
    expect_kept("many_blocks_in_one_segment", shape);
}

#[test]
fn segments_prepared_for_small_syncs() {
    let shape = Shape { small_syncs: true, ..Shape::SMALL };
    expect_kept("segments_prepared_for_small_syncs", shape);
}

#[test]
fn syncs_that_nobody_asks_for() {
    let shape = Shape { adjust: |options| options.sync_bytes = Some(600), ..Shape::SMALL };
    expect_kept("syncs_that_nobody_asks_for", shape);
}

#[test]
fn blocks_that_fill_their_segment() {
    let shape = Shape { event_size: 0, block_bytes: 4096, ..Shape::SMALL };
    expect_kept("blocks_that_fill_their_segment", shape);
}
