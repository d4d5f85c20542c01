//! The bytes of a sealed segment, verified block by block on the way, with no more of it in memory than one block.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use flashstrike_recovery::files::{File, read_full_at};
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::layout::{
    BLOCK_HEADER_SIZE, COLD_FRAME_CONTENT, MAX_SEGMENT_START, SEGMENT_HEADER_SIZE,
};
use flashstrike_segment::{BlockHeader, ChainVerifier, Reason, SegmentStart};

/// Bytes read at a time.
const PIECE: usize = 256 << 10;

/// A sealed segment to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct SealedFile<'a> {
    pub(super) file: &'a dyn File,
    pub(super) path: &'a Path,
    pub(super) index: u32,
    pub(super) log_id: [u8; 16],
}

/// Gives the bytes from the header to the end of the last block in frames of 1 MiB, the last one less. They may be
/// trusted only if this returns their number; `None`: `stop` was set meanwhile.
///
/// # Errors
/// `WAL_CORRUPT` if anything does not verify, `WAL_IO`, and what `each` gives.
pub(super) fn for_each_frame(
    sealed: SealedFile<'_>,
    stop: &AtomicBool,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Option<u64>> {
    let mut reader = Reader { sealed, buffer: Vec::new(), offset: 0 };
    let start = SegmentStart::read(reader.bytes(MAX_SEGMENT_START)?)
        .map_err(|unsupported| Error::new(Code::Unsupported, unsupported.to_string()).at_path(sealed.path))?;
    if start.sealed.is_none() || start.log_id() != Some(sealed.log_id) {
        return Err(damaged(sealed, 0, &"it is not sealed, or of another log"));
    }
    let mut verifier = ChainVerifier::new(sealed.index, &start, None, None)
        .map_err(|reason| damaged(sealed, SEGMENT_HEADER_SIZE as u64, &reason))?;
    let mut frame = Vec::with_capacity(COLD_FRAME_CONTENT);
    frame.extend_from_slice(&reader.bytes(SEGMENT_HEADER_SIZE)?[..SEGMENT_HEADER_SIZE]);
    reader.forget(SEGMENT_HEADER_SIZE);
    while verifier.is_complete() == Some(false) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let at = verifier.offset();
        let block = reader.block()?;
        verifier.block(block).map_err(|reason| damaged(sealed, at, &reason))?;
        let length = block.len();
        push(&mut frame, block, each)?;
        reader.forget(length);
    }
    verifier.finish().map_err(|reason| damaged(sealed, 0, &reason))?;
    if !frame.is_empty() {
        each(&frame)?;
    }
    Ok(Some(verifier.offset()))
}

/// Adds bytes to the frame, which goes on whenever it is full.
fn push(frame: &mut Vec<u8>, mut bytes: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    while !bytes.is_empty() {
        let (now, later) = bytes.split_at(bytes.len().min(COLD_FRAME_CONTENT - frame.len()));
        frame.extend_from_slice(now);
        bytes = later;
        if frame.len() == COLD_FRAME_CONTENT {
            each(frame)?;
            frame.clear();
        }
    }
    Ok(())
}

struct Reader<'a> {
    sealed: SealedFile<'a>,
    /// What was read and not given out yet.
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    offset: u64,
}

impl Reader<'_> {
    /// At least the next `length` bytes; fewer only at the end of the file.
    fn bytes(&mut self, length: usize) -> Result<&[u8]> {
        while self.buffer.len() < length {
            let have = self.buffer.len();
            self.buffer.resize(have + PIECE.max(length - have), 0);
            let read = read_full_at(self.sealed.file, &mut self.buffer[have..], self.offset + have as u64)
                .map_err(|error| Error::io("read", self.sealed.path, &error))?;
            self.buffer.truncate(have + read);
            if read == 0 {
                break;
            }
        }
        Ok(&self.buffer)
    }

    /// The next block with its header, as long as its header says.
    fn block(&mut self) -> Result<&[u8]> {
        let (sealed, at) = (self.sealed, self.offset);
        let header = BlockHeader::decode(self.bytes(BLOCK_HEADER_SIZE)?)
            .map_err(|error| damaged(sealed, at, &Reason::from(error)))?;
        let length = header.block_len();
        let bytes = self.bytes(length)?;
        bytes.get(..length).ok_or_else(|| damaged(sealed, at, &"the file ends within a block"))
    }

    fn forget(&mut self, length: usize) {
        self.buffer.drain(..length);
        self.offset += length as u64;
    }
}

fn damaged(sealed: SealedFile<'_>, offset: u64, what: &dyn std::fmt::Display) -> Error {
    let message = format!(
        "{} does not verify at byte {offset}: {what}. It is kept as it is; verify the log, and restore the file from a \
         copy",
        sealed.path.display()
    );
    Error::new(Code::Corrupt, message).at(sealed.index, offset).at_path(sealed.path)
}
