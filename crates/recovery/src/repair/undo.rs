//! Putting back what a repair has cut.
//!
//! The files of the log are made what they were in the reverse order of the repair, each as a whole under a temporary
//! name that is then renamed: whoever is stopped in between leaves a log that the repair went through as well. The bytes
//! stay in the quarantine, and only when all of them are back does it say so of them.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flashstrike_segment::names::{self, SegmentKind};
use serde::Serialize;

use super::by_hand::{ByHandOptions, check_there, look};
use super::evidence::{Evidence, Kept, LogEnd, quarantine};
use super::quarantine::{for_each_piece, same_bytes, stamp_of, write_evidence, xxh3_of};
use crate::directory::hot_path;
use crate::error::{Code, Error, Result};
use crate::files::{File, FileSystem, OpenMode, remove_if_there, replace_file, sync_names};
use crate::inspect::{Inspection, is_zero};
use crate::lock::{LogLock, refuse_beside_writer};
use crate::machine::known_boot_id;

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

/// A repair that can be undone.
struct Chosen {
    cut_at: String,
    log_end: LogEnd,
    /// Name in the quarantine and description, in the order in which they go back.
    kept: Vec<(String, Evidence)>,
    also: Vec<String>,
}

impl Chosen {
    fn plan(self) -> UndoPlan {
        let files = self.kept.into_iter().map(|(stem, evidence)| PutBack {
            file: evidence.file,
            offset: evidence.offset,
            bytes: evidence.bytes,
            checked: evidence.xxh3.is_some(),
            first_event_id: evidence.first_event_id,
            last_event_id: evidence.last_event_id,
            kept_in: format!("{}/{stem}.bin", names::QUARANTINE),
            reason: evidence.reason,
        });
        UndoPlan { cut_at: self.cut_at, log_end: self.log_end, files: files.collect(), also: self.also }
    }
}

fn choose(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    name: Option<&str>,
    options: &ByHandOptions,
) -> Result<Chosen> {
    let all = quarantine(&**files, directory)?;
    let (cut_at, log_end) = choose_repair(&all, directory, name)?;
    let mut kept = Vec::new();
    for one in &all {
        // Two repairs within a second have the same time, and leave different ends.
        let is_of_repair =
            |evidence: &&Evidence| evidence.cut_at == cut_at && evidence.log_end == Some(log_end);
        let Some(evidence) = one.evidence.as_ref().filter(is_of_repair) else { continue };
        check_kept(&**files, one, evidence, directory)?;
        kept.push((one.stem.clone(), evidence.clone()));
    }
    kept.sort_by_key(|(_, evidence)| {
        let segment = evidence.segment();
        (segment.map(|segment| segment.index), segment.map(|segment| segment.kind), evidence.file.clone())
    });
    let inspection = look(files, directory, options.boot_id)?;
    check_unchanged(&inspection, log_end, &kept)?;
    let is_same = |evidence: &&Evidence| {
        evidence.cut_at != cut_at && evidence.undone_at.is_none() && evidence.log_end == Some(log_end)
    };
    let mut also: Vec<String> = all
        .iter()
        .filter_map(|one| one.evidence.as_ref())
        .filter(is_same)
        .map(|e| e.cut_at.clone())
        .collect();
    also.sort();
    also.dedup();
    Ok(Chosen { cut_at, log_end, kept, also })
}

fn choose_repair(all: &[Kept], directory: &Path, name: Option<&str>) -> Result<(String, LogEnd)> {
    let described = || all.iter().filter_map(|one| Some((one, one.evidence.as_ref()?)));
    let found = match name {
        Some(name) => {
            let stem = name.rsplit('/').next().unwrap_or(name);
            let stem = stem.strip_suffix(".json").or_else(|| stem.strip_suffix(".bin")).unwrap_or(stem);
            described().find(|(one, evidence)| evidence.cut_at == stem || one.stem == stem)
        }
        None => described()
            .filter(|(_, evidence)| evidence.undone_at.is_none() && evidence.log_end.is_some())
            .max_by(|(_, one), (_, other)| one.cut_at.cmp(&other.cut_at)),
    };
    let place = directory.join(names::QUARANTINE);
    let Some((_, evidence)) = found else {
        let which = name.map_or_else(|| "that was not undone".to_owned(), |name| format!("{name:?}"));
        let message = format!("{} holds nothing of a repair {which}", place.display());
        return Err(Error::new(Code::NotFound, message).at_path(&place));
    };
    let cut_at = evidence.cut_at.clone();
    match evidence.log_end {
        Some(_) if evidence.undone_at.is_some() => {
            let message = format!("the repair {cut_at} was undone already; nothing was changed");
            Err(Error::new(Code::NotFound, message).at_path(&place))
        }
        Some(log_end) => Ok((cut_at, log_end)),
        None => {
            let message = format!(
                "what the repair {cut_at} has kept does not say where the log ended; put it back as the .json files in \
                 {} say",
                place.display()
            );
            Err(Error::new(Code::Unsupported, message).at_path(&place))
        }
    }
}

fn check_kept(files: &dyn FileSystem, one: &Kept, evidence: &Evidence, directory: &Path) -> Result<()> {
    let path = directory.join(names::QUARANTINE).join(format!("{}.bin", one.stem));
    let message = if !evidence.is_of_log() {
        format!(
            "{} is said to be of {:?}, from byte {} on, which is no place in a file of a log; nothing was changed",
            path.display(),
            evidence.file,
            evidence.offset
        )
    } else if one.bytes != Some(evidence.bytes) {
        let found = one.bytes.map_or_else(|| "is not there".to_owned(), |bytes| format!("has {bytes} bytes"));
        format!("{} {found}, where {} bytes were kept; nothing was changed", path.display(), evidence.bytes)
    } else if !has_kept_bytes(files, &path, evidence)? {
        format!(
            "{} does not hold the bytes that were kept: their checksum is another one than its .json says; nothing was \
             changed. Put the file back from a copy",
            path.display()
        )
    } else {
        return Ok(());
    };
    Err(Error::new(Code::Unsupported, message).at_path(&path))
}

