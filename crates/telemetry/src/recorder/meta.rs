//! `wal.meta`: the store and the worker that keeps it fresh.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{LifeCycle, Operation};
use crate::layout::layout;
use crate::updater::Updater;

const META_STORE: Section = Section::new("recorder", "meta_store", "Meta Store", "wal_meta");
const META_COORDINATOR: Section =
    Section::new("recorder", "meta_coordinator", "Meta Coordinator", "wal_meta_worker");

/// What writing `wal.meta` costs.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct MetaStore {
    /// Writing and syncing `wal.meta`.
    pub meta_flush: Operation,
}

layout! {
    MetaStore: size 2_752, align 64;
    meta_flush: Operation = 0,
}

catalogue! {
    MetaStore: META_STORE;
    meta_flush, "s", "Meta flush" legacy "maintenance_meta_flush" => "Writing and syncing wal.meta.";
}

/// Records for the meta store; for the thread that writes `wal.meta`.
pub type MetaStoreUpdater = Updater<MetaStore>;

impl MetaStoreUpdater {
    /// `wal.meta` was written and synced, or was not.
    #[inline]
    pub fn on_meta_flush(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().meta_flush.record(elapsed_ns(start_ns), status.into());
    }
}

/// How busy the worker is.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct MetaCoordinator {
    /// Its loop.
    pub life_cycle: LifeCycle,
}

layout! {
    MetaCoordinator: size 64, align 64;
    life_cycle: LifeCycle = 0,
}

catalogue! {
    MetaCoordinator: META_COORDINATOR;
    life_cycle as "loop", "s", "Loop" legacy "lifecycle" => "The loop of the worker that keeps wal.meta fresh.";
}

/// Records for the meta coordinator; for its thread.
pub type MetaCoordinatorUpdater = Updater<MetaCoordinator>;

impl MetaCoordinatorUpdater {
    /// A turn of the loop that began at `start_ns` is over, `sleep_ns` of it were slept.
    #[inline]
    pub fn on_loop(&self, did_work: bool, start_ns: u64, sleep_ns: u64) {
        self.metrics().life_cycle.record(did_work, elapsed_ns(start_ns), sleep_ns);
    }
}
