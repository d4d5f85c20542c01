//! RocksDB: a batch a group, into its log and a memtable that only grows.

use std::path::Path;

use rocksdb::{DB, IteratorMode, MemtableFactory, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::{EVENT_BYTES, Failure, Seen, Store};

/// All events of a contest, so that nothing is flushed or compacted meanwhile.
const MEMTABLE_BYTES: usize = 1 << 30;
const READ_AHEAD_BYTES: usize = 1 << 20;

pub(crate) struct RocksDb {
    db: DB,
    batch: WriteBatch,
    options: WriteOptions,
}

impl RocksDb {
    pub(crate) fn open(dir: &Path, durable: bool) -> Result<Self, Failure> {
        let mut options = WriteOptions::default();
        options.set_sync(durable);
        Ok(Self { db: DB::open(&store_options(), dir)?, batch: WriteBatch::default(), options })
    }
}

fn store_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // Keys come in order, and nobody looks for one.
    options.set_memtable_factory(MemtableFactory::Vector);
    options.set_allow_concurrent_memtable_write(false);
    // A sync into a file that was written before is faster.
    options.set_recycle_log_file_num(2);
    options.set_wal_bytes_per_sync(0);
    options
}

/// From a sorted file, which is faster than its log.
pub(crate) fn replay(dir: &Path) -> Result<Seen, Failure> {
    let db = DB::open(&store_options(), dir)?;
    let mut options = ReadOptions::default();
    options.set_readahead_size(READ_AHEAD_BYTES);
    options.fill_cache(false);
    let mut seen = Seen::default();
    for entry in db.iterator_opt(IteratorMode::Start, options) {
        seen.look_at(&entry?.1);
    }
    Ok(seen)
}

impl Store for RocksDb {
    fn write(&mut self, events: &[[u8; EVENT_BYTES]]) -> Result<(), Failure> {
        for event in events {
            let id = event.first_chunk().map_or(0, |id| u64::from_le_bytes(*id));
            self.batch.put(id.to_be_bytes(), event);
        }
        self.db.write_opt(std::mem::take(&mut self.batch), &self.options)?;
        Ok(())
    }
}

impl Drop for RocksDb {
    /// So that a replay finds a sorted file. Not in the time of any contest.
    fn drop(&mut self) {
        let _ = self.db.flush();
    }
}
