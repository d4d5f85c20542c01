//! The log on a disk that is crashed: what the tests of crashes have in common.

#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

pub mod check;
pub mod log;
pub mod workload;

use flashstrike_crash_lab::{Seed, Thoroughness, Violation, explore};
use workload::Workload;

/// Explores so many lives of a log; gives the number of states.
///
/// # Errors
/// The first one in which a promise is broken.
pub fn explore_lives(
    workload: &Workload,
    seed: Seed,
    lives: u64,
    thoroughness: Thoroughness,
) -> Result<usize, Box<Violation>> {
    let mut states = 0;
    for life in workload.lives(&mut seed.rng(0), lives) {
        let mut rng = seed.rng(1 + states as u64);
        states += explore(&life.history, thoroughness, &mut rng, &mut |state| {
            life.expected.check(state).map(drop)
        })?;
    }
    Ok(states)
}
