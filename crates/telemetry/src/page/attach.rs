//! Reading the page of another process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use flashstrike_platform::files::{self, is_write_locked, read_at, read_exact_at};
use flashstrike_platform::names::{self, Odd, id_of_link, open_what_is_there};

use super::header::{self, HEADER_BYTES, STATE_AT};
use super::parse::{Layout, WORD, header_in};
use super::{PageError, absolute, steady};
use crate::Snapshot;

/// Whether somebody records in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageState {
    /// Its writer lives.
    Live,
    /// Its writer has closed it. The values are the last ones.
    Closed,
    /// Its writer has died without closing it. The values are those that it had then.
    Dead,
}

impl PageState {
    /// What the state in the header says where somebody holds the lock or nobody does.
    pub(super) fn of(state: u64, is_held: bool, path: &Path) -> Result<Self, PageError> {
        match state {
            header::CLOSED => Ok(Self::Closed),
            header::LIVE if is_held => Ok(Self::Live),
            header::LIVE => Ok(Self::Dead),
            header::BEING_MADE => Err(PageError::NotReady { path: path.into() }),
            state => Err(PageError::damaged(path, STATE_AT as u64, format!("a state of {state}"))),
        }
    }

    /// The name that it has in metrics and in the npm package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Closed => "closed",
            Self::Dead => "dead",
        }
    }
}

/// The page of another process, or of this one: opened for reading, nothing in it is changed and nothing of it is mapped.
///
/// It goes with the name: when the writer was started again and has put a new page there, that is what everything from
/// then on is about, with another [`generation`](Self::generation). As long as there is none under the name, the old one
/// is kept, also when it was removed.
///
/// # Errors
/// Everything that looks at the page gives [`PageError::NotFound`], [`PageError::Forbidden`], [`PageError::NotReady`],
/// [`PageError::NotAPage`], [`PageError::Version`], [`PageError::Damaged`] (also when the file was cut short) or
/// [`PageError::Io`]; attaching also gives [`PageError::Option`] for a path that no file can have.
#[derive(Debug)]
pub struct TelemetryPage {
    path: PathBuf,
    attached: Attached,
}

