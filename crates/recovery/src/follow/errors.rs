//! What ends following.

use std::time::{Duration, Instant};

use flashstrike_segment::{Damage, Position, Reason};

use super::Follower;
use crate::directory::{Listing, no_segment};
use crate::error::{Code, Error, Result};
use crate::inspect::SegmentSource;
use crate::plan::removed;
use crate::segment_reader::{ReadContext, ReadFailure};

/// How long a place beside a living writer may not verify although the log goes on behind it: longer than opening for
/// append takes to come to an end, whose steps leave a damaged log in between as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// A place that does not verify for now.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    damage: Damage,
    since: Instant,
}

impl Doubt {
    /// The same place keeps its time.
    pub(super) fn about(before: Option<Self>, segment: u32, offset: u64, reason: Reason) -> Self {
        let position = Position { segment: Some(segment), offset };
        let since = before.filter(|before| before.damage.position == position).map(|before| before.since);
        Self { damage: Damage { position, reason }, since: since.unwrap_or_else(Instant::now) }
    }

    pub(super) fn segment(&self) -> Option<u32> {
        self.damage.position.segment
    }

    pub(super) fn offset(&self) -> u64 {
        self.damage.position.offset
    }

    pub(super) fn is_old(&self) -> bool {
        self.since.elapsed() >= PATIENCE
    }

    pub(super) fn to_error(&self, source: &SegmentSource) -> Error {
        corrupt(&self.damage, source)
    }
}

/// `WAL_CORRUPT` for a place.
pub(super) fn corrupt(damage: &Damage, source: &SegmentSource) -> Error {
    let message = format!(
        "the log is corrupt at {damage}. Nothing of it was handed out and nothing was changed: restore the file from a \
         copy, or read what is left with mode diagnostic"
    );
    Error::new(Code::Corrupt, message).at_damage(damage, &source.directory, |index| source.read_path(index))
}

impl Follower {
    /// A segment could not be read whole.
    pub(super) fn explain(&self, index: u32, failure: ReadFailure) -> Error {
        match failure {
            ReadFailure::Failed(error) => error,
            ReadFailure::Damaged(damage) => corrupt(&damage, &self.log.context.source),
            ReadFailure::Cancelled => Error::new(Code::Closed, "following was ended"),
            ReadFailure::Vanished => match self.vanished(index) {
                Ok(error) | Err(error) => error,
            },
        }
    }

    /// A segment that has to be there is not: retention was faster, or the log is gone, or somebody's hand.
    pub(super) fn vanished(&self, index: u32) -> Result<Error> {
        let source = &self.log.context.source;
        if let Some(removed) = removed(&self.log.context, index, || self.given + 1)? {
            return Ok(removed);
        }
        let listing = Listing::read(&*source.files, &source.directory)?;
        if listing.segments.is_empty() {
            return Ok(no_segment(&source.directory, &listing, source.meta()?.valid()));
        }
        let position = Position { segment: Some(index), offset: 0 };
        Ok(corrupt(&Damage { position, reason: Reason::SegmentMissing }, source))
    }

    /// What was handed out is not in the log any more.
    pub(super) fn lost(&self) -> Error {
        let ReadContext { source, log, .. } = &self.log.context;
        let first_segment = source.first_segment(log.as_ref()).ok().flatten().unwrap_or(0);
        let begins = source
            .first_event_id(first_segment)
            .map_or_else(String::new, |first| format!("; the log begins with event {first}"));
        let message = format!(
            "the log does not go on behind event {}, which was handed out: it was cut or replaced since{begins}. What is \
             not durable can be cut when the log is opened for append; follow it with durableOnly to be given nothing \
             that can",
            self.given
        );
        Error::new(Code::Gone, message).at_event(self.given).at_path(&source.directory)
    }
}
