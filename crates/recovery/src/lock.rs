//! `wal.lock`: one writer a log, told by an advisory lock of the whole file, and one of the directory in case somebody
//! removes that file.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flashstrike_segment::names;

use crate::error::{Code, Error, Result};
use crate::files::{DirectoryLock, File, FileId, FileSystem, OpenMode, open_if_there};
use crate::machine::writer_alive;
use crate::report::hex;

/// How long an opener waits for a writer that is just ending.
const PATIENCE: Duration = Duration::from_millis(200);
const LINE_LIMIT: usize = 256;

/// Held by the one writer of a log until it is dropped, which must be after all its workers have ended. The kernel
/// gives it back when the process dies. The text inside is for people: the lock decides, not the text.
#[derive(Debug)]
pub struct LogLock {
    file: Arc<dyn File>,
    /// It stays locked when somebody removes `wal.lock`. `None`: the file system does not lock directories.
    directory: Option<DirectoryLock>,
}

impl LogLock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// `WAL_LOCKED` if another writer holds it, the same process included; `WAL_UNSUPPORTED` where the file system has
    /// no locks; `WAL_IO`.
    pub fn acquire(
        files: &dyn FileSystem,
        directory: &Path,
        file_mode: u32,
        boot_id: &[u8; 16],
    ) -> Result<Self> {
        let path = directory.join(names::WAL_LOCK);
        let file = files
            .open(&path, OpenMode::Create(file_mode))
            .map_err(|error| Error::io("open the lock file", &path, &error))?;
        let deadline = Instant::now() + PATIENCE;
        let lock = loop {
            match Self::try_acquire(files, &file, directory) {
                Ok(Ok(lock)) => break lock,
                Ok(Err(_)) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                Ok(Err(held)) => return Err(locked(held, &*file, &path, directory)),
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    let message = format!(
                        "{} lies on a file system without locks, where two writers could not be told apart; \
                         put the log on a local disk",
                        directory.display()
                    );
                    return Err(Error::new(Code::Unsupported, message).at_path(&path));
                }
                Err(error) => return Err(Error::io("lock", &path, &error)),
            }
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut line = String::new();
        let _ = writeln!(line, "pid {} boot {} started {started}", std::process::id(), hex(boot_id));
        // A shorter line must not leave the end of a longer one behind.
        let written = file.len().map_err(|error| Error::io("read", &path, &error))?;
        while (line.len() as u64) < written.min(LINE_LIMIT as u64) {
            line.insert(line.len() - 1, ' ');
        }
        // What somebody else has put here, perhaps under a second name of a file of his, is left alone.
        let mut first = [0; 4];
        let read = file.read_at(&mut first, 0).map_err(|error| Error::io("read", &path, &error))?;
        if first[..read] == *b"pid " || first[..read].iter().all(|&byte| byte == 0) {
            file.write_all_at(line.as_bytes(), 0).map_err(|error| Error::io("write", &path, &error))?;
        }
        Ok(lock)
    }

    /// Locks the file and, where that is possible, the directory, unless somebody has one of them.
    fn try_acquire(
        files: &dyn FileSystem,
        file: &Arc<dyn File>,
        directory: &Path,
    ) -> std::io::Result<std::result::Result<Self, Held>> {
        if !file.try_lock(true)? {
            return Ok(Err(Held::File));
        }
        let mut lock = Self { file: Arc::clone(file), directory: None };
        match files.lock_directory(directory) {
            Ok(None) => Ok(Err(Held::Directory)),
            Ok(held) => {
                lock.directory = held;
                Ok(Ok(lock))
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Ok(lock)),
            Err(error) => Err(error),
        }
    }

    /// What tells whether this lock still protects the log in `directory`.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub fn watch(&self, files: &Arc<dyn FileSystem>, directory: &Path) -> Result<LockWatch> {
        let path = directory.join(names::WAL_LOCK);
        let id = self.file.id().map_err(|error| Error::io("read", &path, &error))?;
        Ok(LockWatch { files: Arc::clone(files), path, id })
    }
}

impl Drop for LogLock {
    fn drop(&mut self) {
        // Closing the file would give it back too, but only with its last descriptor.
        let _ = self.file.unlock();
    }
}

/// `WAL_LOCKED` if a writer has the log, this process included; the lock itself is not taken.
///
/// # Errors
/// That, and `WAL_IO`.
pub(crate) fn refuse_beside_writer(files: &dyn FileSystem, directory: &Path) -> Result<()> {
    if !writer_alive(files, directory)? {
        return Ok(());
    }
    let path = directory.join(names::WAL_LOCK);
    let file = files.open(&path, OpenMode::Read).map_err(|error| Error::io("open", &path, &error))?;
    Err(locked(Held::File, &*file, &path, directory))
}

/// The process that says in `wal.lock` that it has the log. Only while somebody holds it does that mean anything.
///
/// # Errors
/// `WAL_IO`.
pub fn holder(files: &dyn FileSystem, directory: &Path) -> Result<Option<u32>> {
    let path = directory.join(names::WAL_LOCK);
    Ok(open_if_there(files, &path)?.and_then(|file| pid_in(&*file)))
}

fn pid_in(file: &dyn File) -> Option<u32> {
    let mut line = [0; LINE_LIMIT];
    let read = file.read_at(&mut line, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&line[..read]);
    let pid = text.split_whitespace().nth(1)?;
    pid.bytes().all(|digit| digit.is_ascii_digit()).then(|| pid.parse().ok()).flatten()
}

/// Files are made by their names, and the lock is on a file: once somebody moves the directory away or removes
/// `wal.lock`, another writer can be in what has these names now.
#[derive(Debug)]
pub struct LockWatch {
    files: Arc<dyn FileSystem>,
    path: PathBuf,
    id: FileId,
}

impl LockWatch {
    /// Whether `wal.lock` is still the file that is locked.
    ///
    /// # Errors
    /// `WAL_LOCKED` if it is another one or none.
    pub fn check(&self) -> Result<()> {
        let found = self.files.id(&self.path);
        let is_other = match &found {
            Ok(id) => *id != self.id,
            // Any other error says nothing of the file.
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        if !is_other {
            return Ok(());
        }
        let message = format!(
            "{} is not the file any more that this writer has locked: the directory was moved or removed, or the file \
             was, and another writer may append in its place",
            self.path.display()
        );
        Err(Error::new(Code::Locked, message).at_path(&self.path))
    }
}

/// What somebody else has locked.
#[derive(Clone, Copy)]
enum Held {
    File,
    /// But not `wal.lock`, which says nothing of them then.
    Directory,
}

fn locked(held: Held, file: &dyn File, path: &Path, directory: &Path) -> Error {
    let holder = match pid_in(file).filter(|_| matches!(held, Held::File)) {
        Some(pid) => format!("process {pid}"),
        None => "another writer".to_owned(),
    };
    let own = holder == format!("process {}", std::process::id());
    let message = format!(
        "{holder}{} has the log in {} open for appending; close it there first, or open it with Recovery to read",
        if own { " (this one)" } else { "" },
        directory.display()
    );
    Error::new(Code::Locked, message).at_path(path)
}
