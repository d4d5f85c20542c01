//! The threads behind the appender. Each is named, sleeps when it has nothing to do, and ends when it is closed.

pub(crate) mod committer;
pub(crate) mod maintainer;
pub(crate) mod meta_coordinator;
mod pace;
pub(crate) mod preparer;
pub(crate) mod sealer;
mod undurable;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use flashstrike_recovery::{Code, Error, Result};

use crate::poison::OPEN_AGAIN;
use crate::shared::Shared;

/// Starts a worker; the name is what `top -H` shows (15 characters at most).
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        Error::new(Code::Io, format!("cannot start the thread {name}: {error}; raise the limit of threads"))
    })
}

/// Ends appending if the worker that holds it panics: nobody else does its work, and promises depend on it.
pub(crate) struct PoisonOnPanic<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) worker: &'static str,
}

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let message = format!("the thread {} has panicked; see stderr, and report it as a bug", self.worker);
        let error = self.shared.poison.end(&Error::new(Code::Io, message), OPEN_AGAIN);
        // The listener may be what has panicked.
        let _ = catch_unwind(AssertUnwindSafe(|| self.shared.tell_failure(error)));
    }
}

/// Waits for a worker that was told to end.
pub(crate) fn join(thread: &mut Option<JoinHandle<()>>) {
    if let Some(thread) = thread.take() {
        // A worker that panicked has said so on stderr; its promises were not made.
        let _ = thread.join();
    }
}
