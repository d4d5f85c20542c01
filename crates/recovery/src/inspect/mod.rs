//! What a log is: everything that opening it has to know, found without changing anything.

mod ahead;
mod behind;
mod body;
mod conclude;
mod facts;
mod scout;
mod source;
mod staging;
mod stranger;
mod survey;
mod verify;

use std::path::Path;
use std::sync::Arc;

pub(crate) use body::{Body, Scratch, is_zero};
pub use facts::{Inspection, MetaFacts, PreparedFacts, SegmentFacts, StagedEvents, StagingFacts};
pub(crate) use source::SegmentSource;

use crate::error::Result;
use crate::files::FileSystem;
use crate::mode::Mode;
use crate::segment_reader::SegmentReader;
use crate::telemetry::ReadTelemetry;

/// How much of a log to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// From the first unsealed segment on: what opening verifies. The cost does not grow with the log.
    Unsealed,
    /// Every segment.
    Everything,
}

impl Depth {
    /// What opening in this mode verifies.
    pub const fn of(mode: Mode) -> Self {
        if mode.verifies_everything() { Self::Everything } else { Self::Unsealed }
    }
}

/// How to inspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InspectOptions {
    /// How much to verify.
    pub depth: Depth,
    /// The boot id of the machine, see [`boot_id`](crate::machine::boot_id). `None`: it is not known, and nothing
    /// proves that staged events are of this boot.
    pub boot_id: Option<[u8; 16]>,
    /// Somebody else is appending at the same time. Then staging is not looked at, and what does not verify in an
    /// unsealed segment is the end for now. The holder of the lock says no.
    pub beside_writer: bool,
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Segments verified.
    pub segments_done: u32,
    /// Segments to verify in all.
    pub segments: u32,
    /// Bytes of them read, uncompressed.
    pub bytes_done: u64,
}

/// Who wants to know what while a log is being inspected.
#[derive(Default)]
pub(crate) struct Watch<'a> {
    pub(crate) telemetry: Option<&'a ReadTelemetry>,
    pub(crate) progress: Option<&'a mut dyn FnMut(&Progress)>,
}

impl Progress {
    /// One more segment is verified, of so many bytes; whoever watches is told.
    fn add(&mut self, bytes: u64, watch: &mut Watch<'_>) {
        self.segments_done += 1;
        self.bytes_done += bytes;
        if let Some(told) = &mut watch.progress {
            told(self);
        }
    }
}

/// Inspects a log, and changes nothing. A reader, which does not know whether somebody is appending, uses
/// [`Recovery`](crate::Recovery) instead.
///
/// # Errors
/// `WAL_NOT_FOUND` if there is no such directory; `WAL_UNSUPPORTED` if a newer version wrote the log; `WAL_IO`. An
/// error of the operating system is never taken for damage, and damage is no error here but a verdict.
pub fn inspect(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
) -> Result<Inspection> {
    survey::inspect(files, directory, options, &mut Watch::default())
}

/// The last event of a segment that appending has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftSegment {
    /// Its last event, or the last one before it if it holds none.
    pub last_event_id: u64,
    /// When it was sealed, or begun if it holds no event; ns since the Unix epoch.
    pub ended_ts_ns: u64,
    /// One without an event is never sealed.
    pub holds_events: bool,
}

/// What a segment that appending has left says of its end, from whichever of its files counts; `None`: there is neither,
/// or it holds an event and is not sealed.
///
/// # Errors
/// `WAL_UNSUPPORTED`, `WAL_IO`.
pub fn left_segment(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    index: u32,
) -> Result<Option<LeftSegment>> {
    SegmentSource::new(files, directory).left(index)
}

/// Inspects a log for a reader, which does not know whether somebody is appending to it. Gives also the segment in which
/// the log ends, as it was read.
pub(crate) fn observe(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    watch: &mut Watch<'_>,
) -> Result<(Inspection, Option<SegmentReader>)> {
    survey::observe(files, directory, options, watch)
}

/// Inspects once, as the holder of the lock does; `None` if a segment vanished meanwhile.
pub(crate) fn inspect_once(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    watch: &mut Watch<'_>,
) -> Result<Option<Inspection>> {
    let inspected = survey::inspect_once(files, directory, options, watch)?;
    Ok(inspected.map(|(inspection, _)| inspection))
}
