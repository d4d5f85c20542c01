//! Waiting longer after each failure.

use std::time::{Duration, Instant};

use flashstrike_recovery::{Code, Error};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When something that has failed may be tried again, and whether its failure is news.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    pause: Option<Duration>,
    until: Option<Instant>,
    /// Of the failures since the last success, and the segments they are about.
    told: Vec<(Code, Option<u32>)>,
}

impl Backoff {
    /// When it may be tried again; `None`: now.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// It has failed. Gives whether that has to be told: once for each kind and segment until it succeeds.
    pub(super) fn failed(&mut self, error: &Error, now: Instant) -> bool {
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        self.until = Some(now + pause);
        let what = (error.code(), error.segment());
        let is_news = !self.told.contains(&what);
        if is_news {
            self.told.push(what);
        }
        is_news
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }
}
