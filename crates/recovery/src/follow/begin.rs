//! Where to begin, and where to go on when a writer has opened the log anew.

use flashstrike_segment::{Damage, Position, Reason, SegmentStart};
use flashstrike_telemetry::clock;

use super::cancellable::cancellable;
use super::catch_up::CatchUp;
use super::errors::corrupt;
use super::from_now::end_of;
use super::tail::Tail;
use super::{Canceller, FollowOptions, Follower, Log, Place, Start, State};
use crate::directory::{hot_path, no_segment};
use crate::error::{Error, Result};
use crate::inspect::{Depth, InspectOptions, Inspection, SegmentSource, Watch, observe};
use crate::log_view::segment_size;
use crate::options::check_schema;
use crate::plan::{check_not_gone, first_segment_not};
use crate::repair::refusal;
use crate::segment_reader::{PreviousBlock, SegmentReader, Wanted, headers};
use crate::watch::{StagingWatch, Whose};

impl Follower {
    /// `canceller` ends also this.
    pub(crate) fn open(mut log: Log, follow: FollowOptions, canceller: &Canceller) -> Result<Self> {
        let SegmentSource { files, directory, .. } = &log.context.source;
        log.context.source = SegmentSource::new(&cancellable(files, canceller), directory);
        let start = clock::now_ns();
        let telemetry = log.instruments.consumer.clone();
        let mut follower = Self {
            log,
            follow,
            watch: None,
            state: State::Unborn,
            place: Place::At { segment: 0 },
            given: 0,
            durable: 0,
            expected: Vec::new(),
            expected_from: 0,
            staged_handed: false,
            next: None,
            must_find_place: false,
            memory: None,
            aside: None,
            handed: None,
            events: Vec::new(),
            ended: None,
            looked_around: None,
            is_writer_alive: false,
            inspected: None,
            doubt: None,
            canceller: canceller.clone(),
            pause: std::time::Duration::ZERO,
        };
        let begun = follower.begin();
        let begun = canceller.unless_cancelled(begun);
        telemetry.record().manager.on_resume_from_event(start, &begun);
        if !begun? && follower.follow.from == Start::End {
            // Nothing was there at the call, so whatever comes is new.
            follower.follow.from = Start::First;
        }
        Ok(follower)
    }

    /// Looks at the log and stands where the first event wanted is, or will be. False: nobody has published anything yet.
    pub(super) fn begin(&mut self) -> Result<bool> {
        let source = self.log.context.source.clone();
        let options =
            InspectOptions { depth: Depth::Unsealed, boot_id: self.log.boot_id, beside_writer: false };
        let mut telemetry = Watch { telemetry: Some(&self.log.instruments.consumer), progress: None };
        let (inspection, _) = observe(&source.files, &source.directory, &options, &mut telemetry)?;
        if let Some(refusal) = refusal(&inspection, self.log.options.mode) {
            return Err(refusal);
        }
        if inspection.listing.segments.is_empty() {
            return Err(no_segment(&source.directory, &inspection.listing, inspection.meta.valid()));
        }
        let Some(identity) = inspection.identity.clone() else { return Ok(false) };
        check_schema(&self.log.options, Some(&identity))?;
        let whose = Whose { log_id: identity.log_id, boot_id: self.log.boot_id };
        self.log.context.segment_size = segment_size(Some(&identity));
        self.log.context.log = Some(identity);
        self.watch = Some(StagingWatch::open(&source.files, &source.directory, whose)?);
        self.durable = inspection.durable_on_disk;
        self.given = match self.follow.from {
            Start::First => inspection.gone_event_id,
            Start::At(from) => {
                check_not_gone(&inspection, Some(from))?;
                from.saturating_sub(1)
            }
            Start::End => end_of(&inspection, self.durable_bound()?),
        };
        self.stand(&inspection)?;
        Ok(true)
    }

    fn stand(&mut self, inspection: &Inspection) -> Result<()> {
        let first = inspection.first_segment;
        let end = inspection.segments.last().map_or(first, |last| last.index + 1);
        let first_unsealed = inspection.segments.iter().find(|facts| !facts.is_sealed());
        let sealed_end = first_unsealed.map_or(end, |facts| facts.index);
        let wanted = self.given + 1;
        if let Some(link) = inspection.link.filter(|link| wanted > link.last_event_id) {
            self.place = Place::Behind { segment: end.saturating_sub(1), block: link.into() };
            return self.find_place().map(drop);
        }
        let begin = self.first_sealed_with(wanted, first..sealed_end)?;
        if begin < sealed_end {
            self.place = Place::At { segment: begin };
            self.state =
                State::CatchUp(Box::new(CatchUp::seek(&self.log, wanted, begin, first..=sealed_end - 1)?));
            return Ok(());
        }
        // Behind one that is not sealed there may be sealed ones: its header may be damaged, and the sealer may have come
        // by while this was looked at.
        let holds = inspection
            .segments
            .iter()
            .find(|facts| facts.index >= sealed_end && facts.counts.last_event_id >= wanted);
        self.place = Place::At { segment: holds.map_or(sealed_end, |facts| facts.index) };
        self.find_place().map(drop)
    }

