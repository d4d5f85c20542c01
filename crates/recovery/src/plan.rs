//! Which segments hold the events from one id to another.

use crate::directory::hot_path;
use crate::error::{Code, Error, Result};
use crate::inspect::{Inspection, SegmentSource};
use crate::segment_reader::{ReadContext, Wanted};
use crate::telemetry::ReadTelemetry;

/// The segments of a replay, ascending.
pub(crate) fn plan(
    inspection: &Inspection,
    context: &ReadContext,
    from: Option<u64>,
    to: Option<u64>,
    telemetry: &ReadTelemetry,
) -> Result<Vec<Wanted>> {
    let Some(last) = inspection.segments.last() else { return Ok(Vec::new()) };
    let all = inspection.first_segment..=last.index;
    let look = Look { inspection, context, telemetry };
    let first = match from {
        None => *all.start(),
        Some(from) => look.first_with(all.clone(), |known| known.is_some_and(|last| last < from))?,
    };
    let end = match to {
        None => *all.end(),
        Some(to) => look.first_with(all.clone(), |known| known.is_none_or(|last| last < to))?,
    };
    Ok((first..=end.min(*all.end())).map(|index| look.wanted(index)).collect())
}

/// An explicit `from` that retention has removed.
///
/// # Errors
/// `WAL_GONE`, which names the first id there is.
pub(crate) fn check_not_gone(inspection: &Inspection, from: Option<u64>) -> Result<()> {
    let Some(from) = from.filter(|&from| from <= inspection.gone_event_id && inspection.gone_event_id > 0)
    else {
        return Ok(());
    };
    Err(gone(from, inspection.first_event_id.max(inspection.gone_event_id + 1)))
}

/// `WAL_GONE` for an event.
pub(crate) fn gone(event_id: u64, first_event_id: u64) -> Error {
    let message = format!(
        "event {event_id} has been removed by retention or repair; the log begins with event {first_event_id}"
    );
    Error::new(Code::Gone, message).at_event(event_id)
}

/// `WAL_GONE` if retention has removed this segment, of which `wanted` tells the first event that was still to be read.
///
/// # Errors
/// `WAL_IO`.
pub(crate) fn removed(
    source: &SegmentSource,
    segment: u32,
    wanted: impl FnOnce() -> u64,
) -> Result<Option<Error>> {
    let Some(first) = source.first_segment()?.filter(|&first| first > segment) else { return Ok(None) };
    let first_event_id = source.first_event_id(first).unwrap_or(0);
    Ok(Some(gone(wanted(), first_event_id).at_path(&hot_path(&source.directory, segment))))
}

struct Look<'a> {
    inspection: &'a Inspection,
    context: &'a ReadContext,
    telemetry: &'a ReadTelemetry,
}

impl Look<'_> {
    fn wanted(&self, index: u32) -> Wanted {
        let facts = self.inspection.segments.iter().find(|facts| facts.index == index);
        Wanted { index, end: facts.filter(|facts| !facts.is_whole_and_sealed()).map(|facts| facts.end) }
    }

    /// The first segment of which `is_before` is not true, told the id of its last event as far as that is known;
    /// behind the last if there is none.
    fn first_with(
        &self,
        all: std::ops::RangeInclusive<u32>,
        is_before: impl Fn(Option<u64>) -> bool,
    ) -> Result<u32> {
        let (mut low, mut high) = (*all.start(), *all.end() + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(self.last_event_id(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Id of the last event of a segment, as what was verified or its sealed header says.
    fn last_event_id(&self, index: u32) -> Result<Option<u64>> {
        if let Some(facts) = self.inspection.segments.iter().find(|facts| facts.index == index) {
            return Ok(Some(facts.counts.last_event_id));
        }
        let start = self.context.source.own_start(index, self.context.log.as_ref(), self.telemetry)?;
        Ok(start.and_then(|start| start.sealed).map(|seal| seal.last_event_id))
    }
}
