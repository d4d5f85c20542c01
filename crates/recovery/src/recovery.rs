//! The front door of reading.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flashstrike_segment::{BlockHeader, LogIdentity, payload};
use flashstrike_telemetry::{RecoveryTelemetry, clock};

use crate::diagnosis::{Diagnosis, Piece};
use crate::directory::{absolute, no_segment};
use crate::error::{Code, Error, Result};
use crate::files::{FileSystem, OsFileSystem};
use crate::follow::{self, Canceller, FollowOptions, Follower};
use crate::generation::Generation;
use crate::inspect::{Depth, InspectOptions, Inspection, Progress, SegmentSource, Watch, observe};
use crate::log_view::{Found, LogView, segment_size};
use crate::machine::known_boot_id;
use crate::manager::{Block, Manager, ReplayOptions};
use crate::mode::Mode;
use crate::options::{RecoveryOptions, check_schema};
use crate::pool::{Pool, WINDOW_LEN};
use crate::repair::refusal;
use crate::report::Report;
use crate::segment_reader::{MOST_INDEX_BYTES, SegmentIndexes, first_written_at};
use crate::telemetry::{Instruments, begin_telemetry};
use crate::verification::{Summary, summary};

/// An open log, for reading. Changes nothing, needs no permission to write, and may stand beside a living writer.
///
/// # Errors of a look at the log
/// Beside a writer, and once somebody has opened the log for appending since, it is looked at anew before something is
/// read of it. That may end in what opening it ends in: `WAL_CORRUPT`, and `WAL_TORN` in mode `strict`; `WAL_SCHEMA` if the
/// log has come to hold other events than expected, as one may in which nothing was published when it was opened;
/// `WAL_UNSUPPORTED` if a newer version has written on; `WAL_NOT_FOUND` if the log is not there any more; `WAL_IO`.
#[derive(Debug)]
pub struct Recovery {
    telemetry: Arc<RecoveryTelemetry>,
    report: Report,
    /// What the log is, as far as was known when it was opened.
    identity: Option<LogIdentity>,
    view: Arc<LogView>,
}

impl Recovery {
    /// Opens a log and verifies what opening it for append would verify; in `point-in-time` and `diagnostic` mode, all
    /// of it.
    ///
    /// # Errors
    /// `WAL_NOT_FOUND` without a log; `WAL_CORRUPT` and `WAL_TORN` as the mode says; `WAL_SCHEMA` if the log holds other
    /// events than expected; `WAL_UNSUPPORTED` if a newer version wrote it; `WAL_IO`. Of a page for its metrics:
    /// `WAL_LOCKED` if somebody records there, `WAL_UNSUPPORTED` if it cannot be there, `WAL_FULL`.
    pub fn open(options: RecoveryOptions) -> Result<Self> {
        let began = Instant::now();
        options.check()?;
        let options = RecoveryOptions { directory: absolute(&options.directory)?, ..options };
        let files = options.files.clone().unwrap_or_else(|| Arc::new(OsFileSystem));
        let page = options.telemetry_page.as_ref();
        let telemetry: Arc<RecoveryTelemetry> = begin_telemetry(&options.directory, &options.labels, page)?;
        let instruments = Instruments::new(&telemetry);
        // Without one, nothing staged is taken, and the report says so.
        let boot_id = known_boot_id(options.boot_id)?;
        let inspecting = InspectOptions { depth: Depth::of(options.mode), boot_id, beside_writer: false };
        let mut watch = Watch { telemetry: Some(&instruments.consumer), progress: None };
        let generation = Generation::now(&*files, &options.directory)?;
        let (inspection, tail) = observe(&files, &options.directory, &inspecting, &mut watch)?;
        if let Some(refusal) = refusal(&inspection, options.mode) {
            return Err(refusal);
        }
        if inspection.listing.segments.is_empty() {
            return Err(no_segment(&options.directory, &inspection.listing, inspection.meta.valid()));
        }
        let is_own =
            |found: &LogIdentity| inspection.own_log_id.is_none_or(|own_log_id| own_log_id == found.log_id);
        let identity = match &inspection.identity {
            // In a damaged log the first segment may not be able to say it, or be a stranger.
            identity if options.mode == Mode::Diagnostic && !identity.as_ref().is_some_and(is_own) => {
                let source = SegmentSource::new(&files, &options.directory);
                source.identity_in(inspection.listing.segments.keys(), inspection.own_log_id)?
            }
            identity => identity.clone(),
        };
        check_schema(&options, identity.as_ref())?;
        let durable_event_id = inspection.known_durable(&files, boot_id)?;
        let report = Report::of_read(&inspection, durable_event_id, options.mode, began.elapsed());
        let view = LogView {
            files,
            options,
            boot_id,
            pool: Pool::new(segment_size(identity.as_ref()).min(WINDOW_LEN)),
            instruments,
            indexes: SegmentIndexes::new(MOST_INDEX_BYTES),
            found: Mutex::new(Found { generation, inspection: Arc::new(inspection), tail }),
        };
        let opened = Self { view: Arc::new(view), telemetry, report, identity };
        if opened.mode() == Mode::Diagnostic && opened.identity().is_none() {
            opened.check_bytes()?;
        }
        Ok(opened)
    }

