//! Looking for the next run, and looking around when there is none.

use flashstrike_segment::Reason;

use super::catch_up::Step;
use super::tail::Found;
use super::{Follower, Handed, Memory, Place, State};
use crate::error::{Error, Result};
use crate::inspect::{Depth, InspectOptions, StagedEvents, Watch, inspect_once};
use crate::manager::{Blocks, staged_block};
use crate::pool::Loan;
use crate::repair::refusal;
use crate::report::IdRange;
use crate::segment_reader::Extent;
use crate::watch::{Said, StagingWatch};

impl Follower {
    /// Hands out the next run if it is there. Only with `whole` it waits for a sealed segment to be read.
    pub(super) fn look(&mut self, whole: bool) -> Result<bool> {
        loop {
            let found = match &mut self.state {
                State::Unborn => return Ok(false),
                State::Between { .. } => None,
                State::CatchUp(reading) => match reading.step() {
                    Step::Blocks(extent) => Some((extent, Memory::CatchUp)),
                    Step::SegmentEnds if whole => {
                        self.take_segment()?;
                        continue;
                    }
                    Step::SegmentEnds => return Ok(false),
                    Step::Done => {
                        self.leave_segment();
                        continue;
                    }
                },
                State::Tail(tail) => tail.next().map(|extent| (extent, Memory::Tail)),
            };
            match found {
                Some((extent, memory)) => {
                    if self.hand_out(extent, memory)? {
                        return Ok(true);
                    }
                }
                None => {
                    if !self.read_tail()? && !self.enter_next(whole)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Reads what is published in the tail; false if nothing is that can be used.
    pub(super) fn read_tail(&mut self) -> Result<bool> {
        let durable = self.durable_bound()?;
        let State::Tail(tail) = &mut self.state else { return Ok(false) };
        let directory = &self.log.context.source.directory;
        let found = tail
            .read(&mut self.memory, &self.log.context.pool, durable)
            .map_err(|error| Error::io("read", &crate::directory::hot_path(directory, tail.index), &error))?;
        match found {
            Found::Blocks => {
                self.doubt = None;
                if let Some(link) = tail.link() {
                    self.place = Place::Behind { segment: tail.index, block: link.into() };
                }
                Ok(true)
            }
            Found::Nothing | Found::NotDurable => Ok(false),
            Found::Unverified(Reason::Unsupported(unsupported)) => {
                Err(Error::unsupported(directory, &unsupported))
            }
            Found::Unverified(reason) => {
                let (segment, offset) = (tail.index, tail.offset());
                self.doubt(segment, offset, reason);
                Ok(false)
            }
        }
    }

    /// Hands out the blocks of an extent with events that were not handed out; false if there is none.
    fn hand_out(&mut self, extent: Extent, memory: Memory) -> Result<bool> {
        let segment = match &self.state {
            State::CatchUp(reading) => reading.index(),
            State::Tail(tail) => tail.index,
            State::Unborn | State::Between { .. } => self.place.segment(),
        };
        if !self.expected.is_empty() {
            self.compare_with_staged(&extent, memory)?;
        }
        let wanted = IdRange { from: self.given + 1, to: u64::MAX };
        let bytes = self.loan(&extent, memory).bytes();
        let Some(mut extent) = extent.clip(bytes, wanted) else { return Ok(false) };
        let mut memory = memory;
        if !self.loan(&extent, memory).is_in_window(extent.start, extent.end) {
            // A block too large for a window gets one of its own.
            let before = self.aside.take();
            let bytes = &self.loan(&extent, memory).bytes()[extent.start..extent.end];
            self.aside = Some(self.log.context.put_aside(before, bytes)?);
            (extent, memory) = (extent.aside(), Memory::Aside);
        }
        self.given = extent.last_event_id;
        self.handed = Some(Handed { extent, segment: Some(segment), memory });
        Ok(true)
    }

    fn loan(&self, extent: &Extent, memory: Memory) -> &Loan {
        match (memory, &self.state) {
            (Memory::CatchUp, State::CatchUp(reading)) => reading.memory(extent.part),
            (Memory::Aside, _) => self.aside.as_ref(),
            _ => self.memory.as_ref(),
        }
        .expect("an extent lies in memory until the next one is asked for")
    }

    /// Staged events that were handed out have become a block, if the log goes on as it was.
    fn compare_with_staged(&mut self, extent: &Extent, memory: Memory) -> Result<()> {
        let (mut expected, mut from) = (std::mem::take(&mut self.expected), self.expected_from);
        let blocks = Blocks::new(&self.loan(extent, memory).bytes()[extent.start..extent.end]);
        for block in blocks {
            // A segment that is read once more has blocks from before.
            if block.header.last_event_id < from {
                continue;
            }
            let length = block.payload.len().min(expected.len());
            if block.payload[..length] != expected[..length] {
                return Err(self.lost());
            }
            expected.drain(..length);
            from = block.header.last_event_id + 1;
        }
        (self.expected, self.expected_from) = (expected, from);
        Ok(())
    }

    /// What a block does not say: whether a writer has come or gone, and what that means. True: look again.
    pub(super) fn look_around(&mut self) -> Result<bool> {
        if matches!(self.state, State::Unborn) {
            return self.begin();
        }
        let must_find_place = self.notice_writer()?;
        // What is read whole is verified, and is read to its end first.
        if matches!(self.state, State::CatchUp(_)) {
            return Ok(false);
        }
        if must_find_place {
            return self.find_place_again();
        }
        let Some(watch) = &self.watch else { return Ok(false) };
        self.is_writer_alive = watch.writer_alive()?;
        self.note_meta()?;
        if self.is_writer_alive {
            self.inspected = None;
            self.check_doubt()?;
        } else if self.settle()? {
            return Ok(true);
        }
        self.look_for_next()
    }

    /// Whether a writer has opened the log since the place was sought last.
    pub(super) fn notice_writer(&mut self) -> Result<bool> {
        if let Some(watch) = &mut self.watch {
            self.must_find_place |= watch.refresh()?;
        }
        Ok(self.must_find_place)
    }

    /// A writer has opened the log, and may have cut it or put a new file in a segment's place.
    pub(super) fn find_place_again(&mut self) -> Result<bool> {
        self.must_find_place = false;
        (self.next, self.doubt, self.inspected) = (None, None, None);
        // A cut below what was durable gives ids out again that are not.
        self.durable = 0;
        self.find_place()
    }

    /// No writer is alive: the log is what an inspection says, staged events included.
    fn settle(&mut self) -> Result<bool> {
        let chain = match (&self.state, self.place) {
            (State::Tail(tail), _) => tail.link().map_or(0, |link| link.chain),
            (_, Place::Behind { block, .. }) => block.chain,
            (_, Place::At { .. }) => 0,
        };
        let key = (self.watch.as_ref().and_then(super::StagingWatch::file_id), chain);
        if self.inspected == Some(key) {
            return Ok(false);
        }
        let source = &self.log.context.source;
        let options =
            InspectOptions { depth: Depth::Unsealed, boot_id: self.log.boot_id, beside_writer: false };
        let mut telemetry = Watch { telemetry: Some(&self.log.instruments.consumer), progress: None };
        let inspection = inspect_once(&source.files, &source.directory, &options, &mut telemetry)?;
        let Some(watch) = &mut self.watch else { return Ok(false) };
        // A writer that came meanwhile has perhaps taken what is staged; its staging memory is another file.
        let (Some(inspection), false, false) = (inspection, watch.refresh()?, watch.writer_alive()?) else {
            (self.must_find_place, self.looked_around) = (true, None);
            return Ok(true);
        };
        if let Some(refusal) = refusal(&inspection, self.log.options.mode) {
            return Err(refusal);
        }
        self.inspected = Some(key);
        self.durable = self.durable.max(inspection.durable_on_disk);
        if self.place.last_event_id() > inspection.last_event_id {
            return self.find_place();
        }
        let is_at_end = inspection.link.map_or(0, |link| link.chain) == chain;
        if let Some(staged) = inspection.staging.taken.filter(|_| is_at_end && !self.follow.durable_only)
            && staged.last_event_id > self.given
        {
            let link = inspection.link.unwrap_or_default();
            self.hand_out_staged(staged, link)?;
        }
        Ok(false)
    }

    fn hand_out_staged(&mut self, staged: StagedEvents, link: flashstrike_segment::Link) -> Result<()> {
        let block = staged_block(&staged, link);
        self.aside = Some(self.log.context.put_aside(self.aside.take(), &block)?);
        let extent = Extent::of_staged(&staged, block.len());
        self.given = staged.last_event_id;
        (self.expected, self.expected_from) = (staged.payload, staged.first_event_id);
        self.handed = Some(Handed { extent, segment: None, memory: Memory::Aside });
        self.staged_handed = true;
        Ok(())
    }

    /// Whether looking around has handed out staged events.
    pub(super) fn handed_staged(&mut self) -> bool {
        std::mem::take(&mut self.staged_handed)
    }

    /// The id behind which nothing is handed out; `None`: durable or not, everything is.
    pub(super) fn durable_bound(&mut self) -> Result<Option<u64>> {
        if self.follow.durable_only { self.durable_now().map(Some) } else { Ok(None) }
    }

    /// The durable id, as far as it is known.
    pub(super) fn durable_now(&mut self) -> Result<u64> {
        if let Some(said) = self.said()? {
            self.durable = self.durable.max(said.durable_event_id);
        }
        Ok(self.durable)
    }

    /// What the writer has said last.
    pub(super) fn said(&self) -> Result<Option<Said>> {
        self.watch.as_ref().map_or(Ok(None), StagingWatch::said)
    }

    /// `wal.meta` is late, but where no staging memory counts there is nothing better.
    fn note_meta(&mut self) -> Result<()> {
        if !self.follow.durable_only {
            return Ok(());
        }
        let log_id = self.identity().map(|log| log.log_id);
        if let Some(meta) = self.log.context.source.meta()?.valid().filter(|meta| Some(meta.log_id) == log_id)
        {
            self.durable = self.durable.max(meta.durable_event_id);
        }
        Ok(())
    }
}
