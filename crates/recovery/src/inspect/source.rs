//! The segments of a directory: which of their files are there, and what their beginnings say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_segment::layout::{
    BLOCK_HEADER_SIZE, COLD_FRAME_CONTENT, MAX_EVENT_ID, MAX_SEGMENT_START, SEGMENT_HEADER_SIZE,
    WAL_META_SIZE,
};
use flashstrike_segment::{BlockHeader, LogIdentity, MetaError, SegmentStart, WalMeta, cold, names};
use flashstrike_telemetry::clock;

use super::LeftSegment;
use super::body::Scratch;
use super::facts::MetaFacts;
use crate::directory::{SegmentFiles, cold_path, hot_path};
use crate::error::{Error, Result};
use crate::files::{File, FileSystem, open_if_there, read_full_at, read_to_end};
use crate::telemetry::ReadTelemetry;

/// As many bytes of a cold file as its first frame can have.
const FIRST_FRAME: usize = COLD_FRAME_CONTENT + (COLD_FRAME_CONTENT >> 8) + 4096;

/// The segment files of one directory.
#[derive(Debug, Clone)]
pub(crate) struct SegmentSource {
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) directory: PathBuf,
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
        let opened = open_if_there(&*self.files, path);
        // That there is none is an answer, and neither an opening nor a failure.
        if let Some(telemetry) = telemetry.filter(|_| !matches!(opened, Ok(None))) {
            telemetry.record().reader.on_open_segment(start, &opened);
        }
        opened
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

    /// The first segment that belongs to the log, as its `wal.meta` says now; `None`: it does not say, or is another log's.
    pub(crate) fn first_segment(&self, log: Option<&LogIdentity>) -> Result<Option<u32>> {
        let meta = self.meta()?;
        let own = meta.valid().filter(|meta| log.is_none_or(|log| log.log_id == meta.log_id));
        Ok(own.map(|meta| meta.first_segment))
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
            Err(MetaError::Unsupported(unsupported)) => {
                Err(Error::unsupported(&self.directory, &unsupported))
            }
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
        let continued = || continued_event_id(&start).map(|before| before + 1);
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

    pub(super) fn parse_start(&self, bytes: &[u8]) -> Result<SegmentStart> {
        SegmentStart::read(bytes).map_err(|unsupported| Error::unsupported(&self.directory, &unsupported))
    }

    /// Which of its files a segment has. The uncompressed one is looked for first: it goes only when the other is there.
    pub(crate) fn files_of(&self, index: u32) -> Result<SegmentFiles> {
        let hot = self.exists(&hot_path(&self.directory, index))?;
        Ok(SegmentFiles { hot, cold: self.exists(&cold_path(&self.directory, index))? })
    }

    /// Whether a segment has a compressed file. Then it does not grow any more, whatever its header says: that file is
    /// read, unless the other one is sealed and whole.
    pub(crate) fn is_compressed(&self, index: u32) -> Result<bool> {
        self.exists(&cold_path(&self.directory, index))
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

    pub(super) fn exists(&self, path: &Path) -> Result<bool> {
        Ok(open_if_there(&*self.files, path)?.is_some())
    }
}

/// Id of the last event before a segment, as its metadata block says; `None` also for one that no event can have.
pub(super) fn continued_event_id(start: &SegmentStart) -> Option<u64> {
    let (block, _) = start.metadata.as_ref()?;
    Some(block.last_event_id).filter(|&before| before <= MAX_EVENT_ID)
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
