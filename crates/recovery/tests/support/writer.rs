//! A small writer of logs, with the steps of the real one in the order that the format prescribes, and nothing else:
//! no staging, no syncs.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::files::{File, FileSystem, Mapping, OpenMode, OsFileSystem};
use flashstrike_segment::layout::{
    BLOCK_HEADER_SIZE, PUBLICATION_OFFSET, SEGMENT_HEADER_SIZE, STAGING_HEADER_SIZE, round64,
};
use flashstrike_segment::staging::{STAGING_BASE, STAGING_COUNT};
use flashstrike_segment::{
    BlockFields, BlockHeader, KIND_EVENTS, KIND_METADATA, Link, Metadata, Seal, SegmentHeader, StagingHeader,
    WalMeta, cold, names, payload, seal_block,
};

pub const LOG_ID: [u8; 16] = *b"log of the tests";

/// Holds `wal.lock` as a living writer does, until it is dropped.
pub fn hold_lock(directory: &Path) -> Arc<dyn File> {
    let file = OsFileSystem.open(&directory.join(names::WAL_LOCK), OpenMode::Create(0o600)).unwrap();
    assert!(file.try_lock(true).unwrap());
    file
}

/// Writes into shared mappings, as the recorder does.
pub struct LogWriter {
    directory: PathBuf,
    event_size: u16,
    segment_size: u32,
    pub link: Link,
    pub active: Option<Active>,
    pub next_segment: u32,
    /// Segments that were left and are not sealed yet, oldest first.
    left: VecDeque<Active>,
    /// How many of them there may be.
    pub unsealed: usize,
    /// How many segments are prepared before they are needed.
    pub ahead: u32,
    /// Nanoseconds from one block to the next.
    pub tick: u64,
    pub log_id: [u8; 16],
}

pub struct Active {
    header: SegmentHeader,
    mapping: Mapping,
    pub end: usize,
    blocks: u32,
    events: u32,
    first_event_id: u64,
}

impl LogWriter {
    pub fn new(directory: &Path, event_size: u16, segment_size: u32) -> Self {
        Self {
            directory: directory.to_path_buf(),
            event_size,
            segment_size,
            link: Link { chain: 0, last_event_id: 0, written_ts_ns: 1_000 },
            active: None,
            next_segment: 0,
            left: VecDeque::new(),
            unsealed: 0,
            ahead: 0,
            tick: 1,
            log_id: LOG_ID,
        }
    }

    /// Makes a segment under a temporary name and renames it.
    pub fn prepare(&self, index: u32) {
        let path = hot_path(&self.directory, index);
        if path.exists() {
            return;
        }
        let new = self.directory.join(names::new_name(index));
        let file = OsFileSystem.open(&new, OpenMode::CreateNew(0o600)).unwrap();
        file.allocate(0, self.segment_size.into()).unwrap();
        file.write_all_at(&self.header(index).encode(), 0).unwrap();
        OsFileSystem.rename(&new, &path, false).unwrap();
    }

    fn header(&self, index: u32) -> SegmentHeader {
        SegmentHeader {
            segment_index: index,
            created_ts_ns: 1_000,
            salt: 0x1234_5678 ^ (index + 1),
            event_size: self.event_size,
            sealed: None,
        }
    }

    /// Publishes the metadata block of the next segment, and prepares those behind it.
    pub fn activate(&mut self) {
        let index = self.next_segment;
        self.next_segment += 1;
        for index in index..=index + self.ahead {
            self.prepare(index);
        }
        let header = self.header(index);
        let file = OsFileSystem.open(&hot_path(&self.directory, index), OpenMode::ReadWrite).unwrap();
        let mapping = file.map(self.segment_size as usize).unwrap();
        let metadata = Metadata {
            log_id: self.log_id,
            previous_chain: self.link.chain,
            segment_index: index,
            segment_size: self.segment_size,
            salt: header.salt,
            event_size: self.event_size,
            schema: "{}".to_owned(),
        };
        self.active = Some(Active {
            header,
            mapping,
            end: SEGMENT_HEADER_SIZE,
            blocks: 0,
            events: 0,
            first_event_id: 0,
        });
        let last = self.link.last_event_id;
        self.publish(&metadata.encode(), KIND_METADATA, 0, last, last);
    }

