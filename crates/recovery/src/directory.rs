//! The names in a log's directory, sorted by what they are.
//!
//! Only names of our own pattern count, and only regular files: whatever else lies there is left alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use flashstrike_segment::WalMeta;
use flashstrike_segment::names::{self, SegmentFile, SegmentKind};

use crate::error::{Code, Error, Result};
use crate::files::FileSystem;

/// Which files a segment has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentFiles {
    /// `NNNNNNNN.wal` is there.
    pub hot: bool,
    /// `NNNNNNNN.wal.zst` is there.
    pub cold: bool,
}

/// What lies in a log's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The segments by index.
    pub segments: BTreeMap<u32, SegmentFiles>,
    /// Names of `.new` and `.tmp` files of ours: never the only copy of anything.
    pub leftovers: Vec<String>,
    /// `wal.meta` is there.
    pub meta: bool,
    /// `wal.staging` is there.
    pub staging: bool,
}

impl Listing {
    /// Lists a log's directory.
    ///
    /// # Errors
    /// `WAL_NOT_FOUND` if there is no such directory; `WAL_IO`, also if something that is no regular file has the name
    /// of a segment: it is not followed, and to pass over it would call a segment missing that is not.
    pub fn read(files: &dyn FileSystem, directory: &Path) -> Result<Self> {
        let entries = files.list(directory).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => not_found(directory),
            io::ErrorKind::NotADirectory => not_a_directory(directory),
            _ => Error::io("list", directory, &error),
        })?;
        let mut listing = Self::default();
        for entry in entries {
            let Some(name) = entry.name.to_str() else { continue };
            if !listing.add(name, entry.is_file) {
                let path = directory.join(name);
                let message = format!("{} is not a regular file; move it out of the log", path.display());
                return Err(Error::new(Code::Io, message).at_path(&path));
            }
        }
        listing.leftovers.sort();
        Ok(listing)
    }

    /// Adds a name; false if it must be a regular file and is not.
    fn add(&mut self, name: &str, is_file: bool) -> bool {
        if let Some(segment) = SegmentFile::parse(name) {
            let files = self.segments.entry(segment.index).or_default();
            match segment.kind {
                SegmentKind::Hot => files.hot = true,
                SegmentKind::Cold => files.cold = true,
            }
            return is_file;
        }
        match name {
            names::WAL_META => self.meta = true,
            names::WAL_STAGING => self.staging = true,
            _ => {
                if is_file && names::is_leftover(name) {
                    self.leftovers.push(name.to_owned());
                }
                return true;
            }
        }
        is_file
    }

    /// Whether nothing of a log is here.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && !self.meta
    }
}

/// The path of a log that stays the same when the process changes its current directory: files are opened by their
/// names for as long as a log is open.
///
/// # Errors
/// `WAL_NOT_FOUND` for an empty path; `WAL_IO` if a relative one is given and there is no current directory.
pub fn absolute(directory: &Path) -> Result<PathBuf> {
    if directory.as_os_str().is_empty() {
        return Err(Error::new(
            Code::NotFound,
            "the path is empty; name the directory that the log's files lie in",
        ));
    }
    std::path::absolute(directory)
        .map_err(|error| Error::io("find the current directory for", directory, &error))
}

/// What to do about a directory of which [`leads_nowhere`] is true.
pub const LEADS_NOWHERE: &str =
    "it is a symbolic link to a directory that is not there: make that directory, or remove the link";

/// Whether this is a symbolic link to nothing, for the message.
pub fn leads_nowhere(directory: &Path) -> bool {
    directory.is_symlink() && !directory.exists()
}

/// `WAL_NOT_FOUND` for a directory without a log.
pub(crate) fn not_found(directory: &Path) -> Error {
    let message = if leads_nowhere(directory) {
        format!("no log in {}; {LEADS_NOWHERE}", directory.display())
    } else {
        format!("no log in {}; check the path, or create it with Recorder.open", directory.display())
    };
    Error::new(Code::NotFound, message).at_path(directory)
}

fn not_a_directory(path: &Path) -> Error {
    let message = format!(
        "no log in {}, which is no directory; name the directory that the log's files lie in",
        path.display()
    );
    Error::new(Code::NotFound, message).at_path(path)
}

/// `WAL_NOT_FOUND` for a directory that no segment is left in, whose `wal.meta` may say that there were events.
pub(crate) fn no_segment(directory: &Path, listing: &Listing, meta: Option<&WalMeta>) -> Error {
    let durable = meta.map_or(0, |meta| meta.durable_event_id);
    let left = match durable {
        0 if !listing.staging => return not_found(directory),
        0 => format!("only {}", names::WAL_STAGING),
        _ => format!("of which {} says that the events up to {durable} were durable", names::WAL_META),
    };
    let message = format!(
        "no segment is left of the log in {}, {left}; restore its segments from a copy",
        directory.display()
    );
    Error::new(Code::NotFound, message).at_path(directory)
}

/// Path of the uncompressed file of a segment.
pub fn hot_path(directory: &Path, index: u32) -> PathBuf {
    directory.join(names::hot_name(index))
}

/// Path of the compressed file of a segment.
pub fn cold_path(directory: &Path, index: u32) -> PathBuf {
    directory.join(names::cold_name(index))
}
