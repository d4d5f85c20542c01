//! Appends events to a FlashStrike write-ahead log.
//!
//! An event climbs a ladder. It is *staged* when [`Recorder::append`] returns: it stands in memory that survives the
//! process. It is *written* when its block is published in a mapped segment, where readers see it. It is *durable* when
//! it, everything before it and the names of its files have been synced.
//!
//! ```
//! use flashstrike_recorder::{Recorder, RecorderOptions};
//!
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let mut log = Recorder::open(&RecorderOptions::new(directory))?;
//! let first = log.append(b"order 1")?;
//! log.append(b"order 2")?;
//! log.durable_sync(None)?;
//! assert_eq!((first, log.durable_event_id()), (1, 2));
//! log.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Who does what
//!
//! | part | thread | does |
//! |---|---|---|
//! | [`SegmentWriter`] | the caller's | stages events, publishes blocks: stores to memory, no call into the kernel |
//! | [`Manager`] | the caller's | rotation; sees to it that a full block always fits |
//! | [`SegmentPreparer`] | `wal-prepare` | next segments allocated, synced by name, pre-faulted |
//! | [`SegmentSealer`] | `wal-seal` | syncs and seals the segments that were left |
//! | [`SegmentMaintainer`] | `wal-maintain` | keeps the log within its [`Retention`]: compresses, deletes |
//! | [`Committer`] | `wal-commit` | group commit |
//! | [`MetaStore`] and its coordinator | `wal-meta` | `wal.meta`, at most a second behind |

mod append_point;
mod closed_segment;
mod event;
mod existing_segment;
mod log_directory;
mod manager;
mod meta_store;
mod open;
mod options;
mod poison;
mod prepared_segment;
mod recorder;
mod refused;
mod retention;
mod segment_file;
mod segment_writer;
mod shared;
mod staging;
mod worker;

pub use closed_segment::ClosedSegment;
pub use event::{Event, Observer};
pub use existing_segment::OpenedSegment;
pub use flashstrike_recovery::files::Mapping;
pub use flashstrike_recovery::{Code, Error, Mode, Report, Result};
pub use manager::Manager;
pub use meta_store::MetaStore;
pub use options::RecorderOptions;
pub use prepared_segment::PreparedSegment;
pub use recorder::Recorder;
pub use retention::{Compression, Retention};
pub use segment_writer::{ResumePoint, SegmentWriter};
pub use shared::{LogContext, MAX_UNSEALED_SEGMENTS};
pub use staging::{NewStaging, Staging};
pub use worker::committer::{CommitHandle, Committer};
pub use worker::maintainer::SegmentMaintainer;
pub use worker::preparer::SegmentPreparer;
pub use worker::sealer::SegmentSealer;

fn closed() -> Error {
    Error::new(Code::Closed, "the log is closed; open it again to append")
}

/// The example of README.md, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