    /// Whether a block with this much payload fits the active segment.
    pub fn fits(&self, payload_len: usize) -> bool {
        let needed = BLOCK_HEADER_SIZE + round64(payload_len) + BLOCK_HEADER_SIZE;
        self.active.as_ref().is_some_and(|active| active.end + needed <= self.segment_size as usize)
    }

    /// Publishes a block of `count` events; goes on in the next segment, and seals the one before, if it does not fit.
    pub fn append(&mut self, count: u32) {
        let first = self.link.last_event_id + 1;
        let ids: Vec<u64> = (first..first + u64::from(count)).collect();
        self.append_ids(&ids);
    }

    /// As `append`, with these ids, which only events of a fixed size may choose.
    pub fn append_ids(&mut self, ids: &[u64]) {
        let payload = self.payload(ids);
        if !self.fits(payload.len()) {
            self.left.extend(self.active.take());
            self.activate();
            while self.left.len() > self.unsealed {
                let left = self.left.pop_front().expect("one");
                self.seal(&left);
            }
        }
        let (first, last) = (ids[0], ids[ids.len() - 1]);
        self.publish(&payload, KIND_EVENTS, ids.len() as u32, first, last);
    }

    /// The events with these ids as the payload of a block.
    pub fn payload(&self, ids: &[u64]) -> Vec<u8> {
        let mut payload = Vec::new();
        for &id in ids {
            let event = expected_event(id, self.event_size);
            if self.event_size == 0 {
                payload::encode_entry(&mut payload, &event);
            } else {
                payload.extend_from_slice(&event);
            }
        }
        payload
    }

    /// Where the next block goes, and how many there are in the active segment.
    pub fn place(&self) -> (usize, u32) {
        let active = self.active.as_ref().expect("an active segment");
        (active.end, active.blocks)
    }

    /// The blocks of the active segment behind these are not there any more.
    pub fn rewind(&mut self, blocks: u32, link: Link) {
        let active = self.active.as_mut().expect("an active segment");
        active.blocks = blocks;
        active.events -= (self.link.last_event_id - link.last_event_id) as u32;
        self.link = link;
    }

    /// Maps the file that has the active segment's name now.
    pub fn reopen(&mut self, index: u32) {
        let file = OsFileSystem.open(&hot_path(&self.directory, index), OpenMode::ReadWrite).unwrap();
        let active = self.active.as_mut().expect("an active segment");
        active.mapping = file.map(self.segment_size as usize).unwrap();
    }

    /// Id of the first event that a segment has, compressed or not.
    pub fn first_of(&self, index: u32) -> u64 {
        let hot = std::fs::read(hot_path(&self.directory, index));
        let bytes = hot.unwrap_or_else(|_| {
            let cold = std::fs::read(cold_path(&self.directory, index)).unwrap();
            cold::read_all(&cold, self.segment_size as usize).bytes
        });
        BlockHeader::decode(&bytes[SEGMENT_HEADER_SIZE..]).unwrap().last_event_id + 1
    }

    /// Id of the first event of a segment that is not compressed.
    pub fn first_event_of(&self, index: u32) -> u64 {
        let bytes = std::fs::read(hot_path(&self.directory, index)).unwrap();
        let metadata = BlockHeader::decode(&bytes[SEGMENT_HEADER_SIZE..]).unwrap();
        metadata.last_event_id + 1
    }

    /// Payload first, then the header, its last 8 bytes with one release store.
    pub fn publish(&mut self, payload: &[u8], kind: u16, count: u32, first: u64, last: u64) {
        let active = self.active.as_mut().expect("an active segment");
        let fields = BlockFields {
            first_event_id: first,
            last_event_id: last,
            written_ts_ns: self.link.written_ts_ns + self.tick,
            block_index: active.blocks,
            event_count: count,
            undurable: u32::try_from(last).unwrap_or(u32::MAX),
            salt: active.header.salt,
            kind,
        };
        let (header, chain) = seal_block(&fields, payload, self.link.chain);
        active.mapping.write(active.end + BLOCK_HEADER_SIZE, payload);
        active.mapping.write(active.end, &header[..PUBLICATION_OFFSET]);
        let word = u64::from_le_bytes(header[PUBLICATION_OFFSET..].try_into().unwrap());
        active.mapping.atomic_u64(active.end + PUBLICATION_OFFSET).store(word, Ordering::Release);
        active.end += BLOCK_HEADER_SIZE + round64(payload.len());
        active.blocks += 1;
        active.events += count;
        if active.first_event_id == 0 && count > 0 {
            active.first_event_id = first;
        }
        self.link = Link { chain, last_event_id: last, written_ts_ns: fields.written_ts_ns };
    }

