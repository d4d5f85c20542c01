//! From one segment to the next.

use std::sync::Arc;

use flashstrike_segment::layout::{MAX_SEGMENT_SIZE, SEGMENT_HEADER_SIZE};
use flashstrike_segment::{Damage, Link, Position, Reason};
use flashstrike_telemetry::clock;

use super::catch_up::CatchUp;
use super::tail::{Tail, is_published, read_start};
use super::{Follower, Place, State};
use crate::directory::hot_path;
use crate::error::{Error, Result};
use crate::files::File;
use crate::plan::removed;
use crate::segment_reader::{Boundary, PreviousBlock, ReadFailure};

/// Sealed segments that are read ahead at a time by a follower that lags behind.
const AHEAD: u32 = 8;

impl Follower {
    /// Takes the next sealed segment; waits for it to be read.
    pub(super) fn take_segment(&mut self) -> Result<()> {
        let start = clock::now_ns();
        let State::CatchUp(reading) = &mut self.state else { return Ok(()) };
        let before = reading.boundary();
        let taken = reading.take(&self.log).and_then(|boundary| match self.place {
            Place::Behind { segment, block } if before.is_none() && boundary.continues != block => {
                let position = Position { segment: Some(segment + 1), offset: SEGMENT_HEADER_SIZE as u64 };
                let damage = Damage { position, reason: Reason::ContinuesAnotherBlock };
                Err((boundary.index, ReadFailure::Damaged(damage)))
            }
            _ => Ok(()),
        });
        if let Err((index, failure)) = taken {
            if let Some(boundary) = before {
                self.place = behind(&boundary);
            }
            return self.find_place_unless(index, failure);
        }
        self.log.instruments.consumer.record().manager.on_segment_handoff(start);
        Ok(())
    }

    /// A segment could not be read whole, or does not follow. Where a writer has opened the log since, and may have cut it,
    /// the place is sought again.
    fn find_place_unless(&mut self, index: u32, failure: ReadFailure) -> Result<()> {
        let is_of_log = matches!(failure, ReadFailure::Damaged(_) | ReadFailure::Vanished);
        if is_of_log && self.notice_writer()? {
            return self.find_place_again().map(drop);
        }
        Err(self.explain(index, failure))
    }

    /// All sealed segments are read to their ends.
    pub(super) fn leave_segment(&mut self) {
        let boundary = if let State::CatchUp(reading) = &self.state { reading.boundary() } else { None };
        if let Some(boundary) = boundary {
            self.place = behind(&boundary);
        }
        self.state = State::Between { end: boundary.map_or(0, |boundary| boundary.end) };
        self.next = None;
    }

    /// Goes on in the next segment once it is published; false if there is nothing to go on in.
    pub(super) fn enter_next(&mut self, whole: bool) -> Result<bool> {
        let Some((index, link)) = self.end() else { return Ok(false) };
        // Block 0 is as durable as the event behind it.
        if self.durable_bound()?.is_some_and(|durable| durable <= link.last_event_id) {
            return Ok(false);
        }
        let Some(file) = self.published_next(index + 1)? else { return Ok(false) };
        // Everything in a segment is published before the next one is.
        if self.read_tail()? {
            return Ok(true);
        }
        let failed = |error: std::io::Error| self.cannot_read(index + 1, &error);
        let Some(start) = read_start(&*file).map_err(failed)? else {
            // The error says which version it is.
            return self.log.context.source.start(index + 1, None).map(|_| false);
        };
        let continues = PreviousBlock::of_segment(&start) == Some(link.into());
        // What stands behind the block that is continued there are remains.
        if let State::Tail(tail) = &self.state
            && !continues
            && tail.is_published().map_err(|error| self.cannot_read(index, &error))?
        {
            return Ok(false);
        }
        if start.sealed.is_some() || self.log.context.source.is_compressed(index + 1)? {
            return if whole { self.catch_up_from(index + 1).map(|()| true) } else { Ok(false) };
        }
        let began = clock::now_ns();
        let previous = matches!(self.state, State::Tail(_)).then_some(link);
        let opened = Tail::open(index + 1, &file, &start, previous, self.log.context.log.as_ref());
        match opened.map_err(failed)? {
            Ok(tail) if continues => self.state = State::Tail(Box::new(tail)),
            Ok(_) | Err(Reason::ContinuesAnotherBlock) => {
                self.doubt(index, self.end_offset(), Reason::ContinuesAnotherBlock);
                return Ok(false);
            }
            Err(Reason::Unsupported(unsupported)) => {
                return Err(Error::unsupported(&self.log.context.source.directory, &unsupported));
            }
            Err(reason) => {
                self.doubt(index + 1, SEGMENT_HEADER_SIZE as u64, reason);
                return Ok(false);
            }
        }
        (self.next, self.doubt) = (None, None);
        self.log.instruments.consumer.record().manager.on_segment_handoff(began);
        Ok(true)
    }

