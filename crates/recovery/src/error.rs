//! The one error type of the log.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use flashstrike_platform::machine::is_out_of_files;
use flashstrike_platform::names::{Odd, odd};
use flashstrike_segment::{Damage, Position, Unsupported, names};
use serde_json::{Map, Value};

use crate::files::is_full;

/// Result of every fallible operation of the log.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as a stable code. The same words are `WalError.code` in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Another writer holds the log, this process included. Nothing was changed.
    Locked,
    /// Data that was proved durable is damaged or missing. Nothing was changed.
    Corrupt,
    /// The log ends in a torn tail and the mode is `strict`. Nothing was changed.
    Torn,
    /// No space for the next segment. Appends go on to the end of the current one, and again when space is back.
    Full,
    /// The next segment is not ready yet, or too many are unsealed. The event is not in the log; `drain()`, then again.
    Backpressure,
    /// A write or sync has failed once and is never retried. Reopen to recover from what is really on disk.
    Poisoned,
    /// An event or batch larger than an empty segment holds.
    EventTooLarge,
    /// An event id that does not increase, is out of range, or is beyond the last one.
    EventId,
    /// Fields or schema that do not match the log's.
    Schema,
    /// Use after close.
    Closed,
    /// No log in this directory, or no such cursor.
    NotFound,
    /// An event id that retention or repair has removed.
    Gone,
    /// A cursor stands beyond the end of the log.
    CursorAhead,
    /// Any other error of the operating system.
    Io,
    /// A newer format version, or a place where the log's promises cannot be kept.
    Unsupported,
}

impl Code {
    /// Every code, in a fixed order that bindings may number.
    pub const ALL: [Self; 15] = [
        Self::Locked,
        Self::Corrupt,
        Self::Torn,
        Self::Full,
        Self::Backpressure,
        Self::Poisoned,
        Self::EventTooLarge,
        Self::EventId,
        Self::Schema,
        Self::Closed,
        Self::NotFound,
        Self::Gone,
        Self::CursorAhead,
        Self::Io,
        Self::Unsupported,
    ];

    /// The number that stands for it where a binding returns one: −1 for the first of [`ALL`](Self::ALL), and so on.
    pub fn return_value(self) -> i32 {
        Self::ALL
            .into_iter()
            .zip((i32::MIN..0).rev())
            .find(|(code, _)| *code == self)
            .map_or(i32::MIN, |(_, value)| value)
    }

