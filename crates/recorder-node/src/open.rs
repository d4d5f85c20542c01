//! Opening: options in, a recorder or a typed error out.

use std::str::FromStr;
use std::time::Duration;

use flashstrike_recorder::{Code, Compression, Error, Mode, Recorder, RecorderOptions, Retention};
use flashstrike_segment::Schema;
use napi::Env;
use napi::bindgen_prelude::Function;
use napi_derive::napi;

use crate::errors::to_throw;
use crate::external::require_external_memory;
use crate::native_recorder::NativeRecorder;
use crate::notifier::{Arguments, Notifier};
use crate::telemetry_options::TelemetryOptions;

/// What JavaScript gives; what it leaves out has the recorder's default.
#[napi(object)]
#[derive(Debug)]
pub struct OpenOptions {
    /// The log's directory.
    pub dir: String,
    /// Compact JSON of the event schema; absent or `{}`: a byte log.
    pub schema: Option<String>,
    /// Bytes that make a full block.
    pub block_bytes: Option<f64>,
    /// Bytes of a new segment.
    pub segment_bytes: Option<f64>,
    /// Segments kept ready ahead.
    pub prepared_segments: Option<f64>,
    /// Prepare for syncs of few bytes.
    pub small_syncs: Option<bool>,
    /// Sync so many milliseconds after an event was published.
    pub sync_interval_ms: Option<f64>,
    /// Sync when so many bytes were published.
    pub sync_bytes: Option<f64>,
    /// Microseconds that the committer looks for the next request after a sync.
    pub spin_us: Option<f64>,
    /// How much of the log is kept.
    pub retention: Option<RetentionLimits>,
    /// zstd's level where segments are compressed.
    pub compression_level: Option<f64>,
    /// Permission bits of new files.
    pub file_mode: Option<f64>,
    /// Further file systems to append on.
    pub allow_file_system: Option<Vec<String>>,
    /// What to do with a damaged end.
    pub mode: Option<String>,
    /// What the metrics are called, and where they live.
    pub telemetry: Option<TelemetryOptions>,
}

/// Limits of what is kept; what is left out is no limit.
#[napi(object)]
#[derive(Debug)]
pub struct RetentionLimits {
    /// Most uncompressed segments.
    pub hot_segments: Option<f64>,
    /// Most compressed segments.
    pub cold_segments: Option<f64>,
    /// Most bytes of all segments.
    pub bytes: Option<f64>,
    /// Most milliseconds since a segment was sealed.
    pub age_ms: Option<f64>,
}

/// Opens a log for appending. `on_event(kind, a, b, text)` is called from the event loop: 1 durable up to a + b·2³²,
/// 2 poisoned, 3 rotated to segment a, 4 sealed segment a, 5 compressed segment a, 6 deleted segment a, 7 room again,
/// 8 a failure that a worker goes on after; text is the error as JSON for 2 and 8.
#[napi(
    catch_unwind,
    ts_args_type = "options: OpenOptions, onEvent: (kind: number, a: number, b: number, text: string) => void"
)]
#[allow(clippy::needless_pass_by_value, reason = "Node hands the listener over by value")]
pub fn open(
    env: Env,
    options: OpenOptions,
    on_event: Function<'_, Arguments, ()>,
) -> napi::Result<NativeRecorder> {
    require_external_memory(env)?;
    let notifier = Notifier::new(env, &on_event)?;
    let opened = recorder_options(options).and_then(|mut options| {
        options.observer = Some(notifier.observer());
        Recorder::open(&options)
    });
    match opened {
        Ok(recorder) => NativeRecorder::new(env, recorder, notifier),
        Err(error) => {
            notifier.release();
            Err(to_throw(env, &error))
        }
    }
}

fn recorder_options(given: OpenOptions) -> Result<RecorderOptions, Error> {
    let mut options = RecorderOptions::new(&given.dir);
    if let Some(text) = given.schema.filter(|text| text != "{}") {
        let schema = Schema::parse(&text).map_err(|error| Error::new(Code::Schema, error.to_string()))?;
        options.schema = Some(schema);
    }
    set(&mut options.block_bytes, "blockBytes", given.block_bytes)?;
    set(&mut options.segment_bytes, "segmentBytes", given.segment_bytes)?;
    set(&mut options.prepared_segments, "preparedSegments", given.prepared_segments)?;
    set(&mut options.file_mode, "fileMode", given.file_mode)?;
    options.small_syncs = given.small_syncs.unwrap_or(false);
    options.sync_interval_ms = whole("syncIntervalMs", given.sync_interval_ms)?;
    options.sync_bytes = whole("syncBytes", given.sync_bytes)?.map(u64::from);
    if let Some(us) = whole("spinUs", given.spin_us)? {
        options.spin = Duration::from_micros(us.into());
    }
    if let Some(limits) = given.retention {
        options.retention = retention(&limits)?;
    }
    if let Some(level) = whole("compression.level", given.compression_level)? {
        options.compression = Compression { level: i32::try_from(level).unwrap_or(i32::MAX) };
    }
    options.allow_file_system = given.allow_file_system.unwrap_or_default();
    if let Some(mode) = given.mode {
        options.mode = Mode::from_str(&mode)?;
    }
    if let Some(telemetry) = given.telemetry {
        options.labels = telemetry.labels();
        options.telemetry_page = telemetry.page(options.file_mode);
    }
    Ok(options)
}

/// The limits that JavaScript gives.
pub(crate) fn retention(given: &RetentionLimits) -> Result<Retention, Error> {
    Ok(Retention {
        hot_segments: whole("retention.hotSegments", given.hot_segments)?,
        cold_segments: whole("retention.coldSegments", given.cold_segments)?,
        bytes: whole_up_to("retention.bytes", given.bytes, LARGEST_WHOLE)?.map(|bytes| bytes as u64),
        age: whole_up_to("retention.ageMs", given.age_ms, LARGEST_WHOLE)?
            .map(|ms| Duration::from_millis(ms as u64)),
    })
}

fn set(option: &mut u32, name: &str, given: Option<f64>) -> Result<(), Error> {
    if let Some(value) = whole(name, given)? {
        *option = value;
    }
    Ok(())
}

/// The largest number up to which JavaScript knows every whole one.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

/// A JavaScript number that must be a whole one of 32 bits.
fn whole(name: &str, given: Option<f64>) -> Result<Option<u32>, Error> {
    Ok(whole_up_to(name, given, u32::MAX.into())?.map(|number| number as u32))
}

fn whole_up_to(name: &str, given: Option<f64>, most: f64) -> Result<Option<f64>, Error> {
    match given {
        Some(number) if number.fract() != 0.0 || !(0.0..=most).contains(&number) => {
            let message = format!("{name} is {number}; it must be a whole number from 0 to {most}");
            Err(Error::new(Code::Unsupported, message))
        }
        given => Ok(given),
    }
}
