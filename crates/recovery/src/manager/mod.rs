//! Replay: every event from one id to another, in order, none missing, none twice, or an error that says where.

mod blocks;
mod errors;
mod indexed;
mod run;
mod segments;

use std::sync::Arc;

use flashstrike_telemetry::clock;

pub use blocks::{Block, Blocks, Event};
pub use run::Run;

use crate::error::{Error, Result};
use crate::inspect::{Inspection, StagedEvents};
use crate::log_view::LogView;
use crate::plan::Sought;
use crate::pool::Loan;
use crate::report::IdRange;
use crate::segment_reader::{Boundary, Extent, IndexedSegment, Next, ReadContext, Reading, SegmentReader};
use crate::telemetry::Instruments;
use crate::worker::preloader::SegmentPreloader;
use blocks::Cursor;
use indexed::Stand;
pub(crate) use run::staged_block;
use run::{Place, Source};

/// Which events to replay, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayOptions {
    /// The first id to be replayed; `None`: the first one there is.
    pub from: Option<u64>,
    /// The last id to be replayed; `None`: the last one there is.
    pub to: Option<u64>,
    /// Runs come newest first. Inside a run the blocks stand in the order of their ids as always.
    pub reverse: bool,
}

impl ReplayOptions {
    pub(crate) fn ids(&self) -> IdRange {
        IdRange { from: self.from.unwrap_or(0), to: self.to.unwrap_or(u64::MAX) }
    }
}

/// What a replay reads from.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) inspection: Arc<Inspection>,
    pub(crate) context: ReadContext,
    pub(crate) preload_segments: usize,
    pub(crate) instruments: Instruments,
}

/// Replays a log. Made by [`Recovery::replay`](crate::Recovery::replay).
///
/// Events come in *runs*: consecutive verified blocks in memory that nobody changes until the next run is asked for.
/// [`next_event`](Self::next_event) walks through them one by one.
#[derive(Debug)]
pub struct Manager {
    view: Arc<LogView>,
    snapshot: Snapshot,
    options: ReplayOptions,
    /// The segment that the replay began in, if it was verified as a whole before; the others come behind it.
    indexed: Option<IndexedSegment>,
    /// Where reading of it has stopped.
    stand: Option<Stand>,
    /// Reads the segments that are not indexed; `None`: which they are was not asked yet.
    preloader: Option<SegmentPreloader>,
    /// Whether that was tried before the indexed segment was read to its end.
    is_rest_begun: bool,
    /// Positions of the plan that were taken.
    taken: usize,
    /// Why the plan begins with its first segment, until that was read and is right.
    sought: Option<Sought>,
    current: Option<Reading>,
    /// Where the segment before begins and ends, which the next one has to fit.
    neighbour: Option<Boundary>,
    /// Staged events that were not handed out yet.
    staged: Option<StagedEvents>,
    /// Memory for a block that is too large for a window, or for the staged events.
    aside: Option<Loan>,
    cursor: Cursor,
    ended: Ended,
}

impl Drop for Manager {
    fn drop(&mut self) {
        // The others are closed by the preloader.
        if let Some(last) = self.current.take() {
            let start = clock::now_ns();
            drop(last);
            self.snapshot.instruments.consumer.record().reader.on_close_segment(start, true);
        }
    }
}

#[derive(Debug)]
enum Ended {
    No,
    Yes,
    /// Asked again, it says so again: an error is never followed by a normal end.
    With(Error),
}

impl Manager {
    /// Begins a replay at an event.
    ///
    /// # Errors
    /// `WAL_GONE` if retention has removed `from`; `WAL_IO`.
    pub(crate) fn resume_from_event(view: &Arc<LogView>, options: ReplayOptions) -> Result<Self> {
        let start = clock::now_ns();
        let made = Self::begin(view, options);
        view.instruments.consumer.record().manager.on_resume_from_event(start, &made);
        made
    }

    fn begin(view: &Arc<LogView>, options: ReplayOptions) -> Result<Self> {
        if let Some(begun) = Self::begin_indexed(view, options) {
            return Ok(begun);
        }
        let (snapshot, tail) = view.look_and_take()?;
        let mut made = Self::new(view, snapshot, options);
        made.sought =
            if options.reverse { options.to.map(|_| Sought::To) } else { options.from.map(Sought::From) };
        made.plan(options, tail, made.sought, |_| true)?;
        Ok(made)
    }

    /// A replay of all events from a segment on, which was chosen for a time.
    pub(crate) fn from_segment(
        view: &Arc<LogView>,
        (snapshot, tail): (Snapshot, Option<SegmentReader>),
        first: u32,
        unix_ns: u64,
    ) -> Result<Self> {
        let mut made = Self::new(view, snapshot, ReplayOptions::default());
        made.sought = Some(Sought::Time(unix_ns));
        made.plan(ReplayOptions::default(), tail, made.sought, |index| index >= first)?;
        Ok(made)
    }

    /// A replay of which nothing is planned yet.
    fn new(view: &Arc<LogView>, snapshot: Snapshot, options: ReplayOptions) -> Self {
        Self {
            view: Arc::clone(view),
            snapshot,
            options,
            indexed: None,
            stand: None,
            preloader: None,
            is_rest_begun: false,
            taken: 0,
            sought: None,
            current: None,
            neighbour: None,
            staged: None,
            aside: None,
            cursor: Cursor::default(),
            ended: Ended::No,
        }
    }

