//! raft-engine: a batch a group.

use std::path::Path;

use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use crate::{EVENT_BYTES, Failure, Store};

const REGION: u64 = 1;

pub(crate) struct RaftEngine {
    engine: Engine,
    batch: LogBatch,
    durable: bool,
}

impl RaftEngine {
    pub(crate) fn open(dir: &Path, durable: bool) -> Result<Self, Failure> {
        let config = Config {
            dir: dir.to_string_lossy().into_owned(),
            // Compressing is off in every contestant.
            batch_compression_threshold: ReadableSize(0),
            // A sync into a file that was written before is faster.
            enable_log_recycle: true,
            prefill_for_recycle: true,
            prefill_limit: Some(ReadableSize::mb(384)),
            target_file_size: ReadableSize::mb(64),
            ..Config::default()
        };
        Ok(Self { engine: Engine::open(config)?, batch: LogBatch::with_capacity(256), durable })
    }
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
