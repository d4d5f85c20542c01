//! A live tail, read on the thread of its environment as far as it is there, and waited for on a thread of its own.
//!
//! The follower itself goes back and forth: JavaScript asks for the next run with `next`, which takes what is ready, and
//! with `wait` it gives the follower to the thread, which comes back with the next run or an error and wakes the event loop
//! once. So nothing is read ahead that nobody asks for, and one run is in memory at a time.
//!
//! Invariant: an instance stays where it is, in its `Rc`, and until it is closed its environment has a hook with its
//! address. Closing takes the hook away, and `NativeFollower` closes it when it is dropped, so that none goes before.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flashstrike_recovery::follow::{FollowOptions, Start};
use flashstrike_recovery::{Code, Error, Recovery};
use napi::bindgen_prelude::{ArrayBuffer, Function};
use napi::{Env, check_status, sys};
use napi_derive::napi;

use crate::errors::to_throw;
use crate::follower_thread::{Found, Shared, Source};
use crate::native_replay::external;
use crate::waker::Waker;

/// One live tail, on the thread of its environment.
struct Instance {
    shared: Arc<Shared>,
    /// From the first wait on: it keeps what listens from being collected.
    waker: RefCell<Option<Waker>>,
    thread: RefCell<Option<JoinHandle<()>>>,
    found: RefCell<Option<Found>>,
    error: RefCell<Option<Error>>,
    spins: bool,
    /// The environment that closes it when it ends; taken out when it need not any more.
    hooked: Cell<Option<Env>>,
}

impl Instance {
    /// What cannot wait: the next run if it is there.
    fn next(&self) -> Result<Option<Found>, Error> {
        let mut exchange = self.shared.lock();
        if let Some(outcome) = exchange.outcome.take() {
            return outcome.map(Some);
        }
        let Some(Source::Open(follower)) = &mut exchange.source else { return Ok(None) };
        let from = follower.last_event_id() + 1;
        let run = if self.spins { follower.spin_for_run() } else { follower.ready_run() };
        Ok(run?.map(|run| Found::of(&run, from)))
    }

    /// Has the thread wait for the next run, and `waker` wake the event loop then.
    fn wait(&self, env: Env, waker: &Waker) -> Result<(), Error> {
        let mut thread = self.thread.borrow_mut();
        if thread.is_none() {
            let (shared, waker) = (Arc::clone(&self.shared), waker.clone());
            let started = std::thread::Builder::new().name("wal-follower".to_owned());
            let started = started.spawn(move || shared.work(&waker)).map_err(|error| {
                Error::new(Code::Io, format!("no thread to wait on for the next events: {error}"))
            })?;
            *thread = Some(started);
        }
        self.shared.lock().is_asked = true;
        self.shared.to_do.notify_one();
        waker.keep_alive(env, true);
        Ok(())
    }

    /// What wakes the event loop, with the listener of the first wait; `None` once closed.
    fn waker(&self, env: Env, listener: &Function<'_, (), ()>) -> napi::Result<Option<Waker>> {
        if self.shared.lock().is_closed {
            return Ok(None);
        }
        let mut waker = self.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(Waker::new(env, listener)?);
        }
        Ok(waker.clone())
    }

    /// Ends it: no thread, no file and no memory of it is left, but windows that JavaScript still has.
    fn close(&self) {
        if std::mem::replace(&mut self.shared.lock().is_closed, true) {
            return;
        }
        if let Some(env) = self.hooked.take() {
            // SAFETY: the environment is live, since it has not called its hook yet, and this is its thread.
            unsafe { sys::napi_remove_env_cleanup_hook(env.raw(), Some(close_at_end), self.address()) };
        }
        self.shared.canceller.cancel();
        self.shared.to_do.notify_one();
        if let Some(thread) = self.thread.borrow_mut().take() {
            let _ = thread.join();
        }
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.release();
        }
        let mut exchange = self.shared.lock();
        (exchange.source, exchange.outcome) = (None, None);
        drop(exchange);
        self.found.borrow_mut().take();
    }

    /// What its hook is known by.
    fn address(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }
}

/// The environment of a follower ends before it was closed.
unsafe extern "C" fn close_at_end(instance: *mut c_void) {
    // SAFETY: closing takes the hook away, and no instance goes away before it is closed.
    let instance = unsafe { &*instance.cast::<Instance>() };
    instance.hooked.take();
    instance.close();
}

/// A live tail. Internal: use `Recovery` of the package.
#[napi]
pub struct NativeFollower(Rc<Instance>);

