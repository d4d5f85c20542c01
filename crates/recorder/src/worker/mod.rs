//! The threads behind the appender. Each is named, sleeps when it has nothing to do, and ends when it is closed.

pub(crate) mod committer;
pub(crate) mod maintainer;
pub(crate) mod meta_coordinator;
pub(crate) mod preparer;
mod undurable;

use std::thread::JoinHandle;

use flashstrike_recovery::{Code, Error, Result};

/// Starts a worker; the name is what `top -H` shows (15 characters at most).
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        Error::new(Code::Io, format!("cannot start the thread {name}: {error}; raise the limit of threads"))
    })
}

/// Waits for a worker that was told to end.
pub(crate) fn join(thread: &mut Option<JoinHandle<()>>) {
    if let Some(thread) = thread.take() {
        // A worker that panicked has said so on stderr; its promises were not made.
        let _ = thread.join();
    }
}
