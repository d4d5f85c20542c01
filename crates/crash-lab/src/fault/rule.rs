//! What is to happen at which operation.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::operation::{Kind, Operation};
use crate::{Errno, PATIENCE};

type Condition = Arc<dyn Fn(&Operation) -> bool + Send + Sync>;

#[derive(Debug, Clone)]
pub(super) enum Action {
    /// It is not done and gives this error number.
    Fail(i32),
    /// It is done; no later one is.
    StopAfter,
    /// It is not done, of a write only the first half, and no later one is.
    StopHalfway,
    /// The process is killed before it is done.
    KillBefore,
    /// The process is killed as soon as it is done.
    KillAfter,
    /// It waits before it is done.
    Hold(Arc<Latch>),
}

/// Which operations, and what happens at them. A rule without a condition means every operation.
#[derive(Clone)]
pub struct Rule {
    conditions: Vec<Condition>,
    skip: u64,
    times: u64,
    pub(super) action: Action,
}

impl Rule {
    /// They fail with this error number, without being done.
    pub fn fail(errno: Errno) -> Self {
        Self::new(Action::Fail(errno.raw_os_error()))
    }

    /// The world stops: the first such operation is still done, no later one is, of whatever kind. Every one fails with
    /// `EIO` from then on.
    pub fn stop_after() -> Self {
        Self::new(Action::StopAfter)
    }

    /// The same, but the first such operation is not done either; if it is a write, its first half is.
    pub fn stop_halfway() -> Self {
        Self::new(Action::StopHalfway)
    }

    /// The process is killed (SIGKILL) before the first such operation is done.
    pub fn kill_before() -> Self {
        Self::new(Action::KillBefore)
    }

    /// The process is killed (SIGKILL) after the first such operation was done.
    pub fn kill_after() -> Self {
        Self::new(Action::KillAfter)
    }

    /// They wait before they are done, until the gate is opened.
    pub fn hold() -> (Self, Gate) {
        let latch = Arc::new(Latch::default());
        (Self::new(Action::Hold(Arc::clone(&latch))), Gate(latch))
    }

    fn new(action: Action) -> Self {
        Self { conditions: Vec::new(), skip: 0, times: u64::MAX, action }
    }

    /// Only operations of this kind.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        self.when(move |operation| operation.kind == kind)
    }

    /// Only operations on files of this name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let name = name.to_owned();
        self.when(move |operation| operation.name() == name)
    }

    /// Only operations on files whose names end like this.
    #[must_use]
    pub fn ending(self, ending: &str) -> Self {
        let ending = ending.to_owned();
        self.when(move |operation| operation.name().ends_with(&ending))
    }

    /// Only operations for which this holds.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Operation) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(condition));
        self
    }

    /// Only the n-th of all operations.
    #[must_use]
    pub fn number(self, n: u64) -> Self {
        self.when(move |operation| operation.number == n)
    }

    /// Not the first `n` of those that all conditions hold for.
    #[must_use]
    pub fn skip(mut self, n: u64) -> Self {
        self.skip = n;
        self
    }

    /// At most so many of them.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.times = n;
        self
    }

    /// Whether the rule applies to this operation; counts it if so.
    pub(super) fn take(&mut self, operation: &Operation) -> bool {
        if !self.conditions.iter().all(|condition| condition(operation)) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times == 0 {
            return false;
        }
        self.times -= 1;
        true
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("action", &self.action).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(super) struct Latch {
    state: Mutex<LatchState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LatchState {
    arrived: u64,
    open: bool,
}

impl Latch {
    pub(super) fn pass(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.arrived += 1;
        self.changed.notify_all();
        while !state.open {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Holds operations back; opened for good when it is dropped.
#[derive(Debug)]
pub struct Gate(Arc<Latch>);

impl Gate {
    /// Lets them go, those to come too.
    pub fn open(&self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).open = true;
        self.0.changed.notify_all();
    }

    /// Waits until so many operations have come to it.
    ///
    /// # Panics
    /// If they have not within [`PATIENCE`].
    pub fn wait_for_arrivals(&self, count: u64) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.arrived < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} operations have come", state.arrived);
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many operations have come to it.
    pub fn arrivals(&self) -> u64 {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).arrived
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
