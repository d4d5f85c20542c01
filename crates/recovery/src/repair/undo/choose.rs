//! Which repair is undone, and whether all that it has kept is there and fits the log as it is.

use std::path::Path;
use std::sync::Arc;

use flashstrike_segment::names;

use super::super::by_hand::{ByHandOptions, look};
use super::super::evidence::{Evidence, Kept, LogEnd, quarantine};
use super::super::quarantine::xxh3_of;
use super::{PutBack, UndoPlan};
use crate::error::{Code, Error, Result};
use crate::files::{FileSystem, OpenMode};
use crate::inspect::Inspection;
use crate::machine::known_boot_id;

/// A repair that can be undone.
pub(super) struct Chosen {
    cut_at: String,
    pub(super) log_end: LogEnd,
    /// What is known to be durable now.
    pub(super) durable_event_id: u64,
    /// Name in the quarantine and description, in the order in which they go back.
    pub(super) kept: Vec<(String, Evidence)>,
    also: Vec<String>,
}

impl Chosen {
    pub(super) fn plan(self) -> UndoPlan {
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

/// Finds a repair by `name`, see [`plan_undo`](super::plan_undo), and makes sure that undoing it is right.
pub(super) fn choose(
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
    let durable_event_id = inspection.known_on_disk(files, known_boot_id(options.boot_id)?)?;
    Ok(Chosen { cut_at, log_end, durable_event_id, kept, also })
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
        let (then, now) = (log_end.event_id.max(log_end.staged_event_id), inspection.last_id());
        let since = if now == then {
            format!(
                "ends with event {then} as when it was cut, but was opened for append since, which has gone on behind"
            )
        } else {
            format!(
                "ended with event {then} when it was cut and ends with {now} now: something was appended since"
            )
        };
        let message = format!(
            "the log in {} {since}, and what was cut would lie over it; put it back into a copy of that time",
            directory.display(),
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