impl TelemetryPage {
    /// Opens the page under this name. Symbolic links are not followed.
    ///
    /// # Errors
    /// See [`TelemetryPage`].
    pub fn attach(path: impl AsRef<Path>) -> Result<Self, PageError> {
        let path = absolute(path.as_ref())?;
        let attached = Attached::open(&path)?;
        Ok(Self { path, attached })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies every metric.
    ///
    /// # Errors
    /// See [`TelemetryPage`].
    pub fn snapshot(&mut self) -> Result<Snapshot, PageError> {
        self.follow()?;
        self.attached.snapshot(&self.path)
    }

    /// Whether somebody records there now.
    ///
    /// # Errors
    /// See [`TelemetryPage`].
    pub fn state(&mut self) -> Result<PageState, PageError> {
        self.follow()?;
        self.attached.state(&self.path)
    }

    /// The process that the page belongs to, as its own machine or container numbers it. As of the last look.
    pub fn process_id(&self) -> u32 {
        self.attached.layout.header.process_id
    }

    /// When that process was started, in clock ticks since the machine was, see
    /// [`started_ticks`](super::started_ticks); 0 if it could not find out. As of the last look.
    pub fn process_started_ticks(&self) -> u64 {
        self.attached.layout.header.process_started_ticks
    }

    /// Since when its metrics count: wall time in nanoseconds since 1970. As of the last look.
    pub fn started_unix_ns(&self) -> u64 {
        self.attached.layout.header.started_unix_ns
    }

    /// Which page under this name it is: 1 more than the one before. As of the last look.
    pub fn generation(&self) -> u64 {
        self.attached.layout.header.generation
    }

    /// Opens the page that has the name now, if that is another one.
    fn follow(&mut self) -> Result<(), PageError> {
        let named = match id_of_link(&self.path) {
            Ok(id) => id,
            // What was opened is still there, and the last that is known of that writer.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
                return Ok(());
            }
            Err(error) => return Err(PageError::io("look at", &self.path, error)),
        };
        if named == self.attached.id {
            return Ok(());
        }
        match Attached::open(&self.path) {
            Ok(attached) => self.attached = attached,
            Err(PageError::NotFound { .. } | PageError::NotReady { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// One file that is a page.
#[derive(Debug)]
struct Attached {
    file: File,
    /// What tells it from others. As long as the file is open no other has these.
    id: (u64, u64),
    layout: Layout,
}

impl Attached {
    fn open(path: &Path) -> Result<Self, PageError> {
        let (file, metadata) = open_for_reading(path).map_err(|error| match error {
            PageError::Io { path, error, .. } if error.kind() == ErrorKind::PermissionDenied => {
                PageError::Forbidden { path }
            }
            other => other,
        })?;
        let first = first_bytes(&file).map_err(|error| PageError::io("read", path, error))?;
        let header = header_in(&first, metadata.len(), path)?;
        // At most as many as the file has, and a megabyte: the header was checked.
        let mut catalogue = vec![0; header.catalogue_bytes as usize];
        read_exact_at(&file, &mut catalogue, header.catalogue_at.into())
            .map_err(|error| unread(path, error))?;
        let layout = Layout::parse(header, &catalogue, path)?;
        let id = files::id(&file).map_err(|error| PageError::io("look at", path, error))?;
        Ok(Self { file, id, layout })
    }

    fn snapshot(&self, path: &Path) -> Result<Snapshot, PageError> {
        let header = &self.layout.header;
        let state = self.state(path)?;
        let words = header.values_bytes as usize / WORD;
        let copied = steady::copy(words, |bytes| read_exact_at(&self.file, bytes, header.values_at));
        let values = copied.map_err(|error| unread(path, error))?;
        let cut = || PageError::damaged(path, header.values_at, "fewer values than it says");
        self.layout.snapshot(&values, state).ok_or_else(cut)
    }

    fn state(&self, path: &Path) -> Result<PageState, PageError> {
        // In this order: a writer that ends stores the state and gives the lock back then.
        let is_held =
            is_write_locked(&self.file).map_err(|error| PageError::io("ask for the lock of", path, error))?;
        let mut word = [0; 8];
        read_exact_at(&self.file, &mut word, STATE_AT as u64).map_err(|error| unread(path, error))?;
        PageState::of(u64::from_le_bytes(word), is_held, path)
    }
}

/// Opens a regular file and nothing else, and waits for nobody at the other end of something else.
pub(super) fn open_for_reading(path: &Path) -> Result<(File, fs::Metadata), PageError> {
    open(path, OpenOptions::new().read(true))
}

/// The same with the permissions that `options` asks for.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<(File, fs::Metadata), PageError> {
    let not = |what| PageError::NotAPage { path: path.into(), what };
    let is = |odd| {
        not(match odd {
            Odd::Link => "it is a symbolic link, which is not followed",
            Odd::Directory => "it is a directory",
            Odd::Other => "it is no regular file",
        })
    };
    let file = open_what_is_there(options).open(path).map_err(|error| match names::odd(path, &error) {
        _ if error.kind() == ErrorKind::NotFound => PageError::NotFound { path: path.into() },
        Some(odd) => is(odd),
        None => PageError::io("open", path, error),
    })?;
    let metadata = file.metadata().map_err(|error| PageError::io("look at", path, error))?;
    match metadata.file_type() {
        kind if kind.is_file() => Ok((file, metadata)),
        kind if kind.is_dir() => Err(is(Odd::Directory)),
        kind if kind.is_symlink() => Err(is(Odd::Link)),
        _ => Err(is(Odd::Other)),
    }
}

/// As many of the first bytes as a header has, fewer if the file has.
pub(super) fn first_bytes(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match read_at(file, &mut bytes[filled..], filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(bytes[..filled].to_vec())
}

fn unread(path: &Path, error: io::Error) -> PageError {
    match error.kind() {
        ErrorKind::UnexpectedEof => PageError::damaged(path, 0, "it was cut short meanwhile"),
        _ => PageError::io("read", path, error),
    }
}
