//! One operation on a file or a name.

use std::path::{Path, PathBuf};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Opens a file that should be there.
    Open,
    /// Opens a file that is, or may be, created by it.
    Create,
    /// Renames; the path is the new name.
    Rename,
    /// Gives a second name; the path is the new one.
    HardLink,
    /// Removes a name.
    Remove,
    /// Creates a directory.
    CreateDirectory,
    /// fsync of a directory.
    SyncDirectory,
    /// Lists a directory.
    List,
    /// Asks what a directory lies on.
    AskKind,
    /// Switches copy-on-write off.
    DisableCopyOnWrite,
    /// Asks for a length.
    Length,
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Allocates blocks.
    Allocate,
    /// Writes zeros.
    FillWithZeros,
    /// Gives blocks back.
    PunchHole,
    /// fdatasync.
    SyncData,
    /// fsync of a file.
    SyncAll,
    /// Starts write-back.
    StartWriteBack,
    /// Gives cached pages back.
    DropCache,
    /// Maps.
    Map,
    /// Tries a lock.
    TryLock,
    /// Gives a lock back.
    Unlock,
    /// Asks for device and inode.
    Id,
}

impl Kind {
    /// Whether it makes something durable.
    pub const fn is_sync(self) -> bool {
        matches!(self, Self::SyncData | Self::SyncAll | Self::SyncDirectory)
    }

    /// Whether it changes what is in files or directories.
    pub const fn changes(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Rename
                | Self::HardLink
                | Self::Remove
                | Self::CreateDirectory
                | Self::DisableCopyOnWrite
                | Self::Write
                | Self::Allocate
                | Self::FillWithZeros
                | Self::PunchHole
        )
    }
}

/// One operation. Times are ticks: numbers that grow with everything that occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its place among all operations, from 1.
    pub number: u64,
    /// What it does.
    pub kind: Kind,
    /// The file or directory, by the name it has now, also if it was opened under another.
    pub path: PathBuf,
    /// When it began.
    pub began: u64,
    /// When it ended; `None`: it is still going on.
    pub ended: Option<u64>,
    /// Whether it succeeded.
    pub succeeded: bool,
}

impl Operation {
    /// The name of the file or directory alone.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or("")
    }

    /// Whether it concerns exactly this path.
    pub fn is_on(&self, path: &Path) -> bool {
        self.path == path
    }
}
