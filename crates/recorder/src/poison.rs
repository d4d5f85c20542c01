//! The one bit that ends appending: a write or sync has failed once.
//!
//! After a failed sync the kernel may mark the pages clean and drop them, and the next sync answers "done"; so no
//! sync is ever tried again, by anyone, until the log is reopened and recovers from what is really on disk.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use flashstrike_recovery::{Code, Error, Result};

use crate::staging::Staging;

/// Set once, by whoever sees the failure first; read by everyone before they promise anything.
#[derive(Debug)]
pub(crate) struct Poison {
    set: AtomicBool,
    cause: OnceLock<Error>,
    staging: Staging,
}

impl Poison {
    pub(crate) fn new(staging: Staging) -> Self {
        Self { set: AtomicBool::new(false), cause: OnceLock::new(), staging }
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

    /// Poisons the log. The mark in the staging memory tells the next opening that missing blocks are a loss to
    /// report and no damage.
    pub(crate) fn set(&self, cause: &Error) -> Error {
        let _ = self.cause.set(cause.clone());
        self.staging.mark_poisoned();
        self.set.store(true, Ordering::SeqCst);
        self.error()
    }

    fn error(&self) -> Error {
        let cause = self.cause.get().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let message = format!(
            "a write or sync has failed and is never retried, since the kernel may have dropped the data: {cause}. \
             Reading goes on; to append, close and open the log again, which recovers from what is really on disk"
        );
        let error = Error::new(Code::Poisoned, message);
        match self.cause.get().and_then(Error::path) {
            Some(path) => error.at_path(path),
            None => error,
        }
    }
}
