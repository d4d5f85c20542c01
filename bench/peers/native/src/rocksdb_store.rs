//! RocksDB: a batch a group, into its log and a memtable that only grows.

use std::path::Path;

use rocksdb::{BlockBasedOptions, DB, MemtableFactory, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::{EVENT_BYTES, Failure, Seen, Store};

/// More than all events of a contest, so that nothing is flushed or compacted meanwhile.
const MEMTABLE_BYTES: usize = 1 << 30;
/// Of the sorted files, which are read from beginning to end.
const BLOCK_BYTES: usize = 64 << 10;
const READ_AHEAD_BYTES: usize = 1 << 20;
/// What a log has to have held for all events of a contest to fit into it when it is used again.
const PREFILL_BYTES: usize = 128 << 20;
const PREFILL_VALUE: [u8; 1 << 20] = [0; 1 << 20];

pub(crate) struct RocksDb {
    db: DB,
    options: WriteOptions,
}

impl RocksDb {
    pub(crate) fn open(dir: &Path, durable: bool) -> Result<Self, Failure> {
        let mut options = WriteOptions::default();
        options.set_sync(durable);
        let db = DB::open(&store_options(), dir)?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        prefill_log(&db, &synced)?;
        Ok(Self { db, options })
    }
}

fn store_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // Keys come in order, and nobody looks for one.
    options.set_memtable_factory(MemtableFactory::Vector);
    options.set_allow_concurrent_memtable_write(false);
    options.set_recycle_log_file_num(2);
    let mut tables = BlockBasedOptions::default();
    tables.set_block_size(BLOCK_BYTES);
    options.set_block_based_table_factory(&tables);
    options
}

/// A sync into a file that was written before is faster: lets the next log take the place of a full one. The first flush
/// gives the full log free, and the second one takes it.
fn prefill_log(db: &DB, synced: &WriteOptions) -> Result<(), Failure> {
    for _ in 0..PREFILL_BYTES / PREFILL_VALUE.len() {
        db.put([], PREFILL_VALUE)?;
    }
    db.flush()?;
    // Without this there would be nothing to flush.
    db.put([], [])?;
    db.flush()?;
    // What the disk has still to take is not the contest's.
    db.put_opt([], [], synced)?;
    Ok(())
}

/// From a sorted file.
pub(crate) fn replay(dir: &Path) -> Result<Seen, Failure> {
    let db = DB::open(&store_options(), dir)?;
    let mut options = ReadOptions::default();
    options.set_readahead_size(READ_AHEAD_BYTES);
    options.fill_cache(false);
    let mut seen = Seen::default();
    // The other iterator copies every key and value.
    let mut entries = db.raw_iterator_opt(options);
    entries.seek_to_first();
    while let Some(event) = entries.value() {
        seen.look_at(event);
        entries.next();
    }
    entries.status()?;
    Ok(seen)
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
    /// So that a replay finds a sorted file. Not in the time of any contest.
    fn drop(&mut self) {
        let _ = self.db.flush();
    }
}
