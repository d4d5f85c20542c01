//! The runs of a replay, and the memory that JavaScript reads them in.
//!
//! Invariant: a window handed to JavaScript is memory of the pool, which stays in its place until the finalizer of the
//! array buffer has dropped its `Arc`. What stands in it may be something else after the next `next`; JavaScript is
//! told so, and nobody reads from what it might write.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use flashstrike_recovery::pool::{PoolBuffer, Window};
use flashstrike_recovery::{Code, Error, Gap, Piece, Pieces};
use napi::bindgen_prelude::{ArrayBuffer, FromNapiValue};
use napi::{Env, check_status, sys};
use napi_derive::napi;
use serde_json::json;

use crate::errors::to_throw;

/// What `next` gives for a gap; a run is never so short.
const GAP: f64 = 1.0;

/// What `next` has found.
#[derive(Debug)]
enum Found {
    End,
    Run { window: Window, start: usize, end: usize },
    Gap(Gap),
}

impl Found {
    fn of(piece: Option<Piece<'_>>) -> Self {
        match piece {
            Some(Piece::Run(run)) => {
                Self::Run { window: run.window().clone(), start: run.start(), end: run.end() }
            }
            Some(Piece::Gap(gap)) => Self::Gap(gap),
            None => Self::End,
        }
    }
}

#[derive(Debug)]
struct State {
    /// `None` once closed.
    pieces: Option<Pieces>,
    found: Found,
    error: Option<Error>,
}

/// A replay on its way. Internal: use `Recovery` of the package.
#[napi]
pub struct NativeReplay(RefCell<State>);

#[napi]
impl NativeReplay {
    pub(crate) fn new(pieces: Pieces) -> Self {
        Self(RefCell::new(State { pieces: Some(pieces), found: Found::End, error: None }))
    }

    /// Goes to the next run and gives its bytes; 0 at the end, 1 for a gap, a negative code for an error.
    #[napi(catch_unwind)]
    pub fn next(&self) -> f64 {
        let state = &mut *self.0.borrow_mut();
        let Some(pieces) = &mut state.pieces else { return 0.0 };
        match pieces.next_piece().map(Found::of) {
            Ok(found) => state.found = found,
            Err(error) => {
                let value = error.code().return_value();
                state.found = Found::End;
                state.error = Some(error);
                return value.into();
            }
        }
        match &state.found {
            Found::End => 0.0,
            Found::Run { start, end, .. } => (end - start) as f64,
            Found::Gap(_) => GAP,
        }
    }

    /// The memory that holds the current run.
    #[napi(catch_unwind)]
    pub fn window<'env>(&self, env: &'env Env) -> napi::Result<ArrayBuffer<'env>> {
        match &self.0.borrow().found {
            Found::Run { window, .. } => external(env, window),
            _ => Err(to_throw(*env, &Error::new(Code::Closed, "there is no run"))),
        }
    }

    /// Names that memory: no other window of this process has or gets that name.
    #[napi(catch_unwind)]
    pub fn window_id(&self) -> u32 {
        match &self.0.borrow().found {
            Found::Run { window, .. } => window.id.0,
            _ => 0,
        }
    }

    /// Where the current run begins in its window.
    #[napi(catch_unwind)]
    pub fn start(&self) -> f64 {
        match &self.0.borrow().found {
            Found::Run { start, .. } => *start as f64,
            _ => 0.0,
        }
    }

    /// Where the current run ends in its window.
    #[napi(catch_unwind)]
    pub fn end(&self) -> f64 {
        match &self.0.borrow().found {
            Found::Run { end, .. } => *end as f64,
            _ => 0.0,
        }
    }

    /// The current gap as JSON.
    #[napi(catch_unwind)]
    pub fn gap_json(&self) -> String {
        match &self.0.borrow().found {
            Found::Gap(gap) => json!({
                "segment": gap.segment,
                "offset": gap.offset,
                "end": gap.offset + gap.length,
                "afterEventId": gap.after_event_id,
                "reason": gap.reason,
            })
            .to_string(),
            _ => "{}".to_owned(),
        }
    }

    /// The error behind a negative code, as JSON.
    #[napi(catch_unwind)]
    pub fn last_error_json(&self) -> String {
        self.0.borrow().error.as_ref().map_or_else(|| "{}".to_owned(), Error::to_json)
    }

    /// Ends the replay and gives its memory and its thread back.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        let mut state = self.0.borrow_mut();
        state.pieces = None;
        state.found = Found::End;
    }
}

pub(crate) fn external<'env>(env: &'env Env, window: &Window) -> napi::Result<ArrayBuffer<'env>> {
    let hint = Arc::into_raw(Arc::clone(&window.buffer));
    let mut buffer = ptr::null_mut();
    // SAFETY: `start` lies in the buffer, and the memory stays in its place until `release` drops the `Arc` that
    // travels as the hint.
    let status = unsafe {
        let first = window.buffer.as_mut_ptr().add(window.start).cast::<c_void>();
        let hint = hint.cast_mut().cast::<c_void>();
        sys::napi_create_external_arraybuffer(
            env.raw(),
            first,
            window.length,
            Some(release),
            hint,
            &raw mut buffer,
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: not given away, since the call has failed.
        drop(unsafe { Arc::from_raw(hint) });
    }
    if status == sys::Status::napi_no_external_buffers_allowed {
        let message = "this runtime allows no memory outside its own heap (Electron does not); read the log in a plain \
                       Node.js process";
        return Err(to_throw(*env, &Error::new(Code::Unsupported, message)));
    }
    check_status!(status)?;
    // SAFETY: `buffer` was made above in this environment.
    unsafe { ArrayBuffer::from_napi_value(env.raw(), buffer) }
}

unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the `Arc` given away in `external`, taken back once.
    drop(unsafe { Arc::from_raw(hint.cast::<PoolBuffer>()) });
}
