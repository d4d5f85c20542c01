//! The explorer finds what it is there for: each of these faults breaks a promise, and a check that cannot fail is a
//! defect.

mod crash;

use crash::log::Shape;
use crash::workload::{Plant, Workload};
use crash::{Explored, explore_lives};
use flashstrike_crash_lab::{Seed, Thoroughness};

/// Explores until the fault is found.
#[track_caller]
fn expect_found(test: &str, plant: Plant) {
    /// One nearly always suffices.
    const ROUNDS: u64 = 20;
    let seed = Seed::of_this_run(test);
    let workload = Workload { plant, ..Workload::new(Shape::SMALL) };
    let thoroughness = Thoroughness { kill: false, one_in: 2, ..Thoroughness::USUAL };
    let mut explored = Explored::default();
    for round in 0..ROUNDS {
        let seed = Seed(seed.0.wrapping_add(round));
        if explore_lives(&workload, seed, 3, thoroughness, &mut explored).is_err() {
            return;
        }
    }
    panic!("not found in {} states", explored.states);
}

#[test]
fn a_missing_sync_of_segments_is_found() {
    expect_found("a_missing_sync", Plant::NoSegmentSync);
}

#[test]
fn a_missing_sync_before_a_sealed_header_is_found() {
    expect_found("a_missing_sync_before_a_sealed_header", Plant::NoSyncBeforeSeal);
}

#[test]
fn an_early_acknowledgement_is_found() {
    expect_found("an_early_acknowledgement", Plant::EarlyAcknowledgement);
}

#[test]
fn a_missing_sync_of_directories_is_found() {
    expect_found("a_missing_sync_of_directories", Plant::NoDirectorySync);
}

#[test]
fn a_missing_sync_of_the_names_of_segments_is_found() {
    expect_found("a_missing_sync_of_the_names_of_segments", Plant::NoSyncOfSegmentNames);
}
