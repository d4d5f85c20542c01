//! Files that fail on demand.
//!
//! [`FaultFileSystem`] stands between the log and another file system. It numbers every operation, keeps a trace of
//! them, and does what its [`Rule`]s say: fail one, hold one until the test lets it go, stop everything from some
//! operation on, or end the process with `kill -9` at it.
//!
//! Stores to mapped memory are no operations and reach the files whatever happens here, as they do when a process is
//! killed.

mod files;
mod operation;
mod record;
mod rule;

pub use files::FaultFileSystem;
pub use operation::{Kind, Operation};
pub use rule::{Gate, Rule};
