//! A disk in memory that knows what of it would survive a power cut.
//!
//! It stands behind the log's door to the file system and records every operation that changes something, every sync,
//! and what was stored to mapped memory in between, as steps in one order. From any prefix of the steps follows what is
//! on the device for certain and what only may be there:
//!
//! - the bytes and the length of a file, from the end of a sync on that began after they were written; until then each
//!   sector of each page may be as it was at any time since,
//! - names, from the sync of their directory on; until then each change of a name has occurred or has not, alone, except
//!   that a rename occurs wholly or not at all.
//!
//! So a device may reorder everything between two syncs. What it does not do here is lie about a sync, unless it is
//! told to ([`Disk::lie_about`]).

mod files;
mod platter;
mod step;
mod versions;
mod world;

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use flashstrike_recovery::files::FileSystem;

pub(crate) use platter::{Chance, Decision, Platter};
pub use step::Promise;
pub(crate) use step::Step;
use world::World;

thread_local! {
    /// This thread does nothing but stores, with the disk locked.
    static STORES_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// Says of a sync, by the name of what is synced, whether it is to be acknowledged and not made.
type Lie = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A disk that records. Clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    world: Arc<Mutex<World>>,
    lie: Arc<OnceLock<Lie>>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::of(Platter::empty(), Promise::default())
    }
}

impl Disk {
    pub(crate) fn of(platter: Platter, promise: Promise) -> Self {
        Self { world: Arc::new(Mutex::new(World::of(platter, promise))), lie: Arc::default() }
    }

    /// As the log takes it.
    pub fn shared(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.clone())
    }

    /// From now on the syncs that `lie` picks by their name, files and directories, are acknowledged and not made.
    ///
    /// # Panics
    /// If it was told before.
    pub fn lie_about(&self, lie: impl Fn(&str) -> bool + Send + Sync + 'static) {
        assert!(self.lie.set(Arc::new(lie)).is_ok(), "one lie is enough");
    }

    fn lies_about(&self, name: &str) -> bool {
        self.lie.get().is_some_and(|lie| lie(name))
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        assert!(!STORES_ONLY.get(), "an operation on a file where nothing but stores may occur");
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that only stores to mapped memory, such as an append, as one step: nothing else occurs on the disk
    /// meanwhile. So whatever prefix of the steps a process dies at, its memory is as it really was at some moment.
    /// `promised` raises what is promised from then on.
    ///
    /// # Panics
    /// If it does anything else.
    pub fn stores<T>(
        &self,
        what: &str,
        work: impl FnOnce() -> T,
        promised: impl FnOnce(&T, &mut Promise),
    ) -> T {
        let mut world = self.lock();
        world.record_stores("stores", false);
        STORES_ONLY.set(true);
        let _reset = ResetOnDrop;
        let outcome = work();
        promised(&outcome, &mut world.promise);
        world.record_stores(what, true);
        outcome
    }

    /// Raises what is promised from now on.
    pub fn promise(&self, what: &str, promised: impl FnOnce(&mut Promise)) {
        let mut world = self.lock();
        world.record_stores("stores", false);
        promised(&mut world.promise);
        world.record_stores(what, true);
    }

    /// What is promised now.
    pub fn promised(&self) -> Promise {
        self.lock().promise
    }

    /// What was recorded until now.
    pub fn history(&self) -> History {
        let mut world = self.lock();
        world.record_stores("stores", false);
        History { initial: world.initial.clone(), steps: world.steps.clone() }
    }

    /// A disk with what is on this one now, nothing of it synced that was not: what a process leaves that dies.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let promise = self.lock().promise;
        Self::of(self.history().platter().kill(), promise)
    }

    /// A disk with what is on this one now, all of it synced, and this promise.
    #[must_use]
    pub fn settled(&self, promise: Promise) -> Self {
        let all = self.history().platter().cut_power(&mut Everything);
        Self::of(all.platter, promise)
    }

    /// What a file would hold for certain if the power failed now; `None`: its name is not certain.
    pub fn durable_bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let left = Self::of(self.history().platter().cut_power(&mut Nothing).platter, Promise::default());
        let file = left.lock().file(path).ok()?;
        let world = left.lock();
        let mut bytes = vec![0; world.length(file)];
        world.read(file, 0, &mut bytes);
        Some(bytes)
    }
}

struct ResetOnDrop;

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        STORES_ONLY.set(false);
    }
}

/// All steps of a run, and what was on the disk before.
#[derive(Debug, Clone)]
pub struct History {
    pub(crate) initial: Platter,
    pub(crate) steps: Vec<Step>,
}

impl History {
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What the steps did, in order, each with the name of its thread.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.what.as_str())
    }

    fn platter(&self) -> Platter {
        let mut platter = self.initial.clone();
        self.steps.iter().for_each(|step| platter.apply(step));
        platter
    }
}

/// Everything has reached the device.
pub(crate) struct Everything;

impl Chance for Everything {
    fn page(&mut self, count: usize, _: u64) -> [usize; 8] {
        [count; 8]
    }

    fn length(&mut self, count: usize, _: u64) -> usize {
        count
    }

    fn name(&mut self, _: u64) -> bool {
        true
    }
}

/// Only what was synced has.
pub(crate) struct Nothing;

impl Chance for Nothing {
    fn page(&mut self, _: usize, _: u64) -> [usize; 8] {
        [0; 8]
    }

    fn length(&mut self, _: usize, _: u64) -> usize {
        0
    }

    fn name(&mut self, _: u64) -> bool {
        false
    }
}
