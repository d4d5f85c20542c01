//! A deterministic writer of small logs, on the crate's encoders.

use super::{BOOT_ID, MemoryLog};
use flashstrike_segment::layout::{
    BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE, STAGING_HEADER_SIZE, UNDURABLE_UNKNOWN, round64,
};
use flashstrike_segment::names::{WAL_META, WAL_STAGING, cold_name, hot_name};
use flashstrike_segment::staging::{
    STAGING_BASE, STAGING_COUNT, STAGING_DURABLE, STAGING_POISONED, STAGING_WRITTEN,
};
use flashstrike_segment::{
    BlockFields, KIND_EVENTS, KIND_METADATA, Metadata, Seal, SegmentHeader, StagingHeader, WalMeta, cold,
    payload, seal_block,
};

pub const LOG_ID: [u8; 16] = 0x5EED_u128.to_be_bytes();
pub const SEGMENT_SIZE: usize = 4096;
pub const SCHEMA: &str = r#"{"name":"Tick","size":32,"fields":[{"name":"event_id","type":"u64","offset":0},{"name":"price","type":"i64","offset":8},{"name":"quantity","type":"u32","offset":16},{"name":"user_id","type":"u32","offset":20},{"name":"side","type":"u8","offset":24}]}"#;

/// Where a block lies, and which events it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub segment: u32,
    pub offset: usize,
    pub len: usize,
    pub first_event_id: u64,
    pub last_event_id: u64,
    pub event_count: u32,
}

#[derive(Debug, Clone)]
pub struct LogBuilder {
    pub log: MemoryLog,
    pub log_id: [u8; 16],
    pub event_size: u16,
    /// Payload bytes of a full block.
    pub block_bytes: usize,
    pub seals: bool,
    /// The highest event id called durable.
    pub durable: u64,
    pub last_event_id: u64,
    pub placed: Vec<Placed>,
    pub segment_index: u32,
    segment: Vec<u8>,
    /// When the next block is written, ns since the Unix epoch.
    pub clock: u64,
    chain: u64,
    block_index: u32,
    segment_events: u32,
    segment_first_id: u64,
    pending: Vec<u8>,
    pending_ids: Vec<u64>,
}

impl LogBuilder {
    pub fn fixed() -> Self {
        Self::new(32, 128, LOG_ID)
    }

    pub fn variable() -> Self {
        Self::new(0, 128, LOG_ID)
    }

    pub fn new(event_size: u16, block_bytes: usize, log_id: [u8; 16]) -> Self {
        let mut builder = Self {
            log: MemoryLog::default(),
            log_id,
            event_size,
            block_bytes,
            seals: true,
            durable: 0,
            last_event_id: 0,
            placed: Vec::new(),
            segment_index: 0,
            segment: Vec::new(),
            clock: 1_700_000_000_000_000_000,
            chain: 0,
            block_index: 0,
            segment_events: 0,
            segment_first_id: 0,
            pending: Vec::new(),
            pending_ids: Vec::new(),
        };
        builder.activate();
        builder
    }

    pub fn unsealed(mut self) -> Self {
        self.seals = false;
        self
    }

    fn salt(&self) -> u32 {
        0x0100_0001_u32.wrapping_mul(self.segment_index + 1)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1000;
        self.clock
    }

    fn header(&self, created_ts_ns: u64, sealed: Option<Seal>) -> SegmentHeader {
        let (segment_index, salt, event_size) = (self.segment_index, self.salt(), self.event_size);
        SegmentHeader { segment_index, created_ts_ns, salt, event_size, sealed }
    }

    fn activate(&mut self) {
        let created = self.tick();
        self.segment = self.header(created, None).encode().to_vec();
        (self.block_index, self.segment_events, self.segment_first_id) = (0, 0, 0);
        let metadata = Metadata {
            log_id: self.log_id,
            previous_chain: self.chain,
            segment_index: self.segment_index,
            segment_size: SEGMENT_SIZE as u32,
            salt: self.salt(),
            event_size: self.event_size,
            schema: if self.event_size == 0 { "{}".to_owned() } else { SCHEMA.to_owned() },
        };
        let id = self.last_event_id;
        self.put(KIND_METADATA, id, id, 0, &metadata.encode());
    }

