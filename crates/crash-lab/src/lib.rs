//! Where the log is put under stress: files that fail on demand, processes that are killed in the middle of anything,
//! disks that fill up, and oracles that say what must be there afterwards.
//!
//! For tests only. Everything random comes from a [`Seed`] that a failing test prints.
//!
//! | to | use |
//! |---|---|
//! | fail, hold, trace or stop file operations, or die at one | [`FaultFileSystem`] |
//! | know what of a log would survive a power cut | [`Disk`] |
//! | crash between any two steps, with all that may be left | [`explore`] |
//! | learn what a killed process had acknowledged | [`AckPage`] |
//! | run a test's other half in a process of its own | [`Child`] |
//! | stop a process between any two instructions | [`Stepper`] |
//! | run on a disk that is soon full | [`SmallDisk`] |
//! | read a log back without the code under test | [`ReadBack`], [`Walref`], [`WalrefAtWork`] |
//! | have events whose contents follow from their ids | [`events`] |
//! | count what a thread allocates | [`CountingAllocator`] |

use std::time::Duration;

mod ack_page;
mod allocations;
mod child;
mod disk;
#[cfg(windows)]
mod errno;
pub mod events;
mod explore;
mod fault;
mod hex;
mod read_back;
mod seed;
mod skip;
#[cfg(target_os = "linux")]
mod small_disk;
#[cfg(target_os = "linux")]
mod stepper;
mod walref;

pub use ack_page::AckPage;
pub use allocations::{CountingAllocator, allocations_of_this_thread};
pub use child::{Child, given, is_child, was_killed};
pub use disk::{Disk, History, Promise};
#[cfg(windows)]
pub use errno::Errno;
pub use explore::{Crash, CrashState, Thoroughness, Violation, explore};
pub use fault::{FaultFileSystem, Gate, Kind, Operation, Rule};
pub use read_back::{ReadBack, copy_log};
#[cfg(unix)]
pub use rustix::io::Errno;
pub use seed::Seed;
pub use skip::{forbidden, skipped};
#[cfg(target_os = "linux")]
pub use small_disk::SmallDisk;
#[cfg(target_os = "linux")]
pub use stepper::Stepper;
pub use walref::{Walref, WalrefAtWork, vectors};

/// Longer than anything in a test takes, also on a machine that is ten times slower and busy; whoever waits so long
/// hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);
