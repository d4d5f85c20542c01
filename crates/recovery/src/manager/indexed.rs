//! A replay that begins in a segment that was verified as a whole before: that segment first, read with its index, and
//! the others behind it as they are when they are needed.
//!
//! So finding an event costs neither a look at the end of the log nor a thread. Beside a living writer the end is
//! looked at when the replay gets there, or is likely to: what was written when the replay began is there by then.

use std::path::PathBuf;
use std::sync::Arc;

use flashstrike_segment::ChainPlace;

use super::run::{Place, Source};
use super::{Boundary, IndexedSegment, Manager, Next, ReplayOptions, SegmentReader, Snapshot};
use crate::error::{Code, Error, Result};
use crate::files::FileId;
use crate::log_view::LogView;
use crate::plan::last_event_id;

/// Where reading of an indexed segment has stopped.
#[derive(Debug)]
pub(super) struct Stand {
    place: ChainPlace,
    /// The segment as it was when it was indexed.
    pub(super) boundary: Boundary,
    path: PathBuf,
    file: FileId,
}

impl Manager {
    /// Begins in a segment that was verified before; `None` if none such holds the beginning.
    pub(super) fn begin_indexed(view: &Arc<LogView>, options: ReplayOptions) -> Option<Self> {
        let range = options.ids();
        if range.from > range.to {
            return None;
        }
        let sought = if options.reverse { options.to? } else { options.from? };
        let index =
            view.indexes.of_event(sought).filter(|index| view.holds(index) && view.begins_in(index))?;
        if range.to <= index.boundary().link.last_event_id && !view.may_end_in(&index) {
            return None;
        }
        // Whether events of other segments that were asked for by name are still there, a look at the log tells.
        let is_elsewhere = |from| from <= index.boundary().continues.last_event_id;
        if options.reverse && options.from.is_some_and(is_elsewhere) {
            return None;
        }
        let snapshot = view.snapshot();
        let (context, segment) = (snapshot.context.clone(), index.segment());
        let telemetry = &view.instruments.consumer;
        let Some(indexed) = IndexedSegment::seek(context, index, range, options.reverse, telemetry) else {
            view.indexes.forget(segment);
            return None;
        };
        let mut made = Self::new(view, snapshot, options);
        made.indexed = Some(indexed);
        Some(made)
    }

    /// What comes next of the indexed segment; `None` if nothing is left of it. What comes behind it is planned then.
    pub(super) fn advance_indexed(&mut self) -> Result<Option<Source>> {
        while let Some(indexed) = &mut self.indexed {
            match indexed.next() {
                Next::Extent(extent) => {
                    let segment = indexed.index().segment();
                    if let Some(clipped) = self.clip(extent, Place::Indexed) {
                        self.read_ahead();
                        return self.source_of(clipped, Place::Indexed, Some(segment)).map(Some);
                    }
                }
                Next::End => self.leave_indexed(false)?,
                Next::Lost => self.leave_indexed(true)?,
            }
        }
        Ok(None)
    }

    /// Has the segments behind read ahead once it is likely that they will be needed.
    fn read_ahead(&mut self) {
        let Some(indexed) = self.indexed.as_ref().filter(|indexed| indexed.is_read_on()) else { return };
        if !std::mem::replace(&mut self.is_rest_begun, true) {
            let boundary = indexed.index().boundary();
            // What does not work now is tried again when its turn comes, and is an error then.
            let _ = self.plan_rest(&boundary, self.last_of(&boundary), false);
        }
    }

    /// Id of the last event that an indexed segment gives; in reverse, of the one before its first.
    fn last_of(&self, boundary: &Boundary) -> u64 {
        if self.options.reverse { boundary.continues.last_event_id } else { boundary.link.last_event_id }
    }

    /// The indexed segment was read to its end, or is not what it was from here on.
    fn leave_indexed(&mut self, is_lost: bool) -> Result<()> {
        let Some(indexed) = self.indexed.take() else { return Ok(()) };
        let (index, place) = (indexed.index(), indexed.stand());
        let path = index.path(&self.snapshot.context.source.directory);
        let stand = Stand { place, boundary: index.boundary(), path, file: index.file_id() };
        if is_lost {
            self.view.indexes.forget(index.segment());
        }
        let boundary = stand.boundary;
        self.neighbour = Some(boundary);
        self.stand = Some(stand);
        let last = if is_lost { place.link.last_event_id } else { self.last_of(&boundary) };
        if is_lost || self.preloader.is_none() {
            self.plan_rest(&boundary, last, is_lost)?;
        }
        // They may begin with this very segment, as it is now.
        self.options = self.rest_of(last).unwrap_or(self.options);
        Ok(())
    }

    /// Which events come behind the event `last`, in reverse before and with it; `None`: none that are wanted.
    fn rest_of(&self, last: u64) -> Option<ReplayOptions> {
        let mut options = self.options;
        let is_wanted = if options.reverse {
            options.to = Some(last);
            last > 0 && options.from.is_none_or(|from| from <= last)
        } else {
            options.from = Some(last + 1);
            options.to.is_none_or(|to| to > last)
        };
        is_wanted.then_some(options)
    }

    /// Plans what comes behind the event `last`, in reverse what comes before and with it, with a look at the log as it
    /// is now. `with_itself`: the indexed segment may hold some of it.
    fn plan_rest(&mut self, segment: &Boundary, last: u64, with_itself: bool) -> Result<()> {
        let Some(options) = self.rest_of(last) else { return Ok(()) };
        let (snapshot, tail) = self.view.look_and_take()?;
        self.snapshot = snapshot;
        let (index, reverse) = (segment.index, options.reverse);
        // Somebody may have gone on appending to it.
        let may_be_itself = if reverse { with_itself } else { self.goes_on(index, last)? };
        self.plan(options, tail, None, |wanted| {
            if wanted == index { may_be_itself } else { (wanted < index) == reverse }
        })
    }

    /// Whether a segment may have events behind this one.
    fn goes_on(&self, index: u32, last: u64) -> Result<bool> {
        let Snapshot { inspection, context, instruments, .. } = &self.snapshot;
        let ends_with = last_event_id(inspection, context, index, &instruments.consumer)?;
        Ok(ends_with.is_none_or(|ends_with| ends_with > last))
    }

    /// Checks that a segment goes on where reading of the indexed one has stopped.
    pub(super) fn check_stand(&self, stand: &Stand, reader: &SegmentReader) -> Result<()> {
        let own = reader.boundary();
        let indexed = stand.boundary;
        let goes_on = if own.index == indexed.index {
            if reader.has_place(&stand.place) { Ok(()) } else { Err(None) }
        } else if self.options.reverse {
            indexed.check_continues(&own).map_err(Some)
        } else {
            own.check_continues(&indexed).map_err(Some)
        };
        let Err(damage) = goes_on else { return Ok(()) };
        let is_same_file = self.view.files.id(&stand.path).is_ok_and(|id| id == stand.file);
        if let Some(damage) = damage.filter(|_| is_same_file) {
            return Err(self.corrupt(&damage));
        }
        let last = stand.place.link.last_event_id;
        let message = format!(
            "segment {} is not what it was when this replay began: somebody has repaired the log or put another file in \
             its place. Begin a new replay; this one stands at event {last}",
            indexed.index
        );
        Err(Error::new(Code::Gone, message).at_event(last).at_path(&stand.path))
    }
}