    /// Publishes a block of any kind.
    pub fn put(
        &mut self,
        kind: u16,
        first_event_id: u64,
        last_event_id: u64,
        event_count: u32,
        payload: &[u8],
    ) {
        let undurable = last_event_id.saturating_sub(self.durable).min(UNDURABLE_UNKNOWN.into()) as u32;
        let fields = BlockFields {
            first_event_id,
            last_event_id,
            written_ts_ns: self.tick(),
            block_index: self.block_index,
            event_count,
            undurable,
            salt: self.salt(),
            kind,
        };
        let (header, chain) = seal_block(&fields, payload, self.chain);
        let offset = self.segment.len();
        self.segment.extend_from_slice(&header);
        self.segment.extend_from_slice(payload);
        self.segment.resize(round64(self.segment.len()), 0);
        self.chain = chain;
        self.block_index += 1;
        self.segment_events += event_count;
        if event_count > 0 && self.segment_first_id == 0 {
            self.segment_first_id = first_event_id;
        }
        self.last_event_id = last_event_id;
        let len = self.segment.len() - offset;
        let segment = self.segment_index;
        self.placed.push(Placed { segment, offset, len, first_event_id, last_event_id, event_count });
    }

    /// An event with the next id; of fixed-size ones `bytes` are what follows the id, cut or filled with zeros.
    pub fn append(&mut self, bytes: &[u8]) -> u64 {
        let id = self.pending_ids.last().copied().unwrap_or(self.last_event_id) + 1;
        self.append_as(id, bytes);
        id
    }

    pub fn append_as(&mut self, id: u64, bytes: &[u8]) {
        let entry = self.entry(id, bytes);
        if self.pending.len() + entry.len() > self.block_bytes {
            self.flush();
        }
        let full = BLOCK_HEADER_SIZE + round64(self.block_bytes.max(entry.len()));
        if self.pending.is_empty() && self.segment.len() + full + ALIGN > SEGMENT_SIZE {
            self.rotate();
        }
        self.pending.extend_from_slice(&entry);
        self.pending_ids.push(id);
        if self.pending.len() >= self.block_bytes {
            self.flush();
        }
    }

    pub fn entry(&self, id: u64, bytes: &[u8]) -> Vec<u8> {
        let mut entry = Vec::new();
        if self.event_size == 0 {
            payload::encode_entry(&mut entry, bytes);
        } else {
            entry.extend_from_slice(&id.to_le_bytes());
            entry.extend_from_slice(bytes);
            entry.resize(self.event_size.into(), 0);
        }
        entry
    }

    pub fn append_many(&mut self, count: u64) -> &mut Self {
        for _ in 0..count {
            let id = self.pending_ids.last().copied().unwrap_or(self.last_event_id) + 1;
            self.append(&sample(self.event_size, id));
        }
        self
    }

    pub fn flush(&mut self) -> &mut Self {
        if let (Some(&first), Some(&last)) = (self.pending_ids.first(), self.pending_ids.last()) {
            let payload = std::mem::take(&mut self.pending);
            let count = std::mem::take(&mut self.pending_ids).len() as u32;
            self.put(KIND_EVENTS, first, last, count, &payload);
        }
        self
    }

    /// Whether the active segment has events, published or not: one without is never sealed.
    pub fn has_events(&self) -> bool {
        self.segment_events > 0 || !self.pending.is_empty()
    }

    pub fn rotate(&mut self) {
        self.flush();
        self.close(self.seals);
        self.segment_index += 1;
        self.activate();
    }

