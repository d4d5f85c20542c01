//! The class behind `Recorder`: cold calls.

use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use flashstrike_recorder::{Code, Error, Recorder};
use flashstrike_telemetry::encode_snapshot;
use napi::bindgen_prelude::{ArrayBuffer, FromNapiValue, Object};
use napi::{Env, check_status, sys};
use napi_derive::napi;

use crate::errors::to_throw;
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
        let mapping = self.0.recorder().staging().mapping().clone();
        let (start, length) = (mapping.as_mut_ptr().cast::<c_void>(), mapping.len());
        let hint = Box::into_raw(Box::new(mapping)).cast::<c_void>();
        let mut buffer = ptr::null_mut();
        // SAFETY: the memory stays mapped until `unmap` drops the clone of the mapping that travels as the hint.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                env.raw(),
                start,
                length,
                Some(unmap),
                hint,
                &raw mut buffer,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: not given away, since the call has failed.
            drop(unsafe { Box::from_raw(hint.cast::<flashstrike_recorder::Mapping>()) });
        }
        if status == sys::Status::napi_no_external_buffers_allowed {
            let message = "this runtime allows no memory outside its own heap (Electron does not); \
                           run the recorder in a plain Node.js process";
            return Err(to_throw(*env, &Error::new(Code::Unsupported, message)));
        }
        check_status!(status)?;
        // SAFETY: `buffer` was made above in this environment.
        unsafe { ArrayBuffer::from_napi_value(env.raw(), buffer) }
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

unsafe extern "C" fn unmap(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the box given away in `staging`, taken back once.
    drop(unsafe { Box::from_raw(hint.cast::<flashstrike_recorder::Mapping>()) });
}
