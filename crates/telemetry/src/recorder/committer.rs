//! Group commit: the committer.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{Distribution, Gauge, Operation};
use crate::layout::{Line, layout};
use crate::updater::Updater;

const SECTION: Section = Section::new("recorder", "committer", "Committer", "wal_commit_worker");

/// What syncing costs, how many share one, and how far it lags behind.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Committer {
    /// Syncs.
    pub sync: Operation,
    /// How many waited for each.
    pub sync_waiters: Distribution,
    /// Bytes that each made durable.
    pub sync_bytes: Distribution,
    /// Events written and not yet durable. Nobody stores it: it is what the ids of the [manager](super::Manager) differ by
    /// when they are looked at, since a sync that never ends stores nothing.
    pub durable_lag: Line<Gauge>,
}

layout! {
    Committer: size 7_040, align 64;
    sync: Operation = 0,
    sync_waiters: Distribution = 2_752,
    sync_bytes: Distribution = 4_864,
    durable_lag: Line<Gauge> = 6_976,
}

catalogue! {
    Committer: SECTION;
    sync, "s", "Sync" => "Syncing what is written.";
    sync_waiters as "sync.waiters", "{waiter}", "Waiters per sync" => "How many waited for each sync.";
    sync_bytes as "sync.size", "By", "Bytes per sync" => "Bytes that each sync made durable.";
    durable_lag, "{event}", "Durable lag" => "Events written and not yet durable.";
}

/// Records for the committer; for its thread.
pub type CommitterUpdater = Updater<Committer>;

impl CommitterUpdater {
    /// A sync of `bytes` bytes for which `waiters` waited is over. One nobody waited for counts with 0; one that
    /// failed has made no bytes durable, and none are recorded.
    #[inline]
    pub fn on_sync(&self, start_ns: u64, status: impl Into<Status>, waiters: u64, bytes: u64) {
        let status = status.into();
        self.metrics().sync.record(elapsed_ns(start_ns), status);
        self.metrics().sync_waiters.record(waiters);
        if status == Status::Ok {
            self.metrics().sync_bytes.record(bytes);
        }
    }
}
