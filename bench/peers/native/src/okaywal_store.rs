//! okaywal: an entry a group; it always syncs.

use std::io;
use std::path::Path;

use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};

use crate::{EVENT_BYTES, Failure, Store};

/// So large that no file is checkpointed within a round.
const FILE_BYTES: u32 = 128 << 20;

pub(crate) struct OkayWal(WriteAheadLog);

impl OkayWal {
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let log = Configuration::default_for(dir)
            .preallocate_bytes(FILE_BYTES)
            .checkpoint_after_bytes(u64::from(FILE_BYTES) / 4 * 3)
            .open(Ignore)?;
        Ok(Self(log))
    }
}

impl Store for OkayWal {
    fn write(&mut self, events: &[[u8; EVENT_BYTES]]) -> Result<(), Failure> {
        let mut entry = self.0.begin_entry()?;
        entry.write_chunk(events.as_flattened())?;
        entry.commit()?;
        Ok(())
    }
}

#[derive(Debug)]
struct Ignore;

impl LogManager for Ignore {
    fn recover(&mut self, _: &mut Entry<'_>) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint_to(&mut self, _: EntryId, _: &mut SegmentReader, _: &WriteAheadLog) -> io::Result<()> {
        Ok(())
    }
}
