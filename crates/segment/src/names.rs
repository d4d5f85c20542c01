//! Names of the files of a log. Anything else in the directory is left alone.

/// Where the log begins and ends, what is durable.
pub const WAL_META: &str = "wal.meta";
/// The block now being filled.
pub const WAL_STAGING: &str = "wal.staging";
/// Held by the one writer.
pub const WAL_LOCK: &str = "wal.lock";
/// Directory of the cursors.
pub const CURSORS: &str = "cursors";
/// In [`CURSORS`]: held while a cursor is created or a segment removed.
pub const CURSORS_LOCK: &str = ".lock";
/// Directory of the bytes that recovery cut off or refused.
pub const QUARANTINE: &str = "quarantine";
/// Ending of files under a temporary name, see [`temporary_name`].
pub const TEMPORARY: &str = ".tmp";

const HOT: &str = ".wal";
const COLD: &str = ".wal.zst";
const NEW: &str = ".wal.new";
const CURSOR: &str = ".cursor";
/// Cursors that hold back retention while the log is copied begin like this.
const COPY_CURSOR: &str = "flashstrike-copy-";

/// A segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentFile {
    /// The number in the name.
    pub index: u32,
    /// Which of the two forms.
    pub kind: SegmentKind,
}

/// The two forms a segment is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// `.wal`: as it was written.
    Hot,
    /// `.wal.zst`: sealed and compressed.
    Cold,
}

impl SegmentFile {
    /// The segment file of this name, if it is one: exactly eight decimal digits, `.wal` or `.wal.zst`.
    ///
    /// ```
    /// use flashstrike_segment::names::{SegmentFile, SegmentKind};
    ///
    /// let file = SegmentFile::parse("00000012.wal.zst").unwrap();
    /// assert_eq!((file.index, file.kind), (12, SegmentKind::Cold));
    /// assert_eq!(file.name(), "00000012.wal.zst");
    /// for foreign in ["12.wal", "00000012.wal.new", "+0000012.wal", "00000012.WAL", "000000012.wal"] {
    ///     assert_eq!(SegmentFile::parse(foreign), None);
    /// }
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (index, ending) = split_index(name)?;
        let kind = match ending {
            HOT => SegmentKind::Hot,
            COLD => SegmentKind::Cold,
            _ => return None,
        };
        Some(Self { index, kind })
    }

    /// The file's name.
    #[must_use]
    pub fn name(self) -> String {
        match self.kind {
            SegmentKind::Hot => hot_name(self.index),
            SegmentKind::Cold => cold_name(self.index),
        }
    }
}

/// `NNNNNNNN.wal`
#[must_use]
pub fn hot_name(index: u32) -> String {
    segment_name(index, HOT)
}

/// `NNNNNNNN.wal.zst`
#[must_use]
pub fn cold_name(index: u32) -> String {
    segment_name(index, COLD)
}

/// `NNNNNNNN.wal.new`: a segment being prepared.
#[must_use]
pub fn new_name(index: u32) -> String {
    segment_name(index, NEW)
}

/// `NAME.tmp`: under which a file is written before it is renamed to `NAME`.
#[must_use]
pub fn temporary_name(name: &str) -> String {
    format!("{name}{TEMPORARY}")
}

/// Whether a name is that of an unfinished file: `.wal.new`, or [`temporary_name`] of a file of the log. Such a file
/// never holds the only copy of anything: readers ignore it, the next writer removes it.
#[must_use]
pub fn is_leftover(name: &str) -> bool {
    if let Some(whole) = name.strip_suffix(TEMPORARY) {
        return matches!(whole, WAL_META | WAL_STAGING) || SegmentFile::parse(whole).is_some();
    }
    split_index(name).is_some_and(|(_, ending)| ending == NEW)
}

/// Whether `name` may be that of a cursor: 1 to 64 of `A–Z a–z 0–9 . _ -`, not starting with a dot.
#[must_use]
pub fn is_cursor_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

/// `flashstrike-copy-PID-NONCE`, the nonce as 16 hexadecimal digits: the cursor that holds back retention while a process
/// copies the log. Processes of different containers may have the same id, so that alone says nothing.
#[must_use]
pub fn copy_cursor_name(process: u32, nonce: u64) -> String {
    format!("{COPY_CURSOR}{process}-{nonce:016x}")
}

/// Whether `name` is one that [`copy_cursor_name`] makes: such a cursor means nothing once nobody holds it.
#[must_use]
pub fn is_copy_cursor_name(name: &str) -> bool {
    let parts = name.strip_prefix(COPY_CURSOR).and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(process, nonce)| {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (1..=10).contains(&process.len())
            && process.bytes().all(|byte| byte.is_ascii_digit())
            && nonce.len() == 16
            && nonce.bytes().all(is_hex)
    })
}

