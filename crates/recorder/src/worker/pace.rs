//! How many segments to keep ready, by how fast they are used and how long one takes to make.

use std::time::{Duration, Instant};

/// Four times as many as asked for at most: each takes its length on disk and in the page cache.
const MOST_TIMES: usize = 4;

/// Watches segments being taken and made.
///
/// The number asked for is enough while making a segment takes less than half the time between two rotations. Above
/// that one more is kept ready for every half, so that a stall of the disk is bridged that is as long as the longest of
/// late.
#[derive(Debug)]
pub(super) struct Pace {
    asked: usize,
    most: usize,
    last_taken: Option<Instant>,
    /// Between two rotations, of late.
    interval: Option<Duration>,
    /// The longest that one took to make, of late.
    making: Duration,
}

impl Pace {
    pub(super) fn new(asked: usize, most: usize) -> Self {
        let most = (asked * MOST_TIMES).min(most).max(asked);
        Self { asked, most, last_taken: None, interval: None, making: Duration::ZERO }
    }

    /// The most there will ever be.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// A segment is taken now.
    pub(super) fn taken(&mut self, now: Instant) {
        if let Some(last) = self.last_taken.replace(now) {
            let latest = now.saturating_duration_since(last);
            self.interval = Some(self.interval.map_or(latest, |before| (before * 3 + latest) / 4));
        }
    }

    /// One was made, which took so long.
    pub(super) fn made(&mut self, took: Duration) {
        self.making = took.max(self.making * 7 / 8);
    }

    /// How many to keep ready.
    pub(super) fn wanted(&self) -> usize {
        let Some(interval) = self.interval else { return self.asked };
        let halves = (self.making * 2).as_nanos() / interval.as_nanos().max(1);
        self.asked.saturating_add(usize::try_from(halves).unwrap_or(usize::MAX)).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(interval_ms: u64, making_ms: u64) -> usize {
        let mut pace = Pace::new(2, 64);
        let start = Instant::now();
        for n in 0..100 {
            pace.taken(start + Duration::from_millis(n * interval_ms));
            pace.made(Duration::from_millis(making_ms));
        }
        pace.wanted()
    }

    #[test]
    fn as_many_as_asked_for_are_kept_while_making_one_takes_less_than_half_the_time() {
        assert_eq!(Pace::new(2, 64).wanted(), 2);
        assert_eq!(paced(50, 0), 2);
        assert_eq!(paced(50, 24), 2);
    }

    #[test]
    fn more_are_kept_the_longer_one_takes_and_never_more_than_four_times_as_many() {
        assert_eq!(paced(50, 25), 3);
        assert_eq!(paced(50, 60), 4);
        assert_eq!(paced(50, 100), 6);
        assert_eq!(paced(50, 10_000), 8);
        assert_eq!(paced(0, 1), 8);
        assert_eq!(Pace::new(30, 64).most(), 64);
        assert_eq!(Pace::new(64, 64).most(), 64);
    }

    #[test]
    fn a_stall_is_forgotten_and_so_is_a_burst() {
        let mut pace = Pace::new(2, 64);
        let start = Instant::now();
        let mut now = start;
        for _ in 0..10 {
            now += Duration::from_millis(50);
            pace.taken(now);
            pace.made(Duration::from_millis(1));
        }
        pace.made(Duration::from_millis(400));
        assert_eq!(pace.wanted(), 8);
        for _ in 0..40 {
            now += Duration::from_millis(50);
            pace.taken(now);
            pace.made(Duration::from_millis(1));
        }
        assert_eq!(pace.wanted(), 2);
        pace.made(Duration::from_millis(400));
        for _ in 0..3 {
            now += Duration::from_secs(60);
            pace.taken(now);
        }
        assert_eq!(pace.wanted(), 2);
    }
}
