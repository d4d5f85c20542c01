//! Where a log that was opened goes on: its segments opened, what was staged published, everything synced.

use std::sync::Arc;

use flashstrike_recovery::files::OpenMode;
use flashstrike_recovery::inspect::SegmentFacts;
use flashstrike_recovery::repair::{AppendPoint, Repaired};
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::names;
use flashstrike_telemetry::clock;

use crate::closed_segment::ClosedSegment;
use crate::prepared_segment::{PreparedSegment, map_from};
use crate::segment_file::SegmentFile;
use crate::segment_writer::{ResumePoint, SegmentWriter};
use crate::shared::LogContext;

/// Maps the prepared segments that have the size wanted now; the others are of no use and their names are needed.
pub(crate) fn usable_prepared(context: &LogContext, repaired: &Repaired) -> Result<Vec<PreparedSegment>> {
    let mut adopted = Vec::new();
    for (index, header) in &repaired.prepared {
        let Some(segment) = PreparedSegment::adopt(context, *index, header.clone()) else {
            break;
        };
        adopted.push(segment);
    }
    for (index, _) in repaired.prepared.iter().skip(adopted.len()).rev() {
        let path = context.directory.join(names::hot_name(*index));
        context.files.remove_file(&path).map_err(|error| Error::io("remove", &path, &error))?;
    }
    Ok(adopted)
}

/// The segments that were left without being sealed.
pub(crate) fn open_segments(context: &LogContext, facts: &[SegmentFacts]) -> Result<Vec<ClosedSegment>> {
    facts
        .iter()
        .map(|facts| {
            let file = open_segment(context, facts)?;
            file.finish();
            Ok(ClosedSegment {
                file,
                memory: None,
                header: facts.header.clone(),
                seal: facts.counts.clone(),
                end: facts.end,
            })
        })
        .collect()
}

fn open_segment(context: &LogContext, facts: &SegmentFacts) -> Result<Arc<SegmentFile>> {
    let path = context.directory.join(names::hot_name(facts.index));
    let file =
        context.files.open(&path, OpenMode::ReadWrite).map_err(|error| Error::io("open", &path, &error))?;
    Ok(Arc::new(SegmentFile::new(facts.index, path, file)))
}

pub(crate) fn open_append_point(
    writer: &mut SegmentWriter,
    context: &LogContext,
    point: &AppendPoint,
    prepared: &mut Vec<PreparedSegment>,
) -> Result<()> {
    match point {
        AppendPoint::Active(facts) => {
            let start = clock::now_ns();
            let resumed = resume(writer, context, facts);
            writer.note_open_existing(start, resumed.is_ok());
            resumed
        }
        AppendPoint::Next(index) => activate_next(writer, *index, prepared),
    }
}

fn resume(writer: &mut SegmentWriter, context: &LogContext, facts: &SegmentFacts) -> Result<()> {
    let file = open_segment(context, facts)?;
    let mapping = map_from(&*file.file, &file.path, facts.end, facts.length)?;
    let at = ResumePoint {
        end: facts.end,
        block_count: facts.counts.block_count,
        event_count: facts.counts.event_count,
        first_event_id: facts.counts.first_event_id,
    };
    writer.resume(file, mapping, facts.header.clone(), at);
    Ok(())
}

/// Goes on in segment `index`: one that is ready, or a new one.
fn activate_next(writer: &mut SegmentWriter, index: u32, prepared: &mut Vec<PreparedSegment>) -> Result<()> {
    if prepared.first().is_some_and(|first| first.header.segment_index == index) {
        writer.open_prepared_segment(prepared.remove(0));
    } else {
        writer.open_new_segment(index).map_err(|error| match error.code() {
            Code::Full => error.with_advice("nothing is lost: make space and open the log again"),
            _ => error,
        })?;
    }
    writer.activate();
    Ok(())
}

/// The staged events become one block, in the next segment if they do not fit; then the segment left is given back.
pub(crate) fn publish_staged(
    writer: &mut SegmentWriter,
    context: &LogContext,
    repaired: &Repaired,
    prepared: &mut Vec<PreparedSegment>,
) -> Result<Option<ClosedSegment>> {
    let Some(staged) = &repaired.staged else { return Ok(None) };
    let mut left = None;
    if !writer.fits(staged.payload.len()) {
        let next = writer.position().map_or(0, |(index, _)| index + 1);
        left = writer.close_segment(false)?;
        activate_next(writer, next, prepared)?;
    }
    if !writer.fits(staged.payload.len()) {
        let message = format!("{} bytes of staged events do not fit a segment", staged.payload.len());
        return Err(Error::new(Code::EventTooLarge, message).at_path(&context.directory));
    }
    writer.publish_large(&staged.payload, staged.count, staged.first_event_id, staged.last_event_id);
    Ok(left)
}

/// Oldest first: a sealed header claims that all before it is durable.
pub(crate) fn seal_and_sync(writer: &SegmentWriter, rotated: Vec<ClosedSegment>) -> Result<()> {
    for segment in rotated {
        segment.seal(writer.poison())?;
    }
    writer.flush(true)
}
