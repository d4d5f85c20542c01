//! Wakes the event loop from the thread of a follower.
//!
//! Invariants, which the unsafe blocks below lean on:
//! - The function is created, referenced, unreferenced and released on the thread of its environment only; the other thread
//!   only calls it, under the lock that `release` takes to forget it.
//! - `release` is called before the environment is torn down (the follower's cleanup hook does), after the thread was
//!   joined. So no call is in flight when a worker thread of Node exits.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Function, JsValue};
use napi::{Env, check_status, sys};

/// The threadsafe function itself; null before it is created and after it was released.
struct Handle(sys::napi_threadsafe_function);

// SAFETY: Node-API says that a threadsafe function may be called from any thread; all else happens on one (see above).
unsafe impl Send for Handle {}

/// Shared by the follower's thread and the event loop.
#[derive(Clone)]
pub(crate) struct Waker(Arc<Mutex<Handle>>);

impl Waker {
    /// Makes the threadsafe function around `listener`. It does not keep the event loop alive until `keep_alive`.
    pub(crate) fn new(env: Env, listener: &Function<'_, (), ()>) -> napi::Result<Self> {
        let mut name = ptr::null_mut();
        let text = "flashstrike wal-follower";
        // SAFETY: `env` is the environment of this call, and `text` outlives the call that copies it.
        let status = unsafe {
            sys::napi_create_string_utf8(
                env.raw(),
                text.as_ptr().cast(),
                text.len().cast_signed(),
                &raw mut name,
            )
        };
        check_status!(status)?;
        let mut function = ptr::null_mut();
        // SAFETY: `listener` is a live value of this environment; there is neither context nor data to keep alive.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                listener.raw(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(deliver),
                &raw mut function,
            )
        };
        check_status!(status)?;
        // SAFETY: created above, on this thread.
        let status = unsafe { sys::napi_unref_threadsafe_function(env.raw(), function) };
        check_status!(status)?;
        Ok(Self(Arc::new(Mutex::new(Handle(function)))))
    }

    /// Has the listener called soon, from any thread.
    pub(crate) fn wake(&self) {
        let function = self.lock();
        if !function.0.is_null() {
            // SAFETY: not null, so not released; `release` takes the lock that is held here. A failure means that the
            // environment is going away, where nobody listens any more.
            unsafe {
                sys::napi_call_threadsafe_function(
                    function.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    /// Whether somebody waits, so that the event loop must not end. On the environment's thread only.
    pub(crate) fn keep_alive(&self, env: Env, keep: bool) {
        let function = self.lock().0;
        if function.is_null() {
            return;
        }
        // SAFETY: not released yet, and this is the environment's thread.
        unsafe {
            if keep {
                sys::napi_ref_threadsafe_function(env.raw(), function);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), function);
            }
        }
    }

    /// Gives the function back. Nobody is called any more. On the environment's thread only.
    pub(crate) fn release(&self) {
        let function = std::mem::replace(&mut self.lock().0, ptr::null_mut());
        if !function.is_null() {
            // SAFETY: taken out under its lock, so nobody calls it any more and it is released once.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::release)
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Handle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On the event loop: calls the listener.
unsafe extern "C" fn deliver(
    env: sys::napi_env,
    listener: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() || listener.is_null() {
        return;
    }
    let mut receiver = ptr::null_mut();
    // SAFETY: `env` and `listener` are live for this call; the out-pointer is a local. The listener resolves a promise and
    // throws nothing.
    unsafe {
        sys::napi_get_undefined(env, &raw mut receiver);
        sys::napi_call_function(env, receiver, listener, 0, ptr::null(), ptr::null_mut());
    }
}
