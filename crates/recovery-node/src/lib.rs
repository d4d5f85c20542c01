//! Node.js binding of recovery: arguments in, results and error codes out. No rule of the log lives here.
//!
//! A replay crosses in *runs* of verified blocks: one call tells where the next run stands, and JavaScript reads events
//! in place, in memory that the pool of the log keeps.

#![expect(
    clippy::cast_sign_loss,
    reason = "JavaScript has one kind of number; the casts saturate, and ids beyond the range find nothing"
)]

mod errors;
mod follower_thread;
mod native_cursor;
mod native_follower;
mod native_recovery;
mod native_replay;
mod telemetry_options;
mod tools;
mod verify;
mod waker;

pub use errors::error_codes;
use napi_derive::napi;
pub use native_cursor::{
    CursorOpenOptions, ListCursorsTask, MoveTask, NativeCursor, OpenCursorTask, RemoveCursorTask,
};
pub use native_follower::NativeFollower;
pub use native_recovery::{NativeRecovery, OpenOptions, OpenTask, open};
pub use native_replay::NativeReplay;
pub use telemetry_options::{Label, TelemetryOptions};
pub use tools::{
    RepairLogOptions, ToolTask, copy_log, end_copies, inspect_log, repair_log, undo_repair, verify_log,
};
pub use verify::VerifyTask;

/// By this the package knows that the file is its own addon, of its own version.
#[napi]
pub const BUILD: &str = concat!("wal-recovery ", env!("CARGO_PKG_VERSION"));
