//! Making a page.
//!
//! Whoever makes one holds the lock of the file `.NAME.new` meanwhile, which then becomes the page: so one at a time, and
//! what lies under the page's own name can be looked at and replaced without another writer coming in between.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flashstrike_platform::files::{self, release_write_lock, try_write_lock, write_all_at};
use flashstrike_platform::names::{self, FileSystemKind};
use memmap2::{MmapOptions, MmapRaw};

use super::attach::{first_bytes, open, open_for_reading};
use super::header::{self, CLOSED, HEADER_BYTES, Header, LIVE, MAGIC, STATE_AT};
use super::process::started_ticks;
use super::{ALIGNMENT, NEW_PREFIX, NEW_SUFFIX, PageError, PageOptions, absolute, check_labels};
use crate::Value;
use crate::protocol::{push_entry, push_string};
use crate::telemetry::Entry;

/// How often a file is tried that another process is just making the page of, a millisecond apart.
const TRIES: u32 = 200;

/// A page that nobody can see yet: its state says so, and it does not have its name. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct NewPage {
    // In front of the page, so that it is removed as long as its lock is held.
    temporary: Temporary,
    page: Page,
}

/// A page that this process records in.
#[derive(Debug)]
pub(crate) struct Page {
    mapping: MmapRaw,
    values_at: usize,
    path: PathBuf,
    /// Holds the lock; none after it was closed.
    file: Mutex<Option<File>>,
}

impl NewPage {
    /// Allocates a page with this catalogue and room for so many bytes of values, all zero.
    pub(crate) fn create(
        options: &PageOptions,
        catalogue: &[Entry],
        labels: &[(String, String)],
        started_unix_ns: u64,
        values_bytes: usize,
    ) -> Result<Self, PageError> {
        options.check()?;
        check_labels(labels)?;
        let path = absolute(&options.file)?;
        check_file_system(&path, options)?;
        let described = describe(catalogue, labels);
        let values_at = (HEADER_BYTES + described.len()).next_multiple_of(ALIGNMENT);
        let length = (values_at + values_bytes).next_multiple_of(ALIGNMENT);

        let (temporary, file) = claim(&path, options.file_mode)?;
        let generation = look_at_old(&path)?.wrapping_add(1);
        // Before it is mapped: a store into a page of memory that there is no room for raises a signal.
        files::allocate(&file, 0, length as u64).map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                PageError::Full { path: path.as_path().into(), bytes: length as u64 }
            }
            _ => PageError::io("allocate", &path, error),
        })?;
        let process_id = std::process::id();
        let header = Header {
            catalogue_at: HEADER_BYTES as u32,
            length: length as u64,
            values_at: values_at as u64,
            values_bytes: values_bytes.next_multiple_of(8) as u64,
            generation,
            started_unix_ns,
            process_started_ticks: started_ticks(process_id).unwrap_or(0),
            process_id,
            labels: labels.len() as u32,
            metrics: catalogue.len() as u32,
            catalogue_bytes: described.len() as u32,
        };
        write_all_at(&file, &header.encode(), 0)
            .and_then(|()| write_all_at(&file, &described, HEADER_BYTES as u64))
            .map_err(|error| PageError::io("write", &path, error))?;
        let mapping = MmapOptions::new().len(length).map_raw(&file);
        let mapping = mapping.map_err(|error| PageError::io("map", &path, error))?;
        let page = Page { mapping, values_at, path, file: Mutex::new(Some(file)) };
        Ok(Self { temporary, page })
    }

    /// Where the values go: as many bytes as were asked for, at a multiple of 4 096.
    pub(crate) fn values(&self) -> NonNull<u8> {
        let begin = self.page.mapping.as_mut_ptr().wrapping_add(self.page.values_at);
        NonNull::new(begin).expect("no mapping is at address 0")
    }

    /// Marks it as live and gives it its name.
    pub(crate) fn publish(self) -> Result<Page, PageError> {
        let Self { temporary, page } = self;
        page.state().store(LIVE, Ordering::Release);
        temporary.rename(&page.path)?;
        Ok(page)
    }
}

impl Page {
    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Marks it as closed and gives its lock back: another page may take its place from then on. What is recorded later
    /// still goes into this one. Does nothing the second time.
    pub(crate) fn close(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.take() {
            // In this order: without its lock, a page that says it is live is that of a dead process.
            self.state().store(CLOSED, Ordering::Release);
            // Closing the file does not do it as long as it is mapped.
            let _ = release_write_lock(&file);
        }
    }

