//! Randomness that can be had again.

use fastrand::Rng;

/// The variable that gives a run the seed of another one.
const VARIABLE: &str = "FLASHSTRIKE_SEED";

/// What everything random in one test follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A new one, or that of the environment (`FLASHSTRIKE_SEED`), and prints it: `cargo test` shows it with a failure.
    #[expect(clippy::print_stdout, reason = "the test harness shows it with a failure and only then")]
    pub fn of_this_run(test: &str) -> Self {
        let seed = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        let seed = Self(seed.unwrap_or_else(|| fastrand::u64(..)));
        println!("{test}: {VARIABLE}={}", seed.0);
        seed
    }

    /// The generator of one part of the test; parts do not influence each other.
    pub fn rng(self, part: u64) -> Rng {
        Rng::with_seed(self.0 ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}
