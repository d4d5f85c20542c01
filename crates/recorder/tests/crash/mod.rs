//! The log on a disk that is crashed: what the tests of crashes have in common.

#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

pub mod check;
pub mod log;
pub mod workload;

use std::collections::HashSet;

use flashstrike_crash_lab::{History, Seed, Thoroughness, Violation, explore};
use workload::Workload;

/// What the lives of a log were worth.
#[derive(Default)]
pub struct Explored {
    pub states: usize,
    /// What was done in them, without the threads.
    pub done: HashSet<String>,
}

impl Explored {
    /// Whether something was done; `*` stands for a number.
    pub fn has(&self, what: &str) -> bool {
        self.done.contains(what)
    }

    fn note(&mut self, history: &History) {
        let digits = |character: char| character.is_ascii_digit();
        for line in history.lines() {
            let done = line.split_once(": ").map_or(line, |(_, done)| done);
            let mut parts: Vec<_> = done.split(digits).filter(|part| !part.is_empty()).collect();
            if done.starts_with(digits) {
                parts.insert(0, "");
            }
            self.done.insert(parts.join("*"));
        }
    }
}

/// Explores so many lives of a log.
///
/// # Errors
/// The first one in which a promise is broken.
pub fn explore_lives(
    workload: &Workload,
    seed: Seed,
    lives: u64,
    thoroughness: Thoroughness,
    explored: &mut Explored,
) -> Result<(), Box<Violation>> {
    for (part, life) in (1..).zip(workload.lives(&mut seed.rng(0), lives)) {
        explored.note(&life.history);
        explored.states += explore(&life.history, thoroughness, &mut seed.rng(part), &mut |state| {
            life.expected.check(state).map(drop)
        })?;
    }
    Ok(())
}
