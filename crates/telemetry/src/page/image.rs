//! A page that is in memory as a whole: copied from somewhere.

use std::path::Path;

use super::header::STATE_AT;
use super::parse::{Layout, WORD, header_in};
use super::{PageError, PageState};
use crate::Snapshot;

/// Reads all bytes of a page that somebody has copied, whoever made them. Never panics, whatever they are. `path` is for
/// the messages. Nobody records in a copy: one of a page that was not closed is that of a dead process.
///
/// # Errors
/// As [`TelemetryPage::attach`](super::TelemetryPage::attach).
pub fn snapshot_of_bytes(bytes: &[u8], path: &Path) -> Result<Snapshot, PageError> {
    let header = header_in(bytes, bytes.len() as u64, path)?;
    let part = |from: u64, length: u64| {
        let from = usize::try_from(from).ok()?;
        bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)
    };
    let outside = || PageError::damaged(path, 0, "it ends too early");
    let catalogue = part(header.catalogue_at.into(), header.catalogue_bytes.into()).ok_or_else(outside)?;
    let layout = Layout::parse(header, catalogue, path)?;
    let values = part(header.values_at, header.values_bytes).ok_or_else(outside)?;
    let (words, _) = values.as_chunks::<WORD>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let state = bytes[STATE_AT..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    layout.snapshot(&words, PageState::of(state, false, path)?).ok_or_else(outside)
}
