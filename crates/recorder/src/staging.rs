//! The memory in which the next block is being filled.
//!
//! It is a shared mapping of `wal.staging`, so an event is safe from the death of the process as soon as the store
//! that counts it has executed, with no system call. The stores and their order are those of the format:
//!
//! ```text
//! append:  the event's bytes, then count + 1
//! batch:   the bytes of all, then one store of count
//! commit:  (the block is published in the segment), count = 0, base, written id, wake
//! ```
//!
//! A death between any two of them loses nothing and duplicates nothing: a block that is published and still counted
//! here has ids that recovery already has, and takes no second time.
//!
//! Invariant: the payload area, `count`, `base` and the written id are stored by the appending thread alone (in Node
//! by JavaScript on that thread); the durable id, the poison mark and `wake` are atomics that any thread may store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flashstrike_platform::memory;
use flashstrike_recovery::files::{File, FileSystem, Mapping, OpenMode, remove_if_there, sync_names};
use flashstrike_recovery::{Error, Result};
use flashstrike_segment::layout::STAGING_HEADER_SIZE;
use flashstrike_segment::staging::{
    STAGING_BASE, STAGING_COUNT, STAGING_DURABLE, STAGING_POISONED, STAGING_WAITERS, STAGING_WAKE,
    STAGING_WRITTEN,
};
use flashstrike_segment::{StagingHeader, names};

/// A handle on the staging memory; clones share it.
#[derive(Debug, Clone)]
pub struct Staging {
    mapping: Mapping,
    area_len: usize,
}

/// Staging memory that has only a temporary name yet.
#[derive(Debug)]
pub struct NewStaging {
    staging: Staging,
    file: Arc<dyn File>,
    temporary: TemporaryFile,
}

/// A file that goes unless it gets its own name.
#[derive(Debug)]
struct TemporaryFile {
    files: Arc<dyn FileSystem>,
    path: PathBuf,
    is_renamed: bool,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _ = self.files.remove_file(&self.path);
        }
    }
}

impl NewStaging {
    /// Makes new, empty staging memory under a temporary name; it gets its own once all that is staged in the old one
    /// is durable.
    ///
    /// `durable_event_id` is the last event known to be on the device: blocks published meanwhile claim no more.
    ///
    /// # Errors
    /// `WAL_IO`; the old file is still in place.
    pub fn create(
        files: &Arc<dyn FileSystem>,
        directory: &Path,
        header: &StagingHeader,
        durable_event_id: u64,
        file_mode: u32,
    ) -> Result<Self> {
        let path = directory.join(names::temporary_name(names::WAL_STAGING));
        let area_len = header.area_len as usize;
        let length = STAGING_HEADER_SIZE + area_len;
        let failed = |what: &'static str| {
            let path = &path;
            move |error: io::Error| Error::io(what, path, &error)
        };
        remove_if_there(&**files, &path)?;
        let temporary = TemporaryFile { files: Arc::clone(files), path: path.clone(), is_renamed: false };
        let file = files.open(&path, OpenMode::CreateNew(file_mode)).map_err(failed("create"))?;
        file.allocate(0, length as u64).map_err(failed("allocate"))?;
        file.write_all_at(&header.encode(), 0).map_err(failed("write"))?;
        let mapping = file.map(length).map_err(failed("map"))?;
        mapping.populate(0..mapping.len(), false).map_err(failed("pre-fault"))?;
        mapping.atomic_u64(STAGING_DURABLE).store(durable_event_id, Ordering::Release);
        Ok(Self { staging: Staging { mapping, area_len }, file, temporary })
    }

    /// The memory.
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Syncs the empty memory and renames it over the old one. Everything up to `last_event_id` is in the log and
    /// durable.
    ///
    /// # Errors
    /// `WAL_IO`; the old file is then still in place, or the new one, which says the same.
    pub fn put_in_place(self, directory: &Path, last_event_id: u64) -> Result<()> {
        let Self { staging, file, mut temporary } = self;
        for at in [STAGING_BASE, STAGING_WRITTEN, STAGING_DURABLE] {
            staging.mapping.atomic_u64(at).store(last_event_id, Ordering::Release);
        }
        let path = directory.join(names::WAL_STAGING);
        file.sync_all().map_err(|error| Error::io("sync", &temporary.path, &error))?;
        let files = Arc::clone(&temporary.files);
        files.rename(&temporary.path, &path, true).map_err(|error| Error::io("rename to", &path, &error))?;
        temporary.is_renamed = true;
        sync_names(&*files, directory)
    }
}

