//! Sealed segments: whole, in order, read ahead.

use std::ops::RangeInclusive;

use crate::error::Result;
use crate::plan::Sought;
use crate::pool::Loan;
use crate::segment_reader::{Boundary, Extent, ReadFailure, Reading, SegmentReader, Wanted};
use crate::worker::preloader::SegmentPreloader;

use super::Log;

/// Sealed segments being read.
#[derive(Debug)]
pub(super) struct CatchUp {
    preloader: Option<SegmentPreloader>,
    /// Positions of the plan that were taken.
    taken: usize,
    current: Option<Reading>,
    /// Where the segment before begins and ends.
    before: Option<Boundary>,
    /// What the first one was chosen for, and all that there are, until it was read and is right.
    sought: Option<(Sought, RangeInclusive<u32>)>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// Blocks to be handed out.
    Blocks(Extent),
    /// The segment is read to its end; this is the last one, or the next has to be taken.
    SegmentEnds,
    /// All of them are read to their ends.
    Done,
}

impl CatchUp {
    /// Reads the segments with these indices ahead.
    pub(super) fn over(log: &Log, segments: RangeInclusive<u32>) -> Result<Self> {
        let plan = segments.map(|index| Wanted { index, end: None }).collect();
        let ahead = log.options.preload_segments;
        let (context, instruments) = (log.context.clone(), log.instruments.clone());
        let preloader = SegmentPreloader::start(context, plan, None, ahead, instruments, false)?;
        Ok(Self { preloader: Some(preloader), taken: 0, current: None, before: None, sought: None })
    }

    /// Reads those of `all` from the one on that was chosen for an event.
    pub(super) fn seek(log: &Log, event_id: u64, first: u32, all: RangeInclusive<u32>) -> Result<Self> {
        let reading = Self::over(log, first..=*all.end())?;
        Ok(Self { sought: Some((Sought::From(event_id), all)), ..reading })
    }

    /// A segment that was read already.
    pub(super) fn of(reader: SegmentReader) -> Self {
        let before = Some(reader.boundary());
        Self { preloader: None, taken: 0, current: Some(Reading::of(reader, false)), before, sought: None }
    }

    /// What comes next of what is in memory.
    pub(super) fn step(&mut self) -> Step {
        if let Some(extent) = self.current.as_mut().and_then(Reading::next) {
            return Step::Blocks(extent);
        }
        let left = self.preloader.as_ref().map_or(0, SegmentPreloader::len) - self.taken;
        if left > 0 { Step::SegmentEnds } else { Step::Done }
    }

    /// Takes the next segment; waits for it to be read. Gives where it begins and ends.
    pub(super) fn take(&mut self, log: &Log) -> std::result::Result<Boundary, (u32, ReadFailure)> {
        let boundary = self.take_next()?;
        let Some((sought, all)) = self.sought.take() else { return Ok(boundary) };
        let (first, telemetry) = (*all.start(), &log.instruments.consumer);
        let failed = |error| (boundary.index, ReadFailure::Failed(error));
        if sought.begins_in(&log.context, &boundary, first, telemetry).map_err(failed)? {
            return Ok(boundary);
        }
        // On the way from the beginning whatever has misled the search is found.
        *self = Self::over(log, all).map_err(failed)?;
        self.take_next()
    }

    fn take_next(&mut self) -> std::result::Result<Boundary, (u32, ReadFailure)> {
        let preloader = self.preloader.as_mut().expect("there is a next segment");
        let finished = self.current.take().map(|current| current.reader);
        let reader = preloader
            .take(self.taken, finished)
            .map_err(|failure| (preloader.wanted(self.taken), failure))?;
        self.taken += 1;
        preloader.wake_worker();
        let boundary = reader.boundary();
        if let Some(older) = self.before.replace(boundary) {
            let continues = boundary.check_continues(&older);
            continues.map_err(|damage| (boundary.index, ReadFailure::Damaged(damage)))?;
        }
        self.current = Some(Reading::of(reader, false));
        Ok(boundary)
    }

    /// Where the segment taken last begins and ends.
    pub(super) fn boundary(&self) -> Option<Boundary> {
        self.before
    }

    /// A part of the memory of the segment taken last.
    pub(super) fn memory(&self, part: usize) -> Option<&Loan> {
        self.current.as_ref().map(|current| current.reader.part(part))
    }

    pub(super) fn index(&self) -> u32 {
        self.before.map_or(0, |boundary| boundary.index)
    }
}
