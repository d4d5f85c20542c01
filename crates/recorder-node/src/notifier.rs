//! Tells the event loop what occurred on other threads, through one threadsafe function a recorder.
//!
//! Invariants, which the unsafe blocks below lean on:
//! - The function is created, referenced, unreferenced and released on the thread of its environment only; other
//!   threads only call it, under the lock that `release` takes to forget it.
//! - `release` is called before the environment is torn down (the recorder's cleanup hook does), after the workers
//!   were joined. So no call is in flight when a worker thread of Node exits.
//! - What is said is kept in a queue of ours, and only a wake-up crosses; a hundred durable ids become one.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use flashstrike_recorder::{Event, Observer};
use napi::bindgen_prelude::{FnArgs, Function, JsValue};
use napi::{Env, check_status, sys};

/// What the listener gets: kind, two numbers, text.
pub(crate) type Arguments = FnArgs<(u32, u32, u32, String)>;

const DURABLE: u32 = 1;
const POISONED: u32 = 2;
const ROTATED: u32 = 3;
const SEALED: u32 = 4;
const COMPRESSED: u32 = 5;
const DELETED: u32 = 6;
const ROOM: u32 = 7;
const FAILED: u32 = 8;

struct Message {
    kind: u32,
    number: u64,
    text: String,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    /// Null before it is created and after it was released.
    function: Handle,
    /// The event loop was woken and has not looked yet.
    woken: bool,
}

/// The threadsafe function itself; Node allows calls from any thread.
struct Handle(sys::napi_threadsafe_function);

impl Default for Handle {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

// SAFETY: Node-API says that a threadsafe function may be called from any thread; all else happens on one (see above).
unsafe impl Send for Handle {}

/// Shared by the recorder's observer and the event loop.
#[derive(Clone)]
pub(crate) struct Notifier(Arc<Mutex<Queue>>);

impl Notifier {
    /// Makes the threadsafe function around `listener`. It does not keep the event loop alive until `keep_alive`.
    pub(crate) fn new(env: Env, listener: &Function<'_, Arguments, ()>) -> napi::Result<Self> {
        let shared = Arc::new(Mutex::new(Queue::default()));
        let mut name = ptr::null_mut();
        let text = "flashstrike wal-recorder";
        let mut function = ptr::null_mut();
        let context = Arc::into_raw(Arc::clone(&shared));
        // SAFETY: `env` is the environment of this call, and `text` outlives the call that copies it.
        let status = unsafe {
            sys::napi_create_string_utf8(env.raw(), text.as_ptr().cast(), text.len() as isize, &raw mut name)
        };
        check_status!(status)?;
        // SAFETY: `listener` is a live value of this environment. The context is an `Arc` given away here; `finalize`
        // takes it back, once, when Node destroys the function.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                listener.raw(),
                ptr::null_mut(),
                name,
                0,
                1,
                context.cast_mut().cast(),
                Some(finalize),
                context.cast_mut().cast(),
                Some(deliver),
                &raw mut function,
            )
        };
        check_status!(status)?;
        // SAFETY: created above, on this thread.
        let status = unsafe { sys::napi_unref_threadsafe_function(env.raw(), function) };
        check_status!(status)?;
        queue(&shared).function = Handle(function);
        Ok(Self(shared))
    }

    /// What the recorder calls on any of its threads.
    pub(crate) fn observer(&self) -> Observer {
        let shared = Arc::clone(&self.0);
        Arc::new(move |event| {
            if let Some(message) = message(event) {
                post(&shared, message);
            }
        })
    }

    /// Whether somebody waits for an answer, so that the event loop must not end.
    pub(crate) fn keep_alive(&self, env: Env, keep: bool) {
        let function = queue(&self.0).function.0;
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

    /// Gives the function back. Nothing is delivered any more. On the environment's thread only.
    pub(crate) fn release(&self) {
        let function = std::mem::take(&mut queue(&self.0).function).0;
        if !function.is_null() {
            // SAFETY: taken out of the queue under its lock, so nobody calls it any more and it is released once.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::release)
            };
        }
    }
}

