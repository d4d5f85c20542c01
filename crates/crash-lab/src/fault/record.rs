//! The numbering, the rules and the trace, shared by a [`FaultFileSystem`](super::FaultFileSystem) and its files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::Errno;

use super::operation::{Kind, Operation};
use super::rule::{Action, Rule};

/// The name that an open file has now.
pub(super) type CurrentPath = Arc<Mutex<PathBuf>>;

#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    tick: u64,
    stopped: bool,
    /// Operations at which a rule has done something.
    struck: Vec<Operation>,
    trace: Vec<Operation>,
    rules: Vec<Rule>,
    open: Vec<Weak<Mutex<PathBuf>>>,
}

impl Record {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, rule: Rule) {
        self.book().rules.push(rule);
    }

    pub(super) fn clear_rules(&self) {
        let mut book = self.book();
        book.rules.clear();
        book.stopped = false;
    }

    /// No operation is done any more; gives whether some are still going on.
    pub(super) fn stop(&self) -> bool {
        let mut book = self.book();
        book.stopped = true;
        book.trace.iter().any(|operation| operation.ended.is_none())
    }

    pub(super) fn count(&self) -> u64 {
        self.book().trace.len() as u64
    }

    pub(super) fn tick(&self) -> u64 {
        let mut book = self.book();
        book.tick += 1;
        book.tick
    }

    pub(super) fn trace(&self) -> Vec<Operation> {
        self.book().trace.clone()
    }

    pub(super) fn struck(&self) -> Vec<Operation> {
        self.book().struck.clone()
    }

    /// Does an operation, or what a rule wants instead.
    pub(super) fn run<T>(
        &self,
        kind: Kind,
        path: &Path,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.run_or_half(kind, path, work, || ())
    }

    /// The same for an operation that can be done by half.
    pub(super) fn run_or_half<T>(
        &self,
        kind: Kind,
        path: &Path,
        work: impl FnOnce() -> io::Result<T>,
        half: impl FnOnce(),
    ) -> io::Result<T> {
        let (at, action) = self.begin(kind, path);
        match &action {
            Some(Action::Hold(latch)) => latch.pass(),
            Some(Action::KillBefore) => kill_this_process(),
            _ => {}
        }
        let outcome = match action {
            Some(Action::Fail(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Action::StopHalfway) => {
                half();
                Err(Errno::IO.into())
            }
            _ => work(),
        };
        if matches!(action, Some(Action::KillAfter)) {
            kill_this_process();
        }
        let mut book = self.book();
        book.tick += 1;
        let tick = book.tick;
        book.trace[at].ended = Some(tick);
        book.trace[at].succeeded = outcome.is_ok();
        outcome
    }

    fn begin(&self, kind: Kind, path: &Path) -> (usize, Option<Action>) {
        let mut book = self.book();
        book.tick += 1;
        let operation = Operation {
            number: book.trace.len() as u64 + 1,
            kind,
            path: path.to_path_buf(),
            began: book.tick,
            ended: None,
            succeeded: false,
        };
        let action = if book.stopped {
            Some(Action::Fail(Errno::IO.raw_os_error()))
        } else {
            book.rules.iter_mut().find_map(|rule| rule.take(&operation).then(|| rule.action.clone()))
        };
        if action.is_some() {
            book.struck.push(operation.clone());
        }
        if matches!(action, Some(Action::StopAfter | Action::StopHalfway)) {
            book.stopped = true;
        }
        book.trace.push(operation);
        (book.trace.len() - 1, action)
    }

    /// A file was opened under this name.
    pub(super) fn opened(&self, path: &Path) -> CurrentPath {
        let current = Arc::new(Mutex::new(path.to_path_buf()));
        let mut book = self.book();
        book.open.retain(|file| file.strong_count() > 0);
        book.open.push(Arc::downgrade(&current));
        current
    }

    /// Open files keep being known by the name they have; a replaced one has none.
    pub(super) fn renamed(&self, from: &Path, to: &Path) {
        for file in self.book().open.iter().filter_map(Weak::upgrade) {
            let mut path = file.lock().unwrap_or_else(PoisonError::into_inner);
            if *path == to {
                path.as_mut_os_string().push(" (replaced)");
            } else if *path == from {
                to.clone_into(&mut path);
            }
        }
    }
}

fn kill_this_process() {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal ends this thread before it runs on; if it could not be sent, nothing may go on either.
    std::process::abort();
}
