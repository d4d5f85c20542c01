//! What comes of verification.

use std::fmt;

use super::{Link, LogIdentity, Reason};
use crate::names::{WAL_STAGING, hot_name};

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Index of the segment; `None`: it is `wal.staging`.
    pub segment: Option<u32>,
    /// Bytes from the beginning of the file; in a cold segment, of its content.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.segment {
            Some(index) => write!(f, "{}:{}", hot_name(index), self.offset),
            None => f.write_str(WAL_STAGING),
        }
    }
}

/// The first place that does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub position: Position,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.reason)
    }
}

/// What a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Every published block verifies in place.
    Clean,
    /// From some place on, published blocks do not verify in place, and nothing says that any of them was durable.
    Torn,
    /// Something that was durable is lost.
    Corrupt,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "clean",
            Self::Torn => "torn",
            Self::Corrupt => "corrupt",
        })
    }
}

/// Something that a report has to mention and that loses nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// No `wal.meta` says that the log begins with this segment, the lowest there is.
    BeginningUnproven {
        /// Index of the segment.
        segment: u32,
    },
    /// A segment's header is unreadable; its metadata block took its place. The next writer writes it anew.
    HeaderDamaged {
        /// Index of the segment.
        segment: u32,
    },
    /// Bytes that never became a block, behind the end of a segment.
    UnpublishedRemains {
        /// Index of the segment.
        segment: u32,
        /// Where the segment's blocks end.
        offset: u64,
    },
    /// A file that has not the length of its segment; read as if it had.
    WrongLength {
        /// Index of the segment.
        segment: u32,
        /// Bytes of the file.
        found: u64,
        /// Bytes of the segment.
        expected: u64,
    },
    /// Something is wrong with a cold segment's file.
    ColdDamage {
        /// Index of the segment.
        segment: u32,
        /// What.
        text: String,
        /// Whether all of the segment's blocks could be read nevertheless.
        is_whole: bool,
    },
    /// `wal.staging` belongs to another log, or to an earlier boot of the machine: ignored.
    StagingIgnored {
        /// Events staged there.
        event_count: u32,
    },
    /// Blocks before the staged events are missing: none of these is taken.
    StagingGap {
        /// Id of the last event that was in the log.
        base_event_id: u64,
        /// Whether a sync had failed before.
        poisoned: bool,
        /// Events staged.
        event_count: u32,
    },
    /// The log is damaged before the staged events: none of these is taken.
    StagingBehindDamage {
        /// Events staged with ids above the log's.
        event_count: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeginningUnproven { segment } => {
                write!(f, "without wal.meta nothing proves that the log begins with {}", hot_name(*segment))
            }
            Self::HeaderDamaged { segment } => {
                write!(f, "{}: header unreadable, its metadata block is used instead", hot_name(*segment))
            }
            Self::UnpublishedRemains { segment, offset } => {
                write!(f, "{}: unpublished bytes behind offset {offset}", hot_name(*segment))
            }
            Self::WrongLength { segment, found, expected } => {
                write!(f, "{}: the file has {found} bytes instead of {expected}", hot_name(*segment))
            }
            Self::ColdDamage { segment, text, is_whole: true } => {
                write!(f, "{segment:08}.wal.zst: {text}; all blocks could be read nevertheless")
            }
            Self::ColdDamage { segment, text, is_whole: false } => write!(f, "{segment:08}.wal.zst: {text}"),
            Self::StagingIgnored { event_count: 0 } => {
                f.write_str("wal.staging is of another log or boot, and no event stands in it")
            }
            Self::StagingIgnored { event_count } => {
                let events = staged_events(*event_count);
                write!(f, "wal.staging is of another log or boot: {events} not taken")
            }
            Self::StagingGap { base_event_id, poisoned, event_count } => {
                let sync = if *poisoned { " after a failed sync" } else { "" };
                write!(f, "blocks up to event {base_event_id} are damaged or missing{sync}")?;
                if *event_count > 0 {
                    write!(f, ": {} not taken", staged_events(*event_count))?;
                }
                Ok(())
            }
            Self::StagingBehindDamage { event_count } => {
                write!(f, "behind damage, so {} not taken", staged_events(*event_count))
            }
        }
    }
}

