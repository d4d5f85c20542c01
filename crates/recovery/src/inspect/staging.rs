//! What stands in `wal.staging`.

use std::io;

use flashstrike_segment::layout::STAGING_HEADER_SIZE;
use flashstrike_segment::staging::{STAGING_BASE, STAGING_COUNT, STAGING_WRITTEN};
use flashstrike_segment::{LogVerifier, SegmentStart, StagingHeader, names, payload};

use super::facts::StagingFacts;
use super::verify::Known;
use crate::error::{Error, Result};
use crate::files::{OpenMode, read_full_at};

/// Bytes of the largest block that a writer fills in memory, with room to spare. A larger area belongs to larger segments.
const LARGEST_BLOCK: u32 = 4 << 20;

/// Reads `wal.staging` and has the verifier decide about it.
pub(super) fn read_staging(known: &Known<'_>, verifier: &mut LogVerifier) -> Result<StagingFacts> {
    let path = known.source.directory.join(names::WAL_STAGING);
    let failed = |error: io::Error| Error::io("read", &path, &error);
    let file = match known.source.files.open(&path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(StagingFacts::default()),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = vec![0; STAGING_HEADER_SIZE];
    let read = read_full_at(&*file, &mut bytes, 0).map_err(failed)?;
    bytes.truncate(read);
    let header = StagingHeader::decode(&bytes).ok();
    if let Some(header) = &header {
        // The header has a checksum, and even so no more is read than the file has and a block can hold.
        let largest = known.starts.values().filter_map(SegmentStart::segment_size).max();
        let area = file
            .len()
            .map_err(failed)?
            .saturating_sub(STAGING_HEADER_SIZE as u64)
            .min(header.area_len.into())
            .min(largest.unwrap_or(0).max(LARGEST_BLOCK).into());
        bytes.resize(STAGING_HEADER_SIZE + area as usize, 0);
        let read = read_full_at(&*file, &mut bytes, 0).map_err(failed)?;
        bytes.truncate(read);
    }
    // Without a boot id of the machine nothing can be of this boot.
    let boot_id =
        known.options.boot_id.unwrap_or_else(|| header.as_ref().map_or([0; 16], |h| h.boot_id.map(|b| !b)));
    let outcome = verifier
        .staging(&bytes, &boot_id)
        .map_err(|unsupported| Error::unsupported(&known.source.directory, &unsupported))?;
    let log_id = verifier.clone().finish().identity.map(|identity| identity.log_id);
    let is_unknown = log_id.is_none() && known.meta.is_none();
    let highest = match &header {
        Some(header) if is_unknown || Some(header.log_id) == log_id => highest_event_id(&bytes, header),
        _ => 0,
    };
    Ok(StagingFacts::of(outcome, highest, is_unknown && highest > 0))
}

/// The highest event id that staging names, whether its events can be taken or not.
fn highest_event_id(file: &[u8], header: &StagingHeader) -> u64 {
    let word = |at: usize| {
        file.get(at..at + 8).map_or(0, |raw| u64::from_le_bytes(raw.try_into().unwrap_or([0; 8])))
    };
    let count = word(STAGING_COUNT) as u32;
    let base = word(STAGING_BASE);
    let last = match (header.event_size, count) {
        (_, 0) => 0,
        (0, count) => base.saturating_add(count.into()),
        (size, count) => {
            word(STAGING_HEADER_SIZE.saturating_add((count as usize - 1).saturating_mul(size.into())))
        }
    };
    [base, word(STAGING_WRITTEN), last].into_iter().filter(|&id| payload::is_event_id(id)).max().unwrap_or(0)
}