    /// The stable name, for example `WAL_LOCKED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "WAL_LOCKED",
            Self::Corrupt => "WAL_CORRUPT",
            Self::Torn => "WAL_TORN",
            Self::Full => "WAL_FULL",
            Self::Backpressure => "WAL_BACKPRESSURE",
            Self::Poisoned => "WAL_POISONED",
            Self::EventTooLarge => "WAL_EVENT_TOO_LARGE",
            Self::EventId => "WAL_EVENT_ID",
            Self::Schema => "WAL_SCHEMA",
            Self::Closed => "WAL_CLOSED",
            Self::NotFound => "WAL_NOT_FOUND",
            Self::Gone => "WAL_GONE",
            Self::CursorAhead => "WAL_CURSOR_AHEAD",
            Self::Io => "WAL_IO",
            Self::Unsupported => "WAL_UNSUPPORTED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the log: a stable [`Code`], a message that says what happened, where and what to do,
/// and the place it belongs to.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.0.message)]
pub struct Error(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    code: Code,
    message: String,
    segment: Option<u32>,
    offset: Option<u64>,
    event_id: Option<u64>,
    path: Option<PathBuf>,
    os_error: Option<i32>,
}

impl Error {
    /// An error with a message for people: what happened and what to do.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code,
            message: message.into(),
            segment: None,
            offset: None,
            event_id: None,
            path: None,
            os_error: None,
        }))
    }

    /// An error of the operating system while doing `what` to `path`.
    pub fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let mut made = Self::new(Code::Io, format!("cannot {what} {}: {error}", path.display()));
        made.0.os_error = error.raw_os_error();
        let made = made.at_path(path);
        match advice(what, path, error) {
            Some(advice) => made.with_advice(&advice),
            None => made,
        }
    }

    /// A newer version has written the log in this directory.
    pub(crate) fn unsupported(directory: &Path, unsupported: &Unsupported) -> Self {
        let message = format!("{unsupported}; read this log with the version that wrote it, or a later one");
        Self::new(Code::Unsupported, message).at_path(directory)
    }

    /// The same error, its message followed by what to do now.
    #[must_use]
    pub fn with_advice(mut self, advice: &str) -> Self {
        self.0.message.push_str("; ");
        self.0.message.push_str(advice);
        self
    }

    /// Names the segment and the byte offset in it.
    #[must_use]
    pub fn at(mut self, segment: u32, offset: u64) -> Self {
        self.0.segment = Some(segment);
        self.0.offset = Some(offset);
        self
    }

    /// Names the segment that damage of the log in `directory` is in, the byte offset and the file to look at: the one
    /// that the damage names, else the one that the segment `is_read_from`. Nothing if it is in none.
    pub(crate) fn at_damage(
        self,
        damage: &Damage,
        directory: &Path,
        is_read_from: impl FnOnce(u32) -> PathBuf,
    ) -> Self {
        let Position { segment: Some(segment), offset } = damage.position else { return self };
        let named = damage.reason.file().map(|file| directory.join(file));
        self.at(segment, offset).at_path(&named.unwrap_or_else(|| is_read_from(segment)))
    }

    /// Names the event.
    #[must_use]
    pub fn at_event(mut self, event_id: u64) -> Self {
        self.0.event_id = Some(event_id);
        self
    }

    /// Names the file or directory.
    #[must_use]
    pub fn at_path(mut self, path: &Path) -> Self {
        self.0.path = Some(path.to_path_buf());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The index of the segment concerned.
    pub fn segment(&self) -> Option<u32> {
        self.0.segment
    }

    /// The byte offset in that segment.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The id of the event concerned.
    pub fn event_id(&self) -> Option<u64> {
        self.0.event_id
    }

    /// The file or directory concerned.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What a binding gives its users, in this order: `code`, `message` and where they apply `segment`, `offset`,
    /// `eventId`, `path`.
    pub fn properties(&self) -> Map<String, Value> {
        let details = &*self.0;
        let mut all = Map::new();
        all.insert("code".into(), details.code.as_str().into());
        all.insert("message".into(), details.message.as_str().into());
        let numbers = [
            ("segment", details.segment.map(u64::from)),
            ("offset", details.offset),
            ("eventId", details.event_id),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                all.insert(name.into(), number.into());
            }
        }
        if let Some(path) = &details.path {
            all.insert("path".into(), path.to_string_lossy().into());
        }
        all
    }

    /// The [`properties`](Self::properties) as JSON text.
    pub fn to_json(&self) -> String {
        Value::Object(self.properties()).to_string()
    }

    /// The operating system's error number, where it gave one.
    pub fn os_error(&self) -> Option<i32> {
        self.0.os_error
    }
}

/// What to do about an error of the operating system, where that does not depend on who had it.
fn advice(what: &str, path: &Path, error: &io::Error) -> Option<Cow<'static, str>> {
    if is_out_of_files(error) {
        return Some("raise the limit of open files of this process (ulimit -n)".into());
    }
    match odd(path, error) {
        Some(Odd::Link) => return Some(NO_LINK.into()),
        // A directory that may not be listed is none that should be a file.
        Some(_) if what.starts_with("open") => return Some(NO_FILE.into()),
        _ => {}
    }
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied if is_of_cursors(path) => {
            "a cursor needs permission to write in cursors/ of the log: ask as the owner of the log, or read without a \
             cursor"
        }
        io::ErrorKind::ReadOnlyFilesystem if is_of_cursors(path) => {
            "a cursor needs a file system that can be written to; read without a cursor"
        }
        io::ErrorKind::PermissionDenied if READING.contains(&what) => return Some(readable(path).into()),
        io::ErrorKind::PermissionDenied => {
            "appending needs permission to write in the log's directory, and Recovery to read"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "appending needs a file system that can be written to; Recovery reads a log without"
        }
        io::ErrorKind::NotADirectory => "a log is a directory",
        io::ErrorKind::FileTooLarge => {
            "make smaller segments, or raise the limit of the size of files of this process (ulimit -f)"
        }
        _ if is_full(error) => "make space",
        _ => return None,
    };
    Some(advice.into())
}

const NO_LINK: &str = "no file of a log may be a symbolic link, and one to its directory has to lead there: remove the \
                       link, or put in its place what it is to lead to";
const NO_FILE: &str = "this has to be a regular file: move away what is there";

/// What is done to files and directories also by who only reads the log.
const READING: [&str; 5] = ["open", "read", "map", "list", "look at"];

fn readable(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    format!(
        "{name} has to be readable, for Recovery too: ask as the owner of the log, or have its permissions changed; \
         appending needs permission to write in the log's directory besides"
    )
}

/// Whether a path is `cursors/` of a log, or something in it.
fn is_of_cursors(path: &Path) -> bool {
    let is_it = |path: &Path| path.file_name().is_some_and(|name| name == names::CURSORS);
    is_it(path) || path.parent().is_some_and(is_it)
}