impl Staging {
    /// The whole mapping: header, then the payload area.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Bytes of the payload area.
    pub fn area_len(&self) -> usize {
        self.area_len
    }

    /// Stores bytes into the payload area; they count for nothing until [`set_count`](Self::set_count).
    ///
    /// # Panics
    /// If they do not fit.
    #[inline]
    pub fn put(&self, offset: usize, bytes: &[u8]) {
        self.mapping.write(STAGING_HEADER_SIZE + offset, bytes);
    }

    /// The number of complete events in the payload area.
    #[inline]
    pub fn count(&self) -> u32 {
        self.mapping.atomic_u32(STAGING_COUNT).load(Ordering::Relaxed)
    }

    /// Counts the events up to here: the store after which they survive the process.
    #[inline]
    pub fn set_count(&self, count: u32) {
        self.mapping.atomic_u32(STAGING_COUNT).store(count, Ordering::Release);
    }

    /// The first `length` bytes of the payload area, for the appending thread.
    ///
    /// # Panics
    /// If the area is shorter.
    pub(crate) fn payload(&self, length: usize) -> &[u8] {
        assert!(length <= self.area_len, "{length} bytes of a payload area of {}", self.area_len);
        // SAFETY: inside the mapping, which lives as long as the borrow of `self`. Only the appending thread stores to
        // the payload area (invariant of this module), and it is the one that calls this and does not store while it
        // holds the slice.
        unsafe {
            std::slice::from_raw_parts(
                self.mapping.as_mut_ptr().add(STAGING_HEADER_SIZE).cast_const(),
                length,
            )
        }
    }

    /// Empties the payload area after its events were published as a block that ends with `last_event_id`, and wakes
    /// the readers that sleep.
    pub(crate) fn published(&self, last_event_id: u64) {
        self.set_count(0);
        self.mapping.atomic_u64(STAGING_BASE).store(last_event_id, Ordering::Release);
        self.mapping.atomic_u64(STAGING_WRITTEN).store(last_event_id, Ordering::Release);
        self.wake();
    }

    /// Id of the last event in a published block.
    pub fn written_event_id(&self) -> u64 {
        self.mapping.atomic_u64(STAGING_WRITTEN).load(Ordering::Acquire)
    }

    /// Id of the last event that is durable.
    #[inline]
    pub fn durable_event_id(&self) -> u64 {
        self.mapping.atomic_u64(STAGING_DURABLE).load(Ordering::Acquire)
    }

    /// Raises the durable id, after a sync that covers it. Gives whether it rose.
    pub(crate) fn advance_durable(&self, event_id: u64) -> bool {
        let rose = self.mapping.atomic_u64(STAGING_DURABLE).fetch_max(event_id, Ordering::AcqRel) < event_id;
        if rose {
            self.wake();
        }
        rose
    }

    pub(crate) fn mark_poisoned(&self) {
        self.mapping.atomic_u32(STAGING_POISONED).store(1, Ordering::Release);
    }

    /// One more publication or sync. Enters the kernel only if somebody sleeps, and once for all who do: the word is taken
    /// down by whoever wakes them, so that a reader that died asleep costs one call and not one for every block.
    fn wake(&self) {
        let wake = self.mapping.atomic_u32(STAGING_WAKE);
        let waiters = self.mapping.atomic_u32(STAGING_WAITERS);
        wake.fetch_add(1, Ordering::SeqCst);
        if waiters.load(Ordering::SeqCst) > 0 {
            waiters.store(0, Ordering::SeqCst);
            // A failure costs the sleepers half a millisecond, never an event.
            memory::wake_all(wake);
        }
    }
}
