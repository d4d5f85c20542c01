//! Block 0 of every segment.

use crate::bytes::{array, put, u16_at, u32_at, u64_at};
use crate::layout::{MAX_SCHEMA_LEN, METADATA_FIXED_SIZE, covers, is_event_size, is_segment_size};

const AT_LOG_ID: usize = 0;
const AT_PREVIOUS_CHAIN: usize = 16;
const AT_SEGMENT_INDEX: usize = 24;
const AT_SEGMENT_SIZE: usize = 28;
const AT_SALT: usize = 32;
const AT_EVENT_SIZE: usize = 36;
const AT_ZERO: usize = 38;
const AT_SCHEMA_LEN: usize = 40;

const _: () = assert!(covers(
    &[
        (AT_LOG_ID, 16),
        (AT_PREVIOUS_CHAIN, 8),
        (AT_SEGMENT_INDEX, 4),
        (AT_SEGMENT_SIZE, 4),
        (AT_SALT, 4),
        (AT_EVENT_SIZE, 2),
        (AT_ZERO, 2),
        (AT_SCHEMA_LEN, 4),
    ],
    METADATA_FIXED_SIZE
));

/// Payload of a segment's metadata block.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 16 | log id, random, one per log |
/// | 16 | 8 | chained checksum of the last block of the previous segment, 0 for segment 0 |
/// | 24 | 4 | segment index |
/// | 28 | 4 | segment size |
/// | 32 | 4 | salt |
/// | 36 | 2 + 2 | event size, zero |
/// | 40 | 4 | length of the schema, at most 65 536 |
/// | 44 | … | the event schema as UTF-8 JSON, see [`Schema`](crate::Schema) |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Random, one per log.
    pub log_id: [u8; 16],
    /// Chained checksum of the last block of the previous segment, 0 for segment 0.
    pub previous_chain: u64,
    /// The number in the file's name.
    pub segment_index: u32,
    /// Length of the file, bytes.
    pub segment_size: u32,
    /// The segment's salt.
    pub salt: u32,
    /// Bytes of a fixed-size event; 0: variable-length events.
    pub event_size: u16,
    /// The event schema as JSON; `{}` for byte logs. The same in every segment, compared parsed.
    pub schema: String,
}

/// Why a payload is not that of a metadata block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Shorter or longer than its schema's length says.
    #[error("metadata is {found} bytes long instead of {expected}")]
    Length {
        /// Bytes there have to be.
        expected: u64,
        /// Bytes there are.
        found: usize,
    },
    /// A field out of its range.
    #[error("metadata has an impossible {0}")]
    Field(&'static str),
    /// The schema is no JSON.
    #[error("the schema in the metadata is not UTF-8 JSON")]
    Schema,
}

impl Metadata {
    /// The payload of the metadata block.
    ///
    /// # Panics
    ///
    /// If the schema is longer than 65 536 bytes; in debug builds also when another field is out of its range.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        assert!(self.schema.len() <= MAX_SCHEMA_LEN, "a schema has at most {MAX_SCHEMA_LEN} bytes");
        debug_assert!(self.impossible_field().is_none(), "{self:?}");
        let mut raw = vec![0; METADATA_FIXED_SIZE];
        put(&mut raw, AT_LOG_ID, self.log_id);
        put(&mut raw, AT_PREVIOUS_CHAIN, self.previous_chain.to_le_bytes());
        put(&mut raw, AT_SEGMENT_INDEX, self.segment_index.to_le_bytes());
        put(&mut raw, AT_SEGMENT_SIZE, self.segment_size.to_le_bytes());
        put(&mut raw, AT_SALT, self.salt.to_le_bytes());
        put(&mut raw, AT_EVENT_SIZE, self.event_size.to_le_bytes());
        put(&mut raw, AT_SCHEMA_LEN, (self.schema.len() as u32).to_le_bytes());
        raw.extend_from_slice(self.schema.as_bytes());
        raw
    }

    /// Sets the chained checksum that the segment continues, in a payload made before it was known.
    ///
    /// # Panics
    ///
    /// If the payload is shorter than the fixed part of one.
    pub fn set_previous_chain(payload: &mut [u8], previous_chain: u64) {
        assert!(payload.len() >= METADATA_FIXED_SIZE, "{} bytes are no metadata", payload.len());
        put(payload, AT_PREVIOUS_CHAIN, previous_chain.to_le_bytes());
    }

    /// The metadata in a payload. The schema has to be JSON; [`Schema::parse`](crate::Schema::parse) says whether it
    /// describes events.
    pub fn decode(payload: &[u8]) -> Result<Self, MetadataError> {
        let Some(fixed) = payload.first_chunk::<METADATA_FIXED_SIZE>() else {
            return Err(MetadataError::Length { expected: METADATA_FIXED_SIZE as u64, found: payload.len() });
        };
        let schema_len = u32_at(fixed, AT_SCHEMA_LEN);
        if schema_len as usize > MAX_SCHEMA_LEN {
            return Err(MetadataError::Field("schema length (more than 65536)"));
        }
        let schema = &payload[METADATA_FIXED_SIZE..];
        if schema.len() != schema_len as usize {
            let expected = METADATA_FIXED_SIZE as u64 + u64::from(schema_len);
            return Err(MetadataError::Length { expected, found: payload.len() });
        }
        if u16_at(fixed, AT_ZERO) != 0 {
            return Err(MetadataError::Field("byte behind the event size (not zero)"));
        }
        let schema = str::from_utf8(schema).map_err(|_| MetadataError::Schema)?;
        serde_json::from_str::<serde_json::Value>(schema).map_err(|_| MetadataError::Schema)?;
        let metadata = Self {
            log_id: array(fixed, AT_LOG_ID),
            previous_chain: u64_at(fixed, AT_PREVIOUS_CHAIN),
            segment_index: u32_at(fixed, AT_SEGMENT_INDEX),
            segment_size: u32_at(fixed, AT_SEGMENT_SIZE),
            salt: u32_at(fixed, AT_SALT),
            event_size: u16_at(fixed, AT_EVENT_SIZE),
            schema: schema.to_owned(),
        };
        metadata.impossible_field().map_or(Ok(metadata), |field| Err(MetadataError::Field(field)))
    }

    fn impossible_field(&self) -> Option<&'static str> {
        if !is_segment_size(self.segment_size.into()) {
            Some("segment size (a multiple of 4096 up to 2^31)")
        } else if !is_event_size(self.event_size) {
            Some("event size (not a multiple of 8)")
        } else if self.salt == 0 {
            Some("salt (0)")
        } else {
            None
        }
    }
}
