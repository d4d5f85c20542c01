//! Watching the writer of a log from this process or another: what it says in `wal.staging`, and sleeping until it says
//! something new. Changes nothing but the word that says that somebody sleeps.
//!
//! What the writer stores is read with `pread` and not through a mapping: whoever cuts the file short then gives a reader
//! less to read, and no signal. A word that is being stored could be read in parts, so one counts when two reads agree.
//!
//! # Sleeping
//!
//! ```text
//! reader                                     writer
//! seen = wake                                publish
//! look for something new: nothing            wake += 1
//! waiters = 1                                waiters > 0?  waiters = 0, futex wake all
//! futex wait while wake == seen
//! ```
//!
//! Either the reader finds `wake` changed and does not sleep, or the writer finds `waiters` set and wakes it. The word is
//! a flag and no count: the writer takes it down when it wakes, so that a reader that died asleep costs one call of the
//! kernel and not one for every block from then on. Where two readers meet the writer in the wrong instant the flag of one
//! may be lost; so nobody sleeps longer than [`MOST_SLEEP`] without looking. Where processes cannot wake each other, as on
//! macOS and Windows, everybody sleeps as long as that.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flashstrike_platform::memory;
use flashstrike_segment::layout::STAGING_HEADER_SIZE;
use flashstrike_segment::staging::{
    STAGING_DURABLE, STAGING_POISONED, STAGING_WAITERS, STAGING_WAKE, STAGING_WRITTEN,
};
use flashstrike_segment::{StagingHeader, names};

use crate::error::{Error, Result};
use crate::files::{File, FileId, FileSystem, Mapping, OpenMode, if_there, read_full_at};
use crate::machine::writer_alive;

/// The longest sleep while a writer is alive, woken or not.
pub const MOST_SLEEP: Duration = Duration::from_micros(500);

/// Whose staging memory counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// The log's id.
    pub log_id: [u8; 16],
    /// The boot id of the machine; `None`: it is not known, and no staging memory counts.
    pub boot_id: Option<[u8; 16]>,
}

/// Watches `wal.staging` of one log. For one thread at a time.
#[derive(Debug)]
pub struct StagingWatch {
    files: Arc<dyn FileSystem>,
    directory: PathBuf,
    whose: Whose,
    open: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    /// Kept open, so that no other file can get its inode.
    file: Arc<dyn File>,
    id: FileId,
    /// It is of this log and this boot.
    counts: bool,
    /// Whether the writer can wake who sleeps on its first page.
    can_be_woken: bool,
    /// That page, mapped by the first one to sleep.
    page: OnceLock<Option<Mapping>>,
}

/// What the writer has said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Id of the last event in a published block.
    pub written_event_id: u64,
    /// Id of the last event that is durable.
    pub durable_event_id: u64,
    /// A sync has failed: nothing more becomes durable before the log is opened again.
    pub is_poisoned: bool,
}

