//! The sealed segments of a log, and what is known of them.

use std::collections::VecDeque;
use std::io::ErrorKind;

use flashstrike_recovery::directory::{SegmentFiles, cold_path, hot_path};
use flashstrike_recovery::files::OpenMode;
use flashstrike_recovery::inspect::left_segment;
use flashstrike_recovery::machine::wall_clock_ns;
use flashstrike_recovery::{Code, Error, Result};

use crate::retention::Retention;
use crate::shared::{LogContext, Shared};

/// A sealed segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSegment {
    pub(crate) index: u32,
    /// Which of its two files are there.
    pub(super) files: SegmentFiles,
    /// What its header says, once it was read.
    pub(super) facts: Option<Facts>,
    /// What its files take on disk, once somebody wanted to know.
    pub(super) bytes: Option<u64>,
    /// It has not verified when it was to be compressed. Those behind it do not wait for that.
    pub(super) is_damaged: bool,
}

/// What the limits need to know of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) last_event_id: u64,
    /// When it was sealed, ns since the Unix epoch.
    pub(super) closed_ts_ns: u64,
    /// One that was left without an event is not sealed, and so never compressed.
    pub(super) holds_events: bool,
}

impl SealedSegment {
    /// One that opening has found.
    pub(crate) fn found(index: u32, files: SegmentFiles) -> Self {
        Self { index, files, facts: None, bytes: None, is_damaged: false }
    }

    pub(super) fn is_hot(&self) -> bool {
        self.files.hot
    }

    /// What its header says, read once.
    ///
    /// # Errors
    /// `WAL_CORRUPT` if it says nothing of the kind, `WAL_IO`.
    pub(super) fn facts(&mut self, context: &LogContext) -> Result<Facts> {
        if let Some(facts) = self.facts {
            return Ok(facts);
        }
        let Some(left) = left_segment(&context.files, &context.directory, self.index)? else {
            let path = hot_path(&context.directory, self.index);
            let message = format!(
                "{} should be sealed and its header does not say so; it and what is behind it is neither removed nor \
                 compressed before that is mended: verify the log",
                path.display()
            );
            return Err(Error::new(Code::Corrupt, message).at(self.index, 0).at_path(&path));
        };
        let facts = Facts {
            last_event_id: left.last_event_id,
            closed_ts_ns: left.ended_ts_ns,
            holds_events: left.holds_events,
        };
        self.facts = Some(facts);
        Ok(facts)
    }

    /// What its files take on disk, in bytes, looked up once.
    ///
    /// # Errors
    /// `WAL_IO`.
    fn bytes(&mut self, context: &LogContext) -> Result<u64> {
        if let Some(bytes) = self.bytes {
            return Ok(bytes);
        }
        let directory = &context.directory;
        let hot = self.files.hot.then(|| hot_path(directory, self.index));
        let cold = self.files.cold.then(|| cold_path(directory, self.index));
        let mut bytes = 0;
        for path in [hot, cold].into_iter().flatten() {
            bytes += match context.files.open(&path, OpenMode::Read).and_then(|file| file.allocated()) {
                // A removal that has failed may have got as far as one of two files.
                Err(error) if error.kind() == ErrorKind::NotFound => 0,
                taken => taken.map_err(|error| Error::io("read", &path, &error))?,
            };
        }
        self.bytes = Some(bytes);
        Ok(bytes)
    }
}

/// The state that the limits are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    /// Segments that are not compressed, those not sealed yet included.
    pub(super) hot: u64,
    pub(super) cold: u64,
    /// Bytes of all of them; 0 where no limit asks for it.
    pub(super) bytes: u64,
    /// Wall clock, ns since the Unix epoch.
    pub(super) now_ns: u64,
}

impl Totals {
    /// As they are now.
    ///
    /// # Errors
    /// `WAL_IO`, where bytes are asked for.
    pub(super) fn of(sealed: &mut Inventory, shared: &Shared, retention: &Retention) -> Result<Self> {
        let cold = sealed.iter().filter(|segment| !segment.is_hot()).count() as u64;
        let unsealed = shared.unsealed_count() as u64;
        let hot = sealed.len() as u64 - cold + unsealed;
        let mut bytes = 0;
        if retention.bytes.is_some() {
            for segment in sealed {
                bytes += segment.bytes(&shared.context)?;
            }
            bytes += unsealed * u64::from(shared.context.segment_bytes);
        }
        Ok(Self { hot, cold, bytes, now_ns: wall_clock_ns() })
    }
}

/// The sealed segments, oldest first.
pub(super) type Inventory = VecDeque<SealedSegment>;