    fn close(&mut self, seal: bool) {
        let created = u64::from_le_bytes(self.segment[32..40].try_into().unwrap());
        if seal {
            self.durable = self.durable.max(self.last_event_id);
            let seal = Seal {
                block_count: self.block_index,
                event_count: self.segment_events,
                first_event_id: self.segment_first_id,
                last_event_id: if self.segment_events > 0 { self.last_event_id } else { 0 },
                closed_ts_ns: self.tick(),
                last_chain_low: self.chain as u32,
            };
            let header = self.header(created, Some(seal)).encode();
            self.segment[..SEGMENT_HEADER_SIZE].copy_from_slice(&header);
        }
        let mut file = self.segment.clone();
        assert!(file.len() <= SEGMENT_SIZE, "segment {} has {} bytes", self.segment_index, file.len());
        file.resize(SEGMENT_SIZE, 0);
        self.log.files.insert(hot_name(self.segment_index), file);
    }

    /// The log, its last segment active.
    pub fn finish(&mut self) -> MemoryLog {
        self.flush();
        self.close(false);
        self.log.clone()
    }

    pub fn meta(&mut self) -> WalMeta {
        self.flush();
        WalMeta {
            clean: false,
            log_id: self.log_id,
            last_event_id: self.last_event_id,
            durable_event_id: self.durable,
            first_segment: 0,
            last_segment: self.segment_index,
            end_offset: self.segment.len() as u32,
        }
    }

    pub fn with_meta(&mut self, change: impl FnOnce(&mut WalMeta)) -> &mut Self {
        let mut meta = self.meta();
        change(&mut meta);
        self.log.files.insert(WAL_META.to_owned(), meta.encode().to_vec());
        self
    }

    /// Adds `wal.staging` with these entries behind event `base`.
    pub fn with_staging(&mut self, base: u64, poisoned: bool, entries: &[Vec<u8>]) -> &mut Self {
        let header = StagingHeader {
            event_size: self.event_size,
            log_id: self.log_id,
            boot_id: BOOT_ID,
            area_len: 1024,
        };
        let mut file = header.encode().to_vec();
        file.resize(STAGING_HEADER_SIZE, 0);
        for (at, value) in
            [(STAGING_BASE, base), (STAGING_WRITTEN, self.last_event_id), (STAGING_DURABLE, self.durable)]
        {
            file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [(STAGING_POISONED, u32::from(poisoned)), (STAGING_COUNT, entries.len() as u32)] {
            file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        file.extend(entries.concat());
        file.resize(STAGING_HEADER_SIZE + 1024, 0);
        self.log.files.insert(WAL_STAGING.to_owned(), file);
        self
    }

    /// Entries of events with these ids.
    pub fn entries(&self, ids: &[u64]) -> Vec<Vec<u8>> {
        ids.iter().map(|&id| self.entry(id, &sample(self.event_size, id))).collect()
    }
}

const ALIGN: usize = 64;

/// Some bytes for the event with this id, of different lengths if the log's events are.
pub fn sample(event_size: u16, id: u64) -> Vec<u8> {
    if event_size == 0 {
        format!("event {id} ").repeat((id % 5) as usize).into_bytes()
    } else {
        let sign = if id.is_multiple_of(2) { 1 } else { -1 };
        let mut bytes = (sign * (1000 + id.cast_signed())).to_le_bytes().to_vec();
        bytes.extend((id as u32 * 3).to_le_bytes());
        bytes.extend(((id % 7) as u32).to_le_bytes());
        bytes.push((id & 1) as u8);
        bytes
    }
}

impl MemoryLog {
    /// Replaces the hot file of a sealed segment whose blocks end at `end` by a cold one.
    pub fn compress(&mut self, index: u32, end: usize, keep_hot: bool) {
        let hot = self.files[&hot_name(index)].clone();
        self.files.insert(cold_name(index), cold::compress(&hot[..end], 3).unwrap());
        if !keep_hot {
            self.files.remove(&hot_name(index));
        }
    }

    pub fn flip(&mut self, name: &str, at: usize, bit: u8) {
        self.files.get_mut(name).unwrap()[at] ^= 1 << bit;
    }

    pub fn patch(&mut self, name: &str, at: usize, bytes: &[u8]) {
        self.files.get_mut(name).unwrap()[at..at + bytes.len()].copy_from_slice(bytes);
    }
}
