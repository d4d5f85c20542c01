//! `wal.meta`: where the log begins and ends, and what is durable.

use crate::Unsupported;
use crate::bytes::{array, put, u16_at, u32_at, u64_at};
use crate::checksum::crc32;
use crate::layout::{VERSION, WAL_META_SIZE, covers};

const MAGIC: u32 = 0x5445_4D46;
const CLEAN: u16 = 1;

const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 4;
const AT_FLAGS: usize = 6;
const AT_LOG_ID: usize = 8;
const AT_LAST_EVENT_ID: usize = 24;
const AT_DURABLE_EVENT_ID: usize = 32;
const AT_FIRST_SEGMENT: usize = 40;
const AT_LAST_SEGMENT: usize = 44;
const AT_END_OFFSET: usize = 48;
const AT_ZERO: usize = 52;
const AT_CHECKSUM: usize = 60;

const _: () = assert!(covers(
    &[
        (AT_MAGIC, 4),
        (AT_VERSION, 2),
        (AT_FLAGS, 2),
        (AT_LOG_ID, 16),
        (AT_LAST_EVENT_ID, 8),
        (AT_DURABLE_EVENT_ID, 8),
        (AT_FIRST_SEGMENT, 4),
        (AT_LAST_SEGMENT, 4),
        (AT_END_OFFSET, 4),
        (AT_ZERO, 8),
        (AT_CHECKSUM, 4),
    ],
    WAL_META_SIZE
));

/// Contents of `wal.meta`, 64 bytes, replaced as a whole.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | magic `0x54454D46` |
/// | 4 | 2 | version, 1 |
/// | 6 | 2 | flags; bit 0: closed cleanly |
/// | 8 | 16 | log id |
/// | 24 | 8 | last event id |
/// | 32 | 8 | durable event id |
/// | 40 | 4 | first segment |
/// | 44 | 4 | last segment |
/// | 48 | 4 | end offset in the last segment |
/// | 52 | 8 | zero |
/// | 60 | 4 | CRC-32 of bytes 0…59 |
///
/// Missing, older or damaged, it costs time at open, never data. But what it calls durable was durable, and segments
/// below `first_segment` have been given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalMeta {
    /// The writer closed the log and has not appended since.
    pub clean: bool,
    /// The log's id; another log's `wal.meta` counts for nothing.
    pub log_id: [u8; 16],
    /// Id of the last event written.
    pub last_event_id: u64,
    /// Id of the last event known durable.
    pub durable_event_id: u64,
    /// The first segment retained.
    pub first_segment: u32,
    /// The last segment with blocks.
    pub last_segment: u32,
    /// Where the last block in `last_segment` ends, bytes.
    pub end_offset: u32,
}

/// Why a file is no `wal.meta`. Except for [`MetaError::Unsupported`] it is reported and otherwise as if missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetaError {
    /// Not 64 bytes long.
    #[error("wal.meta is {0} bytes long instead of 64")]
    Length(usize),
    /// Something else.
    #[error("wal.meta has no magic")]
    Magic,
    /// Damaged.
    #[error("wal.meta does not match its checksum")]
    Checksum,
    /// Of a newer version.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl WalMeta {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> [u8; WAL_META_SIZE] {
        let mut raw = [0; WAL_META_SIZE];
        put(&mut raw, AT_MAGIC, MAGIC.to_le_bytes());
        put(&mut raw, AT_VERSION, u16::from(VERSION).to_le_bytes());
        put(&mut raw, AT_FLAGS, if self.clean { CLEAN } else { 0 }.to_le_bytes());
        put(&mut raw, AT_LOG_ID, self.log_id);
        put(&mut raw, AT_LAST_EVENT_ID, self.last_event_id.to_le_bytes());
        put(&mut raw, AT_DURABLE_EVENT_ID, self.durable_event_id.to_le_bytes());
        put(&mut raw, AT_FIRST_SEGMENT, self.first_segment.to_le_bytes());
        put(&mut raw, AT_LAST_SEGMENT, self.last_segment.to_le_bytes());
        put(&mut raw, AT_END_OFFSET, self.end_offset.to_le_bytes());
        let checksum = crc32(&raw[..AT_CHECKSUM]);
        put(&mut raw, AT_CHECKSUM, checksum.to_le_bytes());
        raw
    }

    /// Reads a whole file.
    pub fn decode(file: &[u8]) -> Result<Self, MetaError> {
        let raw: &[u8; WAL_META_SIZE] = file.try_into().map_err(|_| MetaError::Length(file.len()))?;
        if u32_at(raw, AT_MAGIC) != MAGIC {
            return Err(MetaError::Magic);
        }
        if u32_at(raw, AT_CHECKSUM) != crc32(&raw[..AT_CHECKSUM]) {
            return Err(MetaError::Checksum);
        }
        let version = u16_at(raw, AT_VERSION);
        if version != u16::from(VERSION) {
            return Err(Unsupported::MetaVersion { version }.into());
        }
        Ok(Self {
            clean: u16_at(raw, AT_FLAGS) & CLEAN != 0,
            log_id: array(raw, AT_LOG_ID),
            last_event_id: u64_at(raw, AT_LAST_EVENT_ID),
            durable_event_id: u64_at(raw, AT_DURABLE_EVENT_ID),
            first_segment: u32_at(raw, AT_FIRST_SEGMENT),
            last_segment: u32_at(raw, AT_LAST_SEGMENT),
            end_offset: u32_at(raw, AT_END_OFFSET),
        })
    }

    /// Whether this is the `wal.meta` of the log whose segments have these log ids (damaged metadata blocks have
    /// none). With no segment that names its log, it counts.
    #[must_use]
    pub fn belongs_to(&self, log_ids: impl IntoIterator<Item = [u8; 16]>) -> bool {
        let mut ids = log_ids.into_iter().peekable();
        ids.peek().is_none() || ids.any(|id| id == self.log_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meta() -> impl Strategy<Value = WalMeta> {
        let ids = (any::<bool>(), any::<[u8; 16]>(), any::<u64>(), any::<u64>());
        (ids, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
            |((clean, log_id, last_event_id, durable_event_id), first_segment, last_segment, end_offset)| {
                WalMeta {
                    clean,
                    log_id,
                    last_event_id,
                    durable_event_id,
                    first_segment,
                    last_segment,
                    end_offset,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(meta in meta()) {
            prop_assert_eq!(WalMeta::decode(&meta.encode()), Ok(meta));
        }

        #[test]
        fn every_flipped_bit_is_found(meta in meta(), bit in 0_usize..512) {
            let mut raw = meta.encode();
            raw[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(matches!(WalMeta::decode(&raw), Err(MetaError::Magic | MetaError::Checksum)));
        }
    }

    #[test]
    fn belongs_to_the_log_of_any_readable_segment() {
        let meta = WalMeta {
            clean: true,
            log_id: [1; 16],
            last_event_id: 0,
            durable_event_id: 0,
            first_segment: 0,
            last_segment: 0,
            end_offset: 64,
        };
        assert!(meta.belongs_to([]));
        assert!(meta.belongs_to([[2; 16], [1; 16]]));
        assert!(!meta.belongs_to([[2; 16]]));
        assert_eq!(WalMeta::decode(&meta.encode()[..63]), Err(MetaError::Length(63)));
        let mut newer = meta.encode();
        newer[4] = 2;
        let checksum = crc32(&newer[..60]);
        put(&mut newer, 60, checksum.to_le_bytes());
        assert!(matches!(WalMeta::decode(&newer), Err(MetaError::Unsupported(_))));
    }
}
