//! `wal.staging` as a recorder of this boot leaves it.

use std::path::Path;

use flashstrike_recovery::files::{FileSystem, OpenMode, OsFileSystem};
use flashstrike_segment::layout::STAGING_HEADER_SIZE;
use flashstrike_segment::staging::{STAGING_BASE, STAGING_COUNT, STAGING_DURABLE, STAGING_WRITTEN};
use flashstrike_segment::{StagingHeader, names, payload};

use super::writer::{LOG_ID, expected_event};

pub const BOOT_ID: [u8; 16] = [3; 16];
const AREA_LEN: u32 = 4096;

/// New staging memory with these events, under its own name as every opening for append makes it.
pub fn stage(directory: &Path, base: u64, count: u32, event_size: u16, durable: u64) {
    let header = StagingHeader { event_size, log_id: LOG_ID, boot_id: BOOT_ID, area_len: AREA_LEN };
    let mut bytes = header.encode().to_vec();
    bytes.resize(STAGING_HEADER_SIZE, 0);
    for (at, id) in [(STAGING_BASE, base), (STAGING_WRITTEN, base), (STAGING_DURABLE, durable)] {
        bytes[at..at + 8].copy_from_slice(&id.to_le_bytes());
    }
    bytes[STAGING_COUNT..STAGING_COUNT + 4].copy_from_slice(&count.to_le_bytes());
    bytes.extend(staged(base, count, event_size));
    bytes.resize(STAGING_HEADER_SIZE + AREA_LEN as usize, 0);
    let new = directory.join(names::temporary_name(names::WAL_STAGING));
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(new, directory.join(names::WAL_STAGING)).unwrap();
}

/// Stages these events in the memory that is there.
pub fn fill(directory: &Path, base: u64, count: u32, event_size: u16) {
    let file = OsFileSystem.open(&directory.join(names::WAL_STAGING), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&staged(base, count, event_size), STAGING_HEADER_SIZE as u64).unwrap();
    file.write_all_at(&base.to_le_bytes(), STAGING_BASE as u64).unwrap();
    file.write_all_at(&base.to_le_bytes(), STAGING_WRITTEN as u64).unwrap();
    file.write_all_at(&count.to_le_bytes(), STAGING_COUNT as u64).unwrap();
}

fn staged(base: u64, count: u32, event_size: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in (base + 1..).take(count as usize) {
        let event = expected_event(id, event_size);
        if event_size == 0 {
            payload::encode_entry(&mut bytes, &event);
        } else {
            bytes.extend_from_slice(&event);
        }
    }
    bytes
}
