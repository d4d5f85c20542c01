//! Putting back what a repair has cut.
//!
//! The files of the log are made what they were in the reverse order of the repair, each as a whole under a temporary
//! name that is then renamed: whoever is stopped in between leaves a log that the repair went through as well. The bytes
//! stay in the quarantine, and only when all of them are back does it say so of them.

mod choose;
mod put_back;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flashstrike_segment::names::{self, SegmentKind};
use serde::Serialize;

use super::by_hand::{ByHandOptions, check_there};
use super::evidence::{Evidence, LogEnd};
use super::quarantine::{stamp_of, write_evidence};
use crate::error::Result;
use crate::files::{FileSystem, remove_if_there, sync_names};
use crate::inspect::SegmentSource;
use crate::lock::{LogLock, refuse_beside_writer};
use crate::machine::known_boot_id;
use choose::choose;
use put_back::Target;

/// What putting back does or did. As JSON its keys are in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoPlan {
    /// The repair, by the time that everything it has cut says.
    pub cut_at: String,
    /// Where the log ends, before and after as far as its blocks verify in place.
    pub log_end: LogEnd,
    /// What is put back, in this order.
    pub files: Vec<PutBack>,
    /// Earlier repairs that have cut at the same place and are not undone: one that was stopped and begun again.
    pub also: Vec<String>,
}

/// One piece that is put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PutBack {
    /// Name of the file.
    pub file: String,
    /// Where the bytes begin in it.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// Whether they were compared with the checksum that was taken of them; false: an older version took none, and their
    /// number alone was.
    pub checked: bool,
    /// Ids that their block headers name; 0: none can be read.
    pub first_event_id: u64,
    /// See `first_event_id`.
    pub last_event_id: u64,
    /// Where they are kept, from the log's directory.
    pub kept_in: String,
    /// Why they were cut.
    pub reason: String,
}

/// Says what [`undo`] would do, and changes nothing. `name` is the time of a repair, as everything it has cut says it
/// (`YYYYMMDDThhmmssZ`), or the name of something that it has kept; `None`: the newest one that was not undone.
///
/// # Errors
/// `WAL_NOT_FOUND` if there is no log or no such repair; `WAL_LOCKED` beside a writer; `WAL_UNSUPPORTED` if something was
/// appended since, or what was kept is not there any more as it was; `WAL_IO`.
pub fn plan_undo(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    name: Option<&str>,
    options: &ByHandOptions,
) -> Result<UndoPlan> {
    check_there(&**files, directory)?;
    refuse_beside_writer(&**files, directory)?;
    Ok(choose(files, directory, name, options)?.plan())
}

/// Makes the log what it was before a repair, damage included. See [`plan_undo`] for `name`. Takes the lock of the log
/// meanwhile.
///
/// # Errors
/// As [`plan_undo`], with nothing changed. `WAL_IO` in the middle: begin again.
pub fn undo(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    name: Option<&str>,
    options: &ByHandOptions,
) -> Result<UndoPlan> {
    check_there(&**files, directory)?;
    let boot_id = known_boot_id(options.boot_id)?.unwrap_or_default();
    let _lock = LogLock::acquire(&**files, directory, options.file_mode(), &boot_id)?;
    let chosen = choose(files, directory, name, options)?;
    let target = Target { files: &**files, directory, file_mode: options.file_mode() };
    for (stem, evidence) in &chosen.kept {
        if evidence.file == names::WAL_META {
            let source = SegmentSource::new(files, directory);
            target.put_back_meta(stem, evidence, source.meta()?.valid(), chosen.durable_event_id)?;
            continue;
        }
        target.put_back(stem, evidence)?;
        let is_alone = !chosen.kept.iter().any(|(_, other)| other.file == hot_name_of(evidence));
        if is_alone && chosen.log_end.segment.is_some_and(|segment| is_cold(evidence, segment)) {
            // The repair has made it, from the good beginning of the compressed one.
            remove_if_there(&**files, &directory.join(hot_name_of(evidence)))?;
            sync_names(&**files, directory)?;
        }
    }
    let undone_at = stamp_of(SystemTime::now());
    let place = directory.join(names::QUARANTINE);
    for (stem, evidence) in &chosen.kept {
        let evidence = Evidence { undone_at: Some(undone_at.clone()), ..evidence.clone() };
        write_evidence(&**files, &place, stem, &evidence, options.file_mode())?;
    }
    sync_names(&**files, &place)?;
    Ok(chosen.plan())
}

fn is_cold(evidence: &Evidence, index: u32) -> bool {
    evidence.segment().is_some_and(|segment| segment.kind == SegmentKind::Cold && segment.index == index)
}

fn hot_name_of(evidence: &Evidence) -> String {
    evidence.segment().map_or_else(String::new, |segment| names::hot_name(segment.index))
}
