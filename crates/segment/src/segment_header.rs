//! The first 64 bytes of a segment.

use crate::Unsupported;
use crate::bytes::{put, u16_at, u32_at, u64_at};
use crate::checksum::crc32;
use crate::layout::{SEGMENT_HEADER_SIZE, VERSION, covers, is_event_size};

const MAGIC: u16 = 0x4653;
const SEALED: u16 = 1;

const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 2;
const AT_HEADER_SIZE: usize = 3;
const AT_SEGMENT_INDEX: usize = 4;
const AT_BLOCK_COUNT: usize = 8;
const AT_EVENT_COUNT: usize = 12;
const AT_FIRST_EVENT_ID: usize = 16;
const AT_LAST_EVENT_ID: usize = 24;
const AT_CREATED: usize = 32;
const AT_CLOSED: usize = 40;
const AT_SALT: usize = 48;
const AT_EVENT_SIZE: usize = 52;
const AT_FLAGS: usize = 54;
const AT_LAST_CHAIN_LOW: usize = 56;
const AT_CHECKSUM: usize = 60;

const _: () = assert!(covers(
    &[
        (AT_MAGIC, 2),
        (AT_VERSION, 1),
        (AT_HEADER_SIZE, 1),
        (AT_SEGMENT_INDEX, 4),
        (AT_BLOCK_COUNT, 4),
        (AT_EVENT_COUNT, 4),
        (AT_FIRST_EVENT_ID, 8),
        (AT_LAST_EVENT_ID, 8),
        (AT_CREATED, 8),
        (AT_CLOSED, 8),
        (AT_SALT, 4),
        (AT_EVENT_SIZE, 2),
        (AT_FLAGS, 2),
        (AT_LAST_CHAIN_LOW, 4),
        (AT_CHECKSUM, 4),
    ],
    SEGMENT_HEADER_SIZE
));

/// The header of a segment.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 2 | magic | `0x4653` |
/// | 2 | 1 | version | 1 |
/// | 3 | 1 | header size | 64 |
/// | 4 | 4 | segment index | |
/// | 8 | 4 | block count | 0 until sealed; then the number of blocks, metadata block included |
/// | 12 | 4 | event count | 0 until sealed |
/// | 16 | 8 | first event id | 0 until sealed; then the first event's |
/// | 24 | 8 | last event id | 0 until sealed |
/// | 32 | 8 | created | wall clock at preparation, ns since the Unix epoch |
/// | 40 | 8 | closed | 0 until sealed |
/// | 48 | 4 | salt | random per segment, not 0; every block of the segment repeats it |
/// | 52 | 2 | event size | bytes of a fixed-size event; 0: variable-length events |
/// | 54 | 2 | flags | bit 0: sealed |
/// | 56 | 4 | last chain, low half | low 32 bits of the last block's chained checksum; 0 until sealed |
/// | 60 | 4 | checksum | CRC-32 (IEEE) of bytes 0…59 |
///
/// It lies inside one 512-byte sector, so a disk that writes whole sectors never leaves half of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The number in the file's name.
    pub segment_index: u32,
    /// Wall clock at preparation, ns since the Unix epoch.
    pub created_ts_ns: u64,
    /// Random, not 0; repeated by every block, so that blocks of other segments are known as strangers.
    pub salt: u32,
    /// Bytes of a fixed-size event (8…65 528, a multiple of 8); 0: variable-length events.
    pub event_size: u16,
    /// Counts and ends, once nothing more will be appended.
    pub sealed: Option<Seal>,
}

/// What a sealed segment's header adds. It is written after the segment has been synced, so it proves its last event
/// durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Blocks, metadata block included.
    pub block_count: u32,
    /// Events; a segment without an event is never sealed.
    pub event_count: u32,
    /// Id of the first event.
    pub first_event_id: u64,
    /// Id of the last event.
    pub last_event_id: u64,
    /// Wall clock when it was sealed, ns since the Unix epoch.
    pub closed_ts_ns: u64,
    /// Low 32 bits of the last block's chained checksum.
    pub last_chain_low: u32,
}