    /// Replaces `wal.meta`.
    pub fn write_meta(&self, first_segment: u32) {
        let meta = WalMeta {
            clean: false,
            log_id: self.log_id,
            last_event_id: self.link.last_event_id,
            durable_event_id: self.link.last_event_id,
            first_segment,
            last_segment: self.next_segment.saturating_sub(1),
            end_offset: 0,
        };
        let temporary = self.directory.join(names::temporary_name(names::WAL_META));
        std::fs::write(&temporary, meta.encode()).unwrap();
        std::fs::rename(temporary, self.directory.join(names::WAL_META)).unwrap();
    }

    /// Leaves events in the staging memory, behind those that were published.
    pub fn write_staging(&self, ids: &[u64], boot_id: [u8; 16]) {
        let payload = self.payload(ids);
        let area_len = payload.len().next_multiple_of(4096) as u32;
        let header = StagingHeader { event_size: self.event_size, log_id: LOG_ID, boot_id, area_len };
        let mut file = vec![0; STAGING_HEADER_SIZE + area_len as usize];
        file[..64].copy_from_slice(&header.encode());
        file[STAGING_BASE..STAGING_BASE + 8].copy_from_slice(&self.link.last_event_id.to_le_bytes());
        file[STAGING_COUNT..STAGING_COUNT + 4].copy_from_slice(&(ids.len() as u32).to_le_bytes());
        file[STAGING_HEADER_SIZE..STAGING_HEADER_SIZE + payload.len()].copy_from_slice(&payload);
        std::fs::write(self.directory.join(names::WAL_STAGING), file).unwrap();
    }

    /// Seals a segment that is not the active one any more, or the active one before it is left.
    pub fn seal(&self, left: &Active) {
        let path = hot_path(&self.directory, left.header.segment_index);
        let file = OsFileSystem.open(&path, OpenMode::ReadWrite).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (last_event_id, chain) = last_block(&bytes, left.end);
        let header = SegmentHeader {
            sealed: Some(Seal {
                block_count: left.blocks,
                event_count: left.events,
                first_event_id: left.first_event_id,
                last_event_id,
                closed_ts_ns: self.link.written_ts_ns,
                last_chain_low: chain as u32,
            }),
            ..left.header.clone()
        };
        file.write_all_at(&header.encode(), 0).unwrap();
    }

    /// Replaces a sealed segment by its compressed form.
    pub fn compress(&self, index: u32) {
        let hot = hot_path(&self.directory, index);
        let bytes = std::fs::read(&hot).unwrap();
        let end = end_of_blocks(&bytes);
        let temporary = self.directory.join(names::temporary_name(&names::cold_name(index)));
        std::fs::write(&temporary, cold::compress(&bytes[..end], 3).unwrap()).unwrap();
        std::fs::rename(temporary, cold_path(&self.directory, index)).unwrap();
        std::fs::remove_file(hot).unwrap();
    }
}

/// The event that is written under this id.
pub fn expected_event(id: u64, event_size: u16) -> Vec<u8> {
    if event_size == 0 {
        return vec![id as u8; (id % 50) as usize];
    }
    let mut event = id.to_le_bytes().to_vec();
    event.extend((8..event_size).map(|at| (id as u8).wrapping_mul(at as u8)));
    event
}

/// Where the blocks of a segment end.
pub fn end_of_blocks(bytes: &[u8]) -> usize {
    let mut at = SEGMENT_HEADER_SIZE;
    while let Ok(header) = BlockHeader::decode(bytes.get(at..).unwrap_or(&[])) {
        at += header.block_len();
    }
    at
}

/// Last event id and chained checksum of the last block before `end`.
fn last_block(bytes: &[u8], end: usize) -> (u64, u64) {
    let (mut at, mut last) = (SEGMENT_HEADER_SIZE, (0, 0));
    while at < end {
        let header = BlockHeader::decode(&bytes[at..]).unwrap();
        last = (header.last_event_id, header.chained_checksum);
        at += header.block_len();
    }
    last
}
