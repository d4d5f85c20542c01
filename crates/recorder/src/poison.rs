//! The one bit that ends appending: a write or sync has failed once, or nothing can be promised for another reason.
//!
//! After a failed sync the kernel may mark the pages clean and drop them, and the next sync answers "done"; so no
//! sync is ever tried again, by anyone, until the log is reopened and recovers from what is really on disk.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use flashstrike_recovery::{Code, Error, Result};

use crate::staging::Staging;

/// What to do where what is on the disk may be less than what was written.
pub(crate) const OPEN_AGAIN: &str =
    "to append, close and open the log again, which recovers from what is really on disk";

/// Set once, by whoever sees the failure first; read by everyone before they promise anything.
#[derive(Debug)]
pub(crate) struct Poison {
    set: AtomicBool,
    /// What everybody is told from then on.
    error: OnceLock<Error>,
    staging: Staging,
}

impl Poison {
    pub(crate) fn new(staging: Staging) -> Self {
        Self { set: AtomicBool::new(false), error: OnceLock::new(), staging }
    }

    /// Whether appending has ended.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }

    /// `WAL_POISONED` with the first cause, if it is set.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_set() { Err(self.error()) } else { Ok(()) }
    }

    /// A write or sync has failed. The mark in the staging memory tells the next opening that missing blocks are a loss
    /// to report and no damage.
    pub(crate) fn set(&self, cause: &Error) -> Error {
        self.staging.mark_poisoned();
        self.end(
            cause,
            &format!(
                "a write or sync is never tried again, since the kernel may have dropped the data: {OPEN_AGAIN}"
            ),
        )
    }

    /// Appending ends for another reason.
    pub(crate) fn end(&self, cause: &Error, advice: &str) -> Error {
        let message = format!("{cause}. Appending has ended and reading goes on; {advice}");
        let error = Error::new(Code::Poisoned, message);
        let error = match cause.path() {
            Some(path) => error.at_path(path),
            None => error,
        };
        let _ = self.error.set(error);
        self.set.store(true, Ordering::SeqCst);
        self.error()
    }

    fn error(&self) -> Error {
        let unknown = || Error::new(Code::Poisoned, format!("appending has ended; {OPEN_AGAIN}"));
        self.error.get().cloned().unwrap_or_else(unknown)
    }
}
