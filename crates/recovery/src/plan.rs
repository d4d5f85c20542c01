//! Which segments hold the events from one id to another.

use crate::directory::hot_path;
use crate::error::{Code, Error, Result};
use crate::inspect::{Inspection, SegmentSource};
use crate::segment_reader::{Boundary, ReadContext, Wanted};
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
            Self::From(event_id) => segment.continues.1 < event_id,
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
    let (chain, last_event_id) = segment.continues;
    Ok(start
        .and_then(|start| start.sealed)
        .is_none_or(|seal| (seal.last_chain_low, seal.last_event_id) == (chain as u32, last_event_id)))
}

/// Whether the segment behind says that it continues another block than the last one here: then this may be an old copy,
/// and what it holds not what was written last. One that says nothing, is not there, or does not fit the one behind it
/// itself, contradicts nothing.
pub(crate) fn is_contradicted(
    context: &ReadContext,
    segment: &Boundary,
    telemetry: &ReadTelemetry,
) -> Result<bool> {
    let metadata_of = |index: Option<u32>| {
        let start = index.map(|index| context.source.own_start(index, context.log.as_ref(), telemetry));
        Ok::<_, Error>(start.transpose()?.flatten().and_then(|start| Some((start.metadata?, start.sealed))))
    };
    let next = segment.index.checked_add(1);
    let Some(((block, metadata), sealed)) = metadata_of(next)? else { return Ok(false) };
    let link = segment.link;
    if (metadata.previous_chain, block.last_event_id) == (link.chain, link.last_event_id) {
        return Ok(false);
    }
    let Some(seal) = sealed else { return Ok(true) };
    let behind = metadata_of(next.and_then(|next| next.checked_add(1)))?;
    Ok(behind.is_none_or(|((block, metadata), _)| {
        (metadata.previous_chain as u32, block.last_event_id) == (seal.last_chain_low, seal.last_event_id)
    }))
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
            if is_before(last_event_id(self.inspection, self.context, middle, self.telemetry)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// Id of the last event of a segment, as what was verified or its sealed header says.
pub(crate) fn last_event_id(
    inspection: &Inspection,
    context: &ReadContext,
    index: u32,
    telemetry: &ReadTelemetry,
) -> Result<Option<u64>> {
    if let Some(facts) = inspection.segments.iter().find(|facts| facts.index == index) {
        return Ok(Some(facts.counts.last_event_id));
    }
    let start = context.source.own_start(index, context.log.as_ref(), telemetry)?;
    Ok(start.and_then(|start| start.sealed).map(|seal| seal.last_event_id))
}
