//! Looking for blocks where none can be expected: behind damage and behind the end.

use std::borrow::Cow;

use super::block::{Found, Setting, find};
use super::view::View;
use super::{Reason, SegmentStart};
use crate::block_header::{AT_MAGIC, BlockHeader, MAGIC};
use crate::layout::{ALIGN, SEGMENT_HEADER_SIZE};

/// Calls `visit` for every block header from `from` on, a multiple of 64, with the payload if the block verifies on its
/// own. The payload of such a block is not searched: an event may look like a block. `visit` ends the search with
/// `false`.
///
/// With an unknown salt only those count whose payload matches its checksum, too: a header alone says nothing then.
pub(crate) fn scan<'a>(
    view: &View<'a>,
    from: usize,
    setting: Setting,
    visit: &mut dyn FnMut(usize, BlockHeader, Option<Cow<'a, [u8]>>) -> bool,
) {
    let mut at = from;
    while at < view.bytes().len() {
        let magic = view.present(at + AT_MAGIC, 2);
        let found = if magic == MAGIC.to_le_bytes() { find(view, at, setting).ok() } else { None };
        let mut len = ALIGN;
        if let Some(found) = found.filter(|found| setting.salt.is_some() || checksums_match(found)) {
            if found.payload.is_ok() {
                len = found.header.block_len();
            }
            if !visit(at, found.header, found.payload.ok()) {
                return;
            }
        }
        at += len;
    }
}

/// Whether a block whose header is right has a payload that matches its checksum, too.
fn checksums_match(found: &Found<'_>) -> bool {
    !matches!(found.payload, Err(Reason::BeyondSegment | Reason::Undurable | Reason::BlockChecksum))
}

/// Whether a segment has blocks, or had: its metadata block is published, or there is a block header anywhere.
/// `bytes` are the whole segment; if the segment is cold, its content. What
/// [`Following::any_block`](super::Following::any_block) asks of each later segment.
#[must_use]
pub fn any_block(start: &SegmentStart, bytes: &[u8]) -> bool {
    if start.published {
        return true;
    }
    let view = start.view(bytes, None);
    let mut found = false;
    scan(&view, SEGMENT_HEADER_SIZE, start.setting(None), &mut |_, _, _| {
        found = true;
        false
    });
    found
}