/// `NAME.cursor`, in [`CURSORS`].
#[must_use]
pub fn cursor_file_name(name: &str) -> String {
    format!("{name}{CURSOR}")
}

/// The cursor's name in a file's name, if it is that of a cursor.
#[must_use]
pub fn parse_cursor_file_name(file: &str) -> Option<&str> {
    file.strip_suffix(CURSOR).filter(|name| is_cursor_name(name))
}

/// Name in [`QUARANTINE`] of bytes of `file` from `offset` on, without the ending (`.bin`, and `.json` for the
/// explanation): `00000002.wal.4096.20260727T101500Z`. `stamp` is the time as `YYYYMMDDThhmmssZ`; `again` counts those
/// of the same second, from 0.
#[must_use]
pub fn quarantine_stem(file: &str, offset: u64, stamp: &str, again: u32) -> String {
    let stem = format!("{file}.{offset}.{stamp}");
    if again == 0 { stem } else { format!("{stem}-{again}") }
}

/// A `wal.meta` may name any number, also one that no segment can have.
fn segment_name(index: u32, ending: &str) -> String {
    format!("{index:08}{ending}")
}

/// `12345678.anything` as number and `.anything`.
fn split_index(name: &str) -> Option<(u32, &str)> {
    let (digits, ending) = name.split_at_checked(8)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(|index| (index, ending))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::MAX_SEGMENT_INDEX;

    #[test]
    fn every_segment_name_is_read_back() {
        for index in [0, 1, 12_345_678, MAX_SEGMENT_INDEX] {
            for kind in [SegmentKind::Hot, SegmentKind::Cold] {
                let file = SegmentFile { index, kind };
                assert_eq!(SegmentFile::parse(&file.name()), Some(file));
                assert!(is_leftover(&temporary_name(&file.name())));
                assert!(!is_leftover(&file.name()));
            }
            assert!(is_leftover(&new_name(index)));
        }
    }

    #[test]
    fn names_of_others_are_not_ours() {
        for name in [
            "",
            "00000000",
            "00000000.wall",
            "x0000000.wal",
            "٠٠٠٠٠٠٠٠.wal",
            "0000000é.wal",
            "00000000.wal.zst2",
        ] {
            assert_eq!(SegmentFile::parse(name), None, "{name}");
            assert!(!is_leftover(name), "{name}");
        }
        for name in ["backup.tmp", "00000000.new", "wal.lock.tmp", "wal.meta"] {
            assert!(!is_leftover(name), "{name}");
        }
        for name in [WAL_META, WAL_STAGING] {
            assert!(is_leftover(&temporary_name(name)), "{name}");
        }
    }

    #[test]
    fn cursor_names_are_plain() {
        let longest = "x".repeat(64);
        for name in ["a", "risk-engine", "A.b_c-9", longest.as_str()] {
            assert!(is_cursor_name(name), "{name}");
            assert_eq!(parse_cursor_file_name(&cursor_file_name(name)), Some(name));
        }
        let too_long = "x".repeat(65);
        for name in ["", ".lock", "..", "a/b", "a b", "ä", "a\0", too_long.as_str()] {
            assert!(!is_cursor_name(name), "{name}");
        }
    }

    #[test]
    fn only_what_a_copy_is_named_like_is_taken_for_that_of_a_copy() {
        for (process, nonce) in [(0, 0), (1, u64::MAX), (u32::MAX, 0xfeed_f00d)] {
            let name = copy_cursor_name(process, nonce);
            assert!(is_cursor_name(&name) && is_copy_cursor_name(&name), "{name}");
        }
        for name in [
            "flashstrike-copy-1",
            "flashstrike-copy-risk",
            "flashstrike-copy-of-0123456789abcdef",
            "flashstrike-copy-1-0123456789abcde",
            "flashstrike-copy-1-0123456789abcdefg",
            "flashstrike-copy-1-0123456789ABCDEF",
            "flashstrike-copy--0123456789abcdef",
            "my-flashstrike-copy-1-0123456789abcdef",
        ] {
            assert!(!is_copy_cursor_name(name), "{name}");
        }
    }

    #[test]
    fn quarantine_says_which_bytes_and_when() {
        assert_eq!(
            quarantine_stem("00000002.wal", 4096, "20260727T101500Z", 0),
            "00000002.wal.4096.20260727T101500Z"
        );
        assert_eq!(
            quarantine_stem("00000002.wal", 4096, "20260727T101500Z", 1),
            "00000002.wal.4096.20260727T101500Z-1"
        );
    }
}
