//! RocksDB: a batch a group, into its log and a memtable that only grows.

use std::path::Path;

use rocksdb::{DB, MemtableFactory, Options, WriteBatch, WriteBatchIterator, WriteOptions};

use crate::{EVENT_BYTES, Failure, Kind, Seen, Store};

/// More than all events of a contest, so that nothing is flushed or compacted meanwhile.
const MEMTABLE_BYTES: usize = 1 << 30;
/// Seconds that a log is kept for who reads it. Longer than any round.
const KEPT_SECONDS: u64 = 3600;
/// What a log has to have held for all events of a contest to fit into it when it is used again.
const PREFILL_BYTES: usize = 128 << 20;
const PREFILL_VALUE: [u8; 1 << 20] = [0; 1 << 20];

pub(crate) struct RocksDb {
    db: DB,
    options: WriteOptions,
}

impl RocksDb {
    pub(crate) fn open(dir: &Path, contest: Kind) -> Result<Self, Failure> {
        let mut options = WriteOptions::default();
        options.set_sync(matches!(contest, Kind::Commit | Kind::Group));
        let db = DB::open(&store_options(contest), dir)?;
        if contest != Kind::Replay {
            prefill_log(&db)?;
        }
        Ok(Self { db, options })
    }
}

fn store_options(contest: Kind) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // Keys come in order, and nobody looks for one.
    options.set_memtable_factory(MemtableFactory::Vector);
    options.set_allow_concurrent_memtable_write(false);
    // A log that is kept is not used again.
    if contest == Kind::Replay {
        options.set_wal_ttl_seconds(KEPT_SECONDS);
    } else {
        options.set_recycle_log_file_num(2);
    }
    options
}

/// Writing into a file that was written before is faster: lets the next log take the place of a full one. The first flush
/// gives the full log free, and the second one takes it.
fn prefill_log(db: &DB) -> Result<(), Failure> {
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    for _ in 0..PREFILL_BYTES / PREFILL_VALUE.len() {
        db.put([], PREFILL_VALUE)?;
    }
    db.flush()?;
    // Without this there would be nothing to flush.
    db.put([], [])?;
    db.flush()?;
    // What the disk has still to take is not the contest's.
    db.put_opt([], [], &synced)?;
    Ok(())
}

/// From its logs, which is faster than from a sorted file.
pub(crate) fn replay(dir: &Path) -> Result<Seen, Failure> {
    let db = DB::open(&store_options(Kind::Replay), dir)?;
    let mut look = Look(Seen::default());
    for batch in db.get_updates_since(0)? {
        batch?.1.iterate(&mut look);
    }
    Ok(look.0)
}

struct Look(Seen);

impl WriteBatchIterator for Look {
    fn put(&mut self, _: &[u8], event: &[u8]) {
        self.0.look_at(event);
    }

    fn delete(&mut self, _: &[u8]) {}
}

impl Store for RocksDb {
    fn write(&mut self, events: &[[u8; EVENT_BYTES]]) -> Result<(), Failure> {
        let mut batch = WriteBatch::default();
        for event in events {
            let id = event.first_chunk().map_or(0, |id| u64::from_le_bytes(*id));
            batch.put(id.to_be_bytes(), event);
        }
        self.db.write_opt(batch, &self.options)?;
        Ok(())
    }
}

impl Drop for RocksDb {
    /// So that opening it again reads no log first. Not in the time of any contest.
    fn drop(&mut self) {
        let _ = self.db.flush();
    }
}
