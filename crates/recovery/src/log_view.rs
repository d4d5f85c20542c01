//! The log as it was looked at last, and looking at it again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::files::FileSystem;
use crate::inspect::{Depth, InspectOptions, Inspection, SegmentSource, Watch, observe};
use crate::machine::writer_alive;
use crate::manager::Snapshot;
use crate::mode::Mode;
use crate::pool::Pool;
use crate::repair::refusal;
use crate::segment_reader::{ReadContext, SegmentIndexes, SegmentReader};
use crate::telemetry::Instruments;

/// What the replays of a recovery share.
#[derive(Debug)]
pub(crate) struct LogView {
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) directory: PathBuf,
    pub(crate) mode: Mode,
    pub(crate) boot_id: Option<[u8; 16]>,
    pub(crate) preload_segments: usize,
    pub(crate) pool: Arc<Pool>,
    pub(crate) segment_size: usize,
    pub(crate) instruments: Instruments,
    pub(crate) indexes: Arc<SegmentIndexes>,
    pub(crate) found: Mutex<Found>,
}

/// What was found when the log was looked at last.
#[derive(Debug)]
pub(crate) struct Found {
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

    /// The log as it is now, if somebody is or was appending to it; else as it was when it was opened.
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

    fn refresh(&self, found: &mut Found) -> Result<()> {
        if self.mode == Mode::Diagnostic
            || !(found.inspection.writer_alive || writer_alive(&*self.files, &self.directory)?)
        {
            return Ok(());
        }
        let inspecting =
            InspectOptions { depth: Depth::Unsealed, boot_id: self.boot_id, beside_writer: false };
        let mut watch = Watch { telemetry: Some(&self.instruments.consumer), progress: None };
        let (inspection, tail) = observe(&self.files, &self.directory, &inspecting, &mut watch)?;
        if let Some(refusal) = refusal(&inspection, self.mode) {
            return Err(refusal);
        }
        *found = Found { inspection: Arc::new(inspection), tail };
        Ok(())
    }

    fn snapshot_of(&self, found: &Found) -> Snapshot {
        Snapshot {
            context: ReadContext {
                source: SegmentSource::new(&self.files, &self.directory),
                pool: Arc::clone(&self.pool),
                segment_size: self.segment_size,
                log: found.inspection.identity.clone(),
                indexes: Arc::clone(&self.indexes),
            },
            inspection: Arc::clone(&found.inspection),
            preload_segments: self.preload_segments,
            instruments: self.instruments.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
