//! Which appends are timed.

use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::ManagerUpdater;

const EVERY: u32 = ManagerUpdater::APPEND_SAMPLE_EVERY as u32;

/// Picks one append in 1 024 on average, by chance: at fixed distances only the first ones of blocks would be timed,
/// or the last ones, whenever a block's events divide that distance.
#[derive(Debug)]
pub(super) struct Sampling {
    /// Appends up to the next one that is timed, that one included.
    left: u32,
    random: u32,
}

impl Sampling {
    pub(super) fn new() -> Self {
        let mut made = Self { left: 0, random: clock::now_ns() as u32 | 1 };
        made.draw();
        made
    }

    /// Whether the next append is timed.
    #[inline]
    pub(super) fn takes_next(&mut self) -> bool {
        self.left -= 1;
        self.left == 0 && self.draw()
    }

    /// Whether one of the next so many appends would be, which are done as one.
    pub(super) fn takes_one_of(&mut self, events: usize) -> bool {
        match u32::try_from(events) {
            Ok(events) if events < self.left => {
                self.left -= events;
                false
            }
            _ => self.draw(),
        }
    }

    /// A distance from 1 to 2 047, by Marsaglia's xorshift.
    #[cold]
    fn draw(&mut self) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.left = 1 + self.random % (2 * EVERY - 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each place in blocks of so many events, how many of the events there are timed.
    fn timed_by_place(block: usize, events: usize) -> Vec<usize> {
        let mut sampling = Sampling::new();
        let mut timed = vec![0; block];
        for i in 0..events {
            timed[i % block] += usize::from(sampling.takes_next());
        }
        timed
    }

    #[test]
    fn one_in_1024_is_timed_and_each_place_of_a_block_has_its_turn() {
        let timed = timed_by_place(64, 4_000_000);
        let all: usize = timed.iter().sum();
        assert!((3_000..5_000).contains(&all), "{all}");
        // 61 on average, with a standard deviation of 8.
        assert!(timed.iter().all(|&count| count > 5), "{timed:?}");
    }

    #[test]
    fn batches_are_timed_as_often_as_their_events() {
        for events in [1, 100, 1_000] {
            let mut sampling = Sampling::new();
            let timed = (0..4_000_000 / events).filter(|_| sampling.takes_one_of(events)).count();
            assert!((2_000..5_000).contains(&timed), "{timed} of batches of {events}");
        }
        let mut sampling = Sampling::new();
        assert!((0..10).all(|_| sampling.takes_one_of(5_000)), "more events than any distance");
    }
}
