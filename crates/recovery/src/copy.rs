//! A consistent copy of a log, also of one that is being appended to.
//!
//! What is copied is decided by one look at the log: its sealed segments as they are, and of the others the blocks that
//! verified. Whatever is written later is not in the copy. `wal.meta` is written first and says what will be durable, so
//! that a copy that was not finished is found to miss something, and not to be shorter.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{SegmentHeader, WalMeta, names};
use serde::Serialize;

use crate::cursor::{Cursor, CursorOptions, CursorStart, remove_if_left_by_copy};
use crate::directory::{Listing, absolute, cold_path, hot_path, no_segment};
use crate::error::{Code, Error, Result};
use crate::files::{File, FileSystem, OpenMode, OsFileSystem, read_full_at, sync_names};
use crate::inspect::{
    Depth, InspectOptions, Inspection, SegmentFacts, SegmentSource, Watch, is_zero, observe,
};
use crate::meta_file::replace_meta;
use crate::mode::Mode;
use crate::options::RecoveryOptions;
use crate::recovery::Recovery;
use crate::repair::{checked_body, refusal};

const PIECE: usize = 1 << 20;
/// A segment that changes from hot to cold is looked for again so often.
const ATTEMPTS: u32 = 5;

/// How to copy.
#[derive(Debug, Clone, Copy, Default)]
pub struct CopyOptions {
    /// Permission bits of the copy's files; `None`: 0600.
    pub file_mode: Option<u32>,
    /// Keep retention from removing anything meanwhile, by a cursor of a temporary name. That needs permission to write,
    /// and has to be done by the user whose recorder it is.
    pub hold: bool,
    /// What to take for the boot id of the machine; `None`: what the machine says.
    pub boot_id: Option<[u8; 16]>,
}

/// What was copied. As JSON its keys are in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// Id of the last event in the copy; 0: none. All up to it are durable there.
    pub last_event_id: u64,
    /// Segments copied.
    pub segments: u32,
    /// Bytes copied.
    pub bytes: u64,
    /// Staged events of a writer that has died, which are not copied: opening the log for append writes them.
    pub staged_not_copied: u32,
    /// Whether somebody was appending.
    pub writer_alive: bool,
}

/// How far a copy has come; false ends it.
pub type CopyProgress<'a> = &'a mut dyn FnMut(u32, u32, u64) -> bool;

/// Copies the log in `from` to the empty directory `to`. `progress` gets the segments done, all of them, and the bytes
/// done.
///
/// # Errors
/// `WAL_CORRUPT` if the log is corrupt, or found damaged where a segment is still to be sealed; `WAL_UNSUPPORTED` if `to`
/// holds anything; `WAL_GONE` if retention has removed a segment before it was copied; `WAL_CLOSED` if it was ended;
/// `WAL_NOT_FOUND`; `WAL_IO`. What was copied by then stays for the caller to remove.
pub fn copy(from: &Path, to: &Path, options: &CopyOptions, progress: CopyProgress<'_>) -> Result<Copied> {
    let files: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    let recovery =
        Recovery::open(RecoveryOptions { boot_id: options.boot_id, ..RecoveryOptions::new(from) })?;
    let to = absolute(to)?;
    check_empty(&*files, &to)?;
    let hold = if options.hold { Some(Hold::new(&recovery, options)?) } else { None };
    // What is copied is decided now that nothing can go.
    let inspecting =
        InspectOptions { depth: Depth::Unsealed, boot_id: recovery.boot_id(), beside_writer: false };
    let (inspection, _) = observe(&files, recovery.directory(), &inspecting, &mut Watch::default())?;
    if let Some(refusal) = refusal(&inspection, Mode::Tail) {
        return Err(refusal);
    }
    let copying = Copying {
        source: SegmentSource::new(&files, recovery.directory()),
        to,
        inspection: &inspection,
        file_mode: options.file_mode.unwrap_or(0o600),
    };
    let copied = copying.run(progress);
    drop(hold);
    copied
}

fn check_empty(files: &dyn FileSystem, to: &Path) -> Result<()> {
    let entries = files.list(to).map_err(|error| Error::io("list", to, &error))?;
    if entries.is_empty() {
        return Ok(());
    }
    let message = format!("{} is not empty; a copy is never written over anything", to.display());
    Err(Error::new(Code::Unsupported, message).at_path(to))
}

/// A cursor at the beginning of the log, gone when it is dropped.
struct Hold<'a> {
    recovery: &'a Recovery,
    name: String,
    cursor: Option<Cursor>,
}

impl<'a> Hold<'a> {
    fn new(recovery: &'a Recovery, options: &CopyOptions) -> Result<Self> {
        let cursors = recovery.directory().join(names::CURSORS);
        for left in recovery.cursors()? {
            remove_if_left_by_copy(&**recovery.files(), &cursors, &left.name)?;
        }
        let nonce = getrandom::u64().map_err(|error| {
            Error::io("get random bytes for a cursor in", &cursors, &io::Error::other(error))
        })?;
        let name = names::copy_cursor_name(std::process::id(), nonce);
        let cursor = CursorOptions {
            create: Some(CursorStart::Start),
            reset: None,
            file_mode: options.file_mode.unwrap_or(0o600),
        };
        let cursor = recovery.cursor(&name, &cursor)?;
        Ok(Self { recovery, name, cursor: Some(cursor) })
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // It is held until then, and what is held cannot be removed.
        drop(self.cursor.take());
        let _ = self.recovery.remove_cursor(&self.name);
    }
}