    /// The next segment may be there compressed only, or retention may have removed it before it was read.
    pub(super) fn look_for_next(&mut self) -> Result<bool> {
        let Some((index, _)) = self.end() else { return Ok(false) };
        if self.next.is_some() || self.follow.durable_only && !self.is_more_durable()? {
            return Ok(false);
        }
        let source = &self.log.context.source;
        match source.start(index + 1, None)? {
            // It was sealed, or compressed, after everything in this one was published.
            Some(start) if start.sealed.is_some() || source.is_compressed(index + 1)? => {
                if self.read_tail()? {
                    return Ok(true);
                }
                self.catch_up_from(index + 1)?;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => match removed(&self.log.context, index + 1, || self.given + 1)? {
                Some(error) => Err(error.at_path(&source.directory)),
                None => Ok(false),
            },
        }
    }

    /// Whether the log goes on behind the segment that is being read.
    pub(super) fn is_next_published(&mut self) -> Result<bool> {
        match self.end() {
            Some((index, _)) => Ok(self.published_next(index + 1)?.is_some()),
            None => Ok(false),
        }
    }

    /// Whether events behind the end are durable.
    fn is_more_durable(&mut self) -> Result<bool> {
        let last = self.end().map_or(0, |(_, link)| link.last_event_id);
        Ok(self.durable_now()? > last)
    }

    /// The segment that is being read, or was read last, and its last block.
    pub(super) fn end(&self) -> Option<(u32, Link)> {
        match (&self.state, self.place) {
            (State::Tail(tail), _) => Some((tail.index, tail.link()?)),
            (State::Between { .. }, Place::Behind { segment, block }) => {
                let PreviousBlock { chain, last_event_id } = block;
                Some((segment, Link { chain, last_event_id, written_ts_ns: 0 }))
            }
            _ => None,
        }
    }

    /// Reads the sealed segments from this one on whole, as many as there are behind each other.
    fn catch_up_from(&mut self, first: u32) -> Result<()> {
        let mut last = first;
        while last - first < AHEAD {
            let start = self.log.context.source.start(last + 1, None)?;
            if start.is_none_or(|start| start.sealed.is_none()) {
                break;
            }
            last += 1;
        }
        if let Some((segment, link)) = self.end() {
            self.place = Place::Behind { segment, block: link.into() };
        }
        self.state = State::CatchUp(Box::new(CatchUp::over(&self.log, first..=last)?));
        (self.next, self.doubt) = (None, None);
        Ok(())
    }

    /// The file of the next segment, if its block 0 is published.
    fn published_next(&mut self, index: u32) -> Result<Option<Arc<dyn File>>> {
        if self.next.as_ref().is_none_or(|(next, _)| *next != index) {
            let source = &self.log.context.source;
            let file = source.open(&hot_path(&source.directory, index), None)?;
            self.next = file.map(|file| (index, file));
        }
        let Some((_, file)) = &self.next else { return Ok(None) };
        let is_published = is_published(&**file, SEGMENT_HEADER_SIZE as u64, MAX_SEGMENT_SIZE as u64)
            .map_err(|error| self.cannot_read(index, &error))?;
        Ok(is_published.then(|| Arc::clone(file)))
    }

    fn cannot_read(&self, index: u32, error: &std::io::Error) -> Error {
        Error::io("read", &hot_path(&self.log.context.source.directory, index), error)
    }
}

fn behind(boundary: &Boundary) -> Place {
    Place::Behind { segment: boundary.index, block: boundary.link.into() }
}
