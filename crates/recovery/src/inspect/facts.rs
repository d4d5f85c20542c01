//! The outcome of an inspection.

use std::collections::BTreeMap;
use std::path::PathBuf;

use flashstrike_segment::{
    Damage, Link, LogIdentity, Seal, SegmentHeader, SegmentReport, StagingOutcome, State, Verdict, WalMeta,
};

use super::Depth;
use crate::directory::{Listing, SegmentFiles, cold_path, hot_path};

/// What a log is.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Where it lies.
    pub directory: PathBuf,
    /// The names that were there.
    pub listing: Listing,
    /// How much was verified.
    pub depth: Depth,
    /// The verdict.
    pub state: State,
    /// The first position that does not verify.
    pub damage: Option<Damage>,
    /// Log id, event size, segment size and schema; `None` until a metadata block verified.
    pub identity: Option<LogIdentity>,
    /// Whose log it is, where there are segments of two; `None`: none was found to be a stranger, or nothing decides.
    pub own_log_id: Option<[u8; 16]>,
    /// Index of the first segment that belongs to the log.
    pub first_segment: u32,
    /// Segments below it, whose removal was begun.
    pub retired: BTreeMap<u32, SegmentFiles>,
    /// The segments with blocks that verify in place, as far as they were verified, ascending. The log ends in the
    /// last one.
    pub segments: Vec<SegmentFacts>,
    /// Segments without a block behind the end, ascending. Empty if anything has to be cut behind the end.
    pub prepared: Vec<PreparedFacts>,
    /// Segments behind the end that have to be cut, ascending.
    pub behind: Vec<u32>,
    /// Id of the first event; 0: none.
    pub first_event_id: u64,
    /// Id of the last event before the first segment, which retention has removed; 0: none.
    pub gone_event_id: u64,
    /// g: id of the last event in a block that verifies in place. Staged events come behind it.
    pub last_event_id: u64,
    /// W: the highest id proved durable, whatever else is lost.
    pub durable_event_id: u64,
    /// The part of W that is proved to be on the device: staging proves presence on this boot only.
    pub durable_on_disk: u64,
    /// What the next block continues; `None`: there is no block.
    pub link: Option<Link>,
    /// What stood in the staging memory.
    pub staging: StagingFacts,
    /// What `wal.meta` says.
    pub meta: MetaFacts,
    /// What no evidence covers, in words, but for durability: see [`unproven_beyond`](Self::unproven_beyond).
    pub unproven: Vec<String>,
    /// Everything else worth knowing, in words.
    pub notes: Vec<String>,
    /// Segments whose every block was verified.
    pub verified: u32,
    /// A writer was alive: what does not verify in an unsealed segment was taken for the end for now.
    pub writer_alive: bool,
    /// The verdict itself, for those who want every detail.
    pub verdict: Verdict,
}

impl Inspection {
    /// What no evidence covers, in words, where this id is known to be durable: as far as the verdict knows, or further
    /// if a dead writer has left word of it.
    pub fn unproven_beyond(&self, durable_event_id: u64) -> Vec<String> {
        let mut all = self.unproven.clone();
        if self.last_event_id > durable_event_id {
            let (from, to) = (durable_event_id + 1, self.last_event_id);
            all.push(if from == to {
                format!("nothing proves that event {to} was durable")
            } else {
                format!("nothing proves that the events {from} to {to} were durable")
            });
        }
        all
    }

    /// Path of the file that a segment was read from; of the uncompressed one if there is neither.
    pub(crate) fn read_path(&self, index: u32) -> PathBuf {
        let read = self.verdict.segments.iter().find(|report| report.index == index);
        let listed = || self.listing.segments.get(&index).is_some_and(|files| files.cold && !files.hot);
        let path = if read.map_or_else(listed, |report| report.is_cold) { cold_path } else { hot_path };
        path(&self.directory, index)
    }

    /// What was found of a segment; `None`: it was not verified, or no block of it does in place.
    pub(crate) fn segment(&self, index: u32) -> Option<&SegmentFacts> {
        let at = self.segments.binary_search_by_key(&index, |facts| facts.index);
        at.ok().map(|at| &self.segments[at])
    }

    /// Id of the first event, staged ones included; 0: none.
    pub(crate) fn first_id(&self) -> u64 {
        match self.first_event_id {
            0 => self.staging.taken.as_ref().map_or(0, |staged| staged.first_event_id),
            first => first,
        }
    }

    /// Id of the last event, staged ones included; 0: none.
    pub fn last_id(&self) -> u64 {
        self.staging.taken.as_ref().map_or(self.last_event_id, |staged| staged.last_event_id)
    }
}

/// What one segment is, as far as its blocks verify in place.
#[expect(clippy::struct_excessive_bools, reason = "independent findings, each asked for by name")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The number in its name.
    pub index: u32,
    /// Its header, sealed or not; made from the metadata block if the one on disk is damaged.
    pub header: SegmentHeader,
    /// The header on disk does not verify.
    pub header_damaged: bool,
    /// What its blocks say, as sealing needs it; `closed_ts_ns` is 0 unless it is sealed.
    pub counts: Seal,
    /// Where its blocks end.
    pub end: u64,
    /// Bytes of the segment, which its file should have.
    pub length: u64,
    /// Read from its compressed file.
    pub is_cold: bool,
    /// The file has another length than the segment.
    pub wrong_length: bool,
    /// Something that is not zero and no block stands behind the end.
    pub unpublished_remains: bool,
    /// When its first block was written, ns since the Unix epoch.
    pub first_written_ts_ns: u64,
    /// When its last block was written, ns since the Unix epoch.
    pub last_written_ts_ns: u64,
}