    /// Goes to an event: the next one is the first with this id or above; in reverse, the first with this id or below.
    ///
    /// # Errors
    /// `WAL_GONE` if retention has removed it; `WAL_IO`.
    pub fn seek_event(&mut self, event_id: u64) -> Result<()> {
        let start = clock::now_ns();
        let mut options = self.options;
        if options.reverse {
            options.to = Some(event_id);
        } else {
            options.from = Some(event_id);
        }
        *self = Self::begin(&Arc::clone(&self.view), options)?;
        self.snapshot.instruments.consumer.record().manager.on_seek_event(start);
        Ok(())
    }

    /// Bytes of a fixed-size event of this log; 0: variable-length events.
    pub fn event_size(&self) -> u16 {
        self.snapshot.inspection.identity.as_ref().map_or(0, |identity| identity.event_size)
    }

    /// The next run; `None` at the end. Blocks are never cut: the first one may begin before `from`, the last one may go
    /// on behind `to`.
    ///
    /// # Errors
    /// `WAL_CORRUPT` if the next segment does not verify; nothing of it has been handed out. `WAL_GONE` if retention
    /// has removed it meanwhile. `WAL_IO`. The same error comes again when asked again.
    pub fn next_run(&mut self) -> Result<Option<Run<'_>>> {
        let Some(source) = self.next_source()? else { return Ok(None) };
        Ok(Some(Run::new(source, self.loan_of(source.place))))
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// As [`next_run`](Self::next_run).
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        loop {
            if let Some((place, found)) = self.cursor.next() {
                let bytes = &self.loan_of(place).bytes()[found.bytes];
                return Ok(Some(Event { id: found.id, bytes }));
            }
            if let Some(source) = self.cursor.source() {
                let mut cursor = std::mem::take(&mut self.cursor);
                let has_more =
                    cursor.fill(self.loan_of(source.place).bytes(), &self.options, self.event_size());
                self.cursor = cursor;
                if has_more {
                    continue;
                }
            }
            let Some(source) = self.next_source()? else { return Ok(None) };
            self.cursor.open(source);
        }
    }

    fn loan_of(&self, place: Place) -> &Loan {
        match place {
            Place::Segment(part) => self.current.as_ref().map(|current| current.reader.part(part)),
            Place::Indexed => self.indexed.as_ref().and_then(IndexedSegment::loan),
            Place::Aside => self.aside.as_ref(),
        }
        .expect("a source is used before the next one is asked for")
    }

    /// What is handed out next, with the end and errors remembered.
    fn next_source(&mut self) -> Result<Option<Source>> {
        let start = clock::now_ns();
        match &self.ended {
            Ended::No => {}
            Ended::Yes => return Ok(None),
            Ended::With(error) => return Err(error.clone()),
        }
        if let Some(preloader) = &mut self.preloader {
            preloader.wake_worker();
        }
        let outcome = self.advance();
        match &outcome {
            Ok(Some(source)) => {
                let telemetry = self.snapshot.instruments.consumer.record();
                telemetry.manager.on_next_event(start);
                telemetry.manager.on_events(source.events, source.payload_bytes);
            }
            Ok(None) => self.ended = Ended::Yes,
            Err(error) => self.ended = Ended::With(error.clone()),
        }
        outcome
    }

    fn advance(&mut self) -> Result<Option<Source>> {
        if let Some(source) = self.advance_indexed()? {
            return Ok(Some(source));
        }
        if self.options.reverse
            && let Some(staged) = self.staged.take()
        {
            return self.staged_source(&staged).map(Some);
        }
        loop {
            while let Some(extent) = self.current.as_mut().and_then(Reading::next) {
                let place = Place::Segment(extent.part);
                if let Some(clipped) = self.clip(extent, place) {
                    let segment = self.current.as_ref().map(|current| current.reader.index());
                    return self.source_of(clipped, place, segment).map(Some);
                }
            }
            if self.preloader.as_ref().is_none_or(|preloader| self.taken == preloader.len()) {
                if self.plan_further_back()? {
                    continue;
                }
                return self.staged.take().map(|staged| self.staged_source(&staged)).transpose();
            }
            self.next_segment()?;
        }
    }

    /// The blocks of an extent that hold events from `from` to `to`.
    fn clip(&self, extent: Extent, place: Place) -> Option<Extent> {
        extent.clip(self.loan_of(place).bytes(), self.options.ids())
    }

    fn source_of(&mut self, extent: Extent, place: Place, segment: Option<u32>) -> Result<Source> {
        if self.loan_of(place).is_in_window(extent.start, extent.end) {
            return Ok(Source::of(&extent, place, segment));
        }
        // A block too large for a window gets one of its own.
        let before = self.aside.take();
        let bytes = &self.loan_of(place).bytes()[extent.start..extent.end];
        self.aside = Some(self.snapshot.context.put_aside(before, bytes)?);
        Ok(Source::of(&extent.aside(), Place::Aside, segment))
    }

    fn staged_source(&mut self, staged: &StagedEvents) -> Result<Source> {
        let block = staged_block(staged, self.snapshot.inspection.link.unwrap_or_default());
        self.aside = Some(self.snapshot.context.put_aside(self.aside.take(), &block)?);
        Ok(Source::of(&Extent::of_staged(staged, block.len()), Place::Aside, None))
    }
}
