//! The log as it was looked at last, and looking at it again.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flashstrike_segment::layout::DEFAULT_SEGMENT_SIZE;
use flashstrike_segment::{LogIdentity, State};

use crate::directory::{cold_path, hot_path};
use crate::error::{Error, Result};
use crate::files::FileSystem;
use crate::generation::Generation;
use crate::inspect::{Depth, InspectOptions, Inspection, SegmentSource, Watch, observe};
use crate::machine::writer_alive;
use crate::manager::Snapshot;
use crate::mode::Mode;
use crate::options::{RecoveryOptions, check_schema};
use crate::pool::Pool;
use crate::repair::refusal;
use crate::segment_reader::{ReadContext, SegmentIndex, SegmentIndexes, SegmentReader};
use crate::telemetry::Instruments;

/// What a recovery knows of its log, and shares with its replays.
#[derive(Debug)]
pub(crate) struct LogView {
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) options: RecoveryOptions,
    pub(crate) boot_id: Option<[u8; 16]>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) instruments: Instruments,
    pub(crate) indexes: Arc<SegmentIndexes>,
    pub(crate) found: Mutex<Found>,
}

/// What was found when the log was looked at last.
#[derive(Debug)]
pub(crate) struct Found {
    /// Before the look.
    pub(crate) generation: Generation,
    pub(crate) inspection: Arc<Inspection>,
    /// The segment in which the log ends, as it was read then, until the first replay takes it.
    pub(crate) tail: Option<SegmentReader>,
}

impl LogView {
    /// What was found last.
    pub(crate) fn inspection(&self) -> Arc<Inspection> {
        Arc::clone(&self.lock().inspection)
    }

    /// The log as it was looked at last.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot_of(&self.lock())
    }

    /// The log as it is now, if somebody is appending to it or has opened it since; else as it was looked at last.
    pub(crate) fn look(&self) -> Result<Snapshot> {
        let mut found = self.lock();
        self.refresh(&mut found)?;
        Ok(self.snapshot_of(&found))
    }

    /// As [`look`](Self::look). Gives also the segment in which the log ends, unless somebody has taken it before; its
    /// places are remembered.
    pub(crate) fn look_and_take(&self) -> Result<(Snapshot, Option<SegmentReader>)> {
        let (snapshot, tail) = {
            let mut found = self.lock();
            self.refresh(&mut found)?;
            (self.snapshot_of(&found), found.tail.take())
        };
        if let Some(tail) = &tail {
            tail.remember_places(&snapshot.context, &self.instruments.consumer);
        }
        Ok((snapshot, tail))
    }

    /// Whether the segment that the log began with when it was looked at last is still there; so all others are, since
    /// retention removes the oldest first.
    pub(crate) fn has_first_segment(&self) -> Result<bool> {
        let (index, directory) = (self.inspection().first_segment, &*self.options.directory);
        for path in [hot_path(directory, index), cold_path(directory, index)] {
            match self.files.id(&path) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("look at", &path, &error)),
            }
        }
        Ok(false)
    }

    /// Whether reading may begin in an indexed segment: what was verified is the segment by itself.
    pub(crate) fn begins_in(&self, index: &SegmentIndex) -> bool {
        let inspection: &Inspection = &self.inspection();
        index.segment() <= inspection.first_segment
            // What cannot be found out is told by whoever begins otherwise.
            || index.follows(&self.snapshot().context, &self.instruments.consumer).unwrap_or(false)
    }

    /// Whether reading may end in an indexed segment, of which the one behind would tell.
    pub(crate) fn may_end_in(&self, index: &SegmentIndex) -> bool {
        let inspection: &Inspection = &self.inspection();
        inspection.segments.last().is_none_or(|last| index.segment() >= last.index)
            // What cannot be found out is told by whoever begins otherwise.
            || index.is_followed(&self.snapshot().context, &self.instruments.consumer).unwrap_or(false)
    }

    /// Whether what is replayed of the log holds all of an indexed segment: where a damaged one ends, its verification
    /// says, and not what was remembered before.
    pub(crate) fn holds(&self, index: &SegmentIndex) -> bool {
        let inspection: &Inspection = &self.inspection();
        if inspection.state == State::Clean {
            return true;
        }
        let facts = inspection.segment(index.segment());
        inspection.segments.last().is_some_and(|last| index.segment() <= last.index)
            && facts.is_none_or(|facts| index.boundary().end <= facts.end)
    }

    fn refresh(&self, found: &mut Found) -> Result<()> {
        let (files, directory, mode) = (&*self.files, &*self.options.directory, self.options.mode);
        let may_differ = mode != Mode::Diagnostic
            && (found.inspection.writer_alive
                || !found.generation.is_still(files)?
                || writer_alive(files, directory)?);
        if !may_differ {
            return Ok(());
        }
        let generation = Generation::now(files, directory)?;
        let inspecting =
            InspectOptions { depth: Depth::Unsealed, boot_id: self.boot_id, beside_writer: false };
        let mut watch = Watch { telemetry: Some(&self.instruments.consumer), progress: None };
        let (inspection, tail) = observe(&self.files, directory, &inspecting, &mut watch)?;
        if let Some(refusal) = refusal(&inspection, mode) {
            return Err(refusal);
        }
        check_schema(&self.options, inspection.identity.as_ref())?;
        *found = Found { generation, inspection: Arc::new(inspection), tail };
        Ok(())
    }

    fn snapshot_of(&self, found: &Found) -> Snapshot {
        Snapshot {
            context: self.context(found.inspection.identity.clone()),
            inspection: Arc::clone(&found.inspection),
            preload_segments: self.options.preload_segments,
            instruments: self.instruments.clone(),
        }
    }

    /// What reading the segments of the log takes, as far as it is known which one it is.
    pub(crate) fn context(&self, log: Option<LogIdentity>) -> ReadContext {
        ReadContext {
            source: SegmentSource::new(&self.files, &self.options.directory),
            pool: Arc::clone(&self.pool),
            segment_size: segment_size(log.as_ref()),
            log,
            indexes: Arc::clone(&self.indexes),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a log's segments; as long as nothing says what it is, of those of the usual size.
pub(crate) fn segment_size(log: Option<&LogIdentity>) -> usize {
    log.map_or(DEFAULT_SEGMENT_SIZE, |log| log.segment_size as usize)
}
