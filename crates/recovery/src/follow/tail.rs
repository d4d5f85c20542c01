//! The segment that is being written: block by block, each verified before anything of it is used.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use flashstrike_segment::layout::{
    BLOCK_HEADER_SIZE, MAX_SEGMENT_START, PUBLICATION_OFFSET, SEGMENT_HEADER_SIZE,
};
use flashstrike_segment::{BlockHeader, ChainVerifier, Link, LogIdentity, Reason, SegmentStart};

use super::publication;
use crate::files::{File, read_full_at};
use crate::pool::{Loan, Pool};
use crate::segment_reader::{Extent, Extents, claimed_len};

/// Bytes of the first read at a published block: one block as a recorder makes them unless told otherwise, and the header
/// behind it.
const FIRST_READ: usize = 12 << 10;
/// Most bytes of a read.
const MOST_READ: usize = 256 << 10;
/// A run of several blocks ends behind so many bytes, so that the first of them is not kept waiting for the last.
const RUN: usize = 1 << 20;
/// A block that does not verify may have been read while it was stored.
const ATTEMPTS: u32 = 3;

/// A segment without a seal, and where its next block goes.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) index: u32,
    file: Arc<dyn File>,
    size: u64,
    chain: ChainVerifier,
    /// Read and not handed out, in the memory of the last read.
    pending: VecDeque<Extent>,
    /// The next block ends with this event, which was not durable when it was looked at.
    held_back: u64,
    /// Reading stops behind the block with this chained checksum.
    until: Option<u64>,
}

/// What reading on found.
#[derive(Debug)]
pub(super) enum Found {
    /// No block is published there.
    Nothing,
    /// Blocks, all verified; what there is to hand out of them is pending.
    Blocks,
    /// A block with events that are not durable.
    NotDurable,
    /// A block that does not verify.
    Unverified(Reason),
}

impl Tail {
    /// Stands at the beginning of a segment, behind its metadata block. `previous` is the block that this has to continue.
    pub(super) fn open(
        index: u32,
        file: &Arc<dyn File>,
        start: &SegmentStart,
        previous: Option<Link>,
        log: Option<&LogIdentity>,
    ) -> io::Result<Result<Self, Reason>> {
        let chain = match ChainVerifier::new(index, start, previous, log) {
            Ok(chain) => chain,
            Err(reason) => return Ok(Err(reason)),
        };
        let size = u64::from(start.segment_size().unwrap_or(0));
        let mut tail = Self {
            index,
            file: Arc::clone(file),
            size,
            chain,
            pending: VecDeque::new(),
            held_back: 0,
            until: None,
        };
        let mut bytes = vec![0; MAX_SEGMENT_START - SEGMENT_HEADER_SIZE];
        read_full_at(&**file, &mut bytes, SEGMENT_HEADER_SIZE as u64)?;
        let length = claimed_len(&bytes).min(bytes.len());
        Ok(tail.chain.block(&bytes[..length]).map(|_| tail))
    }

    /// The last block that was read.
    pub(super) fn link(&self) -> Option<Link> {
        self.chain.link()
    }

    /// Where the next block goes.
    pub(super) fn offset(&self) -> u64 {
        self.chain.offset()
    }

    /// The next blocks to be handed out, of those that were read.
    pub(super) fn next(&mut self) -> Option<Extent> {
        self.pending.pop_front()
    }

    /// Whether a block is published at the place of the next one. Whoever is told so sees all of the block, and all that
    /// was published before.
    pub(super) fn is_published(&self) -> io::Result<bool> {
        is_published(&*self.file, self.offset(), self.size)
    }

    /// The segment's header and metadata block as they are now.
    pub(super) fn start(&self) -> io::Result<Option<SegmentStart>> {
        read_start(&*self.file)
    }

    /// Reads the blocks that are published, up to the durable id if `durable` says one.
    pub(super) fn read(
        &mut self,
        memory: &mut Option<Loan>,
        pool: &Arc<Pool>,
        durable: Option<u64>,
    ) -> io::Result<Found> {
        if durable.is_some_and(|durable| durable < self.held_back) {
            return Ok(Found::NotDurable);
        }
        if !self.is_published()? {
            return Ok(Found::Nothing);
        }
        let mut found = Found::Nothing;
        for _ in 0..ATTEMPTS {
            found = self.read_blocks(memory, pool, durable)?;
            if !matches!(found, Found::Unverified(_)) {
                break;
            }
            fence(Ordering::Acquire);
        }
        Ok(found)
    }

