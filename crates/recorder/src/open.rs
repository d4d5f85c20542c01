//! Opening a log for appending, step by step as the contract lists them.
//!
//! A crash at any point loses nothing and leads to the same result the next time: until the staged events stand in a
//! synced block, the old staging memory stays in place, and every step before can be done again.

use std::sync::Arc;
use std::time::Instant;

use flashstrike_recovery::directory::{Listing, absolute};
use flashstrike_recovery::files::sync_names;
use flashstrike_recovery::inspect::{Depth, InspectOptions, Inspection, inspect};
use flashstrike_recovery::lock::{LockWatch, LogLock};
use flashstrike_recovery::machine::BOOT_ID;
use flashstrike_recovery::repair::{RepairOptions, Repaired, mark_poisoned, prepare_for_append};
use flashstrike_recovery::{Code, Error, Report, Result, begin_telemetry, integrity_failure, machine};
use flashstrike_segment::layout::round64;
use flashstrike_segment::{LogIdentity, Schema, StagingHeader};
use flashstrike_telemetry::{IntegrityFailure, RecorderTelemetry, clock};

use crate::append_point::{open_append_point, open_segments, publish_staged, seal_and_sync, usable_prepared};
use crate::log_directory::{note_place, ready_directory, ready_for_new_log};
use crate::manager::Manager;
use crate::options::RecorderOptions;
use crate::prepared_segment::PreparedSegment;
use crate::recorder::Recorder;
use crate::segment_writer::{SegmentWriter, UntouchedPages};
use crate::shared::{LogContext, Shared};
use crate::staging::NewStaging;
use crate::worker::committer::{Committer, SyncPolicy};
use crate::worker::maintainer::{Limits, SealedSegment, SegmentMaintainer};
use crate::worker::meta_coordinator::MetaCoordinator;
use crate::worker::preparer::{SegmentPreparer, Untouched};
use crate::worker::sealer::SegmentSealer;

/// Bytes of the open segment that are pre-faulted before opening returns. The rest is left to the preparer, which is
/// faster than any appender.
const TOUCHED_AHEAD: usize = 4 << 20;

pub(crate) fn open(options: &RecorderOptions) -> Result<Recorder> {
    let start = Instant::now();
    let options = &RecorderOptions { directory: absolute(&options.directory)?, ..options.clone() };
    options.validate()?;
    let file_system = ready_directory(options)?;
    let boot_id = boot_id(options)?;
    let lock = LogLock::acquire(&*options.files, &options.directory, options.file_mode, &boot_id)?;
    // Behind the lock: an opener that is refused for another one must not take the place of that one's metrics.
    let telemetry = begin_telemetry(&options.directory, &options.labels, options.telemetry_page.as_ref())?;

    let depth = Depth::of(options.mode);
    let inspecting = InspectOptions { depth, boot_id: Some(boot_id), beside_writer: false };
    let inspection = inspect(&options.files, &options.directory, &inspecting)?;
    // Now, while the staging memory of the writer before is still there.
    let durable_event_id = inspection.known_durable(&options.files, Some(boot_id))?;
    note_damage(&telemetry, &inspection);
    check_schema(options, inspection.identity.as_ref())?;
    check_staged_fits(options, &inspection)?;
    let repairing = RepairOptions { mode: options.mode, file_mode: options.file_mode };
    let repaired = prepare_for_append(&options.files, &options.directory, &inspection, &repairing)?;
    if repaired.identity.is_none() {
        ready_for_new_log(options, &file_system)?;
    }

    let context = Arc::new(context(options, repaired.identity.as_ref())?);
    let staging = new_staging(options, &context, boot_id, &inspection, &repaired)?;
    let watch = lock.watch(&options.files, &options.directory)?;
    let opened = take_over(options, &telemetry, &context, &repaired, staging, watch)?;
    let sealed = sealed_segments(&inspection.listing, &opened);

    let mut report =
        Report::of_append(&inspection, durable_event_id, &repaired, options.mode, start.elapsed());
    note_place(&mut report, &file_system);
    start_workers(options, telemetry, opened, sealed, report, lock)
}

/// A log that is ready to be appended to.
struct Opened {
    shared: Arc<Shared>,
    writer: SegmentWriter,
    prepared: Vec<PreparedSegment>,
    untouched: Option<UntouchedPages>,
}

