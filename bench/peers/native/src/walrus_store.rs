//! walrus-rust: single events through its mapping, groups as batches through its file descriptors.

use std::path::Path;

use walrus_rust::{FsyncSchedule, ReadConsistency, Walrus, disable_fd_backend, enable_fd_backend};

use crate::{EVENT_BYTES, Failure, Kind, Seen, Store};

const TOPIC: &str = "events";
/// Bytes of the events that are read at once.
const READ_BYTES: usize = 1 << 20;

pub(crate) struct WalrusStore {
    log: Walrus,
    batches: bool,
}

impl WalrusStore {
    pub(crate) fn open(dir: &Path, contest: Kind) -> Result<Self, Failure> {
        // SAFETY: nothing of this process has started a thread yet.
        unsafe {
            std::env::set_var("WALRUS_DATA_DIR", dir);
            std::env::set_var("WALRUS_QUIET", "1");
        }
        let batches = contest == Kind::Group;
        if batches {
            enable_fd_backend()
        } else {
            disable_fd_backend()
        }
        let schedule = if matches!(contest, Kind::Append | Kind::Replay) {
            FsyncSchedule::NoFsync
        } else {
            FsyncSchedule::SyncEach
        };
        let reads = ReadConsistency::AtLeastOnce { persist_every: 1_000_000 };
        Ok(Self { log: Walrus::with_consistency_and_schedule(reads, schedule)?, batches })
    }
}

/// The directory is the one that was written to, by this process. Nothing says that it was read, so it can be again.
pub(crate) fn replay() -> Result<Seen, Failure> {
    let reads = ReadConsistency::AtLeastOnce { persist_every: 1_000_000_000 };
    let log = Walrus::with_consistency_and_schedule(reads, FsyncSchedule::NoFsync)?;
    let mut seen = Seen::default();
    loop {
        let entries = log.batch_read_for_topic(TOPIC, READ_BYTES, true)?;
        if entries.is_empty() {
            return Ok(seen);
        }
        entries.iter().for_each(|entry| seen.look_at(&entry.data));
    }
}

impl Store for WalrusStore {
    fn write(&mut self, events: &[[u8; EVENT_BYTES]]) -> Result<(), Failure> {
        if self.batches {
            let batch: Vec<&[u8]> = events.iter().map(|event| event.as_slice()).collect();
            self.log.batch_append_for_topic(TOPIC, &batch)?;
        } else {
            for event in events {
                self.log.append_for_topic(TOPIC, event)?;
            }
        }
        Ok(())
    }
}
