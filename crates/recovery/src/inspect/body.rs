//! Reading a whole segment into private memory, from whichever of its files counts.

use std::io;
use std::path::Path;

use flashstrike_segment::layout::{MAX_SEGMENT_SIZE, MAX_SEGMENT_START};
use flashstrike_segment::verify::is_whole;
use flashstrike_segment::{ColdState, cold};

use super::source::SegmentSource;
use crate::directory::{cold_path, hot_path};
use crate::error::{Error, Result};
use crate::files::{CACHED_PIECE, File, FileId, read_full_at, read_to_end};
use crate::pool::{Loan, Pool};
use crate::telemetry::ReadTelemetry;

/// A segment's bytes in [`Scratch`].
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Bytes of the scratch memory that count; zeros follow.
    pub(crate) len: usize,
    /// Length of the file; of a cold one, of its content.
    pub(crate) file_len: u64,
    /// `None`: the hot file.
    pub(crate) cold: Option<ColdState>,
    /// The hot file that it was read from.
    pub(crate) file: Option<FileId>,
}

/// Memory for one segment, used again for the next. It is of the kind that replays read into, so that what was verified
/// there can be handed on.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Option<Loan>);

impl Scratch {
    pub(crate) fn bytes(&self, body: &Body) -> &[u8] {
        self.0.as_ref().map_or(&[], |loan| &loan.bytes()[..body.len])
    }

    /// The body of a segment with nothing but zeros behind its header.
    pub(crate) fn blank(&mut self, header: &[u8], file_len: u64) -> io::Result<Body> {
        self.reserve(header.len())?[..header.len()].copy_from_slice(header);
        Ok(Body { len: header.len(), file_len, cold: None, file: None })
    }

    /// The memory itself; the next segment gets another.
    pub(crate) fn take(&mut self) -> Option<Loan> {
        self.0.take()
    }

    /// The body with at least `length` bytes: zeros follow what was read.
    pub(crate) fn extend(&mut self, body: Body, length: usize) -> io::Result<Body> {
        if length <= body.len {
            return Ok(body);
        }
        let old = self.0.take();
        let memory = match old {
            Some(loan) if loan.bytes().len() >= length => self.0.insert(loan).bytes_mut(),
            old => {
                let memory = self.reserve(length)?;
                if let Some(old) = old {
                    memory[..body.len].copy_from_slice(&old.bytes()[..body.len]);
                }
                memory
            }
        };
        memory[body.len..length].fill(0);
        Ok(Body { len: length, ..body })
    }

    fn reserve(&mut self, length: usize) -> io::Result<&mut [u8]> {
        let loan = match self.0.take() {
            Some(loan) if loan.bytes().len() >= length => loan,
            _ => Pool::new(length.max(CACHED_PIECE)).borrow(length)?,
        };
        Ok(self.0.insert(loan).bytes_mut())
    }
}

impl SegmentSource {
    /// Reads a whole segment; `None` if neither of its files is there any more. When both are, the hot one counts if
    /// it is sealed and all its blocks verify.
    pub(crate) fn body(
        &self,
        index: u32,
        scratch: &mut Scratch,
        telemetry: Option<&ReadTelemetry>,
    ) -> Result<Option<Body>> {
        let hot_path = hot_path(&self.directory, index);
        let cold_path = cold_path(&self.directory, index);
        let hot = self.open(&hot_path, telemetry)?;
        let cold = match &hot {
            Some(_) if !self.exists(&cold_path)? => None,
            _ => self.open(&cold_path, telemetry)?,
        };
        if let Some(hot) = &hot {
            let body = self.read_hot(&**hot, &hot_path, scratch)?;
            if cold.is_none() || is_whole(index, scratch.bytes(&body)) {
                return Ok(Some(body));
            }
        }
        cold.map(|cold| read_cold(&*cold, &cold_path, scratch)).transpose()
    }

    fn read_hot(&self, file: &dyn File, path: &Path, scratch: &mut Scratch) -> Result<Body> {
        let failed = |error: io::Error| Error::io("read", path, &error);
        let file_len = file.len().map_err(failed)?;
        let mut beginning = vec![0; MAX_SEGMENT_START.min(file_len as usize)];
        let read = read_full_at(file, &mut beginning, 0).map_err(failed)?;
        // A length that only the file itself names is no reason to read gigabytes.
        let segment_size = self.parse_start(&beginning[..read])?.segment_size();
        let limit = segment_size.map_or(MAX_SEGMENT_SIZE as u64, u64::from);
        let len = read_without_zeros(file, file_len.min(limit) as usize, scratch).map_err(failed)?;
        Ok(Body { len, file_len, cold: None, file: Some(file.id().map_err(failed)?) })
    }
}

fn read_cold(file: &dyn File, path: &Path, scratch: &mut Scratch) -> Result<Body> {
    // Incompressible content makes a file a little longer than the segment.
    let limit = MAX_SEGMENT_SIZE as u64 + (MAX_SEGMENT_SIZE as u64 >> 6);
    let bytes = read_to_end(file, limit).map_err(|error| Error::io("read", path, &error))?;
    let content = cold::read_segment(&bytes);
    let len = content.bytes.len();
    let memory = scratch.reserve(len).map_err(|error| Error::io("get memory for", path, &error))?;
    memory[..len].copy_from_slice(&content.bytes);
    Ok(Body { len, file_len: len as u64, cold: Some(ColdState { damage: content.damage }), file: None })
}

/// Reads the first `length` bytes of a file; gives how many there are without the zeros at the end.
///
/// Most of an active segment, and all of a prepared one, is zeros that were never used. They are read piece by piece
/// into the same small memory, so that they neither fill the caches nor take fresh pages.
fn read_without_zeros(file: &dyn File, length: usize, scratch: &mut Scratch) -> io::Result<usize> {
    let memory = scratch.reserve(length)?;
    let mut aside = Vec::new();
    let (mut at, mut end) = (0, 0);
    while at < length {
        let part = CACHED_PIECE.min(length - at);
        // Behind zeros more of them are to be expected.
        let is_direct = end == at;
        let piece = if is_direct {
            &mut memory[at..at + part]
        } else {
            aside.resize(CACHED_PIECE, 0);
            &mut aside[..part]
        };
        let read = read_full_at(file, piece, at as u64)?;
        piece[read..].fill(0);
        if !is_zero(piece) {
            if !is_direct {
                memory[end..at].fill(0);
                memory[at..at + part].copy_from_slice(&aside[..part]);
            }
            end = at + part;
        }
        if read < part {
            break;
        }
        at += part;
    }
    Ok(end)
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (lines, rest) = bytes.as_chunks::<64>();
    lines.iter().all(|line| line.iter().fold(0, |all, byte| all | byte) == 0)
        && rest.iter().all(|&byte| byte == 0)
}