/// Why 64 bytes are no segment header. Except for [`HeaderError::Unsupported`], the segment is not lost: its metadata
/// block repeats what is needed, and the segment counts as unsealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Fewer than 64 bytes.
    #[error("segment header is cut short: {0} of 64 bytes")]
    Short(usize),
    /// No segment header at all.
    #[error("no segment magic")]
    Magic,
    /// Damaged.
    #[error("segment header does not match its checksum")]
    Checksum,
    /// A field that no writer of this version writes, although the checksum is right.
    #[error("segment header has an impossible {0}")]
    Field(&'static str),
    /// Of a newer version.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl SegmentHeader {
    /// The 64 bytes of this header, checksum included.
    ///
    /// # Panics
    ///
    /// In debug builds, when a field is out of its range.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_SIZE] {
        debug_assert!(self.impossible_field().is_none(), "{self:?}");
        let mut raw = [0; SEGMENT_HEADER_SIZE];
        put(&mut raw, AT_MAGIC, MAGIC.to_le_bytes());
        raw[AT_VERSION] = VERSION;
        raw[AT_HEADER_SIZE] = SEGMENT_HEADER_SIZE as u8;
        put(&mut raw, AT_SEGMENT_INDEX, self.segment_index.to_le_bytes());
        put(&mut raw, AT_CREATED, self.created_ts_ns.to_le_bytes());
        put(&mut raw, AT_SALT, self.salt.to_le_bytes());
        put(&mut raw, AT_EVENT_SIZE, self.event_size.to_le_bytes());
        if let Some(seal) = &self.sealed {
            put(&mut raw, AT_BLOCK_COUNT, seal.block_count.to_le_bytes());
            put(&mut raw, AT_EVENT_COUNT, seal.event_count.to_le_bytes());
            put(&mut raw, AT_FIRST_EVENT_ID, seal.first_event_id.to_le_bytes());
            put(&mut raw, AT_LAST_EVENT_ID, seal.last_event_id.to_le_bytes());
            put(&mut raw, AT_CLOSED, seal.closed_ts_ns.to_le_bytes());
            put(&mut raw, AT_FLAGS, SEALED.to_le_bytes());
            put(&mut raw, AT_LAST_CHAIN_LOW, seal.last_chain_low.to_le_bytes());
        }
        let checksum = crc32(&raw[..AT_CHECKSUM]);
        put(&mut raw, AT_CHECKSUM, checksum.to_le_bytes());
        raw
    }

    /// The header at the beginning of `bytes`; what follows the first 64 is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let raw: &[u8; SEGMENT_HEADER_SIZE] = bytes.first_chunk().ok_or(HeaderError::Short(bytes.len()))?;
        if u16_at(raw, AT_MAGIC) != MAGIC {
            return Err(HeaderError::Magic);
        }
        if u32_at(raw, AT_CHECKSUM) != crc32(&raw[..AT_CHECKSUM]) {
            return Err(HeaderError::Checksum);
        }
        if raw[AT_VERSION] != VERSION || usize::from(raw[AT_HEADER_SIZE]) != SEGMENT_HEADER_SIZE {
            let (version, header_size) = (raw[AT_VERSION], raw[AT_HEADER_SIZE]);
            return Err(Unsupported::SegmentVersion { version, header_size }.into());
        }
        let flags = u16_at(raw, AT_FLAGS);
        if flags & !SEALED != 0 {
            return Err(Unsupported::SegmentFlags { flags }.into());
        }
        let seal = Seal {
            block_count: u32_at(raw, AT_BLOCK_COUNT),
            event_count: u32_at(raw, AT_EVENT_COUNT),
            first_event_id: u64_at(raw, AT_FIRST_EVENT_ID),
            last_event_id: u64_at(raw, AT_LAST_EVENT_ID),
            closed_ts_ns: u64_at(raw, AT_CLOSED),
            last_chain_low: u32_at(raw, AT_LAST_CHAIN_LOW),
        };
        let header = Self {
            segment_index: u32_at(raw, AT_SEGMENT_INDEX),
            created_ts_ns: u64_at(raw, AT_CREATED),
            salt: u32_at(raw, AT_SALT),
            event_size: u16_at(raw, AT_EVENT_SIZE),
            sealed: (flags & SEALED != 0).then_some(seal),
        };
        header.impossible_field().map_or(Ok(header), |field| Err(HeaderError::Field(field)))
    }

    fn impossible_field(&self) -> Option<&'static str> {
        if self.salt == 0 {
            Some("salt (0)")
        } else if !is_event_size(self.event_size) {
            Some("event size (not a multiple of 8)")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal() -> impl Strategy<Value = Seal> {
        (any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>()).prop_map(
            |(block_count, event_count, first_event_id, last_event_id, closed_ts_ns, last_chain_low)| Seal {
                block_count,
                event_count,
                first_event_id,
                last_event_id,
                closed_ts_ns,
                last_chain_low,
            },
        )
    }

    pub(crate) fn header() -> impl Strategy<Value = SegmentHeader> {
        (any::<u32>(), any::<u64>(), 1..=u32::MAX, 0_u16..=8191, prop::option::of(seal())).prop_map(
            |(segment_index, created_ts_ns, salt, eighths, sealed)| SegmentHeader {
                segment_index,
                created_ts_ns,
                salt,
                event_size: eighths * 8,
                sealed,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(header in header()) {
            prop_assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn every_flipped_bit_is_found(header in header(), bit in 0_usize..512) {
            let mut raw = header.encode();
            raw[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(matches!(
                SegmentHeader::decode(&raw),
                Err(HeaderError::Magic | HeaderError::Checksum)
            ));
        }
    }

    #[test]
    fn a_newer_version_is_unsupported_rather_than_damaged() {
        let header =
            SegmentHeader { segment_index: 1, created_ts_ns: 2, salt: 3, event_size: 64, sealed: None };
        for (at, value) in [(AT_VERSION, 2), (AT_HEADER_SIZE, 128), (AT_FLAGS, 2), (AT_FLAGS + 1, 0x80)] {
            let mut raw = header.encode();
            raw[at] = value;
            let checksum = crc32(&raw[..60]);
            put(&mut raw, AT_CHECKSUM, checksum.to_le_bytes());
            assert!(matches!(SegmentHeader::decode(&raw), Err(HeaderError::Unsupported(_))), "byte {at}");
        }
    }

    #[test]
    fn bytes_that_are_no_header_say_why() {
        assert_eq!(SegmentHeader::decode(&[0; 63]), Err(HeaderError::Short(63)));
        assert_eq!(SegmentHeader::decode(&[0; 64]), Err(HeaderError::Magic));
    }
}
