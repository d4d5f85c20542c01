//! The class behind `Recovery`.

use std::cell::RefCell;
use std::str::FromStr;
use std::sync::Arc;

use flashstrike_recovery::{Code, Error, Mode, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::Schema;
use flashstrike_telemetry::{RecoveryTelemetry, encode_snapshot};
use napi::bindgen_prelude::{AsyncTask, Function, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use crate::errors::to_throw;
use crate::native_cursor::{CursorOpenOptions, ListCursorsTask, OpenCursorTask, RemoveCursorTask};
use crate::native_follower::NativeFollower;
use crate::native_replay::NativeReplay;
use crate::telemetry_options::TelemetryOptions;
use crate::verify::{ProgressArguments, VerifyTask};

/// What JavaScript gives; what it leaves out is as usual.
#[napi(object)]
#[derive(Debug)]
pub struct OpenOptions {
    /// The log's directory.
    pub dir: String,
    /// What to do about a torn tail and about corruption.
    pub mode: Option<String>,
    /// Compact JSON of the schema that the reader expects, `{}` for byte logs; absent: whatever the log has.
    pub schema: Option<String>,
    /// Bytes of the events that the reader expects; absent: whatever the log has.
    pub event_size: Option<u32>,
    /// Segments opened and verified ahead.
    pub preload_segments: Option<f64>,
    /// What the metrics are called, and where they live.
    pub telemetry: Option<TelemetryOptions>,
}

/// Opens a log for reading, on the pool: what is verified meanwhile may be all of it.
#[napi(catch_unwind, ts_return_type = "Promise<NativeRecovery>")]
pub fn open(options: OpenOptions) -> AsyncTask<OpenTask> {
    AsyncTask::new(OpenTask(options))
}

/// Opens a log.
pub struct OpenTask(OpenOptions);

impl Task for OpenTask {
    type Output = Result<Recovery, Error>;
    type JsValue = NativeRecovery;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(recovery_options(&self.0).and_then(Recovery::open))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        let recovery = Arc::new(output.map_err(|error| to_throw(env, &error))?);
        let telemetry = Arc::clone(recovery.telemetry());
        Ok(NativeRecovery { recovery: RefCell::new(Some(recovery)), telemetry })
    }
}

fn recovery_options(given: &OpenOptions) -> Result<RecoveryOptions, Error> {
    let mut options = RecoveryOptions::new(&given.dir);
    if let Some(mode) = &given.mode {
        options.mode = Mode::from_str(mode)?;
    }
    if let Some(text) = &given.schema {
        let schema = Schema::parse(text).map_err(|error| Error::new(Code::Schema, error.to_string()))?;
        options.schema = Some(schema);
    }
    if let Some(size) = given.event_size {
        let message = || format!("eventSize is {size}; no event of a fixed size has so many bytes");
        options.event_size = Some(u16::try_from(size).map_err(|_| Error::new(Code::Schema, message()))?);
    }
    if let Some(count) = given.preload_segments {
        // What is no whole number becomes one that is refused.
        options.preload_segments = if count.fract() == 0.0 { count as usize } else { usize::MAX };
    }
    if let Some(telemetry) = &given.telemetry {
        options.labels = telemetry.labels();
        options.telemetry_page = telemetry.page(0o600);
    }
    Ok(options)
}

/// An open log, for reading. Internal: use `Recovery` of the package.
#[napi]
pub struct NativeRecovery {
    recovery: RefCell<Option<Arc<Recovery>>>,
    telemetry: Arc<RecoveryTelemetry>,
}

#[napi]
impl NativeRecovery {
    fn recovery(&self, env: Env) -> napi::Result<Arc<Recovery>> {
        self.recovery.borrow().as_ref().map(Arc::clone).ok_or_else(|| to_throw(env, &closed()))
    }

    /// What opening found, as JSON.
    #[napi(catch_unwind)]
    pub fn report_json(&self, env: Env) -> napi::Result<String> {
        Ok(self.recovery(env)?.report().to_json())
    }

    /// The log's schema as JSON, `{}` for byte logs; nothing as long as nothing was ever published, which it looks for.
    #[napi(catch_unwind, ts_return_type = "string | null")]
    pub fn schema_json(&self, env: Env) -> napi::Result<Option<String>> {
        let found = self.recovery(env)?.find_identity().map_err(|error| to_throw(env, &error))?;
        Ok(found.map(|identity| identity.schema))
    }

    /// Bytes of a fixed-size event; 0: variable-length events.
    #[napi(catch_unwind)]
    pub fn event_size(&self, env: Env) -> napi::Result<u32> {
        Ok(self.recovery(env)?.identity().map_or(0, |identity| identity.event_size.into()))
    }

    /// Id of the first event, 0: none.
    #[napi(catch_unwind)]
    pub fn first_id(&self, env: Env) -> napi::Result<f64> {
        Ok(self.recovery(env)?.first_event_id() as f64)
    }

    /// Id of the last event, 0: none.
    #[napi(catch_unwind)]
    pub fn last_id(&self, env: Env) -> napi::Result<f64> {
        Ok(self.recovery(env)?.last_event_id() as f64)
    }

    /// Begins a replay. `from` 0: the first event; `to` infinite: the last one.
    #[napi(catch_unwind)]
    pub fn replay(&self, env: Env, from: f64, to: f64, reverse: bool) -> napi::Result<NativeReplay> {
        let recovery = self.recovery(env)?;
        let options = ReplayOptions {
            from: (from > 0.0).then_some(from as u64),
            to: to.is_finite().then_some(to as u64),
            reverse,
        };
        recovery.read(options).map(NativeReplay::new).map_err(|error| to_throw(env, &error))
    }

    /// Throws where a replay from this event on would not begin.
    #[napi(catch_unwind)]
    pub fn seek_event(&self, env: Env, event_id: f64) -> napi::Result<()> {
        self.recovery(env)?.seek_event(event_id as u64).map_err(|error| to_throw(env, &error))
    }

    /// Id of the first event that was written at this time, ms since the Unix epoch, or later; 0: there is none.
    #[napi(catch_unwind)]
    pub fn seek_time(&self, env: Env, unix_ms: f64) -> napi::Result<f64> {
        // By as much a time can be off that was nanoseconds before: a number has 53 bits.
        const ROUNDED_NS: u64 = 512;
        let unix_ns = ((unix_ms * 1e6) as u64).saturating_sub(ROUNDED_NS);
        let found = self.recovery(env)?.seek_time(unix_ns);
        Ok(found.map_err(|error| to_throw(env, &error))?.map_or(0.0, |id| id as f64))
    }

    /// Begins to follow the log live, once it is asked for the first run. `from` 0: the first event; −1: behind the last.
    #[napi(catch_unwind)]
    pub fn follow(
        &self,
        env: Env,
        from: f64,
        durable_only: bool,
        spin_us: f64,
    ) -> napi::Result<NativeFollower> {
        NativeFollower::new(env, self.recovery(env)?, (from, durable_only, spin_us))
    }

    /// Verifies every segment on the pool; resolves with the summary as JSON.
    #[napi(
        catch_unwind,
        ts_args_type = "onProgress: (segments: number, ofSegments: number, bytes: number) => void",
        ts_return_type = "Promise<string>"
    )]
    #[allow(clippy::needless_pass_by_value, reason = "Node hands the listener over by value")]
    pub fn verify(
        &self,
        env: Env,
        on_progress: Function<'_, ProgressArguments, ()>,
    ) -> napi::Result<AsyncTask<VerifyTask>> {
        Ok(AsyncTask::new(VerifyTask::new(self.recovery(env)?, &on_progress)?))
    }

    /// Opens a named cursor, or makes it, on the pool; nothing: the event it is put at is not durable yet.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeCursor | null>")]
    pub fn cursor(
        &self,
        env: Env,
        name: String,
        options: CursorOpenOptions,
    ) -> napi::Result<AsyncTask<OpenCursorTask>> {
        let recovery = self.recovery(env)?;
        Ok(AsyncTask::new(OpenCursorTask { recovery, name, options: options.into() }))
    }

    /// The cursors of the log, as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn cursors(&self, env: Env) -> napi::Result<AsyncTask<ListCursorsTask>> {
        Ok(AsyncTask::new(ListCursorsTask(self.recovery(env)?)))
    }

    /// Removes a cursor.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn remove_cursor(&self, env: Env, name: String) -> napi::Result<AsyncTask<RemoveCursorTask>> {
        Ok(AsyncTask::new(RemoveCursorTask { recovery: self.recovery(env)?, name }))
    }

    /// The metrics in the byte protocol of `flashstrike.metrics`.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> Uint8Array {
        encode_snapshot(&self.telemetry.snapshot()).into()
    }

    /// Closes the log; replays that were begun go on.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.recovery.borrow_mut().take();
        // Not left to the garbage collector: the page may be wanted for the next one.
        self.telemetry.close();
    }
}

fn closed() -> Error {
    Error::new(Code::Closed, "this Recovery was closed: open the log again to read")
}