/// True also where no checksum was taken.
fn has_kept_bytes(files: &dyn FileSystem, path: &Path, evidence: &Evidence) -> Result<bool> {
    let Some(expected) = &evidence.xxh3 else { return Ok(true) };
    let file = files.open(path, OpenMode::Read).map_err(|error| Error::io("open", path, &error))?;
    let found = xxh3_of(&*file, 0, evidence.bytes).map_err(|error| Error::io("read", path, &error))?;
    Ok(found == *expected)
}

/// The bytes of before would lie over what was appended since.
fn check_unchanged(inspection: &Inspection, log_end: LogEnd, kept: &[(String, Evidence)]) -> Result<()> {
    let now = LogEnd::of(inspection);
    let directory = &inspection.directory;
    if now != log_end {
        let message = format!(
            "the log in {} ended with event {} when it was cut and ends with {} now: something was appended since, and \
             what was cut would lie over it; put it back into a copy of that time",
            directory.display(),
            log_end.event_id.max(log_end.staged_event_id),
            inspection.last_id()
        );
        return Err(Error::new(Code::Unsupported, message).at_path(directory));
    }
    for (_, evidence) in kept {
        let Some(segment) = evidence.segment() else { continue };
        let files = inspection.listing.segments.get(&segment.index).copied().unwrap_or_default();
        let is_behind = log_end.segment.is_none_or(|end| segment.index > end);
        let is_empty = inspection
            .prepared
            .iter()
            .any(|prepared| prepared.index == segment.index && prepared.usable.is_some());
        let is_interrupted = inspection.behind.contains(&segment.index);
        if is_behind && (files.hot || files.cold) && !is_empty && !is_interrupted {
            let path = directory.join(&evidence.file);
            let message = format!("{} is there again; move it away first", path.display());
            return Err(Error::new(Code::Unsupported, message).at_path(&path));
        }
    }
    Ok(())
}

fn is_cold(evidence: &Evidence, index: u32) -> bool {
    evidence.segment().is_some_and(|segment| segment.kind == SegmentKind::Cold && segment.index == index)
}

fn hot_name_of(evidence: &Evidence) -> String {
    evidence.segment().map_or_else(String::new, |segment| names::hot_name(segment.index))
}

/// The log that gets its bytes back.
struct Target<'a> {
    files: &'a dyn FileSystem,
    directory: &'a Path,
    file_mode: u32,
}

impl Target<'_> {
    fn put_back(&self, stem: &str, evidence: &Evidence) -> Result<()> {
        let kept_path = self.directory.join(names::QUARANTINE).join(format!("{stem}.bin"));
        let kept = self.open(&kept_path)?;
        let path = self.directory.join(&evidence.file);
        let base = match (evidence.offset, evidence.segment()) {
            (0, _) | (_, None) => None,
            (_, Some(segment)) => Some(self.open(&hot_path(self.directory, segment.index))?),
        };
        if self.is_back(&path, evidence, &*kept)? {
            return Ok(());
        }
        let temporary = self.directory.join(match evidence.segment() {
            Some(segment) if segment.kind == SegmentKind::Hot => names::new_name(segment.index),
            _ => names::temporary_name(&evidence.file),
        });
        let failed = |error: std::io::Error| Error::io("write", &temporary, &error);
        let end = evidence.offset + evidence.bytes;
        let length = match &base {
            Some(base) => base.len().map_err(failed)?.max(end),
            None => evidence.bytes,
        };
        replace_file(self.files, &temporary, &path, self.file_mode, |file| {
            if length > 0 {
                file.allocate(0, length).map_err(failed)?;
            }
            if let Some(base) = &base {
                copy(&**base, 0, file, 0, length).map_err(failed)?;
            }
            copy_over(&*kept, file, evidence).map_err(failed)?;
            file.sync_all().map_err(failed)
        })?;
        sync_names(self.files, self.directory)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.files.open(path, OpenMode::Read).map_err(|error| Error::io("open", path, &error))
    }

    /// Whether an undo that was stopped has put it back already.
    fn is_back(&self, path: &Path, evidence: &Evidence, kept: &dyn File) -> Result<bool> {
        let file = match self.files.open(path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("open", path, &error)),
        };
        let failed = |error| Error::io("compare", path, &error);
        if evidence.offset == 0 && file.len().map_err(failed)? != evidence.bytes {
            return Ok(false);
        }
        same_bytes(kept, &*file, evidence.offset, evidence.bytes).map_err(failed)
    }
}

/// Copies what is not zero; the target holds nothing but zeros so far.
fn copy(from: &dyn File, offset: u64, to: &dyn File, at: u64, length: u64) -> std::io::Result<()> {
    for_each_piece(from, offset, length, |position, piece| {
        if is_zero(piece) { Ok(()) } else { to.write_all_at(piece, at + (position - offset)) }
    })
}

/// Zeros among the kept bytes count too: they may lie over something.
fn copy_over(kept: &dyn File, to: &dyn File, evidence: &Evidence) -> std::io::Result<()> {
    for_each_piece(kept, 0, evidence.bytes, |position, piece| {
        to.write_all_at(piece, evidence.offset + position)
    })
}