fn queue(shared: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn message(event: &Event) -> Option<Message> {
    let (kind, number, text) = match event {
        Event::Durable { event_id } => (DURABLE, *event_id, String::new()),
        Event::Poisoned { error } => (POISONED, 0, error.to_json()),
        Event::Rotated { segment } => (ROTATED, u64::from(*segment), String::new()),
        Event::Sealed { segment } => (SEALED, u64::from(*segment), String::new()),
        Event::Compressed { segment, .. } => (COMPRESSED, u64::from(*segment), String::new()),
        Event::Deleted { segment } => (DELETED, u64::from(*segment), String::new()),
        Event::Room => (ROOM, 0, String::new()),
        Event::Failed { error } => (FAILED, 0, error.to_json()),
        _ => return None,
    };
    Some(Message { kind, number, text })
}

fn post(shared: &Mutex<Queue>, message: Message) {
    let mut queue = queue(shared);
    if queue.function.0.is_null() {
        return;
    }
    match queue.messages.back_mut() {
        // Only the highest durable id matters.
        Some(last) if last.kind == DURABLE && message.kind == DURABLE => last.number = message.number,
        _ => queue.messages.push_back(message),
    }
    if !std::mem::replace(&mut queue.woken, true) {
        // SAFETY: not null, so not released; `release` takes the lock that is held here. A failure means that the
        // environment is going away, where nobody listens any more.
        unsafe {
            sys::napi_call_threadsafe_function(
                queue.function.0,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
    }
}

/// On the event loop: hands everything said so far to the listener.
unsafe extern "C" fn deliver(
    env: sys::napi_env,
    listener: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() || listener.is_null() || context.is_null() {
        return;
    }
    // SAFETY: the context is the `Arc` given away in `new`; Node calls `finalize`, which takes it back, after the last
    // delivery.
    let shared = unsafe { &*context.cast::<Mutex<Queue>>() };
    let due = {
        let mut queue = queue(shared);
        queue.woken = false;
        queue.messages.len()
    };
    // What comes meanwhile wakes the event loop again: a listener that causes messages must not keep it here.
    for _ in 0..due {
        let Some(message) = queue(shared).messages.pop_front() else { return };
        // SAFETY: `env` and `listener` are live for this call.
        if unsafe { call(env, listener, &message) } == sys::Status::napi_pending_exception {
            // SAFETY: `env` is live, and this is its thread.
            unsafe { report_exception(env) };
        }
    }
}

/// A listener has thrown. Without this, Node would only print a warning for an addon's callback.
///
/// # Safety
/// `env` is the current environment.
unsafe fn report_exception(env: sys::napi_env) {
    let mut exception = ptr::null_mut();
    // SAFETY: `env` is live (requirement above), and the out-pointer is a local.
    unsafe {
        if sys::napi_get_and_clear_last_exception(env, &raw mut exception) == sys::Status::napi_ok {
            // It is the program's to catch it (`uncaughtException`), and else ends the process.
            sys::napi_fatal_exception(env, exception);
        }
    }
}

/// # Safety
/// `env` is the current environment and `listener` a live function of it.
unsafe fn call(env: sys::napi_env, listener: sys::napi_value, message: &Message) -> sys::napi_status {
    let mut arguments = [ptr::null_mut(); 4];
    let numbers = [message.kind, message.number as u32, (message.number >> 32) as u32];
    // SAFETY: `env` is live (requirement above); each out-pointer is a local.
    unsafe {
        for (argument, number) in arguments.iter_mut().zip(numbers) {
            sys::napi_create_uint32(env, number, argument);
        }
        sys::napi_create_string_utf8(
            env,
            message.text.as_ptr().cast(),
            message.text.len() as isize,
            &raw mut arguments[3],
        );
        let mut receiver = ptr::null_mut();
        sys::napi_get_undefined(env, &raw mut receiver);
        sys::napi_call_function(env, receiver, listener, 4, arguments.as_ptr(), ptr::null_mut())
    }
}

unsafe extern "C" fn finalize(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the `Arc` given away in `new`, taken back once.
    drop(unsafe { Arc::from_raw(data.cast::<Mutex<Queue>>()) });
}
