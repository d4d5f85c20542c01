//! Which segments hold the events from one id to another.

use std::ops::Range;

use crate::directory::hot_path;
use crate::error::{Code, Error, Result};
use crate::inspect::Inspection;
use crate::segment_reader::{Boundary, PreviousBlock, ReadContext, Wanted};
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
    let all = inspection.first_segment..last.index + 1;
    let last_of = |index| last_event_id(inspection, context, index, telemetry);
    let first = match from {
        None => all.start,
        Some(from) => {
            first_segment_not(all.clone(), |index| Ok(last_of(index)?.is_some_and(|last| last < from)))?
        }
    };
    let end = match to {
        None => last.index,
        Some(to) => first_segment_not(all, |index| Ok(last_of(index)?.is_none_or(|last| last < to)))?,
    };
    Ok((first..=end.min(last.index)).map(|index| wanted(inspection, index)).collect())
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
    // Whoever begins behind nothing wants the first one.
    let event_id = event_id.max(1);
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
    context: &ReadContext,
    segment: u32,
    wanted: impl FnOnce() -> u64,
) -> Result<Option<Error>> {
    let ReadContext { source, log, .. } = context;
    let Some(first) = source.first_segment(log.as_ref())?.filter(|&first| first > segment) else {
        return Ok(None);
    };
    let first_event_id = source.first_event_id(first).unwrap_or(0);
    Ok(Some(gone(wanted(), first_event_id).at_path(&hot_path(&source.directory, segment))))
}

/// What the segment that reading begins with was chosen for, by what the headers of segments say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sought {
    /// This event, or the next one.
    From(u64),
    /// The last event that is wanted: reading goes backwards.
    To,
    /// The first event written at this time or later.
    Time(u64),
}

impl Sought {
    /// Whether a segment that was read is one to begin with. Headers may lie, and a file may be an old one of the same
    /// segment: then what is sought may stand in front of it.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED`, `WAL_IO`.
    pub(crate) fn begins_in(
        self,
        context: &ReadContext,
        segment: &Boundary,
        first_segment: u32,
        telemetry: &ReadTelemetry,
    ) -> Result<bool> {
        if segment.index <= first_segment {
            return Ok(true);
        }
        let is_behind = match self {
            Self::From(event_id) => segment.continues.last_event_id < event_id,
            Self::To => true,
            Self::Time(unix_ns) => segment.first_written_ts_ns < unix_ns,
        };
        Ok(is_behind && follows_the_one_before(context, segment, telemetry)?)
    }
}

/// Whether a segment continues the one before it, by what the header of that says of its end. One that says nothing, or
/// is not there any more, contradicts nothing.
pub(crate) fn follows_the_one_before(
    context: &ReadContext,
    segment: &Boundary,
    telemetry: &ReadTelemetry,
) -> Result<bool> {
    let Some(before) = segment.index.checked_sub(1) else { return Ok(true) };
    let start = context.source.own_start(before, context.log.as_ref(), telemetry)?;
    Ok(start.and_then(|start| start.sealed).is_none_or(|seal| segment.continues.is_end_of(&seal)))
}

/// Whether the segment behind says that it continues another block than the last one here: then this may be an old copy,
/// and what it holds not what was written last. One that says nothing, is not there, or does not fit the one behind it
/// itself, contradicts nothing.
pub(crate) fn is_contradicted(
    context: &ReadContext,
    segment: &Boundary,
    telemetry: &ReadTelemetry,
) -> Result<bool> {
    let said_by = |index: Option<u32>| {
        let start = index.map(|index| context.source.own_start(index, context.log.as_ref(), telemetry));
        let start = start.transpose()?.flatten();
        Ok::<_, Error>(start.and_then(|start| Some((PreviousBlock::of_segment(&start)?, start.sealed))))
    };
    let next = segment.index.checked_add(1);
    let Some((continued, sealed)) = said_by(next)? else { return Ok(false) };
    if continued == segment.link.into() {
        return Ok(false);
    }
    let Some(seal) = sealed else { return Ok(true) };
    let behind = said_by(next.and_then(|next| next.checked_add(1)))?;
    Ok(behind.is_none_or(|(continued, _)| continued.is_end_of(&seal)))
}

fn wanted(inspection: &Inspection, index: u32) -> Wanted {
    let facts = inspection.segment(index);
    Wanted { index, end: facts.filter(|facts| !facts.is_whole_and_sealed()).map(|facts| facts.end) }
}

/// The first segment of which `is_before` is not true, as it is of all in front of that one and of none behind; the end of
/// the range if it is true of all.
pub(crate) fn first_segment_not(
    segments: Range<u32>,
    is_before: impl Fn(u32) -> Result<bool>,
) -> Result<u32> {
    let Range { start: mut low, end: mut high } = segments;
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Id of the last event of a segment, as what was verified or its sealed header says.
pub(crate) fn last_event_id(
    inspection: &Inspection,
    context: &ReadContext,
    index: u32,
    telemetry: &ReadTelemetry,
) -> Result<Option<u64>> {
    if let Some(facts) = inspection.segment(index) {
        return Ok(Some(facts.counts.last_event_id));
    }
    let start = context.source.own_start(index, context.log.as_ref(), telemetry)?;
    Ok(start.and_then(|start| start.sealed).map(|seal| seal.last_event_id))
}
