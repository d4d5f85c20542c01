//! Making a log fit for appending: what is cut goes to quarantine first.
//!
//! Everything here may be stopped at any point and started again from the beginning, with the same result. Each step
//! leaves a log that is worth the same events, except that what stands behind the cut becomes less.

mod by_hand;
mod cut;
mod evidence;
mod for_append;
mod keep;
mod quarantine;
mod rewrite;
mod undo;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flashstrike_segment::{Link, LogIdentity, Reason, SegmentHeader, State, names};

use crate::error::{Code, Error, Result};
use crate::files::FileSystem;
use crate::inspect::{Depth, Inspection, SegmentFacts, StagedEvents};
use crate::mode::Mode;
use crate::report::{CutReport, IdRange};
pub use by_hand::{ByHandOptions, CursorAhead, RepairPlan, plan_repair, repair, repair_if};
use cut::{Purpose, Repair};
pub use evidence::{Evidence, Kept, LogEnd, quarantine};
pub(crate) use rewrite::checked_body;
pub use rewrite::mark_poisoned;
pub use undo::{PutBack, UndoPlan, plan_undo, undo};

/// How to repair.
#[derive(Debug, Clone, Copy)]
pub struct RepairOptions {
    /// What may be cut.
    pub mode: Mode,
    /// Permission bits of new files.
    pub file_mode: u32,
}

/// What a log is after [`prepare_for_append`]: clean by itself, with nothing but prepared segments behind its end.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// Log id, event size, segment size and schema; `None`: nothing of a log is left, or nothing ever was.
    pub identity: Option<LogIdentity>,
    /// Index of the first segment that belongs to the log.
    pub first_segment: u32,
    /// Where the next block goes.
    pub append: AppendPoint,
    /// What the next block continues; its id is g. All zero if there is no block.
    pub link: Link,
    /// Id of the first event in a block; 0: none.
    pub first_event_id: u64,
    /// W: the highest id that was there for certain: durable, or published on this boot, which no crash takes away.
    pub durable_event_id: u64,
    /// Segments that are unsealed and are not the one to append to, ascending.
    pub rotated: Vec<SegmentFacts>,
    /// Prepared segments that can be used as they are, ascending; they follow the append point without a gap.
    pub prepared: Vec<(u32, SegmentHeader)>,
    /// Staged events that belong behind the last block.
    pub staged: Option<StagedEvents>,
    /// What was cut and where it was kept.
    pub cuts: Vec<CutReport>,
    /// Ids that were given out and are gone.
    pub lost: Option<IdRange>,
    /// What was done, in words.
    pub notes: Vec<String>,
}

/// Where the next block goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendPoint {
    /// Behind the last block of this unsealed segment; its `end` and `counts.block_count` are the place.
    Active(SegmentFacts),
    /// Into a segment still to be activated, with this index: the last one is sealed, or there is none.
    Next(u32),
}

/// Does what opening for append does between the verdict and the staged events.
///
/// The caller holds `wal.lock`, and `inspection` was made since. What a file is left with is not synced where only the
/// caller's own sync of that file makes it count.
///
/// In this order: unfinished files are removed; what will be cut goes to quarantine, synced; the segments behind the cut
/// are removed from the highest down; the rest of the segment is zeroed and synced; prepared segments that cannot be
/// used are removed; files of a wrong length get the right one; unpublished remains are zeroed; damaged headers are
/// written anew; blocks above what is proved to be on the device are written once more in place, the same bytes, since
/// an earlier sync that failed may have left clean pages that never reached it; what retention had begun to remove is
/// removed.
///
/// # Errors
/// `WAL_CORRUPT` or `WAL_TORN`, by mode, with nothing changed; `WAL_UNSUPPORTED` in `diagnostic` mode, which is
/// read-only. In the middle: `WAL_IO`, and `WAL_CORRUPT` if a segment is not any more what `inspection` says of it; after
/// either everything may be tried again with a new inspection.
pub fn prepare_for_append(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    inspection: &Inspection,
    options: &RepairOptions,
) -> Result<Repaired> {
    refuse(inspection, options.mode)?;
    let mut repair =
        Repair::new(files, directory, inspection, options.file_mode, SystemTime::now(), Purpose::Append);
    repair.remove_leftovers()?;
    repair.keep_what_will_go()?;
    repair.remove_behind()?;
    repair.cut()?;
    repair.remove_unusable_prepared()?;
    repair.correct_lengths()?;
    repair.zero_unpublished_remains()?;
    repair.write_damaged_headers()?;
    repair.rewrite_above_proof()?;
    repair.finish_retirement()?;
    Ok(repair.conclude())
}

fn refuse(inspection: &Inspection, mode: Mode) -> Result<()> {
    if mode == Mode::Diagnostic {
        let message = "diagnostic mode is read-only; open for append in tail, strict or point-in-time mode";
        return Err(Error::new(Code::Unsupported, message).at_path(&inspection.directory));
    }
    if let Some(error) = refusal(inspection, mode) {
        return Err(error);
    }
    if inspection.state == State::Corrupt && inspection.depth != Depth::Everything {
        let message = "point-in-time cuts only what a verification of every segment has found";
        return Err(Error::new(Code::Unsupported, message).at_path(&inspection.directory));
    }
    Ok(())
}

/// What a mode says to a verdict: an error that names the exact position, or nothing.
pub(crate) fn refusal(inspection: &Inspection, mode: Mode) -> Option<Error> {
    let (code, kind) = match (inspection.state, mode) {
        (State::Corrupt, Mode::Tail | Mode::Strict) => (Code::Corrupt, "is corrupt"),
        (State::Torn, Mode::Strict) => (Code::Torn, "ends in a torn tail"),
        _ => return None,
    };
    let damage = inspection.damage.as_ref()?;
    let (g, w) = (inspection.last_event_id, inspection.durable_event_id);
    let is_named_first = matches!(damage.reason, Reason::SegmentMissing)
        && inspection.meta.valid().is_some_and(|meta| damage.position.segment == Some(meta.first_segment));
    let proof = if w > g {
        format!(", although events up to {w} were there for certain")
    } else if is_named_first {
        format!(", although {} says that the log begins there", names::WAL_META)
    } else {
        String::new()
    };
    let advice = match code {
        Code::Torn => "mode tail cuts it, keeping the bytes in quarantine/",
        _ => {
            "restore the file from a copy, read what is left with mode diagnostic, or give up what is behind the \
             damage with mode point-in-time, which keeps it in quarantine/"
        }
    };
    let message = format!(
        "the log {kind} at {damage}; the last event before that is {g}{proof}. Nothing was changed: {advice}"
    );
    let staging = inspection.directory.join(names::WAL_STAGING);
    let error = Error::new(code, message).at_path(&staging);
    Some(error.at_damage(damage, &inspection.directory, |index| inspection.read_path(index)))
}
