//! Reading what is left of a damaged log: every block that verifies on its own, and every gap between them.

mod sorter;

use std::collections::VecDeque;

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{Following, LogVerifier, Reason, SegmentBytes, SegmentStart};
use flashstrike_telemetry::clock;
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::inspect::{Scratch, StagedEvents};
use crate::manager::{ReplayOptions, Run, Snapshot, staged_block};
use crate::pool::Loan;
use crate::segment_reader::{Extent, Extents};
use sorter::{Found, Sorter};

/// A part of a segment in which nothing verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Index of the segment.
    pub segment: u32,
    /// Where the gap begins; in a compressed segment, in its content.
    pub offset: u64,
    /// How many bytes it has; 0: the segment is missing, or ends too early.
    pub length: u64,
    /// Id of the last event that stands before it and can be read; 0: none.
    pub after_event_id: u64,
    /// What is wrong.
    pub reason: String,
}

/// One thing that is found on the way through a log.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Consecutive blocks, each of which verifies on its own.
    Run(Run<'a>),
    /// Something between them does not.
    Gap(Gap),
}

/// Reads a log from the first segment to the last one, or the other way round, whatever its state. The staged events
/// come with it where the log is whole up to them; on a damaged one nothing says that they belong to what is left.
#[derive(Debug)]
pub struct Diagnosis {
    snapshot: Snapshot,
    options: ReplayOptions,
    /// Bytes of a fixed-size event, as whoever reads takes the events apart; `None`: nothing says it any more.
    event_size: Option<u16>,
    verifier: LogVerifier,
    last_event_id: u64,
    /// Segments still to be read.
    rest: VecDeque<u32>,
    /// In reverse: how it stood in front of each segment that is still to be read.
    fronts: Vec<Front>,
    /// What the current segment still has.
    found: VecDeque<Found>,
    loan: Option<Loan>,
    aside: Option<Loan>,
    staged: Option<StagedEvents>,
    scratch: Scratch,
}

/// What is known in front of a segment.
#[derive(Debug)]
struct Front {
    index: u32,
    verifier: LogVerifier,
    last_event_id: u64,
}

impl Diagnosis {
    /// In reverse every segment is read here once: what is damage shows only on the way from the first to the last one.
    ///
    /// # Errors
    /// As [`next_piece`](Self::next_piece).
    pub(crate) fn new(snapshot: Snapshot, options: ReplayOptions, event_size: Option<u16>) -> Result<Self> {
        let inspection = &snapshot.inspection;
        let rest =
            inspection.listing.segments.range(inspection.first_segment..).map(|(&index, _)| index).collect();
        let mut made = Self {
            options,
            event_size,
            verifier: LogVerifier::new(None, inspection.meta.valid()),
            last_event_id: 0,
            rest,
            fronts: Vec::new(),
            found: VecDeque::new(),
            loan: None,
            aside: None,
            staged: inspection.staging.taken.clone(),
            scratch: Scratch::default(),
            snapshot,
        };
        if options.reverse {
            made.go_to_the_end()?;
        }
        Ok(made)
    }

    fn go_to_the_end(&mut self) -> Result<()> {
        while let Some(index) = self.rest.pop_front() {
            let (verifier, last_event_id) = (self.verifier.without_reports(), self.last_event_id);
            self.fronts.push(Front { index, verifier, last_event_id });
            self.read(index)?;
        }
        self.found.clear();
        let missing = self.missing_at_the_end();
        self.found.extend(missing);
        Ok(())
    }

