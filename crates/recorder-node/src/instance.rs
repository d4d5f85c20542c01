//! An open recorder on the thread of its environment: who may call it when, and how it ends.
//!
//! Invariant: an instance stays where it is, in its `Rc`, and until it is closed its environment has a hook with its
//! address. Closing takes the hook away, and `NativeRecorder` closes it when it is dropped, so that none goes before.

use std::cell::{Cell, Ref, RefCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use flashstrike_recorder::{Code, Error, Recorder};
use flashstrike_telemetry::clock;
use napi::{Env, check_status, sys};

use crate::notifier::Notifier;

/// What a call answers that has done its work.
pub(crate) const DONE: i32 = 0;
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
    /// Takes over an opened recorder, which is closed when its environment ends, if not before.
    pub(crate) fn new(env: Env, recorder: Recorder, notifier: Notifier) -> napi::Result<Rc<Self>> {
        let instance = Rc::new(Self {
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
        Ok(instance)
    }

    pub(crate) fn recorder(&self) -> Ref<'_, Recorder> {
        self.recorder.borrow()
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// The last error behind a negative code, as JSON.
    pub(crate) fn last_error_json(&self) -> String {
        self.last_error.borrow().as_ref().map_or_else(|| "{}".to_owned(), Error::to_json)
    }

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

    /// An append was refused for what `publish` has said.
    pub(crate) fn append_refused(&self) {
        if let Ok(mut recorder) = self.recorder.try_borrow_mut()
            && let Ok(manager) = recorder.manager()
        {
            manager.note_append_refused();
        }
    }

    /// Does a call's work: what it answers, or a negative code.
    pub(crate) fn run(&self, work: impl FnOnce(&mut Recorder) -> Result<i32, Error>) -> i32 {
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

    /// Publishes what is staged and closes the recorder. Does nothing the second time.
    pub(crate) fn close(&self) -> Result<(), Error> {
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
pub(crate) fn adopt(recorder: &mut Recorder, event_id: u64) -> Result<i32, Error> {
    if event_id <= recorder.written_event_id() || recorder.staging().count() == 0 {
        return Ok(DONE);
    }
    match recorder.manager()?.publish_staged() {
        Err(error) if recorder.staging().count() > 0 => Err(error),
        Err(_) => Ok(NO_ROOM),
        Ok(()) => Ok(DONE),
    }
}