    /// What opening found.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The mode the log was opened in.
    pub fn mode(&self) -> Mode {
        self.view.options.mode
    }

    /// Log id, event size, segment size and schema, as far as was looked last; `None` until a metadata block was ever
    /// published.
    pub fn identity(&self) -> Option<LogIdentity> {
        match &self.identity {
            Some(identity) if self.mode() == Mode::Diagnostic => Some(identity.clone()),
            identity => self.current().identity.clone().or_else(|| identity.clone()),
        }
    }

    /// As [`identity`](Self::identity), with a look at the log as long as nothing is known of it: it may have been opened
    /// before its writer had published anything.
    ///
    /// # Errors
    /// Those of [a look at the log](Self#errors-of-a-look-at-the-log).
    pub fn find_identity(&self) -> Result<Option<LogIdentity>> {
        if self.identity().is_none() {
            self.view.look()?;
        }
        Ok(self.identity())
    }

    /// Id of the first event, as far as was looked last; 0: none.
    pub fn first_event_id(&self) -> u64 {
        self.current().first_id()
    }

    /// Id of the last event, as far as was looked last; 0: none.
    pub fn last_event_id(&self) -> u64 {
        self.current().last_id()
    }

    /// Replays events in order. Beside a living writer it replays what is written now; where it begins in a segment that
    /// was verified before, what is written when it comes near the end of what was known.
    ///
    /// Whatever the mode, what does not verify ends it with an error or is its end. What is behind that in a log opened in
    /// mode `diagnostic`, [`diagnose`](Self::diagnose) gives; [`read`](Self::read) chooses by the mode.
    ///
    /// # Errors
    /// `WAL_GONE` if retention or repair has removed `from`; those of [a look at the log](Self#errors-of-a-look-at-the-log).
    /// Damage in segments that opening does not look at comes from the replay itself.
    pub fn replay(&self, options: ReplayOptions) -> Result<Manager> {
        Manager::resume_from_event(&self.view, options)
    }

