//! What reading a log measures.
//!
//! A metric has one writer at a time. Several replays of one [`Recovery`](crate::Recovery) may run at once, so the
//! updaters of each role (the consumer of events, the preloader) stand behind a lock that is taken once per segment or
//! run, never per event.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flashstrike_segment::Reason;
use flashstrike_telemetry::page::{PageError, PageOptions, check_labels};
use flashstrike_telemetry::recovery::{ManagerUpdater, SegmentPreloaderUpdater, SegmentReaderUpdater};
use flashstrike_telemetry::{IntegrityFailure, Metrics, RecoveryTelemetry, Telemetry};

use crate::error::{Code, Error, Result};

/// The labels of a log's metrics: `log`, the name of its directory, and those that are given, of which one called `log`
/// takes its place.
///
/// ```
/// use std::path::Path;
///
/// let zone = ("zone".to_owned(), "a".to_owned());
/// let labels = flashstrike_recovery::metric_labels(Path::new("/var/lib/orders"), &[zone.clone()])?;
/// assert_eq!(labels, [("log".to_owned(), "orders".to_owned()), zone]);
/// # Ok::<(), flashstrike_recovery::Error>(())
/// ```
///
/// # Errors
/// `WAL_UNSUPPORTED` for labels that cannot be.
pub fn metric_labels(directory: &Path, given: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let mut labels = Vec::new();
    if given.iter().all(|(name, _)| name != "log") {
        let path = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let name = path.file_name().unwrap_or(path.as_os_str());
        labels.push(("log".to_owned(), name.to_string_lossy().into_owned()));
    }
    labels.extend_from_slice(given);
    check_labels(&labels)?;
    Ok(labels)
}

/// What whoever opens a log records in from then on: a page if one is given. Labels as
/// [`metric_labels`] makes them.
///
/// # Errors
/// `WAL_UNSUPPORTED` for labels that cannot be, and for a page that cannot be there; `WAL_LOCKED` if somebody records in
/// it; `WAL_FULL`, `WAL_IO`.
pub fn begin_telemetry<M: Metrics>(
    directory: &Path,
    labels: &[(String, String)],
    page: Option<&PageOptions>,
) -> Result<Arc<Telemetry<M>>> {
    let labels = metric_labels(directory, labels)?;
    match page {
        Some(page) => Ok(Telemetry::on_page(page, labels)?),
        None => Ok(Telemetry::labelled(labels)),
    }
}

impl From<PageError> for Error {
    fn from(error: PageError) -> Self {
        let same = |code: &Code| code.as_str() == error.code();
        // What lies in the place of a page and is none has a code of readers of pages: here, no page can be there.
        let code = Code::ALL.into_iter().find(same).unwrap_or(Code::Unsupported);
        let made = Self::new(code, error.to_string());
        match error.path() {
            Some(path) => made.at_path(path),
            None => made,
        }
    }
}

/// The updaters of whoever reads segments.
#[derive(Debug)]
pub(crate) struct ReadUpdaters {
    pub(crate) manager: ManagerUpdater,
    pub(crate) reader: SegmentReaderUpdater,
}

/// The updaters of one role, shared by the threads that play it.
#[derive(Debug, Clone)]
pub(crate) struct ReadTelemetry(Arc<Mutex<ReadUpdaters>>);

impl ReadTelemetry {
    /// The updaters, for one occurrence.
    pub(crate) fn record(&self) -> MutexGuard<'_, ReadUpdaters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The updater of the preloaders' own work.
#[derive(Debug, Clone)]
pub(crate) struct PreloadTelemetry(Arc<Mutex<PreloadUpdater>>);

#[derive(Debug)]
pub(crate) struct PreloadUpdater {
    pub(crate) preloader: SegmentPreloaderUpdater,
    /// Segments that are ready in all preloaders of the recovery.
    ready: usize,
}

impl PreloadTelemetry {
    /// The updater, for one occurrence.
    pub(crate) fn record(&self) -> MutexGuard<'_, PreloadUpdater> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In one preloader, of which `before` was told, this many segments are ready now.
    pub(crate) fn tell_ready(&self, before: usize, now: usize) {
        let mut told = self.record();
        told.ready = told.ready + now - before;
        told.preloader.set_queue_depth(told.ready as u64);
    }
}

/// All updaters of one recovery.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    /// For threads that consume events.
    pub(crate) consumer: ReadTelemetry,
    /// For the preloaders' threads, where they read segments.
    pub(crate) preloading: ReadTelemetry,
    /// For the preloaders' threads.
    pub(crate) preloader: PreloadTelemetry,
}

impl Instruments {
    pub(crate) fn new(telemetry: &Arc<RecoveryTelemetry>) -> Self {
        let role = |manager, reader| ReadTelemetry(Arc::new(Mutex::new(ReadUpdaters { manager, reader })));
        Self {
            consumer: role(telemetry.manager_updater(), telemetry.segment_reader_updater()),
            preloading: role(
                telemetry.preloading_manager_updater(),
                telemetry.preloading_segment_reader_updater(),
            ),
            preloader: PreloadTelemetry(Arc::new(Mutex::new(PreloadUpdater {
                preloader: telemetry.segment_preloader_updater(),
                ready: 0,
            }))),
        }
    }
}

/// Which check of a block or segment a reason is about.
pub fn integrity_failure(reason: &Reason) -> IntegrityFailure {
    match reason {
        Reason::HeaderChecksum | Reason::SealedHeader { .. } => IntegrityFailure::Header,
        Reason::BlockChecksum => IntegrityFailure::Block,
        Reason::Chain | Reason::ContinuesAnotherBlock | Reason::ForeignSegment { .. } => {
            IntegrityFailure::Chained
        }
        Reason::ColdFile { consequence, .. } => integrity_failure(consequence),
        _ => IntegrityFailure::Validation,
    }
}
