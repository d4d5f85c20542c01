//! Finalizing a block: the one piece of this crate that runs on the append path.

use crate::block_header::BlockHeader;
use crate::checksum::{crc32, xxh3};
use crate::layout::BLOCK_HEADER_SIZE;

/// What a writer decides about a block; payload length and checksums follow from the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockFields {
    /// Id of the first event; in a metadata block: of the last event before the segment, 0 if there is none.
    pub first_event_id: u64,
    /// Id of the last event; in a metadata block the same as `first_event_id`.
    pub last_event_id: u64,
    /// Wall clock now, ns since the Unix epoch, but never less than the previous block's, also across segments and
    /// reopening.
    pub written_ts_ns: u64,
    /// Place in the segment, from 0.
    pub block_index: u32,
    /// Events in the payload; 0 in a metadata block.
    pub event_count: u32,
    /// `last_event_id` minus the highest event id known durable, or
    /// [`UNDURABLE_UNKNOWN`](crate::layout::UNDURABLE_UNKNOWN).
    pub undurable: u32,
    /// The segment's salt.
    pub salt: u32,
    /// [`KIND_EVENTS`](crate::KIND_EVENTS) or [`KIND_METADATA`](crate::KIND_METADATA).
    pub kind: u16,
}

/// Finalizes a block: the 64 header bytes that go before `payload`, and its chained checksum, which is
/// `previous_chain` of the next block.
///
/// ```text
/// payload hash     = XXH3-64(payload, seed = previous block's chained checksum)
/// chained checksum = XXH3-64(the 64 header bytes with both checksums of the header zero, seed = payload hash)
/// ```
///
/// The chain runs through all segments: the first block of a segment is chained to the last block of the segment
/// before, the first block of segment 0 to 0. So a block that is missing, foreign, stale or out of order is found, and
/// a replaced segment too.
///
/// The writer stores payload and zero padding first, then header bytes 0…55, then bytes 56…63 with one aligned release
/// store: that publishes the block.
///
/// # Panics
///
/// If the payload is 4 GiB or more. A segment has at most 2 GiB.
#[must_use]
pub fn seal_block(
    fields: &BlockFields,
    payload: &[u8],
    previous_chain: u64,
) -> ([u8; BLOCK_HEADER_SIZE], u64) {
    let mut header = BlockHeader {
        first_event_id: fields.first_event_id,
        last_event_id: fields.last_event_id,
        written_ts_ns: fields.written_ts_ns,
        chained_checksum: 0,
        block_index: fields.block_index,
        event_count: fields.event_count,
        payload_len: u32::try_from(payload.len()).expect("a payload is smaller than a segment"),
        undurable: fields.undurable,
        salt: fields.salt,
        block_checksum: crc32(payload),
        kind: fields.kind,
    };
    header.chained_checksum = header.chain(xxh3(payload, previous_chain));
    (header.encode(), header.chained_checksum)
}