impl StagingWatch {
    /// Watches the log in `directory` and has looked which file `wal.staging` is.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub fn open(files: &Arc<dyn FileSystem>, directory: &Path, whose: Whose) -> Result<Self> {
        let mut watch = Self::new(files, directory, whose);
        watch.refresh()?;
        Ok(watch)
    }

    /// As [`open`](Self::open), of whoever looks with [`refresh`](Self::refresh) before anything else.
    pub(crate) fn new(files: &Arc<dyn FileSystem>, directory: &Path, whose: Whose) -> Self {
        Self { files: Arc::clone(files), directory: directory.to_path_buf(), whose, open: None }
    }

    /// Looks which file `wal.staging` is now. Every writer that opens the log makes a new one; gives whether it is
    /// another than before, or gone.
    ///
    /// # Errors
    /// `WAL_IO`; not that there is none.
    pub fn refresh(&mut self) -> Result<bool> {
        let path = self.directory.join(names::WAL_STAGING);
        let id = if_there(self.files.id(&path)).map_err(|error| Error::io("open", &path, &error))?;
        if id == self.open.as_ref().map(|open| open.id) {
            return Ok(false);
        }
        self.open = match id {
            Some(_) => self.open_file(&path)?,
            None => None,
        };
        Ok(true)
    }

    /// Names the staging memory that is there; `None`: there is none. It stays the same exactly as long as no other writer
    /// has opened the log.
    pub fn file_id(&self) -> Option<FileId> {
        self.open.as_ref().map(|open| open.id)
    }

    /// What the writer has said last; `None` without staging memory of this log and boot.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub fn said(&self) -> Result<Option<Said>> {
        let Some(file) = self.counting() else { return Ok(None) };
        let said = said(file)
            .map_err(|error| Error::io("read", &self.directory.join(names::WAL_STAGING), &error))?;
        // What was published before these words were stored is seen by whoever reads on.
        fence(Ordering::Acquire);
        Ok(said)
    }

    /// Changes at each publication and each sync; to be taken before looking for something new. `None`: nobody can be
    /// woken, or it cannot be read, which [`said`](Self::said) tells.
    pub fn wake_word(&self) -> Option<u32> {
        let word = half_word(self.counting()?, STAGING_WAKE).ok()??;
        fence(Ordering::Acquire);
        Some(word)
    }

    /// Whether somebody holds the log for appending.
    ///
    /// # Errors
    /// As [`writer_alive`].
    pub fn writer_alive(&self) -> Result<bool> {
        writer_alive(&*self.files, &self.directory)
    }

    /// Sleeps until the writer publishes or syncs something after `seen`, for at most [`MOST_SLEEP`] and `at_most`. Where
    /// it cannot be woken it sleeps as long as that.
    pub fn sleep(&self, seen: Option<u32>, at_most: Duration) {
        let at_most = at_most.min(MOST_SLEEP);
        match (seen, self.place_to_sleep()) {
            (Some(seen), Some(page)) => {
                page.atomic_u32(STAGING_WAITERS).store(1, Ordering::SeqCst);
                memory::wait(page.atomic_u32(STAGING_WAKE), seen, at_most);
            }
            _ => std::thread::sleep(at_most),
        }
    }

    /// The page with the words to sleep on, if it is there and may be written to.
    fn place_to_sleep(&self) -> Option<&Mapping> {
        let open = self.open.as_ref().filter(|open| open.counts)?;
        // The mapping of a file that somebody has cut short must not be touched.
        let is_whole = open.file.len().is_ok_and(|length| length >= STAGING_HEADER_SIZE as u64);
        if !is_whole || !open.can_be_woken {
            return None;
        }
        // Without it everything works the same, by looking now and then.
        open.page.get_or_init(|| open.file.map(STAGING_HEADER_SIZE).ok()).as_ref()
    }

    fn counting(&self) -> Option<&dyn File> {
        self.open.as_ref().filter(|open| open.counts).map(|open| &*open.file)
    }

    fn open_file(&self, path: &Path) -> Result<Option<Opened>> {
        let failed = |error: io::Error| Error::io("open", path, &error);
        let opened = match self.files.open(path, OpenMode::ReadWrite) {
            Err(error) if may_not_write(&error) => {
                self.files.open(path, OpenMode::Read).map(|file| (file, false))
            }
            opened => opened.map(|file| (file, true)),
        };
        let Some((file, is_writable)) = if_there(opened).map_err(failed)? else { return Ok(None) };
        let mut header = [0; 64];
        let read = read_full_at(&*file, &mut header, 0).map_err(failed)?;
        let counts = StagingHeader::decode(&header[..read]).is_ok_and(|header| {
            header.log_id == self.whose.log_id && Some(header.boot_id) == self.whose.boot_id
        });
        let can_be_woken = memory::CAN_WAKE && is_writable;
        let id = file.id().map_err(failed)?;
        Ok(Some(Opened { file, id, counts, can_be_woken, page: OnceLock::new() }))
    }
}

fn may_not_write(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// `None`: the file is too short, or says what no writer says.
fn said(file: &dyn File) -> io::Result<Option<Said>> {
    // In this order: the writer publishes first, and what it has made durable is among what it has published.
    let Some(durable_event_id) = word(file, STAGING_DURABLE)? else { return Ok(None) };
    let Some(written_event_id) = word(file, STAGING_WRITTEN)? else { return Ok(None) };
    let Some(poisoned) = half_word(file, STAGING_POISONED)? else { return Ok(None) };
    let said = Said { written_event_id, durable_event_id, is_poisoned: poisoned != 0 };
    Ok((durable_event_id <= written_event_id).then_some(said))
}

fn word(file: &dyn File, offset: usize) -> io::Result<Option<u64>> {
    Ok(agreed(|| read::<8>(file, offset))?.map(u64::from_le_bytes))
}

fn half_word(file: &dyn File, offset: usize) -> io::Result<Option<u32>> {
    Ok(agreed(|| read::<4>(file, offset))?.map(u32::from_le_bytes))
}

/// `None`: the file ends before.
fn read<const N: usize>(file: &dyn File, offset: usize) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    let read = read_full_at(file, &mut bytes, offset as u64)?;
    Ok((read == N).then_some(bytes))
}

/// What two reads in a row say. The kernel copies an aligned word in one piece; nothing promises it.
fn agreed<T: PartialEq>(read: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let mut last = read()?;
    loop {
        let again = read()?;
        if again == last {
            return Ok(again);
        }
        last = again;
    }
}
