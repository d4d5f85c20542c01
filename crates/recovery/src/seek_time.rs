//! Finding the first event written at a time or later.
//!
//! Only the times of blocks count, which never go back along the log. Those in the headers of segments are of a wall
//! clock as it was, and may.

use std::sync::Arc;

use crate::error::Result;
use crate::log_view::LogView;
use crate::machine::wall_clock_ns;
use crate::manager::{Manager, Snapshot};
use crate::plan::first_segment_not;
use crate::segment_reader::{IndexedSegment, first_written_at};

impl LogView {
    /// Id of the first event of the first block written at this time or later, ns since the Unix epoch.
    pub(crate) fn seek_time(self: &Arc<Self>, unix_ns: u64) -> Result<Option<u64>> {
        if let Some(found) = self.seek_time_indexed(unix_ns) {
            return Ok(Some(found));
        }
        let (snapshot, tail) = self.look_and_take()?;
        let inspection = Arc::clone(&snapshot.inspection);
        let newest = inspection.link.map_or(0, |link| link.written_ts_ns);
        if newest >= unix_ns {
            let first = first_candidate(&snapshot, unix_ns)?;
            let mut replay = Manager::from_segment(self, (snapshot, tail), first, unix_ns)?;
            while let Some(run) = replay.next_run()?.filter(|run| run.segment().is_some()) {
                if let Some(id) = first_written_at(run.bytes(), unix_ns) {
                    return Ok(Some(id));
                }
            }
        }
        let now = wall_clock_ns();
        let staged = inspection.staging.taken.as_ref().filter(|_| unix_ns <= now.max(newest));
        Ok(staged.map(|staged| staged.first_event_id))
    }

    /// As `seek_time`, in a segment that was verified before; `None` if none such has it.
    fn seek_time_indexed(&self, unix_ns: u64) -> Option<u64> {
        let snapshot = self.snapshot();
        let first = snapshot.inspection.first_segment;
        let index = self
            .indexes
            .of_time(unix_ns, first)
            .filter(|index| self.holds(index) && self.begins_in(index))?;
        let (context, segment) = (snapshot.context, index.segment());
        let found = IndexedSegment::event_at(context, index, unix_ns, &self.instruments.consumer);
        found.unwrap_or_else(|_lost| {
            self.indexes.forget(segment);
            None
        })
    }
}

/// The segment in which to begin to look: the last one that begins before the time, or the first one there is.
fn first_candidate(snapshot: &Snapshot, unix_ns: u64) -> Result<u32> {
    let inspection = &snapshot.inspection;
    let first = inspection.first_segment;
    let behind = inspection.segments.last().map_or(first, |last| last.index + 1);
    let later = first_segment_not(first..behind, |index| {
        // One that does not say is read, if there is no later one that begins before; then it is an error.
        Ok(first_written_ts_ns(snapshot, index)?.is_none_or(|begun| begun < unix_ns))
    })?;
    Ok(later.saturating_sub(1).max(first))
}

/// When the first block of a segment was written.
fn first_written_ts_ns(snapshot: &Snapshot, index: u32) -> Result<Option<u64>> {
    if let Some(facts) = snapshot.inspection.segment(index) {
        return Ok(Some(facts.first_written_ts_ns));
    }
    let context = &snapshot.context;
    let start = context.source.own_start(index, context.log.as_ref(), &snapshot.instruments.consumer)?;
    Ok(start.and_then(|start| start.metadata).map(|(block, _)| block.written_ts_ns))
}
