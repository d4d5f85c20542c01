//! Ending a wait from another thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Code, Error, Result};

/// Ends the waiting of a [`Follower`](super::Follower) from any thread, within half a millisecond; clones do the same.
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<(Mutex<bool>, Condvar)>);

impl Canceller {
    /// Ends it, for good.
    pub fn cancel(&self) {
        *self.lock() = true;
        self.0.1.notify_all();
    }

    /// Whether it was ended.
    pub fn is_cancelled(&self) -> bool {
        *self.lock()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(Code::Closed, "following was ended")) } else { Ok(()) }
    }

    pub(super) fn sleep(&self, at_most: Duration) {
        let cancelled = self.lock();
        if !*cancelled {
            drop(self.0.1.wait_timeout(cancelled, at_most));
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