    fn state(&self) -> &AtomicU64 {
        const { assert!(STATE_AT.is_multiple_of(8) && STATE_AT < HEADER_BYTES) };
        // SAFETY: inside the mapping, which begins on a page of memory, has at least a header and lives as long as
        // `self`; nobody in this process accesses the word otherwise.
        unsafe { AtomicU64::from_ptr(self.mapping.as_mut_ptr().add(STATE_AT).cast()) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.close();
    }
}

/// The name that a page has while it is made; what has it is removed when this is dropped.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn rename(mut self, to: &Path) -> Result<(), PageError> {
        if let Some(path) = &self.0 {
            names::rename(path, to).map_err(|error| PageError::io("name", to, error))?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates and locks the file that is to become the page.
fn claim(path: &Path, file_mode: u32) -> Result<(Temporary, File), PageError> {
    let name = path
        .file_name()
        .ok_or_else(|| PageError::NotAPage { path: path.into(), what: "it is a directory" })?;
    let mut new_name = std::ffi::OsString::from(NEW_PREFIX);
    new_name.push(name);
    new_name.push(NEW_SUFFIX);
    let new_path = path.with_file_name(new_name);
    for _ in 0..TRIES {
        let mut options = OpenOptions::new();
        names::with_mode(options.read(true).write(true).create_new(true), file_mode);
        match options.open(&new_path) {
            Ok(file) => {
                // Somebody may have taken it for one that was left behind.
                if try_write_lock(&file).map_err(|error| unlockable(&new_path, error))?
                    && has_name(&file, &new_path)
                {
                    return Ok((Temporary(Some(new_path)), file));
                }
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => remove_left_behind(&new_path)?,
            Err(error) => return Err(PageError::io("create", path, error)),
        }
    }
    Err(PageError::InUse { path: path.into(), process: 0 })
}

/// Removes what a process has left that died while it made a page; waits a moment if it has not died.
fn remove_left_behind(new_path: &Path) -> Result<(), PageError> {
    let (file, metadata) = match open(new_path, OpenOptions::new().read(true).write(true)) {
        Ok(opened) => opened,
        Err(PageError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    if !try_write_lock(&file).map_err(|error| unlockable(new_path, error))? {
        std::thread::sleep(Duration::from_millis(1));
        return Ok(());
    }
    let first = first_bytes(&file).map_err(|error| PageError::io("read", new_path, error))?;
    // It was just allocated, or has its header.
    let is_begun = metadata.len() == 0 || first.starts_with(&MAGIC) || first.iter().all(|&byte| byte == 0);
    if !is_begun {
        let what = "a page is made under this name, and something else has it";
        return Err(PageError::NotAPage { path: new_path.into(), what });
    }
    if has_name(&file, new_path) {
        fs::remove_file(new_path)
            .map_err(|error| PageError::io("remove what was left of", new_path, error))?;
    }
    Ok(())
}

/// Whether this file is still the one under that name.
fn has_name(file: &File, path: &Path) -> bool {
    match (files::id(file), names::id_of_link(path)) {
        (Ok(file), Ok(named)) => file == named,
        _ => false,
    }
}

fn unlockable(path: &Path, error: std::io::Error) -> PageError {
    PageError::io("lock", path, error)
}

/// The generation of the page that is there, 0 for none. Refuses what must not be replaced.
fn look_at_old(path: &Path) -> Result<u64, PageError> {
    let (file, _) = match open_for_reading(path) {
        Ok(opened) => opened,
        Err(PageError::NotFound { .. }) => return Ok(0),
        Err(error) => return Err(error),
    };
    let first = first_bytes(&file).map_err(|error| PageError::io("read", path, error))?;
    let Some(first) = first.first_chunk().filter(|first| first.starts_with(&MAGIC)) else {
        return Err(PageError::NotAPage { path: path.into(), what: "it does not begin like one" });
    };
    let (process, generation) = header::process_and_generation(first);
    if files::is_write_locked(&file).map_err(|error| PageError::io("ask for the lock of", path, error))? {
        return Err(PageError::InUse { path: path.into(), process });
    }
    Ok(generation)
}

/// Labels and catalogue as they stand in the page.
fn describe(catalogue: &[Entry], labels: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in labels {
        push_string(&mut bytes, name);
        push_string(&mut bytes, value);
    }
    for Entry { descriptor, offsets } in catalogue {
        bytes.extend((offsets.len() as u32).to_le_bytes());
        bytes.extend(offsets.iter().flat_map(|&offset| (offset as u64).to_le_bytes()));
        let buckets = descriptor.kind.buckets();
        push_entry(&mut bytes, descriptor, buckets, Value::word_count(descriptor.kind, buckets));
    }
    bytes
}

/// Refuses a file system on which a store can wait for a disk, unless it was named.
fn check_file_system(path: &Path, options: &PageOptions) -> Result<(), PageError> {
    let directory = path.parent().unwrap_or(path);
    let kind = names::file_system(directory).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            PageError::NoDirectory { path: path.into(), directory: directory.into() }
        }
        _ => PageError::io("ask for the file system of", path, error),
    })?;
    if is_memory(&kind) || options.allow_file_system.iter().any(|allowed| allowed == kind.name()) {
        return Ok(());
    }
    Err(PageError::FileSystem { path: path.into(), file_system: kind.name().to_owned() })
}

fn is_memory(kind: &FileSystemKind) -> bool {
    *kind == FileSystemKind::Memory || kind.name() == "ramfs"
}
