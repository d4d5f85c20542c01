//! Verifies and replays a FlashStrike write-ahead log after any crash.
//!
//! A [`Recovery`] is an open log. Opening verifies what a crash may have left undone, from the first segment that is not
//! sealed on; sealed ones are verified when they are read. Nothing is changed and no permission to write is needed, so a
//! reader may stand beside a living writer. What is done about damage is a matter of the [`Mode`]; what was found says the
//! [`Report`].
//!
//! ```
//! use std::time::Duration;
//!
//! use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
//! use flashstrike_recovery::report::LogState;
//! use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
//!
//! # let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../segment/tests/vectors/fixed");
//! let log = Recovery::open(RecoveryOptions::new(directory))?;
//!
//! let summary = log.verify(&mut |progress| eprintln!("{} segments", progress.segments_done))?;
//! assert_eq!((summary.state, summary.last_id), (LogState::Clean, 90));
//!
//! let mut ids = Vec::new();
//! let mut replay = log.replay(ReplayOptions { from: Some(10), to: Some(12), ..ReplayOptions::default() })?;
//! while let Some(event) = replay.next_event()? {
//!     ids.push(event.id);
//! }
//! assert_eq!(ids, [10, 11, 12]);
//!
//! // From the last event on: that one, then whatever a writer appends, in this process or another.
//! let from = Start::At(log.last_event_id());
//! let mut follower = log.follow(FollowOptions { from, ..FollowOptions::default() })?;
//! let last = follower.next_event(Wait::AtMost(Duration::from_secs(60)))?.map(|event| event.id);
//! assert_eq!(last, Some(log.last_event_id()));
//! assert!(follower.next_event(Wait::Never)?.is_none(), "nobody appends here");
//! # Ok::<(), flashstrike_recovery::Error>(())
//! ```
//!
//! # What to call
//!
//! | for | call |
//! |---|---|
//! | events in order, from one id to another | [`Recovery::replay`] |
//! | what is left of a damaged log, with every gap | [`Recovery::diagnose`] in mode `diagnostic` |
//! | the live tail, across rotations and restarts of the writer | [`Recovery::follow`] |
//! | a named position that survives a power cut and holds back retention | [`Recovery::cursor`] |
//! | a log that may not even open | [`verify()`], [`overview`](mod@overview) |
//! | cutting what is damaged, by hand, and taking that back | [`repair`] |
//! | a backup of a live log | [`mod@copy`] |
//!
//! # Invariants
//!
//! No event is handed out that was not verified, in memory that nobody else can change. A replay never ends early
//! without an error: damage and retention are told, with the place. Whatever lies in the directory, nothing panics, and
//! only [`repair`] and the recorder, which calls it, change anything.

pub mod copy;
pub mod cursor;
mod diagnosis;
pub mod directory;
mod durable;
pub mod error;
pub mod files;
pub mod follow;
mod generation;
pub mod inspect;
pub mod lock;
mod log_view;
pub mod machine;
pub mod manager;
mod meta_file;
pub mod mode;
mod options;
pub mod overview;
mod pieces;
mod plan;
pub mod pool;
mod recovery;
pub mod repair;
pub mod report;
mod seek_time;
mod segment_reader;
mod telemetry;
mod verification;
pub mod watch;
mod worker;

pub use diagnosis::{Diagnosis, Gap, Piece};
pub use error::{Code, Error, Result};
pub use manager::{Manager, ReplayOptions, Run};
pub use meta_file::replace_meta;
pub use mode::Mode;
pub use options::RecoveryOptions;
pub use pieces::Pieces;
pub use recovery::Recovery;
pub use report::Report;
pub use telemetry::{begin_telemetry, integrity_failure, metric_labels};
pub use verification::{Summary, verify};

/// The example of README.md, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
