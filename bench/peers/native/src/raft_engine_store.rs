//! raft-engine: a batch a group.

use std::path::Path;

use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use crate::{EVENT_BYTES, Failure, Seen, Store};

const REGION: u64 = 1;
/// Entries fetched at once.
const FETCHED: u64 = 4096;

pub(crate) struct RaftEngine {
    engine: Engine,
    batch: LogBatch,
    durable: bool,
}

impl RaftEngine {
    pub(crate) fn open(dir: &Path, durable: bool) -> Result<Self, Failure> {
        Ok(Self { engine: Engine::open(config(dir))?, batch: LogBatch::with_capacity(256), durable })
    }
}

fn config(dir: &Path) -> Config {
    Config {
        dir: dir.to_string_lossy().into_owned(),
        // Compressing is off in every contestant.
        batch_compression_threshold: ReadableSize(0),
        // A sync into a file that was written before is faster.
        enable_log_recycle: true,
        prefill_for_recycle: true,
        prefill_limit: Some(ReadableSize::mb(384)),
        target_file_size: ReadableSize::mb(64),
        ..Config::default()
    }
}

pub(crate) fn replay(dir: &Path) -> Result<Seen, Failure> {
    let engine = Engine::open(config(dir))?;
    let mut seen = Seen::default();
    let end = engine.last_index(REGION).map_or(1, |last| last + 1);
    let mut entries = Vec::new();
    for first in (1..end).step_by(FETCHED as usize) {
        entries.clear();
        engine.fetch_entries_to::<Event>(REGION, first, (first + FETCHED).min(end), None, &mut entries)?;
        entries.iter().for_each(|entry| seen.look_at(entry.get_value()));
    }
    Ok(seen)
}

impl Store for RaftEngine {
    fn write(&mut self, events: &[[u8; EVENT_BYTES]]) -> Result<(), Failure> {
        let entries: Vec<BytesValue> = events
            .iter()
            .map(|event| {
                let mut entry = BytesValue::new();
                entry.set_value(event.to_vec());
                entry
            })
            .collect();
        self.batch.add_entries::<Event>(REGION, &entries)?;
        self.engine.write(&mut self.batch, self.durable)?;
        Ok(())
    }
}

struct Event;

impl MessageExt for Event {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        entry.get_value().first_chunk().map_or(0, |id| u64::from_le_bytes(*id))
    }
}
