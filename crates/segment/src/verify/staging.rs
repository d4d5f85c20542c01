//! What of `wal.staging` is part of the log.

use super::{LogVerifier, Note, Position, Reason, State, Verdict};
use crate::Unsupported;
use crate::bytes::{array, u32_at, u64_at};
use crate::layout::STAGING_HEADER_SIZE;
use crate::payload;
use crate::staging::{STAGING_BASE, STAGING_COUNT, STAGING_POISONED, StagingError, StagingHeader};

/// Staged events that belong to the log, behind its last block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedEvents {
    /// The events as the payload of a block.
    pub payload: Vec<u8>,
    /// How many.
    pub event_count: u32,
    /// Id of the first.
    pub first_event_id: u64,
    /// Id of the last.
    pub last_event_id: u64,
}

/// What is wrong with `wal.staging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StagingFault {
    /// Shorter than its header, or without one that verifies.
    #[error("its header does not verify")]
    Header,
    /// Shorter than its header says.
    #[error("it is shorter than its header says")]
    Length,
    /// Another event size than the log's.
    #[error("it has another event size than the log")]
    EventSize,
    /// No segment is there that says what events the log holds.
    #[error("the segments of its log are missing")]
    NoSegments,
    /// An entry that does not fit the area, or an id that does not increase.
    #[error("its events do not fit its area, or their ids do not increase")]
    Events,
}

/// What was made of `wal.staging`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StagingOutcome {
    /// Nothing is staged that is not in the log already.
    Empty,
    /// Events that belong to the log.
    Taken(StagedEvents),
    /// Of another log or an earlier boot: its pages may never have reached the disk.
    OtherLogOrBoot {
        /// Events staged, as far as that can be told.
        event_count: u32,
    },
    /// Blocks before the staged events are missing.
    BlocksMissing {
        /// Id of the last event that was in the log.
        base_event_id: u64,
        /// Whether a sync had failed before: then this is a loss to report, not corruption.
        poisoned: bool,
        /// Events staged.
        event_count: u32,
    },
    /// The log is damaged before the staged events.
    BehindDamage {
        /// Events staged with ids above the log's.
        event_count: u32,
    },
    /// Corruption of `wal.staging` itself.
    Damaged(StagingFault),
}

impl StagingOutcome {
    /// Whether the file holds something that was not taken: the next writer keeps it in `quarantine/`.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        match self {
            Self::Empty | Self::Taken(_) => false,
            Self::OtherLogOrBoot { event_count }
            | Self::BlocksMissing { event_count, .. }
            | Self::BehindDamage { event_count } => *event_count > 0,
            Self::Damaged(_) => true,
        }
    }
}

impl LogVerifier {
    /// Decides about `wal.staging`, after the last segment. There must be no writer alive. `file` is the whole file,
    /// `boot_id` that of the machine now.
    pub fn staging(&mut self, file: &[u8], boot_id: &[u8; 16]) -> Result<StagingOutcome, Unsupported> {
        let outcome = match self.staged(file, boot_id) {
            Ok(outcome) => outcome,
            Err(StagingRefusal::Unsupported(unsupported)) => return Err(unsupported),
            Err(StagingRefusal::Damaged(fault)) => {
                self.damage(Position { segment: None, offset: 0 }, Reason::Staging(fault));
                self.lose_without_proof();
                StagingOutcome::Damaged(fault)
            }
        };
        match &outcome {
            StagingOutcome::OtherLogOrBoot { event_count } => {
                self.note(Note::StagingIgnored { event_count: *event_count });
            }
            StagingOutcome::BlocksMissing { base_event_id, poisoned, event_count } => {
                if !poisoned {
                    self.prove(*base_event_id);
                }
                let (base_event_id, poisoned, event_count) = (*base_event_id, *poisoned, *event_count);
                self.note(Note::StagingGap { base_event_id, poisoned, event_count });
            }
            StagingOutcome::BehindDamage { event_count } if *event_count > 0 => {
                self.note(Note::StagingBehindDamage { event_count: *event_count });
            }
            StagingOutcome::Taken(events) => self.take(events),
            _ => {}
        }
        Ok(outcome)
    }

    fn staged(&self, file: &[u8], boot_id: &[u8; 16]) -> Result<StagingOutcome, StagingRefusal> {
        if file.len() < STAGING_HEADER_SIZE {
            return Err(StagingFault::Header.into());
        }
        let header = StagingHeader::decode(file)?;
        let event_count = u32_at(file, STAGING_COUNT);
        if self.log_id() != Some(header.log_id) || header.boot_id != *boot_id {
            return Ok(StagingOutcome::OtherLogOrBoot { event_count });
        }
        let area = file[STAGING_HEADER_SIZE..].get(..header.area_len as usize).ok_or(StagingFault::Length)?;
        match self.event_size() {
            None => return Err(StagingFault::NoSegments.into()),
            Some(size) if size != header.event_size => return Err(StagingFault::EventSize.into()),
            Some(_) => {}
        }
        let base_event_id = u64_at(file, STAGING_BASE);
        let poisoned = array::<4>(file, STAGING_POISONED) != [0; 4];
        if base_event_id > self.g() {
            return Ok(StagingOutcome::BlocksMissing { base_event_id, poisoned, event_count });
        }
        let events = payload::staged(area, header.event_size, event_count, base_event_id, self.g());
        let events = events.ok_or(StagingFault::Events)?;
        Ok(if self.is_damaged() {
            StagingOutcome::BehindDamage { event_count: events.taken }
        } else if events.taken == 0 {
            StagingOutcome::Empty
        } else {
            StagingOutcome::Taken(StagedEvents {
                payload: area[events.skipped_len..events.len].to_vec(),
                event_count: events.taken,
                first_event_id: events.first_taken_id,
                last_event_id: events.last_id,
            })
        })
    }
}

enum StagingRefusal {
    Damaged(StagingFault),
    Unsupported(Unsupported),
}

impl From<StagingFault> for StagingRefusal {
    fn from(fault: StagingFault) -> Self {
        Self::Damaged(fault)
    }
}

impl From<StagingError> for StagingRefusal {
    fn from(error: StagingError) -> Self {
        match error {
            StagingError::Unsupported(unsupported) => Self::Unsupported(unsupported),
            _ => Self::Damaged(StagingFault::Header),
        }
    }
}

impl Verdict {
    /// What `wal.staging` being corrupt does to the verdict in the mode that ignores it: nothing. The position and the
    /// state are those of the segments alone.
    #[must_use]
    pub fn is_only_staging_damaged(&self) -> bool {
        self.state == State::Corrupt && self.bad.as_ref().is_some_and(|bad| bad.position.segment.is_none())
    }
}
