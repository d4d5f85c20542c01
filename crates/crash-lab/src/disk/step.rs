//! What was done to a disk, step by step.

use std::ffi::OsString;
use std::sync::Arc;

/// Bytes of a page: what the kernel writes at once.
pub(super) const PAGE: usize = 4096;
/// Bytes of a sector: what a device writes wholly or not at all.
pub(super) const SECTOR: usize = 512;

/// The contents of a page.
pub(super) type Page = Arc<[u8; PAGE]>;
/// What a name stands for.
pub(super) type Inode = u64;

/// What the log had promised at some moment. The disk keeps it in order with the steps; the workload raises it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Promise {
    /// The log was created, durably.
    pub exists: bool,
    /// Highest id that anyone was told to be durable.
    pub durable: u64,
    /// Highest id that an append has given.
    pub appended: u64,
    /// Retention may have removed events below this id; 0: none.
    pub removable_below: u64,
}

/// One step of a run: one operation, or stores to mapped memory between two of them.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The thread and what it did.
    pub(crate) what: String,
    pub(super) effects: Vec<Effect>,
    /// What is promised from here on.
    pub(crate) promise: Promise,
}

impl Step {
    /// Whether it has changed what the disk holds or is to hold.
    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }
}

/// A change of what a disk holds, or of what it holds for certain.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    NewFile(Inode),
    NewDirectory(Inode),
    Name {
        directory: Inode,
        change: NameChange,
    },
    Length {
        file: Inode,
        length: usize,
    },
    Page {
        file: Inode,
        page: usize,
        bytes: Page,
    },
    /// The sync of a file or directory that began at step `began` has ended.
    Synced {
        inode: Inode,
        began: u64,
    },
}

/// A change of a directory that occurs wholly or not at all.
#[derive(Debug, Clone)]
pub(super) struct NameChange {
    pub(super) number: u64,
    /// Half of a rename from one directory to another; the other half has the same number.
    pub(super) is_half: bool,
    pub(super) cleared: Option<OsString>,
    pub(super) set: Option<(OsString, Inode)>,
}
