//! What becomes of everything that was not synced when the power fails.

use fastrand::Rng;

use crate::disk::{Chance, Everything, Nothing};

/// The ways to decide it. The extremes find what every device may do; chance finds the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Only what was synced is there.
    Nothing,
    /// All of it has reached the device.
    Everything,
    /// Names and lengths have, contents have not.
    OnlyMetadata,
    /// Contents have, names have not.
    OnlyContents,
    /// Only what was changed last has.
    OnlyNewest,
    /// All but what was changed last has.
    AllButNewest,
    /// Each sector and each name on its own.
    Random,
}

impl Fate {
    pub(super) const EXTREMES: [Self; 6] = [
        Self::Nothing,
        Self::Everything,
        Self::OnlyMetadata,
        Self::OnlyContents,
        Self::OnlyNewest,
        Self::AllButNewest,
    ];

    /// Decides after `steps` steps.
    pub(super) fn chance(self, newest_step: u64, rng: &mut Rng) -> Box<dyn Chance + '_> {
        match self {
            Self::Nothing => Box::new(Nothing),
            Self::Everything => Box::new(Everything),
            Self::OnlyMetadata => Box::new(Metadata(true)),
            Self::OnlyContents => Box::new(Metadata(false)),
            Self::OnlyNewest => Box::new(Newest { step: newest_step, reached: true }),
            Self::AllButNewest => Box::new(Newest { step: newest_step, reached: false }),
            Self::Random => Box::new(Dice::new(rng)),
        }
    }
}

/// Whether it is the metadata that has reached the device, or the contents.
struct Metadata(bool);

impl Chance for Metadata {
    fn page(&mut self, count: usize, _: u64) -> [usize; 8] {
        [if self.0 { 0 } else { count }; 8]
    }

    fn length(&mut self, count: usize, _: u64) -> usize {
        // Contents without a length are nothing.
        count
    }

    fn name(&mut self, _: u64) -> bool {
        self.0
    }
}

/// Whether what the last step changed is all that has reached the device, or all that has not.
struct Newest {
    step: u64,
    reached: bool,
}

impl Newest {
    fn version(&self, count: usize, newest: u64) -> usize {
        match (newest == self.step, self.reached) {
            (true, true) | (false, false) => count,
            (true, false) => count - 1,
            (false, true) => 0,
        }
    }
}

impl Chance for Newest {
    fn page(&mut self, count: usize, newest: u64) -> [usize; 8] {
        [self.version(count, newest); 8]
    }

    fn length(&mut self, count: usize, newest: u64) -> usize {
        self.version(count, newest)
    }

    fn name(&mut self, step: u64) -> bool {
        (step == self.step) == self.reached
    }
}

/// Each thing on its own. How much reaches the device is drawn first, so that nearly all and nearly nothing occur too.
struct Dice<'a> {
    rng: &'a mut Rng,
    pages: f64,
    lengths: f64,
    names: f64,
    torn: f64,
}

impl<'a> Dice<'a> {
    fn new(rng: &'a mut Rng) -> Self {
        let mut draw = |of: &[f64]| of[rng.usize(..of.len())];
        let shares = [0.05, 0.3, 0.5, 0.7, 0.95];
        let (pages, lengths, names) = (draw(&shares), draw(&shares), draw(&shares));
        let torn = draw(&[0.0, 0.2, 0.8]);
        Self { rng, pages, lengths, names, torn }
    }

    fn version(&mut self, count: usize, share: f64) -> usize {
        match self.rng.f64() < share {
            false => 0,
            // Write-back usually takes what is there when it comes.
            true if self.rng.bool() => count,
            true => self.rng.usize(1..=count),
        }
    }
}

impl Chance for Dice<'_> {
    fn page(&mut self, count: usize, _: u64) -> [usize; 8] {
        if self.rng.f64() < self.torn {
            std::array::from_fn(|_| self.version(count, self.pages))
        } else {
            [self.version(count, self.pages); 8]
        }
    }

    fn length(&mut self, count: usize, _: u64) -> usize {
        self.version(count, self.lengths)
    }

    fn name(&mut self, _: u64) -> bool {
        self.rng.f64() < self.names
    }
}
