//! Repair on its own, for the command line: what it would do, and doing it.
//!
//! It does what opening for append does about damage and no more: what is cut is kept, and what a later writer does
//! anyway (headers written anew, remains zeroed, leftovers removed) is left to that writer. So every byte that it changes
//! stands in the quarantine, but for the durable id of `wal.meta`, which is only ever raised, and [`undo`](super::undo)
//! can make the log what it was.
//!
//! A repair that is stopped anywhere begins again from the beginning, with the same result.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flashstrike_segment::{State, WalMeta, names};
use serde::Serialize;

use super::cut::{Purpose, Repair};
use super::evidence::{LogEnd, quarantine};
use super::keep::{is_meta_replaced, is_staging_removed};
use super::refuse;
use crate::cursor::CursorEntry;
use crate::directory::{Listing, absolute};
use crate::error::{Code, Error, Result};
use crate::files::{FileSystem, remove_if_there};
use crate::inspect::{Depth, InspectOptions, Inspection, inspect};
use crate::lock::{LogLock, refuse_beside_writer};
use crate::machine::known_boot_id;
use crate::meta_file::replace_meta;
use crate::mode::Mode;
use crate::report::{CutReport, DamageReport, IdRange, LogState};

/// How to repair by hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByHandOptions {
    /// What may be cut: `tail` a torn tail, `point-in-time` everything from the first damage on.
    pub mode: Mode,
    /// Permission bits of new files; `None`: 0600.
    pub file_mode: Option<u32>,
    /// What to take for the boot id of the machine; `None`: what the machine says.
    pub boot_id: Option<[u8; 16]>,
    /// The time in the names of what is kept, which is that of the repair; `None`: now. With the same one, a repair keeps
    /// things under the names that its plan has told.
    pub at: Option<SystemTime>,
}

impl ByHandOptions {
    pub(super) fn file_mode(&self) -> u32 {
        self.file_mode.unwrap_or(0o600)
    }

    fn at(&self) -> SystemTime {
        self.at.unwrap_or_else(SystemTime::now)
    }
}

/// What a repair does or did. As JSON its keys are in camel case, and `None` is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepairPlan {
    /// What may be cut.
    pub mode: Mode,
    /// What the log is before; a clean one needs no repair, and nothing is done.
    pub state: LogState,
    /// The first position that does not verify.
    pub damage: Option<DamageReport>,
    /// Events that the log holds afterwards, staged ones included.
    pub events: u64,
    /// Id of the first of them; 0: none.
    pub first_event_id: u64,
    /// Id of the last of them; 0: none.
    pub last_event_id: u64,
    /// The highest id that was there for certain: durable, or published on this boot, which no crash takes away.
    pub durable_event_id: u64,
    /// Ids that were given out and are gone afterwards.
    pub lost: Option<IdRange>,
    /// What is cut, and where it is kept.
    pub cuts: Vec<CutReport>,
    /// Where the log ends afterwards.
    pub log_end: LogEnd,
    /// Cursors that stand beyond the end of the log afterwards.
    pub cursors_ahead: Vec<CursorAhead>,
    /// What [`undo`](super::undo) knows this repair by; `None`: nothing was cut, or this is only a plan.
    pub cut_at: Option<String>,
}

/// A cursor that stands beyond the end of the log: opening it is `WAL_CURSOR_AHEAD` until it is reset, and the ids up to
/// where it stands are given out once more, for other events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CursorAhead {
    /// Its name.
    pub name: String,
    /// The last event that its consumer is done with.
    pub event_id: u64,
}

impl CursorAhead {
    fn list(files: &dyn FileSystem, directory: &Path, inspection: &Inspection) -> Result<Vec<Self>> {
        let log_id = inspection.identity.as_ref().map(|identity| &identity.log_id);
        let end = inspection.last_id();
        let ahead = |entry: CursorEntry| {
            let event_id = entry.position.ok()?.event_id;
            (event_id > end).then_some(Self { name: entry.name, event_id })
        };
        Ok(CursorEntry::list(files, directory, log_id)?.into_iter().filter_map(ahead).collect())
    }
}

