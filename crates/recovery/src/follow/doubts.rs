//! What does not verify beside a living writer, or is not there: the end for now, and damage once the log goes on behind
//! it for long enough.

use flashstrike_segment::Reason;
use flashstrike_segment::layout::{MAX_SEGMENT_SIZE, SEGMENT_HEADER_SIZE};

use super::errors::Doubt;
use super::tail::is_published;
use super::{Follower, State};
use crate::directory::hot_path;
use crate::error::{Error, Result};

impl Follower {
    /// Something does not verify, or is not there.
    pub(super) fn doubt(&mut self, segment: u32, offset: u64, reason: Reason) {
        self.doubt = Some(Doubt::about(self.doubt.take(), segment, offset, reason));
    }

    /// Damage that the log goes on behind is no end for now.
    pub(super) fn check_doubt(&mut self) -> Result<()> {
        self.look_for_passed_over()?;
        let Some(doubt) = self.doubt.clone().filter(Doubt::is_old) else { return Ok(()) };
        let Some((index, link)) = self.end() else { return Ok(()) };
        let goes_on = if doubt.segment() == Some(index) {
            doubt.offset() == self.end_offset() && (self.is_end_sealed()? || self.is_next_published()?)
        } else if doubt.segment() == index.checked_add(1) {
            // Whatever the writer has published behind the last block that was read stands behind the doubtful place.
            let said = self.said()?;
            said.is_some_and(|said| said.written_event_id > link.last_event_id)
                || self.is_sealed(index + 1)?
                || self.is_begun(index + 2)?
        } else {
            false
        };
        if goes_on { Err(doubt.to_error(&self.log.context.source)) } else { Ok(()) }
    }

    /// A segment that is not there, or in which nothing is published, although the one behind it has blocks.
    fn look_for_passed_over(&mut self) -> Result<()> {
        let Some((index, link)) = self.end() else { return Ok(()) };
        if self.durable_bound()?.is_some_and(|durable| durable <= link.last_event_id) {
            return Ok(());
        }
        // First the one behind: its block 0 is published after that of the one before.
        if !self.is_begun(index + 2)? || self.is_next_published()? {
            return Ok(());
        }
        match self.log.context.source.start(index + 1, None)? {
            Some(start) if start.sealed.is_some() || self.log.context.source.is_compressed(index + 1)? => {}
            Some(_) => self.doubt(index + 1, SEGMENT_HEADER_SIZE as u64, Reason::NoMetadataBlock),
            None => self.doubt(index + 1, 0, Reason::SegmentMissing),
        }
        Ok(())
    }

    /// Where the next block of the segment goes that is being read, or was read last.
    pub(super) fn end_offset(&self) -> u64 {
        match &self.state {
            State::Tail(tail) => tail.offset(),
            State::Between { end } => *end,
            State::Unborn | State::CatchUp(_) => 0,
        }
    }

    fn is_end_sealed(&self) -> Result<bool> {
        let State::Tail(tail) = &self.state else { return Ok(true) };
        let failed = |error: std::io::Error| Error::io("read", &self.log.context.source.directory, &error);
        Ok(tail.start().map_err(failed)?.is_some_and(|start| start.sealed.is_some()))
    }

    /// Whether a segment has blocks.
    fn is_begun(&self, index: u32) -> Result<bool> {
        let source = &self.log.context.source;
        let path = hot_path(&source.directory, index);
        let Some(file) = source.open(&path, None)? else {
            // One that is there compressed only was sealed.
            return Ok(source.start(index, None)?.is_some());
        };
        is_published(&*file, SEGMENT_HEADER_SIZE as u64, MAX_SEGMENT_SIZE as u64)
            .map_err(|error| Error::io("read", &path, &error))
    }

    fn is_sealed(&self, index: u32) -> Result<bool> {
        let start = self.log.context.source.start(index, None)?;
        Ok(start.is_some_and(|start| start.sealed.is_some()))
    }
}