    /// Goes behind the block with this chained checksum; false if no block that verifies has it.
    pub(super) fn find(
        &mut self,
        chain: u64,
        memory: &mut Option<Loan>,
        pool: &Arc<Pool>,
    ) -> io::Result<bool> {
        if self.link().is_some_and(|link| link.chain == chain) {
            return Ok(true);
        }
        self.until = Some(chain);
        while self.until.is_some() {
            if !matches!(self.read(memory, pool, None)?, Found::Blocks) {
                return Ok(false);
            }
            self.pending.clear();
        }
        Ok(true)
    }

    fn read_blocks(
        &mut self,
        memory: &mut Option<Loan>,
        pool: &Arc<Pool>,
        durable: Option<u64>,
    ) -> io::Result<Found> {
        let begin = self.offset();
        let room = (self.size - begin) as usize;
        let mut extents = Extents::default();
        let (mut have, mut used, mut piece) = (0, 0, FIRST_READ);
        let mut end = Found::Nothing;
        loop {
            let header_end = used + BLOCK_HEADER_SIZE;
            let needed = if have < header_end {
                header_end
            } else {
                let raw = &bytes(memory.as_ref())[used..header_end];
                if !BlockHeader::is_published(raw) {
                    break;
                }
                // What it claims counts only if it is right: nothing else is read or gets memory.
                match BlockHeader::decode(raw) {
                    Ok(header) if durable.is_some_and(|durable| header.last_event_id > durable) => {
                        self.held_back = header.last_event_id;
                        end = Found::NotDurable;
                        break;
                    }
                    Ok(header) => used + header.block_len(),
                    Err(reason) => {
                        end = Found::Unverified(reason.into());
                        break;
                    }
                }
            };
            if needed > have {
                if needed > room {
                    let reaches_beyond = needed > header_end;
                    end = if reaches_beyond { Found::Unverified(Reason::BeyondSegment) } else { end };
                    break;
                }
                if used >= RUN || (used > 0 && needed > bytes(memory.as_ref()).len()) {
                    break;
                }
                make_room(memory, pool, needed, have)?;
                let buffer = memory.as_mut().expect("just made").bytes_mut();
                let to = (have + piece).max(needed).min(room).min(buffer.len());
                let read = read_full_at(&*self.file, &mut buffer[have..to], begin + have as u64)?;
                // A file that was cut short is read as if zeros followed.
                buffer[have + read..to].fill(0);
                have = to;
                piece = (piece * 4).min(MOST_READ);
                continue;
            }
            let block = &bytes(memory.as_ref())[used..needed];
            match self.chain.block(block) {
                Ok(header) => {
                    extents.push_in_part(0, used, begin + used as u64, &header);
                    used = needed;
                    if self.until.take_if(|chain| *chain == header.chained_checksum).is_some() {
                        break;
                    }
                }
                Err(reason) => {
                    end = Found::Unverified(reason);
                    break;
                }
            }
        }
        if used == 0 {
            return Ok(end);
        }
        self.pending = extents.finish().into();
        Ok(Found::Blocks)
    }
}

/// Whether a block is published at an offset of a segment.
pub(super) fn is_published(file: &dyn File, offset: u64, size: u64) -> io::Result<bool> {
    const WORD: usize = BLOCK_HEADER_SIZE - PUBLICATION_OFFSET;
    if offset + BLOCK_HEADER_SIZE as u64 > size {
        return Ok(false);
    }
    publication::is_published(|| {
        let mut word = [0; WORD];
        read_full_at(file, &mut word, offset + PUBLICATION_OFFSET as u64)?;
        Ok(u64::from_le_bytes(word))
    })
}

/// Header and metadata block of a segment; `None`: a newer version wrote them.
pub(super) fn read_start(file: &dyn File) -> io::Result<Option<SegmentStart>> {
    let mut bytes = vec![0; MAX_SEGMENT_START];
    let read = read_full_at(file, &mut bytes, 0)?;
    Ok(SegmentStart::read(&bytes[..read]).ok())
}

fn bytes(memory: Option<&Loan>) -> &[u8] {
    memory.map_or(&[], Loan::bytes)
}

/// Sees to memory for so many bytes, of which the first `have` are there.
fn make_room(memory: &mut Option<Loan>, pool: &Arc<Pool>, length: usize, have: usize) -> io::Result<()> {
    let is_enough = |loan: &Loan| loan.bytes().len() >= length && loan.is_in_window(0, length);
    if memory.as_ref().is_some_and(is_enough) {
        return Ok(());
    }
    let mut loan = pool.borrow_for(length)?;
    if let Some(old) = memory.take() {
        loan.bytes_mut()[..have].copy_from_slice(&old.bytes()[..have]);
    }
    *memory = Some(loan);
    Ok(())
}
