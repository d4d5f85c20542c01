//! The class behind `Recorder`: cold calls.

use std::rc::Rc;
use std::time::Duration;

use flashstrike_recorder::Recorder;
use flashstrike_telemetry::encode_snapshot;
use napi::Env;
use napi::bindgen_prelude::{ArrayBuffer, Object};
use napi_derive::napi;

use crate::errors::to_throw;
use crate::external::external;
use crate::hot;
use crate::instance::{DONE, Instance, adopt};
use crate::notifier::Notifier;
use crate::open::{RetentionLimits, retention};

/// An open recorder. Internal: use `Recorder` of the package.
#[napi]
pub struct NativeRecorder(Rc<Instance>);

#[napi]
impl NativeRecorder {
    /// Takes over an opened recorder, and sees to it that it is closed before its environment goes away.
    pub(crate) fn new(env: Env, recorder: Recorder, notifier: Notifier) -> napi::Result<Self> {
        Instance::new(env, recorder, notifier).map(Self)
    }

    /// The mapped staging memory: 4 096 bytes of header, then the payload area.
    #[napi(catch_unwind)]
    pub fn staging<'env>(&self, env: &'env Env) -> napi::Result<ArrayBuffer<'env>> {
        external(env, self.0.recorder().staging().mapping().clone())
    }

    /// What opening found and did, as JSON.
    #[napi(catch_unwind)]
    pub fn report_json(&self) -> String {
        self.0.recorder().report().to_json()
    }

    /// The calls that happen while appending: each gives 0, or a negative code with the error in `lastErrorJson`. Those
    /// that sync give 1 if they have published a block and there is no room for the next one.
    #[napi(
        catch_unwind,
        ts_return_type = "{ publish(): number; requestSync(lo: number, hi: number): number; durableSync(lo: number, hi: number): number; appendTook(ns: number): number }"
    )]
    pub fn hot<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        hot::functions(env, &self.0)
    }

    /// The last error behind a negative code, as JSON.
    #[napi(catch_unwind)]
    pub fn last_error_json(&self) -> String {
        self.0.last_error_json()
    }

    /// Publishes events that together are larger than the payload area as a block of their own. `payload` is laid out
    /// as in a block.
    #[napi(catch_unwind)]
    pub fn append_large(&self, payload: &[u8], count: u32, first_id: f64, last_id: f64) -> i32 {
        self.0.run(|recorder| {
            adopt(recorder, u64::MAX)?;
            recorder.manager()?.append_large(payload, count, first_id as u64, last_id as u64).map(|()| DONE)
        })
    }

    /// Counts an append that was refused because `publish` had made no room for it.
    #[napi(catch_unwind)]
    pub fn append_refused(&self) {
        self.0.append_refused();
    }

    /// Goes on in the next segment.
    #[napi(catch_unwind)]
    pub fn rotate(&self) -> i32 {
        self.0.run(|recorder| {
            adopt(recorder, u64::MAX)?;
            recorder.rotate().map(|()| DONE)
        })
    }

    /// Changes how much of the log is kept.
    #[napi(catch_unwind)]
    #[allow(clippy::needless_pass_by_value, reason = "Node hands the object over by value")]
    pub fn set_retention(&self, limits: RetentionLimits) -> i32 {
        self.0.run(|recorder| recorder.set_retention(retention(&limits)?).map(|()| DONE))
    }

    /// Says that no event before this one is needed any more. Publishes what is staged, whose ids count too.
    #[napi(catch_unwind)]
    pub fn truncate_before(&self, event_id: f64) -> i32 {
        self.0.run(|recorder| {
            adopt(recorder, u64::MAX)?;
            recorder.truncate_before(event_id as u64).map(|()| DONE)
        })
    }

    /// Waits for room on this thread, at most so long.
    #[napi(catch_unwind)]
    pub fn drain_sync(&self, timeout_ms: f64) -> i32 {
        // What is no number is no time, and what is too long for one is as long as can be.
        let patience = Duration::try_from_secs_f64((timeout_ms / 1000.0).max(0.0)).unwrap_or(Duration::MAX);
        self.0.run(|recorder| recorder.drain(patience).map(|()| DONE))
    }

    /// The metrics in the byte protocol of `flashstrike.metrics`.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> napi::bindgen_prelude::Uint8Array {
        encode_snapshot(&self.0.recorder().telemetry().snapshot()).into()
    }

    /// Keeps the event loop alive: somebody waits for an answer.
    #[napi(catch_unwind, js_name = "ref")]
    pub fn reference(&self, env: Env) {
        self.0.notifier().keep_alive(env, true);
    }

    /// Nobody waits any more.
    #[napi(catch_unwind, js_name = "unref")]
    pub fn unreference(&self, env: Env) {
        self.0.notifier().keep_alive(env, false);
    }

    /// Publishes, syncs, seals what was rotated, ends the workers, gives the lock back. Does nothing the second time.
    #[napi(catch_unwind)]
    pub fn close(&self, env: Env) -> napi::Result<()> {
        self.0.close().map_err(|error| to_throw(env, &error))
    }
}

impl Drop for NativeRecorder {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}
