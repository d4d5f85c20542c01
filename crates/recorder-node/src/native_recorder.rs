//! The class behind `Recorder`: cold calls.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use flashstrike_recorder::{Code, Error, Recorder};
use flashstrike_telemetry::{clock, encode_snapshot};
use napi::bindgen_prelude::{ArrayBuffer, FromNapiValue, Object};
use napi::{Env, check_status, sys};
use napi_derive::napi;

/// A year: longer waits are the same to a caller, and a deadline stays in range.
const LONGEST_WAIT_S: f64 = 31_536_000.0;

use crate::errors::to_throw;
use crate::hot;
use crate::notifier::Notifier;
use crate::open::{RetentionLimits, retention};

/// What a call answers that has done its work.
const DONE: i32 = 0;
/// The same when it has published a block and there is no room for the next one.
const NO_ROOM: i32 = 1;

/// One open recorder, on the thread of its environment.
pub(crate) struct Instance {
    recorder: RefCell<Recorder>,
    notifier: Notifier,
    last_error: RefCell<Option<Error>>,
    closed: Cell<bool>,
    /// The environment that closes it when it ends; taken out when it need not any more.
    hooked: Cell<Option<Env>>,
}

impl Instance {
    /// Publishes what JavaScript has staged and makes room for the next block: 0, or a negative code.
    pub(crate) fn publish(&self) -> i32 {
        self.run(|recorder| recorder.manager()?.publish_staged().map(|()| DONE))
    }

    /// Publishes this event if it is staged and asks for a sync that covers it: 0, 1 if there is no room for the next
    /// block, or a negative code.
    pub(crate) fn request_sync(&self, event_id: u64) -> i32 {
        self.run(|recorder| {
            let outcome = adopt(recorder, event_id)?;
            recorder.request_durable(Some(event_id)).map(|()| outcome)
        })
    }

    /// The same, but makes the event durable by a sync on this thread.
    pub(crate) fn durable_sync(&self, event_id: u64) -> i32 {
        self.run(|recorder| {
            let outcome = adopt(recorder, event_id)?;
            recorder.durable_sync(Some(event_id)).map(|()| outcome)
        })
    }

    /// JavaScript has timed one append.
    pub(crate) fn append_took(&self, ns: u64) -> i32 {
        self.run(|recorder| {
            recorder.manager()?.note_append_took(clock::now_ns().saturating_sub(ns));
            Ok(DONE)
        })
    }

    fn run(&self, work: impl FnOnce(&mut Recorder) -> Result<i32, Error>) -> i32 {
        // A listener that calls back from within a call is told so instead of meeting a half-done one.
        let Ok(mut recorder) = self.recorder.try_borrow_mut() else {
            return self.fail(Error::new(
                Code::Backpressure,
                "the recorder is busy with another call on this thread",
            ));
        };
        match catch_unwind(AssertUnwindSafe(|| work(&mut recorder))) {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => self.fail(error),
            // It may have stopped half way: what is staged is safe, and nothing may be built on the rest.
            Err(_) => {
                let message = "an internal check has failed; see stderr, and report it as a bug";
                let error = Error::new(Code::Io, message);
                self.fail(recorder.poison(&error))
            }
        }
    }

    /// Keeps the error for `lastErrorJson` and gives its code.
    pub(crate) fn fail(&self, error: Error) -> i32 {
        let code = error.code().return_value();
        *self.last_error.borrow_mut() = Some(error);
        code
    }

    fn close(&self) -> Result<(), Error> {
        if self.closed.replace(true) {
            return Ok(());
        }
        if let Some(env) = self.hooked.take() {
            // SAFETY: the environment is live, since it has not called its hook yet, and this is its thread.
            unsafe { sys::napi_remove_env_cleanup_hook(env.raw(), Some(close_at_end), self.address()) };
        }
        let mut recorder = self.recorder.borrow_mut();
        let adopted = adopt(&mut recorder, u64::MAX);
        let outcome = adopted.map(drop).and(recorder.close());
        self.notifier.release();
        outcome
    }

    /// What its hook is known by.
    fn address(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }
}

/// The environment of a recorder ends before it was closed.
unsafe extern "C" fn close_at_end(instance: *mut c_void) {
    // SAFETY: closing takes the hook away, and no instance goes away before it is closed.
    let instance = unsafe { &*instance.cast::<Instance>() };
    instance.hooked.take();
    let _ = instance.close();
}

/// Publishes what JavaScript has staged if `event_id` may be among it. That there is no room for the next block yet is
/// no failure here, but an answer.
fn adopt(recorder: &mut Recorder, event_id: u64) -> Result<i32, Error> {
    if event_id <= recorder.written_event_id() || recorder.staging().count() == 0 {
        return Ok(DONE);
    }
    match recorder.manager()?.publish_staged() {
        Err(error) if recorder.staging().count() > 0 => Err(error),
        Err(_) => Ok(NO_ROOM),
        Ok(()) => Ok(DONE),
    }
}

/// An open recorder. Internal: use `Recorder` of the package.
#[napi]
pub struct NativeRecorder(Rc<Instance>);

#[napi]
impl NativeRecorder {
    /// Takes over an opened recorder, and sees to it that it is closed before its environment goes away.
    pub(crate) fn new(env: Env, recorder: Recorder, notifier: Notifier) -> napi::Result<Self> {
        let instance = Rc::new(Instance {
            recorder: RefCell::new(recorder),
            notifier,
            last_error: RefCell::new(None),
            closed: Cell::new(false),
            hooked: Cell::new(Some(env)),
        });
        // By hand: a hook of napi's own would keep memory of every recorder that was ever opened.
        // SAFETY: `env` is live, and the instance stays where it is until it is closed, which takes the hook away.
        let status =
            unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(close_at_end), instance.address()) };
        check_status!(status)?;
        Ok(Self(instance))
    }

    /// The mapped staging memory: 4 096 bytes of header, then the payload area.
    #[napi(catch_unwind)]
    pub fn staging<'env>(&self, env: &'env Env) -> napi::Result<ArrayBuffer<'env>> {
        let mapping = self.0.recorder.borrow().staging().mapping().clone();
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
        self.0.recorder.borrow().report().to_json()
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
        self.0.last_error.borrow().as_ref().map_or_else(|| "{}".to_owned(), Error::to_json)
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
        if let Ok(mut recorder) = self.0.recorder.try_borrow_mut()
            && let Ok(manager) = recorder.manager()
        {
            manager.note_append_refused();
        }
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
        let seconds = if timeout_ms.is_nan() { 0.0 } else { timeout_ms / 1000.0 };
        let patience = Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_WAIT_S));
        self.0.run(|recorder| recorder.drain(patience).map(|()| DONE))
    }

    /// The metrics in the byte protocol of `flashstrike.metrics`.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> napi::bindgen_prelude::Uint8Array {
        encode_snapshot(&self.0.recorder.borrow().telemetry().snapshot()).into()
    }

    /// Keeps the event loop alive: somebody waits for an answer.
    #[napi(catch_unwind, js_name = "ref")]
    pub fn reference(&self, env: Env) {
        self.0.notifier.keep_alive(env, true);
    }

    /// Nobody waits any more.
    #[napi(catch_unwind, js_name = "unref")]
    pub fn unreference(&self, env: Env) {
        self.0.notifier.keep_alive(env, false);
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
