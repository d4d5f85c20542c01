//! okaywal: an entry a group; it always syncs.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};

use crate::{EVENT_BYTES, Failure, Seen, Store};

/// So large that no file is checkpointed within a round.
const FILE_BYTES: u32 = 128 << 20;

pub(crate) struct OkayWal(WriteAheadLog);

impl OkayWal {
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        Ok(Self(configuration(dir).open(Ignore)?))
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

fn configuration(dir: &Path) -> Configuration {
    Configuration::default_for(dir)
        .preallocate_bytes(FILE_BYTES)
        .checkpoint_after_bytes(u64::from(FILE_BYTES) / 4 * 3)
}

/// Opening shows every entry.
pub(crate) fn replay(dir: &Path) -> Result<Seen, Failure> {
    let seen = Arc::new(Mutex::default());
    drop(configuration(dir).open(Look(Arc::clone(&seen)))?);
    Ok(std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner)))
}

#[derive(Debug)]
struct Look(Arc<Mutex<Seen>>);

impl LogManager for Look {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in entry.read_all_chunks()?.into_iter().flatten() {
            seen.look_at(&chunk);
        }
        Ok(())
    }

    fn checkpoint_to(&mut self, _: EntryId, _: &mut SegmentReader, _: &WriteAheadLog) -> io::Result<()> {
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
