//! What the thread that asks for the next run does until it comes.

use std::time::{Duration, Instant};

use flashstrike_telemetry::clock;

use super::{AROUND, Follower, Wait};
use crate::error::Result;
use crate::watch::StagingWatch;

impl Follower {
    /// Hands out the next run; false if none came in time.
    pub(super) fn advance(&mut self, wait: Wait) -> Result<bool> {
        self.guarded(|follower| follower.wait(wait))
    }

    /// Remembers errors: one is never followed by events.
    pub(super) fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Result<bool>) -> Result<bool> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let start = clock::now_ns();
        let outcome = work(self);
        let outcome = self.canceller.unless_cancelled(outcome);
        match &outcome {
            Ok(true) => {
                let extent = self.handed.as_ref().map(|handed| handed.extent);
                let telemetry = self.log.instruments.consumer.record();
                telemetry.manager.on_next_event(start);
                if let Some(extent) = extent {
                    telemetry.manager.on_events(extent.events, extent.payload_bytes);
                }
            }
            Ok(false) => {}
            Err(error) => self.ended = Some(error.clone()),
        }
        outcome
    }

    fn wait(&mut self, wait: Wait) -> Result<bool> {
        let deadline = match wait {
            Wait::Forever => None,
            Wait::Never => Some(Instant::now()),
            Wait::AtMost(longest) => Instant::now().checked_add(longest),
        };
        loop {
            self.canceller.check()?;
            // Before the look: what is published behind it is noticed by the change of this word.
            let seen = self.watch.as_ref().and_then(StagingWatch::wake_word);
            if self.look(true)? {
                self.pause = Duration::ZERO;
                return Ok(true);
            }
            if self.looked_around.is_none_or(|when| when.elapsed() >= AROUND) {
                self.looked_around = Some(Instant::now());
                if self.look_around()? {
                    continue;
                }
                if self.handed_staged() {
                    return Ok(true);
                }
            }
            if wait != Wait::Never && self.spin()? {
                return Ok(true);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            self.sleep(seen, left.unwrap_or(Duration::MAX));
        }
    }

    /// Looks again and again without sleeping.
    pub(super) fn spin(&mut self) -> Result<bool> {
        if self.follow.spin.is_zero() {
            return Ok(false);
        }
        let began = Instant::now();
        loop {
            if self.look(false)? {
                return Ok(true);
            }
            if began.elapsed() >= self.follow.spin || self.canceller.is_cancelled() {
                return Ok(false);
            }
            std::hint::spin_loop();
        }
    }

    /// Beside a living writer until it wakes us; else longer and longer, up to the time of a look around.
    fn sleep(&mut self, seen: Option<u32>, at_most: Duration) {
        match &self.watch {
            Some(watch) if self.is_writer_alive => watch.sleep(seen, at_most),
            _ => {
                self.pause = (self.pause * 2).clamp(Duration::from_millis(1), AROUND);
                self.canceller.sleep(self.pause.min(at_most));
            }
        }
    }
}
