//! Takes the power away, or kills, between any two steps of a run, and has every state that may be left checked.

mod fate;
mod violation;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use fastrand::Rng;

use crate::disk::{Decision, Disk, History, Promise};
use fate::Fate;
pub use violation::Violation;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crash {
    /// The process dies: every store and every name survives, and the machine runs on.
    Kill,
    /// The power fails: what was not synced may be gone, and the machine starts again.
    PowerCut,
}

/// What a crash has left.
#[derive(Debug)]
pub struct CrashState {
    /// The disk.
    pub disk: Disk,
    /// What the log had promised by then.
    pub promise: Promise,
    /// What happened.
    pub crash: Crash,
    /// How many steps were done.
    pub steps: usize,
}

/// How thoroughly to explore.
#[derive(Debug, Clone, Copy)]
pub struct Thoroughness {
    /// At each point: so many of the extremes (nothing reached the device, everything, only names, only contents, only
    /// the newest change, all but that), taking turns from point to point.
    pub extremes: usize,
    /// At each point: so many random subsets.
    pub random: usize,
    /// At each point, the process is killed too.
    pub kill: bool,
    /// One point in so many, chosen at random; 1: all.
    pub one_in: usize,
}

impl Thoroughness {
    /// Every point, with two extremes, two random subsets, and a kill.
    pub const USUAL: Self = Self { extremes: 2, random: 2, kill: true, one_in: 1 };
}

/// Explores the states that crashes of a run may leave, each only once, and gives how many there were.
///
/// # Errors
/// The first state that `check` refuses.
pub fn explore(
    history: &History,
    thoroughness: Thoroughness,
    rng: &mut Rng,
    check: &mut dyn FnMut(&CrashState) -> Result<(), String>,
) -> Result<usize, Box<Violation>> {
    let mut seen = HashSet::new();
    let mut platter = history.initial.clone();
    let mut newest_step = 0;
    for (number, step) in history.steps.iter().enumerate() {
        platter.apply(step);
        if step.has_effects() {
            newest_step = platter.newest_step();
        }
        if rng.usize(..thoroughness.one_in) > 0 {
            continue;
        }
        let promise = step.promise;
        let steps = number + 1;
        let mut check = |disk, crash, fate, decisions| {
            let state = CrashState { disk, promise, crash, steps };
            check(&state).map_err(|what| {
                Box::new(Violation {
                    what,
                    history: History {
                        initial: history.initial.clone(),
                        steps: history.steps[..steps].to_vec(),
                    },
                    crash: format!("{crash:?} ({fate:?}) after {steps} steps with {promise:?}"),
                    decisions,
                })
            })
        };
        if thoroughness.kill && step.has_effects() {
            let disk = Disk::of(platter.kill(), promise);
            seen.insert(number as u64);
            check(disk, Crash::Kill, Fate::Everything, Vec::new())?;
        }
        let extremes = (0..thoroughness.extremes).map(|n| Fate::EXTREMES[(number + n * 3 + n / 2) % 6]);
        for fate in extremes.chain(std::iter::repeat_n(Fate::Random, thoroughness.random)) {
            let remains = platter.cut_power(&mut *fate.chance(newest_step, rng));
            if seen.insert(fingerprint(&remains.decisions, platter.syncs(), promise)) {
                let disk = Disk::of(remains.platter, promise);
                check(disk, Crash::PowerCut, fate, remains.decisions)?;
            }
        }
    }
    Ok(seen.len())
}

/// Two states are the same if the same is durable and the same has become of the rest.
fn fingerprint(decisions: &[Decision], syncs: u64, promise: Promise) -> u64 {
    let mut hasher = DefaultHasher::new();
    (syncs, promise).hash(&mut hasher);
    for decision in decisions.iter().filter(|decision| decision.has_reached()) {
        match decision {
            // How many versions there were besides is no part of the state.
            Decision::Page { file, page, versions, .. } => (0, file, page, versions).hash(&mut hasher),
            Decision::Length { file, version, .. } => (1, file, version).hash(&mut hasher),
            Decision::Name { directory, number, .. } => (2, directory, number).hash(&mut hasher),
        }
    }
    hasher.finish()
}
