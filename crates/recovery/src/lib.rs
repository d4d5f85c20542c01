//! Verifies and replays a FlashStrike write-ahead log after any crash.

pub mod copy;
pub mod cursor;
mod diagnosis;
pub mod directory;
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
pub mod overview;
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
pub use recovery::{Recovery, RecoveryOptions, Summary};
pub use report::Report;
pub use telemetry::integrity_failure;
pub use verification::verify;
