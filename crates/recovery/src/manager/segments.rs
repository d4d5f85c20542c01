//! The segments of a replay: which of them, and one behind the other, each held against the one before.

use flashstrike_segment::{Damage, Position, Reason};
use flashstrike_telemetry::clock;

use super::{Manager, ReplayOptions, Snapshot};
use crate::error::Result;
use crate::plan::{Sought, check_not_gone, is_contradicted, plan};
use crate::segment_reader::{Reading, SegmentReader, Wanted};
use crate::worker::preloader::SegmentPreloader;

impl Manager {
    /// Plans which segments to read, of those that the log has as it was looked at last. Without anything sought, reading
    /// begins with the first one that is wanted, whatever its header says.
    pub(super) fn plan(
        &mut self,
        options: ReplayOptions,
        tail: Option<SegmentReader>,
        sought: Option<Sought>,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Result<()> {
        let inspection = &self.snapshot.inspection;
        check_not_gone(inspection, options.from)?;
        let telemetry = &self.snapshot.instruments.consumer;
        let (from, to) = range(&options, sought.is_some());
        let mut segments = plan(inspection, &self.snapshot.context, from, to, telemetry)?;
        segments.retain(|wanted| is_wanted(wanted.index));
        if options.reverse {
            segments.reverse();
        }
        let staged = inspection.staging.taken.as_ref();
        self.staged =
            staged.filter(|it| options.ids().overlaps(it.first_event_id, it.last_event_id)).cloned();
        self.read_segments(segments, tail, sought.is_some())
    }

    fn read_segments(
        &mut self,
        segments: Vec<Wanted>,
        tail: Option<SegmentReader>,
        is_sought: bool,
    ) -> Result<()> {
        self.taken = 0;
        self.preloader = Some(SegmentPreloader::start(
            self.snapshot.context.clone(),
            segments,
            tail,
            self.snapshot.preload_segments,
            self.snapshot.instruments.clone(),
            is_sought,
        )?);
        Ok(())
    }

    /// Plans from the end of the log on at which reading without anything sought begins: on the way from there whatever
    /// has misled the search is found.
    fn plan_anew(&mut self) -> Result<()> {
        let (from, to) = range(&self.options, false);
        let Snapshot { inspection, context, instruments, .. } = &self.snapshot;
        let mut segments = plan(inspection, context, from, to, &instruments.consumer)?;
        if self.options.reverse {
            segments.reverse();
        }
        self.read_segments(segments, None, true)
    }

    /// Plans what is in front of a plan that did not reach back to `from`; false if it did.
    pub(super) fn plan_further_back(&mut self) -> Result<bool> {
        let Some(from) = self.options.from.filter(|_| self.options.reverse) else { return Ok(false) };
        let Some(oldest) = self.neighbour.filter(|oldest| oldest.continues.last_event_id >= from) else {
            return Ok(false);
        };
        let first = self.snapshot.inspection.first_segment;
        if self.stand.is_some() || oldest.index <= first {
            return Ok(false);
        }
        let segments = (first..oldest.index).rev().map(|index| Wanted { index, end: None });
        self.read_segments(segments.collect(), None, true)?;
        Ok(true)
    }

    /// Gives the segment read to its end back, and takes the next one.
    pub(super) fn next_segment(&mut self) -> Result<()> {
        let start = clock::now_ns();
        let finished = self.current.take().map(|current| current.reader);
        let is_handoff = finished.is_some();
        let position = self.taken;
        let Some(preloader) = &mut self.preloader else { return Ok(()) };
        let wanted = preloader.wanted(position);
        let reader = match preloader.take(position, finished) {
            Ok(reader) => reader,
            Err(failure) => return Err(self.explain(wanted, failure)),
        };
        self.taken += 1;
        if let Some(sought) = self.sought.take() {
            let Snapshot { inspection, context, instruments, .. } = &self.snapshot;
            let (first, telemetry) = (inspection.first_segment, &instruments.consumer);
            if !sought.begins_in(context, &reader.boundary(), first, telemetry)? {
                return self.plan_anew();
            }
        }
        self.check_neighbour(&reader)?;
        self.check_next(position, &reader)?;
        self.neighbour = Some(reader.boundary());
        self.current = Some(Reading::of(reader, self.options.reverse));
        if is_handoff {
            self.snapshot.instruments.consumer.record().manager.on_segment_handoff(start);
        }
        Ok(())
    }

    /// Checks that the log goes on without a break from the segment before.
    fn check_neighbour(&mut self, reader: &SegmentReader) -> Result<()> {
        let own = reader.boundary();
        if let Some(stand) = self.stand.take() {
            return self.check_stand(&stand, reader);
        }
        if let Some(neighbour) = self.neighbour {
            let (older, newer) = if self.options.reverse { (own, neighbour) } else { (neighbour, own) };
            newer.check_continues(&older).map_err(|damage| self.corrupt(&damage))?;
        }
        Ok(())
    }

    /// Checks that the log goes on without a break behind the last segment of a plan that ends before the log: nobody reads
    /// the next one, of which this may be told.
    fn check_next(&self, position: usize, reader: &SegmentReader) -> Result<()> {
        let Snapshot { inspection, context, instruments, .. } = &self.snapshot;
        let own = reader.boundary();
        let is_newest = if self.options.reverse {
            self.neighbour.is_none()
        } else {
            self.preloader.as_ref().is_some_and(|preloader| position + 1 == preloader.len())
        };
        let is_last = inspection.segments.last().is_none_or(|last| own.index >= last.index);
        if !is_newest || is_last || !is_contradicted(context, &own, &instruments.consumer)? {
            return Ok(());
        }
        let position = Position { segment: Some(own.index), offset: own.end };
        Err(self.corrupt(&Damage { position, reason: Reason::ContinuesAnotherBlock }))
    }
}

/// Which events to plan for; where reading begins is open unless that is sought.
fn range(options: &ReplayOptions, is_sought: bool) -> (Option<u64>, Option<u64>) {
    let ReplayOptions { from, to, reverse } = *options;
    (from.filter(|_| is_sought || reverse), to.filter(|_| is_sought || !reverse))
}
