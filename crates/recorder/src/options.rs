//! How a log is opened for appending.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::{Code, Error, Mode, Result, metric_labels};
use flashstrike_segment::Schema;
use flashstrike_segment::layout::{MAX_SEGMENT_SIZE, SEGMENT_SIZE_MULTIPLE, payload_room, round8, round64};
use flashstrike_telemetry::page::PageOptions;

use crate::event::Observer;
use crate::retention::{Compression, Retention};

/// Smallest and largest `block_bytes`: one cache line, and what still publishes in well under a millisecond.
const BLOCK_BYTES: std::ops::RangeInclusive<u32> = 64..=1 << 20;
/// Longest that the committer may look for work before it sleeps.
const MAX_SPIN: Duration = Duration::from_millis(1);
/// Most segments that may be kept ready.
pub(crate) const MAX_PREPARED_SEGMENTS: u32 = 64;

/// Options of [`Recorder::open`](crate::Recorder::open). Everything but the directory has a default.
#[derive(Clone)]
pub struct RecorderOptions {
    /// The log's directory. Created with mode 0700 if it is missing; its parent must exist.
    pub directory: PathBuf,
    /// The schema of fixed-size events; `None`: variable-length events, each any bytes.
    pub schema: Option<Schema>,
    /// Bytes of events that make a full block, 64 … 1 048 576. Default 8 192. A fixed-size event larger than this is a
    /// block of its own.
    pub block_bytes: u32,
    /// Bytes of a new segment, a multiple of 4 096, at most 2³¹. Default 64 MiB.
    pub segment_bytes: u32,
    /// Segments kept ready ahead, 1 … 64; up to four times as many, and no more than 64, while segments fill up almost
    /// as fast as they are made. Default 2.
    pub prepared_segments: u32,
    /// Prepare segments so that a sync of few bytes writes few bytes: twice the bytes written in all and slower
    /// preparation, for logs that are synced every few events. Default false.
    pub small_syncs: bool,
    /// Sync published events this long after they were published, in milliseconds. Default `None`: only when asked.
    ///
    /// No clock publishes a block that is not full: [`flush`](crate::Recorder::flush) and
    /// [`durable_sync`](crate::Recorder::durable_sync) do. A program that appends a few events and then waits calls
    /// `flush` before it waits, or these stay staged however long that is, and a power cut takes them.
    pub sync_interval_ms: Option<u32>,
    /// Sync when so many bytes were published since the last sync; what is published as for `sync_interval_ms`. Default
    /// `None`: only when asked.
    pub sync_bytes: Option<u64>,
    /// After a sync the committer looks for the next request for so long before it goes to sleep, at most a
    /// millisecond: waking it costs 20 to 40 µs on a virtual machine, looking costs a core for that time. Default zero.
    pub spin: Duration,
    /// How much of the log is kept. Default: all of it.
    pub retention: Retention,
    /// How segments are compressed where `retention` says that they are.
    pub compression: Compression,
    /// Permission bits of new files. Default 0o600.
    pub file_mode: u32,
    /// Names of further file systems to append on, for example `nfs`; see `WAL_UNSUPPORTED`.
    pub allow_file_system: Vec<String>,
    /// What to do with a damaged end. Default [`Mode::Tail`]; `Diagnostic` does not append.
    pub mode: Mode,
    /// The files; a test puts a failing disk here.
    pub files: Arc<dyn FileSystem>,
    /// Boot id of the machine; `None`: asked of the kernel.
    pub boot_id: Option<[u8; 16]>,
    /// Labels of the metrics, name and value, see [`check_labels`](flashstrike_telemetry::page::check_labels). One called
    /// `log` takes the place of the name of the directory.
    pub labels: Vec<(String, String)>,
    /// A file that the metrics live in from the beginning of each opening to its end, where other processes can read them.
    /// Default `None`: nowhere else.
    pub telemetry_page: Option<PageOptions>,
    /// Who is told what occurs.
    pub observer: Option<Observer>,
}

