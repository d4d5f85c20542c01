//! Reading segments into private memory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_segment::layout::{
    BLOCK_HEADER_SIZE, COLD_FRAME_CONTENT, MAX_SEGMENT_SIZE, MAX_SEGMENT_START, SEGMENT_HEADER_SIZE,
    WAL_META_SIZE,
};
use flashstrike_segment::verify::is_whole;
use flashstrike_segment::{
    BlockHeader, ColdState, LogIdentity, MetaError, SegmentStart, WalMeta, cold, names,
};
use flashstrike_telemetry::clock;

use super::LeftSegment;
use super::facts::MetaFacts;
use crate::directory::{SegmentFiles, cold_path, hot_path};
use crate::error::{Error, Result};
use crate::files::{File, FileId, FileSystem, OpenMode, read_full_at, read_to_end};
use crate::pool::{Loan, Pool};
use crate::telemetry::ReadTelemetry;

/// Small enough to stay in the second-level cache while it is looked at.
const PIECE: usize = 256 << 10;
/// As many bytes of a cold file as its first frame can have.
const FIRST_FRAME: usize = COLD_FRAME_CONTENT + (COLD_FRAME_CONTENT >> 8) + 4096;

/// The segment files of one directory.
#[derive(Debug, Clone)]
pub(crate) struct SegmentSource {
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) directory: PathBuf,
}

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
            _ => Pool::new(length.max(PIECE)).borrow(length)?,
        };
        Ok(self.0.insert(loan).bytes_mut())
    }
}

impl SegmentSource {
    pub(crate) fn new(files: &Arc<dyn FileSystem>, directory: &Path) -> Self {
        Self { files: Arc::clone(files), directory: directory.to_path_buf() }
    }

    /// Opens one of a segment's files; `None` if it is not there.
    pub(crate) fn open(
        &self,
        path: &Path,
        telemetry: Option<&ReadTelemetry>,
    ) -> Result<Option<Arc<dyn File>>> {
        let start = clock::now_ns();
        let opened = match self.files.open(path, OpenMode::Read) {
            Ok(file) => Ok(file),
            // An answer, and no failure.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(Error::io("open", path, &error)),
        };
        if let Some(telemetry) = telemetry {
            telemetry.record().reader.on_open_segment(start, &opened);
        }
        opened.map(Some)
    }

    /// Header and metadata block of a segment; `None` if neither of its files is there any more.
    pub(crate) fn start(
        &self,
        index: u32,
        telemetry: Option<&ReadTelemetry>,
    ) -> Result<Option<SegmentStart>> {
        let began = clock::now_ns();
        let hot = self.hot_start(index, telemetry)?;
        let start = match hot {
            // What is not sealed has no cold form, unless the hot one is damaged.
            Some(hot) if hot.sealed.is_some() && hot.metadata.is_some() && !is_misplaced(&hot, index) => {
                Some(hot)
            }
            hot => self.cold_start(index, telemetry)?.or(hot),
        };
        if let (Some(telemetry), Some(start)) = (telemetry, &start) {
            telemetry.record().manager.on_read_segment_header(began, start.header.is_some());
        }
        Ok(start)
    }

    /// As [`start`](Self::start); `None` also if another segment, or one of another log, has this one's name. What that says
    /// of its events would lead whoever looks for one past it.
    pub(crate) fn own_start(
        &self,
        index: u32,
        log: Option<&LogIdentity>,
        telemetry: &ReadTelemetry,
    ) -> Result<Option<SegmentStart>> {
        let start = self.start(index, Some(telemetry))?;
        let is_foreign = |start: &SegmentStart| {
            log.zip(start.log_id().as_ref()).is_some_and(|(log, found)| log.log_id != *found)
        };
        Ok(start.filter(|start| !is_misplaced(start, index) && !is_foreign(start)))
    }

    /// The first segment that belongs to the log, as `wal.meta` says now; `None`: it does not say.
    pub(crate) fn first_segment(&self) -> Result<Option<u32>> {
        Ok(self.meta()?.valid().map(|meta| meta.first_segment))
    }

    /// What `wal.meta` says now, whosever it is.
    pub(crate) fn meta(&self) -> Result<MetaFacts> {
        let path = self.directory.join(names::WAL_META);
        let failed = |error| Error::io("read", &path, &error);
        let Some(file) = self.open(&path, None)? else { return Ok(MetaFacts::Missing) };
        if file.len().map_err(failed)? != WAL_META_SIZE as u64 {
            return Ok(MetaFacts::Damaged);
        }
        match WalMeta::decode(&read_to_end(&*file, WAL_META_SIZE as u64).map_err(failed)?) {
            Ok(meta) => Ok(MetaFacts::Valid(meta)),
            Err(MetaError::Unsupported(unsupported)) => Err(Error::from((&*self.directory, unsupported))),
            Err(_) => Ok(MetaFacts::Damaged),
        }
    }

