//! Sizes, limits and positions of the format, and the arithmetic that goes with them.
//!
//! Every integer on disk is little-endian and every structure starts on a 64-byte boundary of its file.

/// Every structure starts at a multiple of this many bytes: one cache line, so that a header's last 8 bytes can be
/// published by one aligned store.
pub const ALIGN: usize = 64;
/// Bytes of a segment header.
pub const SEGMENT_HEADER_SIZE: usize = 64;
/// Bytes of a block header.
pub const BLOCK_HEADER_SIZE: usize = 64;
/// Where bytes 56…63 of a block header begin: stored last, in one piece, they publish the block.
pub const PUBLICATION_OFFSET: usize = 56;
/// Version of the format that this crate reads and writes.
pub const VERSION: u8 = 1;

/// The lowest event id.
pub const MIN_EVENT_ID: u64 = 1;
/// The highest event id, 2⁵³ − 1: the highest integer that JavaScript's numbers hold exactly.
pub const MAX_EVENT_ID: u64 = (1 << 53) - 1;
/// The smallest fixed event: its id.
pub const MIN_EVENT_SIZE: u16 = 8;
/// The largest fixed event, bytes.
pub const MAX_EVENT_SIZE: u16 = 65_528;
/// Value of a block's `undurable` that proves nothing.
pub const UNDURABLE_UNKNOWN: u32 = u32::MAX;

/// A segment's length is a multiple of this many bytes.
pub const SEGMENT_SIZE_MULTIPLE: usize = 4096;
/// The greatest length of a segment, bytes.
pub const MAX_SEGMENT_SIZE: usize = 1 << 31;
/// The segment length unless another is asked for: 64 MiB.
pub const DEFAULT_SEGMENT_SIZE: usize = 64 << 20;
/// The highest segment index: file names have eight decimal digits.
pub const MAX_SEGMENT_INDEX: u32 = 99_999_999;
/// Most bytes of the schema in a metadata block.
pub const MAX_SCHEMA_LEN: usize = 65_536;
/// Bytes of a metadata block's payload before the schema.
pub const METADATA_FIXED_SIZE: usize = 44;
/// As many first bytes of a segment as are ever needed to read its header and its metadata block.
pub const MAX_SEGMENT_START: usize =
    SEGMENT_HEADER_SIZE + BLOCK_HEADER_SIZE + round64(METADATA_FIXED_SIZE + MAX_SCHEMA_LEN);
/// Segments with blocks that may be unsealed at any time.
pub const MAX_UNSEALED_SEGMENTS: usize = 8;

/// Bytes of `wal.meta`.
pub const WAL_META_SIZE: usize = 64;
/// Bytes of `wal.staging` before the payload area.
pub const STAGING_HEADER_SIZE: usize = 4096;
/// Bytes of one slot of a cursor file.
pub const CURSOR_SLOT_SIZE: usize = 512;
/// Bytes of a cursor file: two slots.
pub const CURSOR_FILE_SIZE: usize = 2 * CURSOR_SLOT_SIZE;
/// Content bytes of every frame of a cold segment but the last.
pub const COLD_FRAME_CONTENT: usize = 1 << 20;

/// `n` rounded up to the next multiple of 8. `n` must be at most `usize::MAX − 7`.
#[must_use]
pub const fn round8(n: usize) -> usize {
    (n + 7) & !7
}

/// `n` rounded up to the next multiple of 64. `n` must be at most `usize::MAX − 63`.
#[must_use]
pub const fn round64(n: usize) -> usize {
    (n + 63) & !63
}

/// The largest payload of a block in a segment that has only its metadata block, with a schema of so many bytes; 0: none
/// fits. The last 64 bytes stay zero, so that a walk always ends.
#[must_use]
pub const fn payload_room(segment_size: usize, schema_len: usize) -> usize {
    let metadata = round64(METADATA_FIXED_SIZE + schema_len);
    let taken = SEGMENT_HEADER_SIZE + 2 * BLOCK_HEADER_SIZE + metadata + ALIGN;
    segment_size.saturating_sub(taken) / ALIGN * ALIGN
}

/// Whether `size` may be the length of a segment: a multiple of 4 096 from 4 096 to 2³¹.
#[must_use]
pub const fn is_segment_size(size: u64) -> bool {
    size != 0 && size <= MAX_SEGMENT_SIZE as u64 && size.is_multiple_of(SEGMENT_SIZE_MULTIPLE as u64)
}

/// Whether `size` may be a log's event size: 0 (variable-length events), or a multiple of 8 from 8 to 65 528.
#[must_use]
pub const fn is_event_size(size: u16) -> bool {
    size.is_multiple_of(8)
}

/// A structure's fields as (offset, size); used in compile-time assertions only.
pub(crate) const fn covers(fields: &[(usize, usize)], size: usize) -> bool {
    let (mut end, mut i) = (0, 0);
    while i < fields.len() {
        if fields[i].0 != end {
            return false;
        }
        end += fields[i].1;
        i += 1;
    }
    end == size
}

const _: () = {
    assert!(round64(0) == 0 && round64(1) == 64 && round64(64) == 64 && round64(65) == 128);
    assert!(round8(4) == 8 && round8(8) == 8 && round8(9) == 16);
    assert!(MAX_SEGMENT_START == 65_728);
    assert!(
        is_event_size(0) && is_event_size(MAX_EVENT_SIZE) && !is_event_size(65_535) && !is_event_size(12)
    );
    assert!(MAX_EVENT_SIZE as usize == (u16::MAX as usize & !7));
};
