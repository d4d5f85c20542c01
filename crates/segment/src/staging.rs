//! `wal.staging`: the memory in which the next block is being filled, shared so that it survives the process.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 64 | [`StagingHeader`]; never changes while in use |
//! | [64](STAGING_BASE) | 8 | id of the last event in the log before the first staged one |
//! | [72](STAGING_POISONED) | 4 | 1 once a sync has failed |
//! | [128](STAGING_COUNT) | 4 | complete events in the payload area |
//! | [192](STAGING_WRITTEN) | 8 | highest event id written |
//! | [200](STAGING_DURABLE) | 8 | highest event id durable, stored (release) after each sync |
//! | [208](STAGING_WAKE) | 4 | + 1 at each publication and each sync; a reader may wait on it |
//! | [212](STAGING_WAITERS) | 4 | waiting readers |
//! | [4096](crate::layout::STAGING_HEADER_SIZE) | area length | staged events, as in a block's payload |
//!
//! What counts after a death is decided by [`LogVerifier::staging`](crate::LogVerifier::staging).

use crate::Unsupported;
use crate::bytes::{array, put, u16_at, u32_at};
use crate::checksum::crc32;
use crate::layout::{STAGING_HEADER_SIZE, VERSION, covers};

/// Offset of the id of the last event before the first staged one, 8 bytes.
pub const STAGING_BASE: usize = 64;
/// Offset of the mark of a failed sync, 4 bytes.
pub const STAGING_POISONED: usize = 72;
/// Offset of the number of complete events in the area, 4 bytes.
pub const STAGING_COUNT: usize = 128;
/// Offset of the highest event id written, 8 bytes.
pub const STAGING_WRITTEN: usize = 192;
/// Offset of the highest durable event id, 8 bytes.
pub const STAGING_DURABLE: usize = 200;
/// Offset of the word that readers wait on, 4 bytes.
pub const STAGING_WAKE: usize = 208;
/// Offset of the number of waiting readers, 4 bytes.
pub const STAGING_WAITERS: usize = 212;

const MAGIC: u32 = 0x5453_4653;

const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 4;
const AT_EVENT_SIZE: usize = 6;
const AT_LOG_ID: usize = 8;
const AT_BOOT_ID: usize = 24;
const AT_AREA_LEN: usize = 40;
const AT_ZERO: usize = 44;
const AT_CHECKSUM: usize = 60;

const _: () = {
    let header = [
        (AT_MAGIC, 4),
        (AT_VERSION, 2),
        (AT_EVENT_SIZE, 2),
        (AT_LOG_ID, 16),
        (AT_BOOT_ID, 16),
        (AT_AREA_LEN, 4),
        (AT_ZERO, 16),
        (AT_CHECKSUM, 4),
    ];
    assert!(covers(&header, 64));
    // What one thread stores for each event has a cache line of its own, and every word is aligned for an atomic.
    assert!(STAGING_COUNT / 64 != STAGING_BASE / 64 && STAGING_COUNT / 64 != STAGING_WRITTEN / 64);
    let words = [(STAGING_BASE, 8), (STAGING_WRITTEN, 8), (STAGING_DURABLE, 8), (STAGING_POISONED, 4)];
    let more = [(STAGING_COUNT, 4), (STAGING_WAKE, 4), (STAGING_WAITERS, 4), (STAGING_HEADER_SIZE, 64)];
    let mut i = 0;
    while i < words.len() {
        assert!(words[i].0.is_multiple_of(words[i].1) && more[i].0.is_multiple_of(more[i].1));
        i += 1;
    }
    assert!(STAGING_WAITERS + 4 <= STAGING_HEADER_SIZE);
};

/// The part of `wal.staging` that says whose it is.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | magic `0x54534653` |
/// | 4 | 2 + 2 | version 1, event size |
/// | 8 | 16 | log id |
/// | 24 | 16 | boot id of the machine |
/// | 40 | 4 | bytes of the payload area |
/// | 60 | 4 | CRC-32 of bytes 0…59 |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagingHeader {
    /// The log's event size; 0: variable-length events.
    pub event_size: u16,
    /// The log's id.
    pub log_id: [u8; 16],
    /// Boot id of the machine: on another boot the pages may never have reached the disk.
    pub boot_id: [u8; 16],
    /// Bytes of the payload area behind the first 4 096.
    pub area_len: u32,
}

/// Why bytes are not those of `wal.staging`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StagingError {
    /// Shorter than the header.
    #[error("wal.staging is cut short: {0} bytes")]
    Short(usize),
    /// Something else.
    #[error("wal.staging has no magic")]
    Magic,
    /// Damaged.
    #[error("the header of wal.staging does not match its checksum")]
    Checksum,
    /// Of a newer version.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl StagingHeader {
    /// Bytes 0…63 of the file.
    #[must_use]
    pub fn encode(&self) -> [u8; 64] {
        let mut raw = [0; 64];
        put(&mut raw, AT_MAGIC, MAGIC.to_le_bytes());
        put(&mut raw, AT_VERSION, u16::from(VERSION).to_le_bytes());
        put(&mut raw, AT_EVENT_SIZE, self.event_size.to_le_bytes());
        put(&mut raw, AT_LOG_ID, self.log_id);
        put(&mut raw, AT_BOOT_ID, self.boot_id);
        put(&mut raw, AT_AREA_LEN, self.area_len.to_le_bytes());
        let checksum = crc32(&raw[..AT_CHECKSUM]);
        put(&mut raw, AT_CHECKSUM, checksum.to_le_bytes());
        raw
    }

    /// The header at the beginning of `bytes`; what follows the first 64 is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, StagingError> {
        let raw: &[u8; 64] = bytes.first_chunk().ok_or(StagingError::Short(bytes.len()))?;
        if u32_at(raw, AT_MAGIC) != MAGIC {
            return Err(StagingError::Magic);
        }
        if u32_at(raw, AT_CHECKSUM) != crc32(&raw[..AT_CHECKSUM]) {
            return Err(StagingError::Checksum);
        }
        let version = u16_at(raw, AT_VERSION);
        if version != u16::from(VERSION) {
            return Err(Unsupported::StagingVersion { version }.into());
        }
        Ok(Self {
            event_size: u16_at(raw, AT_EVENT_SIZE),
            log_id: array(raw, AT_LOG_ID),
            boot_id: array(raw, AT_BOOT_ID),
            area_len: u32_at(raw, AT_AREA_LEN),
        })
    }
}
