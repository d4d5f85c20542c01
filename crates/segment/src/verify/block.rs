//! Whether a block verifies on its own: from what it says itself, with no regard to its neighbours.

use std::borrow::Cow;

use super::Reason;
use super::view::View;
use crate::block_header::{BlockError, BlockHeader, KIND_EVENTS};
use crate::bytes::all_zero;
use crate::checksum::{crc32, crc32_zero_extended};
use crate::layout::{BLOCK_HEADER_SIZE, UNDURABLE_UNKNOWN};
use crate::payload::{self, PayloadError};

/// What a block has to agree with to verify on its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setting {
    /// The segment's salt; `None`: header and metadata block are lost, any salt will do.
    pub(crate) salt: Option<u32>,
    /// The log's event size; `None`: not known, any that fits will do.
    pub(crate) event_size: Option<u16>,
}

/// A block header that is right, and the block's payload if the whole block verifies on its own.
pub(crate) struct Found<'a> {
    pub(crate) header: BlockHeader,
    pub(crate) payload: Result<Cow<'a, [u8]>, Reason>,
}

impl From<BlockError> for Reason {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Short(_) => Self::SegmentEnds,
            BlockError::Unpublished => Self::Unpublished,
            BlockError::Magic => Self::Magic,
            BlockError::Checksum => Self::HeaderChecksum,
        }
    }
}

/// The block at `at`, if it verifies on its own.
pub(crate) fn on_its_own<'a>(
    view: &View<'a>,
    at: usize,
    setting: Setting,
) -> Result<(BlockHeader, Cow<'a, [u8]>), Reason> {
    let found = find(view, at, setting)?;
    Ok((found.header, found.payload?))
}

/// The block header at `at` if it is one of this segment, with magic, checksum and salt right; and what the rest of the
/// block is worth.
pub(crate) fn find<'a>(view: &View<'a>, at: usize, setting: Setting) -> Result<Found<'a>, Reason> {
    let raw = view.header(at).ok_or(Reason::SegmentEnds)?;
    let header = BlockHeader::decode(&raw)?;
    if setting.salt.is_some_and(|salt| salt != header.salt) {
        return Err(Reason::Salt);
    }
    let payload = check_payload(view, at, &header, setting.event_size);
    Ok(Found { header, payload })
}

fn check_payload<'a>(
    view: &View<'a>,
    at: usize,
    header: &BlockHeader,
    event_size: Option<u16>,
) -> Result<Cow<'a, [u8]>, Reason> {
    let (start, len) = (at + BLOCK_HEADER_SIZE, header.payload_len as usize);
    if at + header.block_len() > view.len() {
        return Err(Reason::BeyondSegment);
    }
    if header.undurable != UNDURABLE_UNKNOWN && u64::from(header.undurable) > header.last_event_id {
        return Err(Reason::Undurable);
    }
    let present = view.present(start, len);
    let checksum =
        if present.len() == len { crc32(present) } else { crc32_zero_extended(present, len - present.len()) };
    if checksum != header.block_checksum {
        return Err(Reason::BlockChecksum);
    }
    if !all_zero(view.present(start + len, at + header.block_len() - start - len)) {
        return Err(Reason::Padding);
    }
    let payload = view.range(start, len);
    if header.kind == KIND_EVENTS {
        check_events(&payload, header, event_size)?;
    }
    Ok(payload)
}

fn check_events(payload: &[u8], header: &BlockHeader, event_size: Option<u16>) -> Result<(), PayloadError> {
    let check = |event_size| {
        payload::validate(
            payload,
            event_size,
            header.event_count,
            header.first_event_id,
            header.last_event_id,
        )
    };
    match event_size {
        Some(event_size) => check(event_size),
        // Events of equal size as well as variable-length ones of equal size divide the payload evenly, so both are
        // tried; the ids tell which it is.
        None => match payload::equal_sizes(payload.len(), header.event_count) {
            Some(event_size) => check(event_size).or_else(|_| check(0)),
            None => check(0),
        },
    }
}
