//! The 64 bytes before a block's payload.

use crate::bytes::{all_zero, put, u16_at, u32_at, u64_at};
use crate::checksum::{crc32, xxh3};
use crate::layout::{BLOCK_HEADER_SIZE, PUBLICATION_OFFSET, UNDURABLE_UNKNOWN, covers, round64};

pub(crate) const MAGIC: u16 = 0x424C;

/// `kind` of a block of events.
pub const KIND_EVENTS: u16 = 0;
/// `kind` of the metadata block that every segment begins with.
pub const KIND_METADATA: u16 = 1;
/// Bit of an unknown `kind` that allows to skip the block.
pub const KIND_SKIPPABLE: u16 = 0x8000;

const AT_FIRST_EVENT_ID: usize = 0;
const AT_LAST_EVENT_ID: usize = 8;
const AT_WRITTEN: usize = 16;
const AT_CHAINED_CHECKSUM: usize = 24;
const AT_BLOCK_INDEX: usize = 32;
const AT_EVENT_COUNT: usize = 36;
const AT_PAYLOAD_LEN: usize = 40;
const AT_UNDURABLE: usize = 44;
const AT_SALT: usize = 48;
const AT_BLOCK_CHECKSUM: usize = 52;
pub(crate) const AT_MAGIC: usize = 56;
const AT_KIND: usize = 58;
const AT_CHECKSUM: usize = 60;

const _: () = assert!(covers(
    &[
        (AT_FIRST_EVENT_ID, 8),
        (AT_LAST_EVENT_ID, 8),
        (AT_WRITTEN, 8),
        (AT_CHAINED_CHECKSUM, 8),
        (AT_BLOCK_INDEX, 4),
        (AT_EVENT_COUNT, 4),
        (AT_PAYLOAD_LEN, 4),
        (AT_UNDURABLE, 4),
        (AT_SALT, 4),
        (AT_BLOCK_CHECKSUM, 4),
        (AT_MAGIC, 2),
        (AT_KIND, 2),
        (AT_CHECKSUM, 4),
    ],
    BLOCK_HEADER_SIZE
));
// One aligned 8-byte store publishes magic, kind and checksum together.
const _: () = assert!(AT_MAGIC == PUBLICATION_OFFSET && PUBLICATION_OFFSET.is_multiple_of(8));

/// The header of a block.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 8 | first event id | metadata block: id of the last event before this segment (0: none) |
/// | 8 | 8 | last event id | metadata block: the same |
/// | 16 | 8 | written | wall clock when the block was finalized, ns; never less than the previous block's |
/// | 24 | 8 | chained checksum | see [`seal_block`](crate::seal_block) |
/// | 32 | 4 | block index | 0, 1, 2, … inside the segment |
/// | 36 | 4 | event count | 0 in a metadata block |
/// | 40 | 4 | payload length | bytes that follow, before the zero padding to 64 |
/// | 44 | 4 | undurable | last event id minus the highest id known durable then; all ones: proves nothing |
/// | 48 | 4 | salt | the segment's |
/// | 52 | 4 | block checksum | CRC-32 (IEEE) of the payload |
/// | 56 | 2 | magic | `0x424C` |
/// | 58 | 2 | kind | 0 events, 1 metadata |
/// | 60 | 4 | checksum | CRC-32 (IEEE) of bytes 0…59 |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    /// Id of the first event; in a metadata block: of the last event before the segment, 0 if there is none.
    pub first_event_id: u64,
    /// Id of the last event; in a metadata block the same as `first_event_id`.
    pub last_event_id: u64,
    /// Wall clock when the block was finalized, ns since the Unix epoch; never less than the previous block's.
    pub written_ts_ns: u64,
    /// XXH3-64 over payload and header, seeded with the previous block's.
    pub chained_checksum: u64,
    /// Place in the segment, from 0.
    pub block_index: u32,
    /// Events in the block; 0 in a metadata block.
    pub event_count: u32,
    /// Bytes of payload, without padding.
    pub payload_len: u32,
    /// `last_event_id` minus the highest event id known durable when the block was finalized, or
    /// [`UNDURABLE_UNKNOWN`].
    pub undurable: u32,
    /// The segment's salt.
    pub salt: u32,
    /// CRC-32 of the payload.
    pub block_checksum: u32,
    /// [`KIND_EVENTS`], [`KIND_METADATA`], or one of a newer version.
    pub kind: u16,
}