/// Goes on behind the last block, with what is staged published and everything synced; from then on the new staging
/// memory counts.
fn take_over(
    options: &RecorderOptions,
    telemetry: &Arc<RecorderTelemetry>,
    context: &Arc<LogContext>,
    repaired: &Repaired,
    new_staging: NewStaging,
    lock: LockWatch,
) -> Result<Opened> {
    let staging = new_staging.staging().clone();
    let mut writer = SegmentWriter::new(
        Arc::clone(context),
        staging.clone(),
        repaired.link,
        telemetry.segment_writer_updater(),
    );
    let mut prepared = usable_prepared(context, repaired)?;
    let mut rotated = open_segments(context, &repaired.rotated)?;
    let init = clock::now_ns();
    let outcome = open_append_point(&mut writer, context, &repaired.append, &mut prepared);
    telemetry.manager_updater().on_init_active_segment(init, &outcome);
    outcome?;
    if let Some(closed) = publish_staged(&mut writer, context, repaired, &mut prepared)? {
        rotated.push(closed);
    }
    let synced = seal_and_sync(&writer, rotated);
    if writer.poison().is_set() {
        // The new staging memory knows; what counts until it is in place is the old one.
        mark_poisoned(&*context.files, &context.directory);
    }
    synced?;
    sync_names(&*context.files, &context.directory)?;

    let mut untouched = writer.untouched();
    if let Some(pages) = &mut untouched {
        pages.touch(TOUCHED_AHEAD)?;
    }

    let last = writer.last_event_id();
    new_staging.put_in_place(&context.directory, last)?;
    let shared = Arc::new(Shared::new(
        Arc::clone(context),
        staging,
        Arc::clone(writer.poison()),
        lock,
        repaired.first_segment,
        telemetry,
        options.observer.clone(),
    ));
    note_position(&shared, &writer);
    shared.store_meta(false)?;
    Ok(Opened { shared, writer, prepared, untouched })
}

fn start_workers(
    options: &RecorderOptions,
    telemetry: Arc<RecorderTelemetry>,
    opened: Opened,
    sealed: Vec<SealedSegment>,
    report: Report,
    lock: LogLock,
) -> Result<Recorder> {
    let Opened { shared, writer, prepared, untouched } = opened;
    let policy =
        SyncPolicy { interval: options.sync_interval(), bytes: options.sync_bytes, spin: options.spin };
    let committer = Committer::start(Arc::clone(&shared), policy, telemetry.committer_updater())?;
    let limits = Limits { retention: options.retention, level: options.compression.level };
    let maintainer = SegmentMaintainer::start(Arc::clone(&shared), sealed, limits, &telemetry)?;
    let sealer = SegmentSealer::start(Arc::clone(&shared), maintainer.sealed())?;
    let preparer = SegmentPreparer::start(
        Arc::clone(&shared),
        next_index(&writer, &prepared),
        Untouched { pages: untouched, segments: prepared.into() },
        options.prepared_segments as usize,
        telemetry.segment_preparer_updater(),
        telemetry.segment_preparer_worker_updater(),
    )?;
    let coordinator = MetaCoordinator::start(Arc::clone(&shared), telemetry.meta_coordinator_updater())?;
    let manager = Manager::new(
        writer,
        Arc::clone(&shared),
        preparer,
        sealer,
        maintainer,
        committer.handle().clone(),
        telemetry.manager_updater(),
    );
    Ok(Recorder {
        manager,
        committer,
        coordinator,
        shared,
        report,
        telemetry,
        closed: false,
        lock: Some(lock),
    })
}

/// The segments in front of the open one, oldest first: after opening all of them are sealed.
fn sealed_segments(listing: &Listing, opened: &Opened) -> Vec<SealedSegment> {
    let first = opened.shared.first_segment();
    let open = opened.writer.position().map_or(first, |(index, _)| index);
    (first..open)
        .map(|index| SealedSegment::found(index, listing.segments.get(&index).copied().unwrap_or_default()))
        .collect()
}

/// Index behind the open segment and those prepared.
fn next_index(writer: &SegmentWriter, prepared: &[PreparedSegment]) -> u32 {
    let open = writer.position().map_or(0, |(index, _)| index + 1);
    prepared.last().map_or(open, |last| last.header.segment_index + 1)
}

