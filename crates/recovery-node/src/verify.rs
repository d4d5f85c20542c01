//! Verification of a whole log, away from the event loop.

use std::sync::Arc;

use flashstrike_recovery::inspect::Progress;
use flashstrike_recovery::{Error, Recovery, Summary};
use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, Task};

use crate::errors::to_throw;

/// Segments verified, segments in all, bytes read.
pub(crate) type ProgressArguments = FnArgs<(u32, u32, f64)>;

pub(crate) type Listener = ThreadsafeFunction<ProgressArguments, (), ProgressArguments, Status, false, true>;

/// Verifies on a thread of the pool.
pub struct VerifyTask {
    recovery: Arc<Recovery>,
    listener: Listener,
}

impl VerifyTask {
    pub(crate) fn new(
        recovery: Arc<Recovery>,
        listener: &Function<'_, ProgressArguments, ()>,
    ) -> napi::Result<Self> {
        let listener = listener.build_threadsafe_function().weak::<true>().build()?;
        Ok(Self { recovery, listener })
    }
}

impl Task for VerifyTask {
    type Output = Result<Summary, Error>;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let listener = &self.listener;
        Ok(self.recovery.verify(&mut |progress: &Progress| {
            let told = (progress.segments_done, progress.segments, progress.bytes_done as f64).into();
            // Nobody may be listening any more.
            listener.call(told, ThreadsafeFunctionCallMode::NonBlocking);
        }))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        output.map(|summary| summary.to_json()).map_err(|error| to_throw(env, &error))
    }
}