    /// The next piece; `None` at the end. In reverse the blocks of a run stand in the order of their ids as always.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED` if a newer version wrote a segment; `WAL_IO`. Damage is a [`Gap`] and no error.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>> {
        let start = clock::now_ns();
        if self.options.reverse
            && let Some(staged) = self.take_staged()
        {
            return self.staged_run(start, &staged).map(|run| Some(Piece::Run(run)));
        }
        loop {
            let found = if self.options.reverse { self.found.pop_back() } else { self.found.pop_front() };
            match found {
                Some(Found::Gap(gap)) => return Ok(Some(Piece::Gap(gap))),
                Some(Found::Blocks(segment, extent)) => {
                    if self.is_wanted(extent.first_event_id, extent.last_event_id) {
                        self.count(start, extent.events, extent.payload_bytes);
                        return self.run(segment, extent).map(|run| Some(Piece::Run(run)));
                    }
                }
                None if self.find_more()? => {}
                None => {
                    let Some(staged) = self.take_staged() else { return Ok(None) };
                    return self.staged_run(start, &staged).map(|run| Some(Piece::Run(run)));
                }
            }
        }
    }

    /// What is handed out counts as what a replay hands out.
    fn count(&self, start: u64, events: u64, payload_bytes: u64) {
        let telemetry = self.snapshot.instruments.consumer.record();
        telemetry.manager.on_next_event(start);
        telemetry.manager.on_events(events, payload_bytes);
    }

    /// Reads the next segment; false behind the last one.
    fn find_more(&mut self) -> Result<bool> {
        if self.options.reverse {
            let Some(Front { index, verifier, last_event_id }) = self.fronts.pop() else { return Ok(false) };
            (self.verifier, self.last_event_id) = (verifier, last_event_id);
            self.read(index)?;
            self.rest.push_front(index);
        } else if let Some(index) = self.rest.pop_front() {
            self.read(index)?;
        } else {
            let Some(missing) = self.missing_at_the_end() else { return Ok(false) };
            self.found.push_back(missing);
        }
        Ok(true)
    }

    fn is_wanted(&self, first_event_id: u64, last_event_id: u64) -> bool {
        self.options.ids().overlaps(first_event_id, last_event_id)
    }

    fn take_staged(&mut self) -> Option<StagedEvents> {
        let staged = self.staged.take()?;
        self.is_wanted(staged.first_event_id, staged.last_event_id).then_some(staged)
    }

    fn staged_run(&mut self, start: u64, staged: &StagedEvents) -> Result<Run<'_>> {
        self.count(start, staged.count.into(), staged.payload.len() as u64);
        let inspection = &self.snapshot.inspection;
        let block = staged_block(staged, inspection.link.unwrap_or_default());
        let aside = self.snapshot.context.put_aside(self.aside.take(), &block)?;
        let extent = Extent::of_staged(staged, block.len());
        Ok(Run::of_extent(&extent, None, self.aside.insert(aside)))
    }

    /// A segment that has to be there and behind which none is.
    fn missing_at_the_end(&mut self) -> Option<Found> {
        let damage = self.snapshot.inspection.damage.as_ref()?;
        let segment = damage.position.segment?;
        if self.verifier.bad().is_some() || !matches!(damage.reason, Reason::SegmentMissing) {
            return None;
        }
        self.verifier.missing_segment(segment);
        Some(self.gap(segment, 0, damage.reason.to_string()))
    }

    /// Something that is missing behind what has been read.
    fn gap(&self, segment: u32, offset: u64, reason: String) -> Found {
        Found::Gap(Gap { segment, offset, length: 0, after_event_id: self.last_event_id, reason })
    }

    fn run(&mut self, segment: u32, extent: Extent) -> Result<Run<'_>> {
        let loan = self.loan.as_ref().expect("what was found lies in it");
        if loan.is_in_window(extent.start, extent.end) {
            return Ok(Run::of_extent(&extent, Some(segment), loan));
        }
        let bytes = &loan.bytes()[extent.start..extent.end];
        let aside = self.snapshot.context.put_aside(self.aside.take(), bytes)?;
        Ok(Run::of_extent(&extent.aside(), Some(segment), self.aside.insert(aside)))
    }

    /// Reads a segment and sorts it into blocks and gaps.
    fn read(&mut self, index: u32) -> Result<()> {
        let source = &self.snapshot.context.source;
        let telemetry = Some(&self.snapshot.instruments.consumer);
        let Some(body) = source.body(index, &mut self.scratch, telemetry)? else {
            let gap = self.gap(index, 0, Reason::SegmentMissing.to_string());
            self.found.push_back(gap);
            return Ok(());
        };
        let bytes = self.scratch.bytes(&body);
        let unsupported = |unsupported| Error::unsupported(&source.directory, &unsupported);
        let was_damaged = self.verifier.bad().is_some();
        let mut next = Behind { snapshot: &self.snapshot, index: self.rest.front().copied(), error: None };
        let mut in_place = Vec::new();
        let mut alone = Vec::new();
        let report = self
            .verifier
            .segment_diagnostic(
                SegmentBytes { index, bytes, cold: body.cold },
                &mut next,
                &mut |block| in_place.push((block.offset as usize, block.header)),
                &mut |block| alone.push((block.offset as usize, block.header)),
            )
            .map_err(unsupported);
        if let Some(error) = next.error {
            return Err(error);
        }
        let report = report?;
        in_place.append(&mut alone);
        if let Some(bad) =
            self.verifier.bad().filter(|bad| !was_damaged && bad.position.segment != Some(index))
        {
            // A segment is missing before this one, or this one continues another block.
            let (segment, offset) = (bad.position.segment.unwrap_or(index), bad.position.offset);
            let gap = self.gap(segment, offset, bad.reason.to_string());
            self.found.push_back(gap);
        }
        let start = SegmentStart::read(bytes).map_err(unsupported)?;
        let metadata_len = start.metadata.as_ref().map_or(0, |(block, _)| block.block_len());
        let bad = self.verifier.bad().filter(|bad| bad.position.segment == Some(index));
        let mut bad = bad.map(|bad| (bad.position.offset as usize, bad.reason.to_string()));
        let is_of_others = start.event_size.zip(self.event_size).is_some_and(|(own, size)| own != size);
        if is_of_others && !in_place.is_empty() {
            // Taken apart as those of the log they would be other events than anybody has written.
            in_place.clear();
            let reason = || Reason::ForeignMetadata("event size").to_string();
            bad.get_or_insert_with(|| (SEGMENT_HEADER_SIZE, reason()));
        }
        let mut sorter = Sorter {
            index,
            bytes,
            bad,
            at: SEGMENT_HEADER_SIZE + metadata_len,
            last_event_id: self.last_event_id,
            extents: Extents::default(),
            sorted: VecDeque::new(),
        };
        for (offset, header) in in_place {
            sorter.block(offset, &header);
        }
        // Behind the last block only damage makes a gap of what stands there.
        let (mut sorted, last_event_id) = sorter.finish(was_damaged && !report.unpublished_remains);
        self.found.append(&mut sorted);
        self.last_event_id = last_event_id;
        let failed = |error| Error::io("get memory for", &self.snapshot.inspection.directory, &error);
        // Zeros at the end of a file are not read, or are not there, and a block may end among them.
        let needed = self.found.iter().fold(bytes.len(), |needed, found| match found {
            Found::Blocks(_, extent) => needed.max(extent.end),
            Found::Gap(_) => needed,
        });
        // The memory before is free, and is used again.
        let mut loan = match self.loan.take() {
            Some(loan) if loan.bytes().len() >= needed => loan,
            _ => self.snapshot.context.pool.borrow(needed).map_err(failed)?,
        };
        let memory = loan.bytes_mut();
        memory[..bytes.len()].copy_from_slice(bytes);
        memory[bytes.len()..needed].fill(0);
        self.loan = Some(loan);
        Ok(())
    }
}

/// The segment behind the one being read.
struct Behind<'a> {
    snapshot: &'a Snapshot,
    index: Option<u32>,
    error: Option<Error>,
}

impl Following for Behind<'_> {
    fn next_start(&mut self) -> Option<SegmentStart> {
        match self.snapshot.context.source.start(self.index?, None) {
            Ok(start) => start,
            // An unsupported version is found when the segment's turn comes.
            Err(error) if error.code() == Code::Unsupported => None,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn any_block(&mut self) -> bool {
        // Asked for the first damage only, which the inspection has found before.
        let damage = self.snapshot.inspection.damage.as_ref();
        damage.is_some_and(|damage| matches!(damage.reason, Reason::NoMetadataBlock))
    }
}