fn boot_id(options: &RecorderOptions) -> Result<[u8; 16]> {
    match options.boot_id {
        Some(given) => Ok(given),
        None => machine::boot_id()?.ok_or_else(|| {
            let message = format!(
                "the machine gives no boot id, by which staged events are known: is {BOOT_ID} there?"
            );
            Error::new(Code::Unsupported, message)
        }),
    }
}

/// Counts what did not verify, also where opening refuses it.
fn note_damage(telemetry: &Arc<RecorderTelemetry>, inspection: &Inspection) {
    let telemetry = telemetry.segment_writer_updater();
    if let Some(damage) = &inspection.damage {
        telemetry.on_integrity_failure(integrity_failure(&damage.reason));
    }
    for _ in inspection.segments.iter().filter(|segment| segment.header_damaged) {
        telemetry.on_integrity_failure(IntegrityFailure::Header);
    }
}

/// The events to be appended must be those that the log holds.
fn check_schema(options: &RecorderOptions, identity: Option<&LogIdentity>) -> Result<()> {
    let Some(identity) = identity else { return Ok(()) };
    let own = options.schema.clone().unwrap_or_else(Schema::byte_log);
    let of_log = Schema::parse(&identity.schema);
    if identity.event_size == options.event_size() && of_log.as_ref().is_ok_and(|of_log| *of_log == own) {
        return Ok(());
    }
    let advice = if identity.event_size == 0 { "without a schema" } else { "with its own schema" };
    let message = format!(
        "the log in {} holds {}, not {}; open it {advice}, or begin a new log in another directory",
        options.directory.display(),
        Schema::in_words(identity.event_size, &identity.schema),
        Schema::in_words(options.event_size(), &options.schema_json()),
    );
    Err(Error::new(Code::Schema, message).at_path(&options.directory))
}

/// What is staged becomes one block, perhaps in a new segment, which may be smaller than that of before.
fn check_staged_fits(options: &RecorderOptions, inspection: &Inspection) -> Result<()> {
    let staged = inspection.staging.taken.as_ref().map_or(0, |staged| staged.payload.len());
    if round64(staged) <= options.largest_payload() {
        return Ok(());
    }
    let message = format!(
        "{staged} bytes of staged events have to be taken over, which do not fit a segment of {} bytes; open the log \
         with larger segments once",
        options.segment_bytes
    );
    Err(Error::new(Code::Unsupported, message).at_path(&options.directory))
}

fn context(options: &RecorderOptions, identity: Option<&LogIdentity>) -> Result<LogContext> {
    let mut log_id = [0; 16];
    match identity {
        Some(identity) => log_id = identity.log_id,
        None => getrandom::fill(&mut log_id)
            .map_err(|error| Error::new(Code::Io, format!("cannot draw a log id: {error}")))?,
    }
    Ok(LogContext {
        files: Arc::clone(&options.files),
        directory: options.directory.clone(),
        log_id,
        event_size: options.event_size(),
        schema: identity.map_or_else(|| options.schema_json(), |identity| identity.schema.clone()),
        segment_bytes: options.segment_bytes,
        file_mode: options.file_mode,
        small_syncs: options.small_syncs,
    })
}

/// New staging memory, still under its temporary name: the old one is the only copy of what is staged.
fn new_staging(
    options: &RecorderOptions,
    context: &LogContext,
    boot_id: [u8; 16],
    inspection: &Inspection,
    repaired: &Repaired,
) -> Result<NewStaging> {
    let header = StagingHeader {
        event_size: context.event_size,
        log_id: context.log_id,
        boot_id,
        area_len: options.area_len(),
    };
    // What staging proves is there on this boot; only what is on the device may be called durable in a block.
    let durable = inspection.durable_on_disk.min(repaired.link.last_event_id);
    NewStaging::create(&context.files, &context.directory, &header, durable, context.file_mode)
}

fn note_position(shared: &Shared, writer: &SegmentWriter) {
    if let (Some(file), Some((segment, end))) = (writer.file(), writer.position()) {
        shared.add_unsealed(Arc::clone(file));
        shared.set_end(segment, end);
    }
}