/// Says what [`repair`] would do, and changes nothing.
///
/// # Errors
/// `WAL_CORRUPT` if the log is corrupt and the mode is `tail`; `WAL_LOCKED` beside a writer; `WAL_NOT_FOUND`;
/// `WAL_UNSUPPORTED` in another mode than `tail` and `point-in-time`; `WAL_IO`.
pub fn plan_repair(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &ByHandOptions,
) -> Result<RepairPlan> {
    check(&**files, directory, options.mode)?;
    refuse_beside_writer(&**files, directory)?;
    let inspection = look(files, directory, options.boot_id)?;
    plan(files, directory, options, &inspection)
}

fn plan(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &ByHandOptions,
    inspection: &Inspection,
) -> Result<RepairPlan> {
    refuse(inspection, options.mode)?;
    let ahead = CursorAhead::list(&**files, directory, inspection)?;
    if inspection.state == State::Clean {
        return Ok(plan_of(inspection, options.mode, None, ahead));
    }
    let mut repair =
        Repair::new(files, directory, inspection, options.file_mode(), options.at(), Purpose::Plan);
    repair.keep_what_will_go()?;
    Ok(plan_of(inspection, options.mode, Some(repair), ahead))
}

/// Cuts a torn tail, or in `point-in-time` mode everything from the first damage on, and keeps it in quarantine. Takes
/// the lock of the log meanwhile. A log that is clean is left as it is.
///
/// # Errors
/// As [`plan_repair`], with nothing changed. `WAL_CORRUPT` also behind the cut, if the log is not clean even then: what was
/// cut stands in quarantine. `WAL_IO` in the middle: begin again.
pub fn repair(files: &Arc<dyn FileSystem>, directory: &Path, options: &ByHandOptions) -> Result<RepairPlan> {
    repair_if(files, directory, options, |_| true)
}

/// As [`repair`], if it would still do what somebody has agreed to: `is_agreed` is asked with the plan as it is now, when
/// nobody else can change the log any more.
///
/// # Errors
/// As [`repair`]; `WAL_LOCKED`, with nothing changed, if it is not what was agreed to.
pub fn repair_if(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &ByHandOptions,
    is_agreed: impl FnOnce(&RepairPlan) -> bool,
) -> Result<RepairPlan> {
    check(&**files, directory, options.mode)?;
    let boot_id = known_boot_id(options.boot_id)?;
    let _lock = LogLock::acquire(&**files, directory, options.file_mode(), &boot_id.unwrap_or_default())?;
    let inspection = look(files, directory, options.boot_id)?;
    let planned = plan(files, directory, options, &inspection)?;
    if !is_agreed(&planned) {
        let message = format!(
            "somebody else has changed the log in {} since this repair was planned; nothing was changed: look at the \
             plan once more",
            directory.display()
        );
        return Err(Error::new(Code::Locked, message).at_path(directory));
    }
    if inspection.state == State::Clean {
        return Ok(planned);
    }
    let mut repair =
        Repair::new(files, directory, &inspection, options.file_mode(), options.at(), Purpose::Cut);
    repair.keep_what_will_go()?;
    let durable_event_id = inspection.known_on_disk(files, boot_id)?;
    // Before the cut takes the proof of it away.
    repair.raise_meta(durable_event_id)?;
    repair.remove_behind()?;
    repair.cut()?;
    if inspection.state == State::Corrupt {
        repair.finish_retirement()?;
    }
    if is_staging_removed(&inspection) {
        remove_if_there(&**files, &directory.join(names::WAL_STAGING))?;
        repair.sync_directory()?;
    }
    repair.renew_meta(durable_event_id)?;
    let plan = plan_of(&inspection, options.mode, Some(repair), planned.cursors_ahead);
    let after = look(files, directory, options.boot_id)?;
    if after.state != State::Clean || after.last_id() != plan.last_event_id {
        let found = after.damage.as_ref().map_or_else(String::new, |damage| format!(": {damage}"));
        let message = format!(
            "the log in {} is not clean after its repair{found}; what was cut stands in {}",
            directory.display(),
            names::QUARANTINE
        );
        return Err(Error::new(Code::Corrupt, message).at_path(directory));
    }
    Ok(plan)
}

