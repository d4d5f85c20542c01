//! What reading a log measures.
//!
//! A metric has one writer at a time. Several replays of one [`Recovery`](crate::Recovery) may run at once, so the
//! updaters of each role (the consumer of events, the preloader) stand behind a lock that is taken once per segment or
//! run, never per event.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flashstrike_segment::Reason;
use flashstrike_telemetry::IntegrityFailure;
use flashstrike_telemetry::RecoveryTelemetry;
use flashstrike_telemetry::page::{PageError, check_labels};
use flashstrike_telemetry::recovery::{ManagerUpdater, SegmentPreloaderUpdater, SegmentReaderUpdater};

use crate::error::{Code, Error, Result};
use crate::options::RecoveryOptions;

/// The labels of a log's metrics: `log` is the name of its directory.
///
/// ```
/// use std::path::Path;
///
/// let labels = flashstrike_recovery::metric_labels(Path::new("/var/lib/orders"));
/// assert_eq!(labels, [("log".to_owned(), "orders".to_owned())]);
/// ```
pub fn metric_labels(directory: &Path) -> Vec<(String, String)> {
    let path = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
    let name = path.file_name().unwrap_or(path.as_os_str());
    vec![("log".to_owned(), name.to_string_lossy().into_owned())]
}

/// The same with labels of the caller's behind them, of which one called `log` takes its place.
///
/// # Errors
/// `WAL_UNSUPPORTED` for labels that cannot be.
pub fn metric_labels_with(directory: &Path, given: &[(String, String)]) -> Result<Vec<(String, String)>> {
    check_labels(given)?;
    let mut labels = metric_labels(directory);
    labels.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
    labels.extend_from_slice(given);
    Ok(labels)
}

/// Where a recovery records: in a page if it was given one.
pub(crate) fn telemetry_of(options: &RecoveryOptions) -> Result<Arc<RecoveryTelemetry>> {
    let labels = metric_labels_with(&options.directory, &options.labels)?;
    match &options.telemetry_page {
        Some(page) => Ok(RecoveryTelemetry::on_page(page, labels)?),
        None => Ok(RecoveryTelemetry::labelled(labels)),
    }
}

impl From<PageError> for Error {
    fn from(error: PageError) -> Self {
        let code = match &error {
            PageError::InUse { .. } => Code::Locked,
            PageError::Full { .. } => Code::Full,
            PageError::NotFound { .. } | PageError::NotReady { .. } => Code::NotFound,
            PageError::Io { .. } | PageError::NoDirectory { .. } => Code::Io,
            _ => Code::Unsupported,
        };
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

/// The updater of the preloader's own work.
#[derive(Debug, Clone)]
pub(crate) struct PreloadTelemetry(Arc<Mutex<SegmentPreloaderUpdater>>);

impl PreloadTelemetry {
    /// The updater, for one occurrence.
    pub(crate) fn record(&self) -> MutexGuard<'_, SegmentPreloaderUpdater> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            preloader: PreloadTelemetry(Arc::new(Mutex::new(telemetry.segment_preloader_updater()))),
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