struct Copying<'a> {
    source: SegmentSource,
    to: PathBuf,
    inspection: &'a Inspection,
    file_mode: u32,
}

impl Copying<'_> {
    fn run(&self, progress: CopyProgress<'_>) -> Result<Copied> {
        let Inspection { segments, first_segment, .. } = self.inspection;
        let (Some(last), Some(identity)) = (segments.last(), &self.inspection.identity) else {
            return Err(no_segment(
                &self.source.directory,
                &self.inspection.listing,
                self.inspection.meta.valid(),
            ));
        };
        let meta = WalMeta {
            // Nobody has appended to the copy: it misses no staging memory, whatever the log has in its own.
            clean: true,
            log_id: identity.log_id,
            last_event_id: self.inspection.last_event_id,
            durable_event_id: self.inspection.last_event_id,
            first_segment: *first_segment,
            last_segment: last.index,
            end_offset: u32::try_from(last.end).unwrap_or(0),
        };
        replace_meta(&*self.source.files, &self.to, self.file_mode, &meta.encode())?;
        let total = last.index - first_segment + 1;
        let mut bytes = 0;
        for index in *first_segment..=last.index {
            if !progress(index - first_segment, total, bytes) {
                let message = "the copy was ended before it was finished";
                return Err(Error::new(Code::Closed, message).at_path(&self.to));
            }
            bytes += match self.inspection.segment(index) {
                Some(facts) if !facts.is_whole_and_sealed() => self.unsealed(facts)?,
                _ => self.sealed(index)?,
            };
        }
        sync_names(&*self.source.files, &self.to)?;
        progress(total, total, bytes);
        Ok(Copied {
            last_event_id: self.inspection.last_event_id,
            segments: total,
            bytes,
            staged_not_copied: self.inspection.staging.taken.as_ref().map_or(0, |taken| taken.count),
            writer_alive: self.inspection.writer_alive,
        })
    }

    /// The blocks that verified, behind a header that is not sealed.
    fn unsealed(&self, facts: &SegmentFacts) -> Result<u64> {
        let body = checked_body(&self.source, facts, u64::MAX)?;
        let path = hot_path(&self.to, facts.index);
        let failed = |error: io::Error| Error::io("write", &path, &error);
        let file = self.create(&path)?;
        // The next writer maps it as it is.
        file.allocate(0, facts.length).map_err(failed)?;
        let header = SegmentHeader { sealed: None, ..facts.header.clone() };
        file.write_all_at(&header.encode(), 0).map_err(failed)?;
        let blocks = &body.blocks()[SEGMENT_HEADER_SIZE..];
        file.write_all_at(blocks, SEGMENT_HEADER_SIZE as u64).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(body.blocks().len() as u64)
    }

    /// All files of a segment that is never changed again. It may become a compressed one just now.
    fn sealed(&self, index: u32) -> Result<u64> {
        let names: [fn(&Path, u32) -> PathBuf; 2] = [hot_path, cold_path];
        for _ in 0..ATTEMPTS {
            let mut bytes = None;
            for name in names {
                let Some(file) = self.source.open(&name(&self.source.directory, index), None)? else {
                    continue;
                };
                let copied =
                    self.whole(&*file, &name(&self.source.directory, index), &name(&self.to, index))?;
                bytes = Some(bytes.unwrap_or(0) + copied);
            }
            if let Some(bytes) = bytes {
                return Ok(bytes);
            }
        }
        let listing = Listing::read(&*self.source.files, &self.source.directory)?;
        let first = listing.segments.keys().next().copied().unwrap_or(0);
        let message = format!(
            "segment {index} was removed before it could be copied; the log begins with segment {first} now, try again"
        );
        Err(Error::new(Code::Gone, message).at(index, 0).at_path(&self.source.directory))
    }

    fn whole(&self, from: &dyn File, from_path: &Path, path: &Path) -> Result<u64> {
        let unreadable = |error: io::Error| Error::io("read", from_path, &error);
        let failed = |error: io::Error| Error::io("write", path, &error);
        let length = from.len().map_err(unreadable)?;
        let file = self.create(path)?;
        if length > 0 {
            file.allocate(0, length).map_err(failed)?;
        }
        let mut piece = vec![0; PIECE];
        let (mut at, mut end) = (0, 0);
        while at < length {
            let read = read_full_at(from, &mut piece, at).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            if !is_zero(&piece[..read]) {
                file.write_all_at(&piece[..read], at).map_err(failed)?;
                end = at + read as u64;
            }
            at += read as u64;
        }
        if end < length {
            file.punch_hole(end, length - end).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        Ok(end)
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.source
            .files
            .open(path, OpenMode::CreateNew(self.file_mode))
            .map_err(|error| Error::io("create", path, &error))
    }
}
