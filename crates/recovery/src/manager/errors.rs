//! What ends a replay.

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{Damage, Position, Reason};

use super::{Manager, ReplayOptions};
use crate::error::{Code, Error};
use crate::plan::removed;
use crate::segment_reader::{PreviousBlock, ReadFailure};

impl Manager {
    /// A segment could not be read whole.
    pub(super) fn explain(&self, segment: u32, failure: ReadFailure) -> Error {
        match failure {
            ReadFailure::Failed(error) => error,
            ReadFailure::Damaged(damage) => {
                let position = self.end_before(&damage);
                self.corrupt(&position.unwrap_or(damage))
            }
            ReadFailure::Cancelled => Error::new(Code::Closed, "the replay was closed"),
            ReadFailure::Vanished => self.vanished(segment),
        }
    }

    /// A metadata block that names its segment and continues another block than the last one was not found where it
    /// stands but where that block ends, whatever else is wrong with it.
    fn end_before(&self, damage: &Damage) -> Option<Damage> {
        let older = self.neighbour.filter(|_| !self.options.reverse)?;
        let index = damage.position.segment.filter(|&index| older.index.checked_add(1) == Some(index))?;
        let source = &self.snapshot.context.source;
        let start = source.start(index, None).ok()??;
        let (block, metadata) =
            start.metadata.filter(|_| damage.position.offset == SEGMENT_HEADER_SIZE as u64)?;
        let is_other = PreviousBlock::of_metadata(&block, &metadata) != older.link.into();
        let log_id = self.snapshot.context.log.as_ref().map(|log| log.log_id);
        (metadata.segment_index == index && is_other).then(|| Damage {
            position: Position { segment: Some(older.index), offset: older.end },
            reason: Reason::continues_another(source.read_name(index), &metadata, log_id),
        })
    }

    pub(super) fn corrupt(&self, damage: &Damage) -> Error {
        let is_read = self.neighbour.is_some_and(|read| Some(read.index) == damage.position.segment);
        let handed_out = if is_read {
            "What was handed out of that segment verifies. Nothing was changed"
        } else {
            "Nothing of that segment was handed out and nothing was changed"
        };
        let message = format!(
            "the log is corrupt at {damage}. {handed_out}: restore the file from a copy, read what is left with mode \
             diagnostic, or end before the damage with mode point-in-time"
        );
        let source = &self.snapshot.context.source;
        Error::new(Code::Corrupt, message)
            .at_damage(damage, &source.directory, |index| source.read_path(index))
    }

    /// A segment that was there when the replay began is not any more: retention, or somebody's hand.
    fn vanished(&self, index: u32) -> Error {
        match removed(&self.snapshot.context, index, || self.first_missing_in(index)) {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => self.corrupt(&Damage {
                position: Position { segment: Some(index), offset: 0 },
                reason: Reason::SegmentMissing,
            }),
        }
    }

    /// The event of a segment that would have been given first.
    fn first_missing_in(&self, index: u32) -> u64 {
        let ReplayOptions { from, to, reverse } = self.options;
        // A segment that is left in its middle is its own neighbour, and goes on where the options say.
        match self.neighbour.filter(|neighbour| neighbour.index != index) {
            Some(newer) if reverse => newer.continues.last_event_id,
            Some(older) => older.link.last_event_id + 1,
            None if reverse => {
                let last = self.snapshot.inspection.link.map_or(0, |link| link.last_event_id);
                to.unwrap_or(last).min(last)
            }
            None => from.unwrap_or(1),
        }
    }
}