impl RecorderOptions {
    /// The defaults for the log in this directory: variable-length events.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        Self {
            directory: directory.as_ref().to_path_buf(),
            schema: None,
            block_bytes: 8192,
            segment_bytes: 64 << 20,
            prepared_segments: 2,
            small_syncs: false,
            sync_interval_ms: None,
            sync_bytes: None,
            spin: Duration::ZERO,
            retention: Retention::default(),
            compression: Compression::default(),
            file_mode: 0o600,
            allow_file_system: Vec::new(),
            mode: Mode::Tail,
            files: Arc::new(OsFileSystem),
            boot_id: None,
            labels: Vec::new(),
            telemetry_page: None,
            observer: None,
        }
    }

    /// The same for fixed-size events of this schema.
    #[must_use]
    pub fn with_schema(mut self, schema: Schema) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Bytes of a fixed-size event, 0 for variable-length ones.
    pub(crate) fn event_size(&self) -> u16 {
        self.schema.as_ref().map_or(0, |schema| schema.size)
    }

    /// The schema as it stands in every segment.
    pub(crate) fn schema_json(&self) -> String {
        self.schema.as_ref().map_or_else(|| "{}".to_owned(), Schema::to_json)
    }

    /// Bytes of the staging memory's payload area: exactly a full block.
    pub(crate) fn area_len(&self) -> u32 {
        let event_size = u32::from(self.event_size());
        if event_size == 0 {
            return round8(self.block_bytes as usize) as u32;
        }
        (self.block_bytes / event_size).max(1) * event_size
    }

    /// The largest payload of a block in an empty segment.
    pub(crate) fn largest_payload(&self) -> usize {
        payload_room(self.segment_bytes as usize, self.schema_json().len())
    }

    pub(crate) fn sync_interval(&self) -> Option<Duration> {
        self.sync_interval_ms.map(|ms| Duration::from_millis(u64::from(ms)))
    }

    /// Checks every range and that an empty segment holds a full block.
    pub(crate) fn validate(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(Code::Unsupported, message).at_path(&self.directory));
        if !BLOCK_BYTES.contains(&self.block_bytes) {
            return wrong(format!(
                "the bytes of a block are {}: they must be from {} to {}",
                self.block_bytes,
                BLOCK_BYTES.start(),
                BLOCK_BYTES.end()
            ));
        }
        if let Some(schema) = &self.schema {
            // As it will be read back from the log, which also knows how long it may be.
            let read_back = Schema::parse(&schema.to_json());
            if let Err(error) = read_back {
                let message = format!("the schema of the events cannot be: {error}");
                return Err(Error::new(Code::Schema, message).at_path(&self.directory));
            }
        }
        let segment_bytes = self.segment_bytes as usize;
        if !segment_bytes.is_multiple_of(SEGMENT_SIZE_MULTIPLE)
            || !(1..=MAX_SEGMENT_SIZE).contains(&segment_bytes)
        {
            return wrong(format!(
                "a segment of {segment_bytes} bytes is asked for; its size has to be a multiple of {SEGMENT_SIZE_MULTIPLE}, at most \
                 {MAX_SEGMENT_SIZE}"
            ));
        }
        let room = self.largest_payload();
        let block = round64(self.area_len() as usize);
        if block > room {
            return wrong(format!(
                "a segment of {segment_bytes} bytes is asked for, which has room for a block of {room} bytes, but a full \
                 block takes {block}; choose larger segments or smaller blocks"
            ));
        }
        if !(1..=MAX_PREPARED_SEGMENTS).contains(&self.prepared_segments) {
            return wrong(format!(
                "{} prepared segments are asked for; it must be from 1 to {MAX_PREPARED_SEGMENTS}",
                self.prepared_segments
            ));
        }
        if self.spin > MAX_SPIN {
            return wrong(format!("the time to spin is {:?}: it may be at most {MAX_SPIN:?}", self.spin));
        }
        if self.file_mode & !0o777 != 0 || self.file_mode & 0o600 != 0o600 {
            return wrong(format!(
                "the file mode is {:#o}; it must be permission bits that let the owner read and write, for example 0o600",
                self.file_mode
            ));
        }
        metric_labels(&self.directory, &self.labels)?;
        self.retention
            .validate(self.segment_bytes)
            .and_then(|()| self.compression.validate())
            .or_else(wrong)?;
        if self.sync_interval_ms == Some(0) || self.sync_bytes == Some(0) {
            let which = if self.sync_bytes == Some(0) { "number of bytes" } else { "interval" };
            return wrong(format!("the {which} of a sync is 0: it must be at least 1 where it is given"));
        }
        Ok(())
    }
}

impl std::fmt::Debug for RecorderOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecorderOptions")
            .field("directory", &self.directory)
            .field("block_bytes", &self.block_bytes)
            .field("segment_bytes", &self.segment_bytes)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