impl Repair<'_> {
    /// Has `wal.meta` say what is durable, if it says less.
    fn raise_meta(&self, durable_event_id: u64) -> Result<()> {
        match self.inspection.meta.valid() {
            Some(meta) if meta.durable_event_id < durable_event_id => {
                self.replace_meta(&WalMeta { durable_event_id, ..meta.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Has `wal.meta` say where the log ends behind the cut, if it says anything else.
    fn renew_meta(&self, durable_event_id: u64) -> Result<()> {
        let inspection = self.inspection;
        if !is_meta_replaced(inspection) {
            return Ok(());
        }
        let (Some(identity), Some(last)) = (&inspection.identity, inspection.segments.last()) else {
            remove_if_there(self.files, &self.directory.join(names::WAL_META))?;
            return self.sync_directory();
        };
        let g = inspection.last_event_id;
        self.replace_meta(&WalMeta {
            // A staging memory that is kept in quarantine is not one that somebody has lost.
            clean: is_staging_removed(inspection) || inspection.meta.valid().is_some_and(|meta| meta.clean),
            log_id: identity.log_id,
            last_event_id: g,
            durable_event_id: durable_event_id.min(g),
            first_segment: inspection.first_segment,
            last_segment: last.index,
            end_offset: u32::try_from(last.end).unwrap_or(0),
        })
    }

    fn replace_meta(&self, meta: &WalMeta) -> Result<()> {
        replace_meta(self.files, self.directory, self.file_mode, &meta.encode())
    }
}

fn plan_of(
    inspection: &Inspection,
    mode: Mode,
    repair: Option<Repair<'_>>,
    cursors_ahead: Vec<CursorAhead>,
) -> RepairPlan {
    let cut_at = repair.as_ref().and_then(|repair| {
        (repair.purpose == Purpose::Cut && !repair.cuts.is_empty())
            .then(|| repair.quarantine.stamp().to_owned())
    });
    let (cuts, lost) = match repair.map(Repair::conclude) {
        Some(repaired) => (repaired.cuts, repaired.lost),
        None => (Vec::new(), None),
    };
    RepairPlan {
        mode,
        state: inspection.state.into(),
        damage: inspection.damage.as_ref().map(DamageReport::from),
        events: inspection.verdict.events,
        first_event_id: inspection.first_id(),
        last_event_id: inspection.last_id(),
        durable_event_id: inspection.durable_event_id,
        lost,
        cuts,
        log_end: LogEnd::of(inspection),
        cursors_ahead,
        cut_at,
    }
}

/// There has to be a log, or what a repair has left of one, before a lock is made for it.
pub(super) fn check_there(files: &dyn FileSystem, directory: &Path) -> Result<()> {
    let directory = absolute(directory)?;
    if Listing::read(files, &directory)?.is_empty() && quarantine(files, &directory)?.is_empty() {
        let message =
            format!("no log in {}, nor anything that a repair has kept; check the path", directory.display());
        return Err(Error::new(Code::NotFound, message).at_path(&directory));
    }
    Ok(())
}

fn check(files: &dyn FileSystem, directory: &Path, mode: Mode) -> Result<()> {
    check_there(files, directory)?;
    if matches!(mode, Mode::Tail | Mode::PointInTime) {
        return Ok(());
    }
    let message = format!("mode {mode} repairs nothing; it is tail or point-in-time");
    Err(Error::new(Code::Unsupported, message).at_path(directory))
}

/// All of the log, looked at with nobody appending.
pub(super) fn look(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    boot_id: Option<[u8; 16]>,
) -> Result<Inspection> {
    let boot_id = known_boot_id(boot_id)?;
    let inspecting = InspectOptions { depth: Depth::Everything, boot_id, beside_writer: false };
    inspect(files, directory, &inspecting)
}
