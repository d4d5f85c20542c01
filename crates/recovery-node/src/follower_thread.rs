//! The thread on which a live tail is begun and waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use flashstrike_recovery::follow::{Canceller, FollowOptions, Follower, Wait};
use flashstrike_recovery::pool::Window;
use flashstrike_recovery::{Code, Error, Recovery, Run};

use crate::waker::Waker;

/// The follower, before and after it was begun.
pub(crate) enum Source {
    ToOpen(Arc<Recovery>, FollowOptions),
    Open(Box<Follower>),
}

/// What a run is to JavaScript.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) window: Window,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The first event of it that was not handed out before.
    pub(crate) from: u64,
}

impl Found {
    pub(crate) fn of(run: &Run<'_>, from: u64) -> Self {
        Self { window: run.window().clone(), start: run.start(), end: run.end(), from }
    }
}

/// What passes between the two threads.
#[derive(Default)]
pub(crate) struct Exchange {
    /// `None`: the other thread has it, or it was closed.
    pub(crate) source: Option<Source>,
    /// The thread has to wait for the next run.
    pub(crate) is_asked: bool,
    /// What it has come back with.
    pub(crate) outcome: Option<Result<Found, Error>>,
    pub(crate) is_closed: bool,
}

/// Shared by the follower's thread and the event loop.
#[derive(Default)]
pub(crate) struct Shared {
    exchange: Mutex<Exchange>,
    pub(crate) to_do: Condvar,
    /// Ends what the thread is doing, also the opening.
    pub(crate) canceller: Canceller,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the follower's thread.
    pub(crate) fn work(&self, waker: &Waker) {
        loop {
            let mut exchange = self.lock();
            while !exchange.is_asked && !exchange.is_closed {
                exchange = self.to_do.wait(exchange).unwrap_or_else(PoisonError::into_inner);
            }
            if exchange.is_closed {
                return;
            }
            let source = exchange.source.take();
            drop(exchange);
            let (source, outcome) = match source {
                Some(source) => self.wait_for_run(source),
                None => (None, Err(ended())),
            };
            let mut exchange = self.lock();
            exchange.source = source;
            exchange.is_asked = false;
            exchange.outcome = Some(outcome);
            if exchange.is_closed {
                return;
            }
            drop(exchange);
            waker.wake();
        }
    }

    fn wait_for_run(&self, source: Source) -> (Option<Source>, Result<Found, Error>) {
        let waited = catch_unwind(AssertUnwindSafe(|| {
            let mut follower = match source {
                Source::Open(follower) => follower,
                Source::ToOpen(recovery, options) => match recovery.follow_until(options, &self.canceller) {
                    Ok(follower) => Box::new(follower),
                    Err(error) => return (None, Err(error)),
                },
            };
            let from = follower.last_event_id() + 1;
            let found = match follower.next_run(Wait::Forever) {
                Ok(Some(run)) => Ok(Found::of(&run, from)),
                Ok(None) => Err(ended()),
                Err(error) => Err(error),
            };
            (Some(Source::Open(follower)), found)
        }));
        waited.unwrap_or_else(|_| {
            let message = "an internal check has failed; see stderr, and report it as a bug";
            (None, Err(Error::new(Code::Io, message)))
        })
    }
}

fn ended() -> Error {
    Error::new(Code::Closed, "following was ended")
}
