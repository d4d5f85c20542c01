//! A segment that is ready to be appended to, but holds nothing yet.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_recovery::files::{File, Mapping, OpenMode, is_full, remove_if_there, sync_names};
use flashstrike_recovery::machine::wall_clock_ns;
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{Metadata, SegmentHeader, names};

use crate::segment_file::SegmentFile;
use crate::shared::LogContext;

/// Names have exactly eight digits.
const MAX_SEGMENT_INDEX: u32 = 99_999_999;

/// Allocated, headed, durable by name and mapped.
#[derive(Debug)]
pub struct PreparedSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) mapping: Mapping,
    /// The payload of its metadata block, but for the chain that it will continue: activating it allocates nothing.
    pub(crate) metadata: Vec<u8>,
}

impl PreparedSegment {
    /// Makes segment `index`; never overwrites one. Its name appears only over a file that is whole and on the disk.
    ///
    /// # Errors
    /// `WAL_FULL` without space; `WAL_IO`. Nothing stays behind.
    pub fn create(context: &LogContext, index: u32) -> Result<Self> {
        if index > MAX_SEGMENT_INDEX {
            let message = format!("segment numbers end at {MAX_SEGMENT_INDEX}; go on in a new log");
            return Err(Error::new(Code::Unsupported, message).at_path(&context.directory));
        }
        let temporary = context.directory.join(names::new_name(index));
        let path = context.directory.join(names::hot_name(index));
        // What an earlier try could not remove.
        remove_if_there(&*context.files, &temporary)?;
        let made = Self::create_named(context, index, &temporary, path);
        if made.is_err() {
            let _ = context.files.remove_file(&temporary);
        }
        made
    }

    /// Pre-faults every page, so that the appender needs stores alone. The last step: a sync after it writes all the
    /// zeros and write-protects every page again, and stores then cost ten times as much.
    ///
    /// # Errors
    /// `WAL_FULL` or `WAL_IO`: the file system could not give what it had allocated.
    pub fn touch(&self, context: &LogContext) -> Result<()> {
        self.mapping
            .populate(0..self.mapping.len(), context.small_syncs)
            .map_err(|error| full_or_io("pre-fault", &self.file.path, &error))
    }

    /// Takes over segment `index`, which was prepared before and holds nothing but this header; `None` if it does not
    /// have the size wanted now or cannot be mapped.
    pub(crate) fn adopt(context: &LogContext, index: u32, header: SegmentHeader) -> Option<Self> {
        if header.event_size != context.event_size {
            return None;
        }
        let path = context.directory.join(names::hot_name(index));
        let file = context.files.open(&path, OpenMode::ReadWrite).ok()?;
        if file.len().ok()? != u64::from(context.segment_bytes) {
            return None;
        }
        // It may have lost its blocks, as a sparse copy of a log has; a store would then raise a signal on a full disk.
        let first = SEGMENT_HEADER_SIZE as u64;
        file.allocate(first, u64::from(context.segment_bytes) - first).ok()?;
        let mapping = file.map(context.segment_bytes as usize).ok()?;
        Some(Self::new(context, header, path, file, mapping))
    }

    fn create_named(context: &LogContext, index: u32, temporary: &Path, path: PathBuf) -> Result<Self> {
        let header = SegmentHeader {
            segment_index: index,
            created_ts_ns: wall_clock_ns(),
            salt: random_salt().map_err(|error| Error::io("draw a salt for", &path, &error))?,
            event_size: context.event_size,
            sealed: None,
        };
        let failed = |what: &'static str| move |error: io::Error| full_or_io(what, temporary, &error);
        let file = context
            .files
            .open(temporary, OpenMode::CreateNew(context.file_mode))
            .map_err(failed("create"))?;
        let length = u64::from(context.segment_bytes);
        file.allocate(0, length).map_err(failed("allocate"))?;
        if context.small_syncs {
            file.fill_with_zeros(0, length).map_err(failed("fill"))?;
        }
        file.write_all_at(&header.encode(), 0).map_err(failed("write"))?;
        file.sync_all().map_err(failed("sync"))?;
        let mapping = file.map(context.segment_bytes as usize).map_err(failed("map"))?;
        context
            .files
            .rename(temporary, &path, false)
            .map_err(|error| Error::io("rename a prepared segment to", &path, &error))?;
        if let Err(error) = sync_names(&*context.files, &context.directory) {
            // Nobody has it yet, and the next try needs the name.
            let _ = context.files.remove_file(&path);
            return Err(error);
        }
        Ok(Self::new(context, header, path, file, mapping))
    }

    fn new(
        context: &LogContext,
        header: SegmentHeader,
        path: PathBuf,
        file: Arc<dyn File>,
        mapping: Mapping,
    ) -> Self {
        let metadata = Metadata {
            log_id: context.log_id,
            previous_chain: 0,
            segment_index: header.segment_index,
            segment_size: mapping.len() as u32,
            salt: header.salt,
            event_size: context.event_size,
            schema: context.schema.clone(),
        };
        let file = Arc::new(SegmentFile::new(header.segment_index, path, file));
        Self { header, file, mapping, metadata: metadata.encode() }
    }
}

/// The format's salt is random and not 0.
fn random_salt() -> io::Result<u32> {
    loop {
        let salt = getrandom::u32().map_err(io::Error::other)?;
        if salt != 0 {
            return Ok(salt);
        }
    }
}

/// `WAL_FULL` if the next segment finds no space, else `WAL_IO`.
fn full_or_io(what: &str, path: &Path, error: &io::Error) -> Error {
    if !is_full(error) {
        return Error::io(what, path, error);
    }
    let message = format!("no space for the next segment: cannot {what} {}: {error}", path.display());
    Error::new(Code::Full, message).at_path(path)
}

/// Maps a segment that has blocks up to `end`. What follows is allocated first: a segment that was copied without its
/// zeros would otherwise raise a signal at a store once the disk is full.
///
/// # Errors
/// `WAL_FULL` without space for the rest of the segment; `WAL_IO`.
pub(crate) fn map_from(file: &dyn File, path: &Path, end: u64, length: u64) -> Result<Mapping> {
    file.allocate(end, length - end).map_err(|error| {
        if !is_full(&error) {
            return Error::io("allocate the rest of", path, &error);
        }
        let message = format!(
            "no space for the rest of the open segment (cannot allocate {} bytes of {}: {error}); nothing is lost: make \
             space and open the log again",
            length - end,
            path.display()
        );
        Error::new(Code::Full, message).at_path(path)
    })?;
    file.map(length as usize).map_err(|error| Error::io("map", path, &error))
}