#[napi]
impl NativeFollower {
    /// `from` 0: the first event; −1: behind the last one.
    pub(crate) fn new(
        env: Env,
        recovery: Arc<Recovery>,
        (from, durable_only, spin_us): (f64, bool, f64),
    ) -> napi::Result<Self> {
        let start = match from {
            // Now, and not when the thread has begun.
            from if from < 0.0 => {
                let end = recovery.end_event_id(durable_only).map_err(|error| to_throw(env, &error))?;
                Start::At(end + 1)
            }
            from if from < 1.0 => Start::First,
            from => Start::At(from as u64),
        };
        let spin = Duration::from_micros(spin_us as u64);
        let options = FollowOptions { from: start, durable_only, spin };
        let shared = Arc::new(Shared::default());
        shared.lock().source = Some(Source::ToOpen(recovery, options));
        let instance = Rc::new(Instance {
            shared,
            waker: RefCell::default(),
            thread: RefCell::default(),
            found: RefCell::default(),
            error: RefCell::default(),
            spins: !spin.is_zero(),
            hooked: Cell::new(Some(env)),
        });
        // By hand: a hook of napi's own would keep memory of every follower that there ever was.
        // SAFETY: `env` is live, and the instance stays where it is until it is closed, which takes the hook away.
        let status =
            unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(close_at_end), instance.address()) };
        check_status!(status)?;
        Ok(Self(instance))
    }

    /// Goes to the next run if it is there, spinning for it if asked to, and gives its bytes; 0 if it is not there, a
    /// negative code for an error.
    #[napi(catch_unwind)]
    pub fn next(&self) -> f64 {
        match self.0.next() {
            Ok(Some(found)) => {
                let length = (found.end - found.start) as f64;
                *self.0.found.borrow_mut() = Some(found);
                length
            }
            Ok(None) => 0.0,
            Err(error) => {
                let code = error.code().return_value();
                *self.0.error.borrow_mut() = Some(error);
                code.into()
            }
        }
    }

    /// Has the listener called once `next` has something to give; until then the process does not end. It is the one of
    /// the first call that is called, always.
    #[napi(catch_unwind, ts_args_type = "listener: () => void")]
    #[allow(clippy::needless_pass_by_value, reason = "Node hands the listener over by value")]
    pub fn wait(&self, env: Env, listener: Function<'_, (), ()>) -> napi::Result<()> {
        match self.0.waker(env, &listener)? {
            Some(waker) => self.0.wait(env, &waker).map_err(|error| to_throw(env, &error)),
            None => Ok(()),
        }
    }

    /// What was waited for has come, or nobody waits for it any more.
    #[napi(catch_unwind)]
    pub fn unref(&self, env: Env) {
        if let Some(waker) = &*self.0.waker.borrow() {
            waker.keep_alive(env, false);
        }
    }

    /// The first event of the current run that was not given before.
    #[napi(catch_unwind)]
    pub fn from(&self) -> f64 {
        self.0.found.borrow().as_ref().map_or(0.0, |found| found.from as f64)
    }

    /// The memory that holds the current run.
    #[napi(catch_unwind)]
    pub fn window<'env>(&self, env: &'env Env) -> napi::Result<ArrayBuffer<'env>> {
        match &*self.0.found.borrow() {
            Some(found) => external(env, &found.window),
            None => Err(to_throw(*env, &Error::new(Code::Closed, "there is no run"))),
        }
    }

    /// Names that memory: no other window of this process has or gets that name.
    #[napi(catch_unwind)]
    pub fn window_id(&self) -> u32 {
        self.0.found.borrow().as_ref().map_or(0, |found| found.window.id.0)
    }

    /// Where the current run begins in its window.
    #[napi(catch_unwind)]
    pub fn start(&self) -> f64 {
        self.0.found.borrow().as_ref().map_or(0.0, |found| found.start as f64)
    }

    /// Where the current run ends in its window.
    #[napi(catch_unwind)]
    pub fn end(&self) -> f64 {
        self.0.found.borrow().as_ref().map_or(0.0, |found| found.end as f64)
    }

    /// There are no gaps in a live tail.
    #[napi(catch_unwind)]
    pub fn gap_json(&self) -> String {
        "{}".to_owned()
    }

    /// The error behind a negative code, as JSON.
    #[napi(catch_unwind)]
    pub fn last_error_json(&self) -> String {
        self.0.error.borrow().as_ref().map_or_else(|| "{}".to_owned(), Error::to_json)
    }

    /// Ends it and gives its memory, its files and its thread back.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

impl Drop for NativeFollower {
    fn drop(&mut self) {
        self.0.close();
    }
}
