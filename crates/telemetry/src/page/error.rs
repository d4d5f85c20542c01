//! What can be wrong with a page.

use std::io;
use std::path::{Path, PathBuf};

/// Why a page cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// A living process records there; it is left alone.
    #[error(
        "{path} is the metrics page of process {process}, which is recording there; give this one a page of its own, or close the other"
    )]
    InUse {
        /// The page.
        path: PathBuf,
        /// The process that it belongs to, as its own machine or container numbers it; 0 if it is only being made.
        process: u32,
    },
    /// There is something else under the name of the page, which is neither read nor overwritten.
    #[error("{path} is no metrics page: {what}; it is left as it is: name another file")]
    NotAPage {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A page on this file system could make recording wait for a disk.
    #[error(
        "{path} lies on {file_system}, where recording can wait for the disk; put the page on tmpfs, for example in /dev/shm, or name {file_system} in allowFileSystem of telemetry to take the risk"
    )]
    FileSystem {
        /// The page.
        path: PathBuf,
        /// What it would lie on.
        file_system: String,
    },
    /// The directory that the page is to be made in does not exist.
    #[error(
        "there is no directory {directory} to make the metrics page {path} in; create it, or name another file"
    )]
    NoDirectory {
        /// The page.
        path: PathBuf,
        /// What is missing.
        directory: PathBuf,
    },
    /// Something that was asked for cannot be.
    #[error("{what}")]
    Option {
        /// What it is, and what it has to be.
        what: String,
    },
    /// There is no room for the page.
    #[error(
        "there is no room for the metrics page {path}, which takes {bytes} bytes; make space, or put it elsewhere"
    )]
    Full {
        /// The page.
        path: PathBuf,
        /// How much it takes.
        bytes: u64,
    },
    /// There is no such page.
    #[error("there is no metrics page {path}; is the recorder running that was told to make it?")]
    NotFound {
        /// The page.
        path: PathBuf,
    },
    /// There is one, for others than this user.
    #[error(
        "this user may not read the metrics page {path}; its writer lets others with fileMode of telemetry, for example 0o640, in a directory that they may enter"
    )]
    Forbidden {
        /// The page.
        path: PathBuf,
    },
    /// Somebody is still making the page.
    #[error("the metrics page {path} is still being made; try again")]
    NotReady {
        /// The page.
        path: PathBuf,
    },
    /// It was made by another version.
    #[error(
        "the metrics page {path} has version {found}, this reader knows {known}; update the older of the two packages"
    )]
    Version {
        /// The page.
        path: PathBuf,
        /// The version it says it has.
        found: u32,
        /// The one that is known.
        known: u32,
    },
    /// What it says of itself cannot be.
    #[error("the metrics page {path} is damaged at byte {at}: {what}")]
    Damaged {
        /// The page.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What cannot be.
        what: String,
    },
    /// The operating system refused.
    #[error("cannot {what} the metrics page {path}: {error}")]
    Io {
        /// The page.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What it said.
        error: io::Error,
    },
}

impl PageError {
    /// The page it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Option { .. } => None,
            Self::InUse { path, .. }
            | Self::NotAPage { path, .. }
            | Self::FileSystem { path, .. }
            | Self::NoDirectory { path, .. }
            | Self::Full { path, .. }
            | Self::NotFound { path }
            | Self::Forbidden { path }
            | Self::NotReady { path }
            | Self::Version { path, .. }
            | Self::Damaged { path, .. }
            | Self::Io { path, .. } => Some(path),
        }
    }

    /// The stable code that the packages give it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "WAL_LOCKED",
            Self::NotAPage { .. } | Self::Damaged { .. } => "WAL_METRICS",
            Self::FileSystem { .. } | Self::Option { .. } | Self::Version { .. } => "WAL_UNSUPPORTED",
            Self::Full { .. } => "WAL_FULL",
            Self::NotFound { .. } | Self::NotReady { .. } => "WAL_NOT_FOUND",
            // Not the code above, which says of a log that there is none.
            Self::Io { .. } | Self::NoDirectory { .. } | Self::Forbidden { .. } => "WAL_IO",
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.into(), what, error }
    }

    pub(crate) fn damaged(path: &Path, at: u64, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), at, what: what.into() }
    }
}