    /// What the first of these segments that can say it says that the log is; of those of the log `own_log_id`, if that
    /// is known.
    pub(crate) fn identity_in<'a>(
        &self,
        segments: impl Iterator<Item = &'a u32>,
        own_log_id: Option<[u8; 16]>,
    ) -> Result<Option<LogIdentity>> {
        for &index in segments {
            let identity = self.start(index, None)?.as_ref().and_then(identity_of);
            let is_own = |identity: &LogIdentity| own_log_id.is_none_or(|own| own == identity.log_id);
            if let Some(identity) = identity.filter(is_own) {
                return Ok(Some(identity));
            }
        }
        Ok(None)
    }

    /// Id of the first event that a segment can have, if its beginning can be read.
    pub(crate) fn first_event_id(&self, index: u32) -> Option<u64> {
        let start = self.start(index, None).ok()??;
        let continued = || start.metadata.as_ref().map(|(block, _)| block.last_event_id + 1);
        start.sealed.as_ref().map(|seal| seal.first_event_id).or_else(continued)
    }

    /// What a segment that appending has left says of its end.
    pub(super) fn left(&self, index: u32) -> Result<Option<LeftSegment>> {
        let Some(start) = self.start(index, None)? else { return Ok(None) };
        let Some(header) = start.header.filter(|header| header.segment_index == index) else {
            return Ok(None);
        };
        if let Some(seal) = header.sealed {
            let (last_event_id, ended_ts_ns) = (seal.last_event_id, seal.closed_ts_ns);
            return Ok(Some(LeftSegment { last_event_id, ended_ts_ns, holds_events: true }));
        }
        let Some((block, _)) = start.metadata else { return Ok(None) };
        let path = hot_path(&self.directory, index);
        let Some(file) = self.open(&path, None)? else { return Ok(None) };
        let mut next = [0; BLOCK_HEADER_SIZE];
        let offset = (SEGMENT_HEADER_SIZE + block.block_len()) as u64;
        read_full_at(&*file, &mut next, offset).map_err(|error| Error::io("read", &path, &error))?;
        Ok((!BlockHeader::is_published(&next)).then_some(LeftSegment {
            last_event_id: block.last_event_id,
            ended_ts_ns: block.written_ts_ns,
            holds_events: false,
        }))
    }

    fn hot_start(&self, index: u32, telemetry: Option<&ReadTelemetry>) -> Result<Option<SegmentStart>> {
        let path = hot_path(&self.directory, index);
        let Some(file) = self.open(&path, telemetry)? else { return Ok(None) };
        let mut bytes = vec![0; MAX_SEGMENT_START];
        let read = read_full_at(&*file, &mut bytes, 0).map_err(|error| Error::io("read", &path, &error))?;
        self.parse_start(&bytes[..read]).map(Some)
    }

    fn cold_start(&self, index: u32, telemetry: Option<&ReadTelemetry>) -> Result<Option<SegmentStart>> {
        let path = cold_path(&self.directory, index);
        let Some(file) = self.open(&path, telemetry)? else { return Ok(None) };
        let mut bytes = vec![0; FIRST_FRAME];
        let read = read_full_at(&*file, &mut bytes, 0).map_err(|error| Error::io("read", &path, &error))?;
        // More than one frame is refused, so only the first is decompressed.
        let content = cold::read_all(&bytes[..read], COLD_FRAME_CONTENT);
        self.parse_start(&content.bytes).map(Some)
    }

    fn parse_start(&self, bytes: &[u8]) -> Result<SegmentStart> {
        SegmentStart::read(bytes).map_err(|unsupported| Error::from((&*self.directory, unsupported)))
    }

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

    /// Which of its files a segment has. The uncompressed one is looked for first: it goes only when the other is there.
    pub(crate) fn files_of(&self, index: u32) -> Result<SegmentFiles> {
        let hot = self.exists(&hot_path(&self.directory, index))?;
        Ok(SegmentFiles { hot, cold: self.exists(&cold_path(&self.directory, index))? })
    }

    /// Whether a segment is there compressed only. Then it does not grow any more, whatever its header says.
    pub(crate) fn is_compressed(&self, index: u32) -> Result<bool> {
        Ok(self.files_of(index)? == SegmentFiles { hot: false, cold: true })
    }

    /// Name of the file that a segment is read from, where it does not verify; of the uncompressed one if there is neither.
    pub(crate) fn read_name(&self, index: u32) -> String {
        let is_cold = match self.files_of(index) {
            Ok(SegmentFiles { hot: true, cold: true }) => {
                let body = self.body(index, &mut Scratch::default(), None);
                body.is_ok_and(|body| body.is_some_and(|body| body.cold.is_some()))
            }
            Ok(files) => files.cold,
            Err(_) => false,
        };
        if is_cold { names::cold_name(index) } else { names::hot_name(index) }
    }

    /// Path of the file that a segment is [read](Self::read_name) from.
    pub(crate) fn read_path(&self, index: u32) -> PathBuf {
        self.directory.join(self.read_name(index))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        match self.files.open(path, OpenMode::Read) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("open", path, &error)),
        }
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
        let part = PIECE.min(length - at);
        // Behind zeros more of them are to be expected.
        let is_direct = end == at;
        let piece = if is_direct {
            &mut memory[at..at + part]
        } else {
            aside.resize(PIECE, 0);
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

/// Whether a file says that it is another segment than the one it is named as.
fn is_misplaced(start: &SegmentStart, index: u32) -> bool {
    let by_header = start.header.as_ref().is_some_and(|header| header.segment_index != index);
    by_header || start.metadata.as_ref().is_some_and(|(_, metadata)| metadata.segment_index != index)
}

/// What a segment says that the log is.
pub(crate) fn identity_of(start: &SegmentStart) -> Option<LogIdentity> {
    let (_, metadata) = start.metadata.as_ref()?;
    Some(LogIdentity {
        log_id: metadata.log_id,
        event_size: metadata.event_size,
        segment_size: metadata.segment_size,
        schema: metadata.schema.clone(),
    })
}