    /// The first of sealed segments that ends with this event or a later one.
    fn first_sealed_with(&self, event_id: u64, segments: std::ops::Range<u32>) -> Result<u32> {
        let Log { context, instruments, .. } = &self.log;
        first_segment_not(segments, |index| {
            let start = context.source.own_start(index, context.log.as_ref(), &instruments.consumer)?;
            let last = start.and_then(|start| start.sealed).map(|seal| seal.last_event_id);
            Ok(last.is_some_and(|last| last < event_id))
        })
    }

    /// Stands where the last block read ends, in whatever file has it now.
    ///
    /// # Errors
    /// `WAL_GONE` if that block is not in the log any more.
    pub(super) fn find_place(&mut self) -> Result<bool> {
        let segment = self.place.segment();
        let telemetry = self.log.instruments.consumer.clone();
        let Some(start) = self.log.context.source.start(segment, Some(&telemetry))? else {
            return self.find_place_behind(segment);
        };
        if start.sealed.is_some() || self.log.context.source.is_compressed(segment)? {
            self.find_place_in_whole(segment, &start)?;
        } else {
            self.find_place_in_tail(segment)?;
        }
        Ok(true)
    }

    /// Retention has removed the segment, perhaps only what had been read to its end.
    fn find_place_behind(&mut self, segment: u32) -> Result<bool> {
        if let Place::Behind { block, .. } = self.place
            && let Some(next) = self.log.context.source.start(segment + 1, None)?
            && PreviousBlock::of_segment(&next) == Some(block)
        {
            self.place = Place::At { segment: segment + 1 };
            return self.find_place();
        }
        Err(self.vanished(segment)?)
    }

    fn find_place_in_whole(&mut self, segment: u32, start: &SegmentStart) -> Result<()> {
        let wanted = Wanted { index: segment, end: None };
        let telemetry = &self.log.instruments.consumer;
        let reader = SegmentReader::open(&self.log.context, &wanted, self.canceller.flag(), telemetry)
            .map_err(|failure| self.explain(segment, failure))?;
        if let Place::Behind { block: PreviousBlock { chain, .. }, .. } = self.place {
            let is_metadata =
                start.metadata.as_ref().is_some_and(|(block, _)| block.chained_checksum == chain);
            if !is_metadata && !has_block(&reader, chain) {
                return Err(self.lost());
            }
        }
        self.state = State::CatchUp(Box::new(CatchUp::of(reader)));
        Ok(())
    }

    fn find_place_in_tail(&mut self, segment: u32) -> Result<()> {
        let path = hot_path(&self.log.context.source.directory, segment);
        let failed = |error: std::io::Error| Error::io("read", &path, &error);
        let source = &self.log.context.source;
        let Some(file) = source.open(&path, Some(&self.log.instruments.consumer))? else {
            // Since the look at its beginning it may have been sealed, and compressed. Nor does one grow that somebody has
            // compressed although it was not sealed.
            return match source.start(segment, None)? {
                Some(start) if source.is_compressed(segment)? => self.find_place_in_whole(segment, &start),
                _ => Err(self.vanished(segment)?),
            };
        };
        let start = source.start(segment, None)?.unwrap_or_default();
        let opened =
            Tail::open(segment, &file, &start, None, self.log.context.log.as_ref()).map_err(failed)?;
        let mut tail = match (opened, self.place) {
            (Ok(tail), _) => tail,
            (Err(reason), Place::At { .. }) => return Err(damaged(self, segment, reason)),
            (Err(_), Place::Behind { .. }) => return Err(self.lost()),
        };
        if let Place::Behind { block, .. } = self.place {
            if !tail.find(block.chain, &mut self.memory, &self.log.context.pool).map_err(failed)? {
                return Err(self.lost());
            }
        } else if let Some(before) = segment.checked_sub(1)
            && let Some(block) = PreviousBlock::of_segment(&start)
        {
            self.place = Place::Behind { segment: before, block };
        }
        self.state = State::Tail(Box::new(tail));
        Ok(())
    }
}

fn damaged(follower: &Follower, segment: u32, reason: Reason) -> Error {
    let offset = flashstrike_segment::layout::SEGMENT_HEADER_SIZE as u64;
    let position = Position { segment: Some(segment), offset };
    corrupt(&Damage { position, reason }, &follower.log.context.source)
}

/// Whether one of a segment's blocks of events has this chained checksum.
fn has_block(reader: &SegmentReader, chain: u64) -> bool {
    reader.extents().iter().any(|extent| {
        let blocks = &reader.part(extent.part).bytes()[extent.start..extent.end];
        headers(blocks).any(|(_, header)| header.chained_checksum == chain)
    })
}