    /// Finds out whether events from this id on can be replayed: `replay` with this `from` begins there, or at the next
    /// event if there is none of this id.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn seek_event(&self, event_id: u64) -> Result<()> {
        let start = clock::now_ns();
        // An id before the first event may never have been given out: a look at the log tells what was removed.
        // What was removed since the last look is not known to be, either.
        let may_be_gone = event_id < self.first_event_id() || !self.view.has_first_segment()?;
        if may_be_gone && self.mode() != Mode::Diagnostic {
            let only = Some(event_id);
            self.replay(ReplayOptions { from: only, to: only, reverse: false })?;
        }
        self.view.instruments.consumer.record().manager.on_seek_event(start);
        Ok(())
    }

    /// Id of the first event of the first block that was written at this time or later, ns since the Unix epoch: where
    /// a replay `from` there begins. `None`: there is none, and every event is older.
    ///
    /// It is as exact as the times of blocks are. A block has one, of the moment when it was written; its events were
    /// appended then or before, by so much as the writer keeps a block open. So no event that was appended at the time
    /// or later is left out, and those before it in its block come along. Times never go back along the log, also where
    /// a clock did. Events that are staged and in no block yet count as written now.
    ///
    /// # Errors
    /// `WAL_CORRUPT` if the segment that has to be looked at is damaged; those of
    /// [a look at the log](Self#errors-of-a-look-at-the-log).
    pub fn seek_time(&self, unix_ns: u64) -> Result<Option<u64>> {
        let start = clock::now_ns();
        let found = if self.mode() == Mode::Diagnostic {
            self.seek_time_in_what_is_left(unix_ns)
        } else {
            self.view.seek_time(unix_ns)
        };
        self.view.instruments.consumer.record().manager.on_seek_event(start);
        found
    }

    fn seek_time_in_what_is_left(&self, unix_ns: u64) -> Result<Option<u64>> {
        let mut diagnosis = self.diagnose(ReplayOptions::default())?;
        while let Some(piece) = diagnosis.next_piece()? {
            let Piece::Run(run) = piece else { continue };
            if let Some(id) = first_written_at(run.bytes(), unix_ns) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Follows the log live: what is there from an event on, then what is being written, from this process or another.
    ///
    /// # Errors
    /// `WAL_GONE` if retention or repair has removed the event to begin with; `WAL_UNSUPPORTED` in mode `diagnostic`, which
    /// is for logs that nobody writes; those of [a look at the log](Self#errors-of-a-look-at-the-log).
    pub fn follow(&self, options: FollowOptions) -> Result<Follower> {
        self.follow_until(options, &Canceller::default())
    }

    /// As [`follow`](Self::follow), with what ends it made before: it ends also the look at the log that following begins
    /// with, which takes as long as reading all unsealed segments.
    ///
    /// # Errors
    /// As [`follow`](Self::follow); `WAL_CLOSED` once cancelled.
    pub fn follow_until(&self, options: FollowOptions, canceller: &Canceller) -> Result<Follower> {
        if self.mode() == Mode::Diagnostic {
            let message =
                "mode diagnostic reads what is left of a damaged log; open it in another mode to follow it";
            return Err(Error::new(Code::Unsupported, message).at_path(self.directory()));
        }
        let log = follow::Log {
            context: self.view.context(self.identity()),
            options: self.view.options.clone(),
            boot_id: self.boot_id(),
            instruments: self.view.instruments.clone(),
        };
        Follower::open(log, options, canceller)
    }

    /// Reads what is left of a damaged log: every block that verifies on its own, every gap as a record.
    ///
    /// # Errors
    /// Those of [a look at the log](Self#errors-of-a-look-at-the-log): a log that is opened in another mode than
    /// `diagnostic` is refused as that mode says.
    pub fn diagnose(&self, options: ReplayOptions) -> Result<Diagnosis> {
        let snapshot = self.view.look()?;
        let said = self.identity().map(|identity| identity.event_size);
        Diagnosis::new(snapshot, options, said.or(self.view.options.event_size))
    }

    /// Verifies every segment as it is now, whatever the mode; damage is no error here but the result.
    ///
    /// # Errors
    /// `WAL_NOT_FOUND` if the log is not there any more; `WAL_UNSUPPORTED` if a newer version wrote it; `WAL_IO`.
    pub fn verify(&self, progress: &mut dyn FnMut(&Progress)) -> Result<Summary> {
        let began = Instant::now();
        let inspecting =
            InspectOptions { depth: Depth::Everything, boot_id: self.boot_id(), beside_writer: false };
        let mut watch = Watch { telemetry: Some(&self.view.instruments.consumer), progress: Some(progress) };
        let (inspection, _) = observe(self.files(), self.directory(), &inspecting, &mut watch)?;
        let durable_event_id = inspection.known_durable(self.files(), self.boot_id())?;
        Ok(summary(&inspection, durable_event_id, began.elapsed()))
    }

    /// What this recovery measures of itself.
    pub fn telemetry(&self) -> &Arc<RecoveryTelemetry> {
        &self.telemetry
    }

    /// Where nothing says any more what the events are, they are taken for bytes: only if they can be.
    fn check_bytes(&self) -> Result<()> {
        if self.view.options.schema.is_some() || self.view.options.event_size.is_some() {
            return Ok(());
        }
        let mut diagnosis = self.diagnose(ReplayOptions::default())?;
        while let Some(piece) = diagnosis.next_piece()? {
            let Piece::Run(run) = piece else { continue };
            let is_bytes = |block: Block<'_>| {
                let BlockHeader { event_count, first_event_id, last_event_id, .. } = block.header;
                payload::validate(block.payload, 0, event_count, first_event_id, last_event_id).is_ok()
            };
            if !run.blocks().all(is_bytes) {
                let directory = self.directory();
                let message = format!(
                    "no segment of the log in {} can say any more what its fixed-size events are; open it with the event \
                     type that it was written with",
                    directory.display()
                );
                return Err(Error::new(Code::Schema, message).at_path(directory));
            }
        }
        Ok(())
    }

    /// Where the log lies.
    pub fn directory(&self) -> &Path {
        &self.view.options.directory
    }

    pub(crate) fn files(&self) -> &Arc<dyn FileSystem> {
        &self.view.files
    }

    /// The log as it is now.
    pub(crate) fn look_afresh(&self) -> Result<Arc<Inspection>> {
        Ok(self.view.look()?.inspection)
    }

    pub(crate) fn boot_id(&self) -> Option<[u8; 16]> {
        self.view.boot_id
    }

    fn current(&self) -> Arc<Inspection> {
        self.view.inspection()
    }
}
