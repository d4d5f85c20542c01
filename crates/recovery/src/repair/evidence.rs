//! The `.json` beside kept bytes, which says to people and to [`undo`](super::undo) what they are.

use std::io;
use std::path::Path;

use flashstrike_platform::names::{Odd, odd};
use flashstrike_segment::layout::MAX_SEGMENT_SIZE;
use flashstrike_segment::names::{self, SegmentFile};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{FileSystem, OpenMode, if_there, read_to_end};
use crate::inspect::Inspection;

/// Longer than any description that was ever written.
const JSON_LIMIT: u64 = 64 << 10;
/// More than any file of a segment has: one that does not compress is a little longer compressed.
const MOST_BYTES: u64 = MAX_SEGMENT_SIZE as u64 * 2;

/// What the `.json` beside kept bytes says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Why the bytes were cut.
    pub reason: String,
    /// Name of the file they stood in.
    pub file: String,
    /// Where they began in it.
    pub offset: u64,
    /// How many are kept; everything behind them was zero.
    pub bytes: u64,
    /// XXH3-64 of them with seed 0, as 16 hexadecimal digits; absent: a version kept them that took none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xxh3: Option<String>,
    /// Ids of the first and last event that their block headers name; 0: none can be read.
    pub first_event_id: u64,
    /// See `first_event_id`.
    pub last_event_id: u64,
    /// The version that cut them.
    pub version: String,
    /// When, as `YYYYMMDDThhmmssZ`: the same for everything that one repair has cut.
    pub cut_at: String,
    /// Where the log ended once they were cut. Putting them back is right as long as it ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_end: Option<LogEnd>,
    /// When they were put back; absent: they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<String>,
    /// How to put them back, in words and commands.
    pub restore: String,
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEnd {
    /// The segment; absent: no block is left.
    pub segment: Option<u32>,
    /// The end of its last block.
    pub offset: u64,
    /// Id of the last event in a block; 0: none.
    pub event_id: u64,
    /// Id of the last event behind it that is staged and belongs to the log; 0: none. The next opening for append writes
    /// these into a block.
    #[serde(default, skip_serializing_if = "is_none")]
    pub staged_event_id: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_none(event_id: &u64) -> bool {
    *event_id == 0
}

impl LogEnd {
    pub(super) fn of(inspection: &Inspection) -> Self {
        let last = inspection.segments.last();
        Self {
            segment: last.map(|last| last.index),
            offset: last.map_or(0, |last| last.end),
            event_id: inspection.last_event_id,
            staged_event_id: inspection.staging.taken.as_ref().map_or(0, |taken| taken.last_event_id),
        }
    }
}

impl Evidence {
    /// What a `.json` says; `None`: it is none, says too little, or is longer than any that was ever written.
    pub fn parse(json: &[u8]) -> Option<Self> {
        if json.len() as u64 > JSON_LIMIT { None } else { serde_json::from_slice(json).ok() }
    }

    /// The segment that the bytes stood in; `None`: another file of the log.
    pub(super) fn segment(&self) -> Option<SegmentFile> {
        SegmentFile::parse(&self.file)
    }

    /// Whether the name is one that a repair keeps, and the place one that a segment has. Nothing else is ever written to,
    /// whatever a description says.
    pub fn is_of_log(&self) -> bool {
        match self.segment() {
            Some(_) => {
                let end = self.offset.checked_add(self.bytes);
                self.offset.is_multiple_of(64) && end.is_some_and(|end| end <= MOST_BYTES)
            }
            None => matches!(self.file.as_str(), names::WAL_META | names::WAL_STAGING) && self.offset == 0,
        }
    }
}

/// One thing in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Name of both its files, without the ending.
    pub stem: String,
    /// What its `.json` says; `None`: there is none that can be read.
    pub evidence: Option<Evidence>,
    /// Length of the `.bin`; `None`: it is not there any more.
    pub bytes: Option<u64>,
}

/// What lies in the quarantine of a log, by name. Files that no repair has made are not listed.
///
/// # Errors
/// `WAL_IO`.
pub fn quarantine(files: &dyn FileSystem, directory: &Path) -> Result<Vec<Kept>> {
    let place = directory.join(names::QUARANTINE);
    let entries = files
        .is_directory(&place)
        .and_then(|is_directory| if is_directory { files.list(&place) } else { Ok(Vec::new()) });
    let entries = if_there(entries).map_err(|error| Error::io("list", &place, &error))?.unwrap_or_default();
    let mut stems: Vec<String> = entries
        .iter()
        .filter(|entry| entry.is_file)
        .filter_map(|entry| entry.name.to_str())
        .filter_map(|name| name.strip_suffix(".bin").or_else(|| name.strip_suffix(".json")))
        .map(str::to_owned)
        .collect();
    stems.sort();
    stems.dedup();
    stems.into_iter().map(|stem| kept(files, &place, stem)).collect()
}

/// A link, or no regular file: no repair has made it, and it must not hide what others have kept.
fn is_odd(path: &Path, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
        || matches!(odd(path, error), Some(Odd::Link | Odd::Directory))
}

fn kept(files: &dyn FileSystem, place: &Path, stem: String) -> Result<Kept> {
    let open = |ending: &str| {
        let path = place.join(format!("{stem}{ending}"));
        match files.open(&path, OpenMode::Read) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_odd(&path, &error) => Ok(None),
            Err(error) => Err(Error::io("open", &path, &error)),
        }
    };
    let bytes = match open(".bin")? {
        Some(file) => Some(file.len().map_err(|error| Error::io("read", place, &error))?),
        None => None,
    };
    let text = open(".json")?.and_then(|file| read_to_end(&*file, JSON_LIMIT).ok());
    let evidence = text.and_then(|text| Evidence::parse(&text));
    Ok(Kept { stem, evidence, bytes })
}