/// Why 64 bytes are no block header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Fewer than 64 bytes.
    #[error("block header is cut short: {0} of 64 bytes")]
    Short(usize),
    /// Bytes 56…63 are zero: no block has been published here, whatever the rest holds.
    #[error("no block published")]
    Unpublished,
    /// Something else than a block header.
    #[error("no block magic")]
    Magic,
    /// Damaged.
    #[error("block header does not match its checksum")]
    Checksum,
}

impl BlockHeader {
    /// The 64 bytes of this header; the checksum of the header is computed, the other two are taken as they are.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_HEADER_SIZE] {
        let mut raw = self.encode_unchecked(self.chained_checksum);
        let checksum = crc32(&raw[..AT_CHECKSUM]);
        put(&mut raw, AT_CHECKSUM, checksum.to_le_bytes());
        raw
    }

    /// The header at the beginning of `bytes`; what follows the first 64 is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let raw: &[u8; BLOCK_HEADER_SIZE] = bytes.first_chunk().ok_or(BlockError::Short(bytes.len()))?;
        if u16_at(raw, AT_MAGIC) != MAGIC {
            return Err(if Self::is_published(raw) { BlockError::Magic } else { BlockError::Unpublished });
        }
        if u32_at(raw, AT_CHECKSUM) != crc32(&raw[..AT_CHECKSUM]) {
            return Err(BlockError::Checksum);
        }
        Ok(Self {
            first_event_id: u64_at(raw, AT_FIRST_EVENT_ID),
            last_event_id: u64_at(raw, AT_LAST_EVENT_ID),
            written_ts_ns: u64_at(raw, AT_WRITTEN),
            chained_checksum: u64_at(raw, AT_CHAINED_CHECKSUM),
            block_index: u32_at(raw, AT_BLOCK_INDEX),
            event_count: u32_at(raw, AT_EVENT_COUNT),
            payload_len: u32_at(raw, AT_PAYLOAD_LEN),
            undurable: u32_at(raw, AT_UNDURABLE),
            salt: u32_at(raw, AT_SALT),
            block_checksum: u32_at(raw, AT_BLOCK_CHECKSUM),
            kind: u16_at(raw, AT_KIND),
        })
    }

    /// Whether a block has been published here: bytes 56…63 are not all zero. False for fewer than 64 bytes.
    #[must_use]
    pub fn is_published(bytes: &[u8]) -> bool {
        bytes.get(PUBLICATION_OFFSET..BLOCK_HEADER_SIZE).is_some_and(|word| !all_zero(word))
    }

    /// Bytes the block takes in its segment: header, payload, padding.
    #[must_use]
    pub fn block_len(&self) -> usize {
        BLOCK_HEADER_SIZE + round64(self.payload_len as usize)
    }

    /// The highest event id that this block proves durable, if it proves any.
    #[must_use]
    pub fn proves_durable(&self) -> Option<u64> {
        if self.undurable == UNDURABLE_UNKNOWN {
            None
        } else {
            self.last_event_id.checked_sub(self.undurable.into())
        }
    }

    /// The chained checksum that this header has to carry, `payload_hash` being XXH3-64 of the payload seeded with the
    /// previous block's. The place of the chained checksum itself counts as zero, that of the header's checksum too.
    pub(crate) fn chain(&self, payload_hash: u64) -> u64 {
        xxh3(&self.encode_unchecked(0), payload_hash)
    }

    /// All fields but the header's checksum, which is zero.
    pub(crate) fn encode_unchecked(&self, chained_checksum: u64) -> [u8; BLOCK_HEADER_SIZE] {
        let mut raw = [0; BLOCK_HEADER_SIZE];
        put(&mut raw, AT_FIRST_EVENT_ID, self.first_event_id.to_le_bytes());
        put(&mut raw, AT_LAST_EVENT_ID, self.last_event_id.to_le_bytes());
        put(&mut raw, AT_WRITTEN, self.written_ts_ns.to_le_bytes());
        put(&mut raw, AT_CHAINED_CHECKSUM, chained_checksum.to_le_bytes());
        put(&mut raw, AT_BLOCK_INDEX, self.block_index.to_le_bytes());
        put(&mut raw, AT_EVENT_COUNT, self.event_count.to_le_bytes());
        put(&mut raw, AT_PAYLOAD_LEN, self.payload_len.to_le_bytes());
        put(&mut raw, AT_UNDURABLE, self.undurable.to_le_bytes());
        put(&mut raw, AT_SALT, self.salt.to_le_bytes());
        put(&mut raw, AT_BLOCK_CHECKSUM, self.block_checksum.to_le_bytes());
        put(&mut raw, AT_MAGIC, MAGIC.to_le_bytes());
        put(&mut raw, AT_KIND, self.kind.to_le_bytes());
        raw
    }
}
