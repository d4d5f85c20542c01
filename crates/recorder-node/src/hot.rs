//! The functions that JavaScript calls on its hot path, registered by hand.
//!
//! A hand-registered function whose instance travels as its data pointer costs 20–30 ns a call, a `#[napi]` method
//! 160–400 ns (a boxed borrow scope and a process-wide lock; measured on Node 22 to 26).
//!
//! Invariant: the data pointer of each function is an `Rc<Instance>` given away when the function is made and taken
//! back by the function's finalizer; all of it happens on the thread of the environment.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use flashstrike_recorder::{Code, Error};
use napi::bindgen_prelude::{FromNapiValue, Object};
use napi::{Env, check_status, sys};

use crate::instance::Instance;

/// An object with `publish()`, `requestSync(lo, hi)`, `durableSync(lo, hi)` and `appendTook(ns)`; see
/// `NativeRecorder::hot`.
pub(crate) fn functions<'env>(env: &'env Env, instance: &Rc<Instance>) -> napi::Result<Object<'env>> {
    let mut object = ptr::null_mut();
    // SAFETY: `env` is the environment of this call.
    let status = unsafe { sys::napi_create_object(env.raw(), &raw mut object) };
    check_status!(status)?;
    for (name, callback) in [
        (c"publish", publish as unsafe extern "C" fn(_, _) -> _),
        (c"requestSync", request_sync),
        (c"durableSync", durable_sync),
        (c"appendTook", append_took),
    ] {
        let mut function = ptr::null_mut();
        let data = Rc::into_raw(Rc::clone(instance)).cast_mut().cast::<c_void>();
        // SAFETY: `env` is live; `data` is an `Rc` given away to the function, which `release` takes back when the
        // function is collected.
        unsafe {
            check_status!(sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(callback),
                data,
                &raw mut function
            ))?;
            check_status!(sys::napi_add_finalizer(
                env.raw(),
                function,
                data,
                Some(release),
                ptr::null_mut(),
                ptr::null_mut()
            ))?;
            check_status!(sys::napi_set_named_property(env.raw(), object, name.as_ptr(), function))?;
        }
    }
    // SAFETY: `object` was made above in this environment.
    unsafe { Object::from_napi_value(env.raw(), object) }
}

/// Runs one call on the instance that belongs to it, with up to two whole numbers as arguments. A panic becomes an
/// error code: it must not cross into Node.
///
/// # Safety
/// `env` and `info` are those of the running callback, whose function was made by [`functions`].
unsafe fn run(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    work: impl FnOnce(&Instance, [f64; 2]) -> i32,
) -> sys::napi_value {
    let mut count = 2;
    let mut given = [ptr::null_mut(); 2];
    let mut data = ptr::null_mut();
    let mut result = ptr::null_mut();
    // SAFETY: `env` and `info` are live (requirement above); the out-pointers are locals, and Node fills absent
    // arguments with undefined. The data pointer is an `Rc<Instance>` that lives as long as the function does.
    unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, given.as_mut_ptr(), ptr::null_mut(), &raw mut data);
        let mut numbers = [0.0; 2];
        for (number, value) in numbers.iter_mut().zip(given).take(count) {
            sys::napi_get_value_double(env, value, number);
        }
        let instance = &*data.cast::<Instance>();
        let code = catch_unwind(AssertUnwindSafe(|| work(instance, numbers))).unwrap_or_else(|_| {
            instance.fail(Error::new(
                Code::Io,
                "an internal check has failed; see stderr, and report it as a bug",
            ))
        });
        sys::napi_create_int32(env, code, &raw mut result);
    }
    result
}

unsafe extern "C" fn publish(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node for a function made by `functions`.
    unsafe { run(env, info, |instance, _| instance.publish()) }
}

unsafe extern "C" fn request_sync(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { run(env, info, |instance, halves| instance.request_sync(event_id(halves))) }
}

unsafe extern "C" fn durable_sync(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { run(env, info, |instance, halves| instance.durable_sync(event_id(halves))) }
}

fn event_id([low, high]: [f64; 2]) -> u64 {
    u64::from(high as u32) << 32 | u64::from(low as u32)
}

unsafe extern "C" fn append_took(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { run(env, info, |instance, [ns, _]| instance.append_took(ns as u64)) }
}

unsafe extern "C" fn release(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the `Rc` given away in `functions`, taken back once.
    drop(unsafe { Rc::from_raw(data.cast::<Instance>()) });
}