fn staged_events(count: u32) -> String {
    if count == 1 { "1 staged event was".to_owned() } else { format!("{count} staged events were") }
}

/// What verification found in one segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "findings that are independent of each other")]
pub struct SegmentReport {
    /// Index of the segment.
    pub index: u32,
    /// Whether it was read from a `.wal.zst`.
    pub is_cold: bool,
    /// Whether its header verifies and is sealed.
    pub sealed: bool,
    /// Whether its header does not verify or names another segment. The next writer writes it anew.
    pub header_damaged: bool,
    /// Whether a block has been published at its beginning.
    pub published: bool,
    /// Blocks that verify in place, metadata block included.
    pub blocks: u32,
    /// Events in them.
    pub events: u64,
    /// Id of the first of these events, 0 if there is none.
    pub first_event_id: u64,
    /// Last event id of the last of these blocks; 0 if there is none.
    pub last_event_id: u64,
    /// Chained checksum of the last of these blocks; 0 if there is none.
    pub last_chain: u64,
    /// When the first of these blocks was written, ns since the Unix epoch; 0 if there is none.
    pub first_written_ts_ns: u64,
    /// When the last of these blocks was written, ns since the Unix epoch; 0 if there is none.
    pub last_written_ts_ns: u64,
    /// Where these blocks end, bytes; 64 if there is none.
    pub end_offset: u64,
    /// Events in blocks that verify on their own, those that verify in place included.
    pub events_on_their_own: u64,
    /// Whether anything that is not zero stands behind the end and is no damage.
    pub unpublished_remains: bool,
    /// Whether the file has another length than the segment. Never for cold ones.
    pub wrong_length: bool,
    /// Bytes of the segment, if its metadata block tells.
    pub segment_size: Option<u32>,
    /// The segment's salt, if header or metadata block tells.
    pub salt: Option<u32>,
    /// When the segment was prepared, ns since the Unix epoch, if its header tells.
    pub created_ts_ns: Option<u64>,
}

/// What a log is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Clean, torn or corrupt.
    pub state: State,
    /// The first place that does not verify. Always given unless the log is clean.
    pub bad: Option<Damage>,
    /// `last_event_id` of the last block, of any kind, that verifies in place; 0 if there is none.
    pub g: u64,
    /// Id of the first event, staged ones included; 0 if there is none, or none was seen because verification
    /// [resumed](super::LogVerifier::resume) behind it.
    pub first_event_id: u64,
    /// Id of the last event, staged ones included: where the log ends for its readers. 0 if there is none.
    pub last_event_id: u64,
    /// Events in blocks that verified in place, and staged ones taken.
    pub events: u64,
    /// Staged events taken.
    pub staged: u32,
    /// Events in blocks that verify on their own, those that verify in place included.
    pub events_on_their_own: u64,
    /// W, the highest event id proved durable; `None`: something is lost that no id proves (a missing segment, an
    /// unreadable cold one, a damaged `wal.staging`), or the proof names an id that no event can have.
    pub durable_proof: Option<u64>,
    /// The highest event id proved durable, whatever else is lost.
    pub proved_event_id: u64,
    /// The end of the last good block. Without any, the place of the first block.
    pub end: Position,
    /// The last good block. `None`: there is none, or only the sealed header of its segment has been seen.
    pub link: Option<Link>,
    /// Index of the next block in the segment of `end`.
    pub next_block_index: u32,
    /// What the log is, once a metadata block has verified in place.
    pub identity: Option<LogIdentity>,
    /// What else a report has to mention.
    pub notes: Vec<Note>,
    /// Every segment verified, in order.
    pub segments: Vec<SegmentReport>,
    /// The log does not go on behind the sealed segment this verification resumed behind. Only a verification that
    /// begins with this segment can tell the exact place of the damage, and what the segment itself is worth.
    pub verify_from: Option<u32>,
}
