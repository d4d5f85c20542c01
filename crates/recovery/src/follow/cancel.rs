//! Ending a wait from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Code, Error, Result};

/// Ends the waiting of a [`Follower`](super::Follower) from any thread, within half a millisecond; what it is reading it
/// reads no further. Clones do the same.
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_cancelled: AtomicBool,
    /// Held by whoever goes to sleep or wakes those who do.
    sleeping: Mutex<()>,
    woken: Condvar,
}

impl Canceller {
    /// Ends it, for good.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Release);
        // With the lock, so that who sleeps is either before its look at the flag or asleep.
        drop(self.lock());
        self.0.woken.notify_all();
    }

    /// Whether it was ended.
    pub fn is_cancelled(&self) -> bool {
        self.flag().load(Ordering::Acquire)
    }

    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0.is_cancelled
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(ended()) } else { Ok(()) }
    }

    /// What a piece of work has come to: whatever fails once it was ended fails for that.
    pub(super) fn unless_cancelled<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| if self.is_cancelled() { ended() } else { error })
    }

    pub(super) fn sleep(&self, at_most: Duration) {
        let sleeping = self.lock();
        if !self.is_cancelled() {
            drop(self.0.woken.wait_timeout(sleeping, at_most));
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.sleeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> Error {
    Error::new(Code::Closed, "following was ended")
}
