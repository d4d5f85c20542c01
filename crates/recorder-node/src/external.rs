//! Mapped memory as JavaScript sees it, where the runtime allows that.

use std::ffi::c_void;
use std::ptr;

use flashstrike_recorder::{Code, Error, Mapping};
use napi::bindgen_prelude::{ArrayBuffer, FromNapiValue};
use napi::{Env, check_status, sys};

use crate::errors::to_throw;

/// Fails, typed, in a runtime where nothing could be appended: before anything is made or changed on disk.
pub(crate) fn require_external_memory(env: Env) -> napi::Result<()> {
    let page =
        Mapping::anonymous(1).map_err(|error| to_throw(env, &Error::new(Code::Io, error.to_string())))?;
    external(&env, page).map(|_| ())
}

/// The memory behind a mapping, which stays mapped as long as JavaScript can see it.
pub(crate) fn external(env: &Env, mapping: Mapping) -> napi::Result<ArrayBuffer<'_>> {
    let (start, length) = (mapping.as_mut_ptr().cast::<c_void>(), mapping.len());
    let hint = Box::into_raw(Box::new(mapping)).cast::<c_void>();
    let mut buffer = ptr::null_mut();
    // SAFETY: the memory stays mapped until `unmap` drops the mapping that travels as the hint.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(env.raw(), start, length, Some(unmap), hint, &raw mut buffer)
    };
    if status != sys::Status::napi_ok {
        // SAFETY: not given away, since the call has failed.
        drop(unsafe { Box::from_raw(hint.cast::<Mapping>()) });
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

unsafe extern "C" fn unmap(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the box given away in `external`, taken back once.
    drop(unsafe { Box::from_raw(hint.cast::<Mapping>()) });
}
