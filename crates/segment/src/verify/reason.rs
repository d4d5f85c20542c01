//! What is wrong, in words.

use super::StagingFault;
use crate::payload::PayloadError;
use crate::{Metadata, MetadataError, Unsupported};

/// Why a position does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A segment is not there although later ones are, or `wal.meta` says that the log begins with it.
    #[error("the segment is missing")]
    SegmentMissing,
    /// No metadata block where there has to be one.
    #[error(
        "the segment's metadata block has not been published, though blocks follow or the segment is sealed"
    )]
    NoMetadataBlock,
    /// The metadata block of the next segment is intact, but the block it continues is not the last one there is.
    #[error("the next segment continues another block than the last one that verifies")]
    ContinuesAnotherBlock,
    /// The file of the next segment is of another log.
    #[error(
        "{file}, which is to go on from here, is a segment of another log: its log id is {found}, that of this log \
         {expected}"
    )]
    ForeignSegment {
        /// Name of the file that does not belong here.
        file: String,
        /// The log id in it, in hexadecimal digits.
        found: String,
        /// That of the log, in hexadecimal digits.
        expected: String,
    },
    /// The file of this segment is of another log, though the log seemed to begin with it.
    #[error("{file} is a segment of another log: its log id is {found}, that of this log {expected}")]
    OtherLog {
        /// Name of the file that does not belong here.
        file: String,
        /// The log id in it, in hexadecimal digits.
        found: String,
        /// That of the log, in hexadecimal digits.
        expected: String,
    },
    /// The compressed file of the segment is damaged, and what was got out of it does not verify.
    #[error("{file} is damaged ({cause}), and so {consequence}")]
    ColdFile {
        /// Its name.
        file: String,
        /// What is wrong with the file.
        cause: String,
        /// What of the segment does not verify for that.
        consequence: Box<Reason>,
    },
    /// Block headers stand behind a place without one.
    #[error("there is no block here, but blocks follow behind the gap")]
    BlocksBehindGap,
    /// Nothing is wrong with what there is; there is not enough of it.
    #[error("the log ends here with event {last_event_id}, although more was there for certain")]
    EndsBelowDurable {
        /// Id of the last event there is.
        last_event_id: u64,
    },
    /// Counts, ids or chain of a sealed segment's header are not those of its blocks.
    #[error("the sealed header says {what} {sealed}, the blocks say {found}")]
    SealedHeader {
        /// Which field.
        what: &'static str,
        /// What the header says.
        sealed: u64,
        /// What the blocks say.
        found: u64,
    },
    /// The segment is over before all its blocks are.
    #[error("the segment ends before its last block")]
    SegmentEnds,
    /// Bytes 56…63 of a header that has to be there are zero.
    #[error("no block has been published here")]
    Unpublished,
    /// Not a block header.
    #[error("no block magic")]
    Magic,
    /// A damaged block header.
    #[error("the block header does not match its checksum")]
    HeaderChecksum,
    /// A block of another segment.
    #[error("the block has the salt of another segment")]
    Salt,
    /// The payload's length cannot be right.
    #[error("the payload reaches beyond the segment")]
    BeyondSegment,
    /// `undurable` is greater than the last event id.
    #[error("the block counts more events as not durable than there can be")]
    Undurable,
    /// A damaged payload.
    #[error("the payload does not match the block checksum")]
    BlockChecksum,
    /// Padding that is not zero.
    #[error("the padding behind the payload is not zero")]
    Padding,
    /// Lengths or ids in the payload contradict the header.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A block out of place.
    #[error("the block has index {found} where {expected} should be")]
    BlockIndex {
        /// The index of this place.
        expected: u32,
        /// The block's own.
        found: u32,
    },
    /// A metadata block elsewhere than at the beginning, or none there.
    #[error("a segment begins with a metadata block and has no other")]
    MetadataMisplaced,
    /// The block was written after another one than the one before it.
    #[error("the block is not chained to the block before it")]
    Chain,
    /// `written_ts_ns` is less than that of the block before.
    #[error("the block was written at {found}, before its predecessor at {previous} (ns)")]
    TimeGoesBack {
        /// The previous block's time, ns.
        previous: u64,
        /// This block's time, ns.
        found: u64,
    },
    /// Ids that do not follow the previous block's.
    #[error("the block has the event ids {first} to {last} behind {previous}")]
    EventIds {
        /// The last id before the block.
        previous: u64,
        /// The block's first id.
        first: u64,
        /// The block's last id.
        last: u64,
    },
    /// The metadata block is intact, but its contents are impossible.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The metadata block says something else than the log, the file's name or the block's own header.
    #[error("the metadata block has another {0} than the log or the segment")]
    ForeignMetadata(&'static str),
    /// The staging memory.
    #[error("wal.staging: {0}")]
    Staging(#[from] StagingFault),
    /// Not damage; only [`ChainVerifier`](super::ChainVerifier) reports it here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl Reason {
    /// Name of the file to look at, where that is not simply the segment's own.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::ForeignSegment { file, .. } | Self::OtherLog { file, .. } | Self::ColdFile { file, .. } => {
                Some(file)
            }
            _ => None,
        }
    }

    /// The file of this segment says that it is of the log `found`, and the log is `expected`.
    #[must_use]
    pub fn of_another_log(file: String, found: &[u8; 16], expected: &[u8; 16]) -> Self {
        Self::OtherLog { file, found: hex(found), expected: hex(expected) }
    }

    /// Why the log does not go on with the metadata block of the next segment, which stands in `file` and continues
    /// another block than the last one: [`ForeignSegment`](Self::ForeignSegment) if it is of another log than `log_id`.
    #[must_use]
    pub fn continues_another(file: String, metadata: &Metadata, log_id: Option<[u8; 16]>) -> Self {
        match log_id {
            Some(expected) if expected != metadata.log_id => {
                Self::ForeignSegment { file, found: hex(&metadata.log_id), expected: hex(&expected) }
            }
            _ => Self::ContinuesAnotherBlock,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
