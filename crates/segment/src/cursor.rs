//! `cursors/NAME.cursor`: the position of a named consumer, in two slots that are written in turn.

use crate::Unsupported;
use crate::bytes::{array, put, u32_at, u64_at};
use crate::checksum::crc32;
use crate::layout::{CURSOR_FILE_SIZE, CURSOR_SLOT_SIZE, VERSION, covers};

const MAGIC: u32 = 0x5255_4346;

const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 4;
const AT_SEQUENCE: usize = 8;
const AT_EVENT_ID: usize = 16;
const AT_UPDATED: usize = 24;
const AT_LOG_ID: usize = 32;
const AT_ZERO: usize = 48;
const AT_CHECKSUM: usize = 60;

const _: () = assert!(covers(
    &[
        (AT_MAGIC, 4),
        (AT_VERSION, 4),
        (AT_SEQUENCE, 8),
        (AT_EVENT_ID, 8),
        (AT_UPDATED, 8),
        (AT_LOG_ID, 16),
        (AT_ZERO, 12),
        (AT_CHECKSUM, 4),
    ],
    64
));

/// One slot of a cursor file, 512 bytes.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | magic `0x52554346` |
/// | 4 | 4 | version, 1 |
/// | 8 | 8 | sequence |
/// | 16 | 8 | event id; the last event done with |
/// | 24 | 8 | updated, ns since the Unix epoch |
/// | 32 | 16 | log id |
/// | 48 | 12 | zero |
/// | 60 | 4 | CRC-32 of bytes 0…59 |
/// | 64 | 448 | zeros |
///
/// ```
/// use flashstrike_segment::{CursorSlot, choose_slot};
///
/// let first = CursorSlot::first([7; 16], 10, 1_000);
/// let mut file = first.encode_file();
/// let second = first.next(12, 2_000);
/// file[second.offset() as usize..][..512].copy_from_slice(&second.encode());
/// assert_eq!(choose_slot(&file)?.event_id, 12);
///
/// file[second.offset() as usize] ^= 1; // a torn write of the newer slot leaves the older one
/// assert_eq!(choose_slot(&file)?, first);
/// # Ok::<(), flashstrike_segment::CursorError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorSlot {
    /// Which of the two slots: 0 or 1.
    pub slot: u8,
    /// Number of the commit, from 1; the valid slot with the higher one counts.
    pub sequence: u64,
    /// Id of the last event done with; 0: none.
    pub event_id: u64,
    /// Wall clock of the commit, ns since the Unix epoch.
    pub updated_ts_ns: u64,
    /// The log whose position this is.
    pub log_id: [u8; 16],
}

/// Why a cursor file gives no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Neither slot is valid. A position is never guessed; whoever owns the cursor has to set it anew.
    #[error("the cursor file has no valid slot ({len} bytes)")]
    NoValidSlot {
        /// Length of the file.
        len: usize,
    },
    /// Of a newer version.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl CursorSlot {
    /// The first slot of a new cursor.
    #[must_use]
    pub fn first(log_id: [u8; 16], event_id: u64, updated_ts_ns: u64) -> Self {
        Self { slot: 0, sequence: 1, event_id, updated_ts_ns, log_id }
    }

    /// The slot to write next: the other one, so that this one stays valid until it is on disk.
    #[must_use]
    pub fn next(&self, event_id: u64, updated_ts_ns: u64) -> Self {
        Self {
            slot: 1 - (self.slot & 1),
            sequence: self.sequence.saturating_add(1),
            event_id,
            updated_ts_ns,
            log_id: self.log_id,
        }
    }

    /// Where the slot lies in the file, bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        u64::from(self.slot & 1) * CURSOR_SLOT_SIZE as u64
    }

    /// The bytes of the slot.
    #[must_use]
    pub fn encode(&self) -> [u8; CURSOR_SLOT_SIZE] {
        let mut raw = [0; CURSOR_SLOT_SIZE];
        put(&mut raw, AT_MAGIC, MAGIC.to_le_bytes());
        put(&mut raw, AT_VERSION, u32::from(VERSION).to_le_bytes());
        put(&mut raw, AT_SEQUENCE, self.sequence.to_le_bytes());
        put(&mut raw, AT_EVENT_ID, self.event_id.to_le_bytes());
        put(&mut raw, AT_UPDATED, self.updated_ts_ns.to_le_bytes());
        put(&mut raw, AT_LOG_ID, self.log_id);
        let checksum = crc32(&raw[..AT_CHECKSUM]);
        put(&mut raw, AT_CHECKSUM, checksum.to_le_bytes());
        raw
    }

    /// The bytes of a new cursor file with this slot as the only valid one.
    #[must_use]
    pub fn encode_file(&self) -> [u8; CURSOR_FILE_SIZE] {
        let mut file = [0; CURSOR_FILE_SIZE];
        put(&mut file, self.offset() as usize, self.encode());
        file
    }

    /// The slot in these bytes, `None` if it is empty or damaged.
    fn decode(slot: u8, bytes: &[u8]) -> Result<Option<Self>, Unsupported> {
        let Some(raw) = bytes.first_chunk::<64>() else { return Ok(None) };
        if u32_at(raw, AT_MAGIC) != MAGIC || u32_at(raw, AT_CHECKSUM) != crc32(&raw[..AT_CHECKSUM]) {
            return Ok(None);
        }
        let version = u32_at(raw, AT_VERSION);
        if version != u32::from(VERSION) {
            return Err(Unsupported::CursorVersion { version });
        }
        Ok(Some(Self {
            slot,
            sequence: u64_at(raw, AT_SEQUENCE),
            event_id: u64_at(raw, AT_EVENT_ID),
            updated_ts_ns: u64_at(raw, AT_UPDATED),
            log_id: array(raw, AT_LOG_ID),
        }))
    }
}

/// The position in a cursor file: the valid slot with the higher sequence. Of two with the same, which no writer
/// leaves, the lower event id: a consumer that sees an event twice is better off than one that misses it.
pub fn choose_slot(file: &[u8]) -> Result<CursorSlot, CursorError> {
    let first = CursorSlot::decode(0, file)?;
    let second = match file.get(CURSOR_SLOT_SIZE..) {
        Some(bytes) => CursorSlot::decode(1, bytes)?,
        None => None,
    };
    let newer = |slot: &CursorSlot| (slot.sequence, std::cmp::Reverse(slot.event_id));
    first.into_iter().chain(second).max_by_key(newer).ok_or(CursorError::NoValidSlot { len: file.len() })
}