impl SegmentFacts {
    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.header.sealed.is_some()
    }

    /// Whether its file cannot stay as it is: it has another length than the segment, or is compressed although the
    /// segment is not sealed.
    pub(crate) fn is_file_wrong(&self) -> bool {
        if self.is_cold { !self.is_sealed() } else { self.wrong_length }
    }

    /// Whether it is sealed and its header says what its blocks say.
    pub(crate) fn is_whole_and_sealed(&self) -> bool {
        self.header.sealed.as_ref() == Some(&self.counts)
    }

    pub(super) fn of(
        report: &SegmentReport,
        sealed: Option<Seal>,
        event_size: u16,
        log_segment_size: u32,
    ) -> Self {
        let counts = Seal {
            block_count: report.blocks,
            event_count: u32::try_from(report.events).unwrap_or(u32::MAX),
            first_event_id: report.first_event_id,
            last_event_id: report.last_event_id,
            closed_ts_ns: sealed.as_ref().map_or(0, |seal| seal.closed_ts_ns),
            last_chain_low: report.last_chain as u32,
        };
        Self {
            index: report.index,
            header: SegmentHeader {
                segment_index: report.index,
                created_ts_ns: report.created_ts_ns.unwrap_or(report.first_written_ts_ns),
                salt: report.salt.unwrap_or(0),
                event_size,
                sealed,
            },
            header_damaged: report.header_damaged,
            counts,
            end: report.end_offset,
            length: report.segment_size.unwrap_or(log_segment_size).into(),
            is_cold: report.is_cold,
            wrong_length: report.wrong_length,
            unpublished_remains: report.unpublished_remains,
            first_written_ts_ns: report.first_written_ts_ns,
            last_written_ts_ns: report.last_written_ts_ns,
        }
    }
}

/// A segment without a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedFacts {
    /// The number in its name.
    pub index: u32,
    /// Its header, if it can be used as it is: header right, length that of the log's segments, zeros behind.
    pub usable: Option<SegmentHeader>,
}

/// What `wal.meta` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaFacts {
    /// There is none.
    Missing,
    /// It counts.
    Valid(WalMeta),
    /// It does not verify; ignored.
    Damaged,
    /// It is of another log; ignored, and to be kept in quarantine.
    Foreign(WalMeta),
}

impl MetaFacts {
    /// The contents, if they count.
    pub fn valid(&self) -> Option<&WalMeta> {
        if let Self::Valid(meta) = self { Some(meta) } else { None }
    }
}

/// What stood in the staging memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StagingFacts {
    /// `wal.staging` is there, and no living writer fills it.
    pub present: bool,
    /// Events that belong to the log, behind its last block.
    pub taken: Option<StagedEvents>,
    /// Something stands there that was not taken, for this reason: the next writer keeps it in quarantine.
    pub refused: Option<String>,
    /// The highest id that anything in it names.
    pub highest_event_id: u64,
    /// No segment says which log it is of, and it names events.
    pub is_alone: bool,
    /// It is of this log and boot, so that nothing can have vanished that was published in front of it.
    pub proves_end: bool,
}

impl StagingFacts {
    pub(super) fn of(outcome: StagingOutcome, highest_event_id: u64, is_alone: bool) -> Self {
        let refused = (is_alone || outcome.leaves_something()).then(|| match &outcome {
            _ if is_alone => "no segment is there that says which log it is of".to_owned(),
            StagingOutcome::OtherLogOrBoot { .. } => {
                "of another log or an earlier boot of the machine".to_owned()
            }
            StagingOutcome::BlocksMissing { base_event_id, poisoned, .. } => {
                let why = if *poisoned { ", after a failed sync" } else { "" };
                format!("blocks up to event {base_event_id} are damaged or missing before it{why}")
            }
            StagingOutcome::BehindDamage { .. } => "the log is damaged before it".to_owned(),
            StagingOutcome::Damaged(fault) => fault.to_string(),
            _ => "not taken".to_owned(),
        });
        let proves_end =
            !matches!(outcome, StagingOutcome::OtherLogOrBoot { .. } | StagingOutcome::Damaged(_));
        let taken = match outcome {
            StagingOutcome::Taken(events) => Some(StagedEvents {
                payload: events.payload,
                count: events.event_count,
                first_event_id: events.first_event_id,
                last_event_id: events.last_event_id,
            }),
            _ => None,
        };
        Self { present: true, taken, refused, highest_event_id, is_alone, proves_end }
    }
}

/// Staged events that belong to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedEvents {
    /// Their bytes, as the payload of a block.
    pub payload: Vec<u8>,
    /// How many.
    pub count: u32,
    /// Id of the first one.
    pub first_event_id: u64,
    /// Id of the last one.
    pub last_event_id: u64,
}
