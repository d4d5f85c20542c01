//! What the command line asks of a log, away from the event loop: everything goes in as arguments and comes back as
//! JSON.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use flashstrike_recovery::copy::{CopyOptions, copy};
use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::inspect::Progress;
use flashstrike_recovery::overview::overview;
use flashstrike_recovery::repair::{ByHandOptions, plan_repair, plan_undo, repair_if, undo};
use flashstrike_recovery::{Error, Mode, verify};
use napi::bindgen_prelude::{AsyncTask, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Task};
use napi_derive::napi;
use serde::Serialize;

use crate::errors::to_throw;
use crate::verify::{Listener, ProgressArguments};

type Job = Box<dyn FnMut(&Arc<dyn FileSystem>) -> Result<String, Error> + Send>;

/// One question to a log.
pub struct ToolTask(Job);

impl ToolTask {
    fn asking<T: Serialize>(
        mut ask: impl FnMut(&Arc<dyn FileSystem>) -> Result<T, Error> + Send + 'static,
    ) -> AsyncTask<Self> {
        let job = move |files: &Arc<dyn FileSystem>| {
            ask(files).map(|answer| serde_json::to_string(&answer).unwrap_or_default())
        };
        AsyncTask::new(Self(Box::new(job)))
    }
}

impl Task for ToolTask {
    type Output = Result<String, Error>;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let files: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
        Ok((self.0)(&files))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        output.map_err(|error| to_throw(env, &error))
    }
}

/// What a log consists of, as JSON. Internal: use the command line.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn inspect_log(dir: String) -> AsyncTask<ToolTask> {
    ToolTask::asking(move |files| overview(files, &PathBuf::from(&dir), None))
}

/// Verifies every segment of a log that may not even open; resolves with the summary as JSON.
#[napi(
    catch_unwind,
    ts_args_type = "dir: string, onProgress: (segments: number, ofSegments: number, bytes: number) => void",
    ts_return_type = "Promise<string>"
)]
#[allow(clippy::needless_pass_by_value, reason = "Node hands the listener over by value")]
pub fn verify_log(
    dir: String,
    on_progress: Function<'_, ProgressArguments, ()>,
) -> napi::Result<AsyncTask<ToolTask>> {
    let listener: Listener = on_progress.build_threadsafe_function().weak::<true>().build()?;
    Ok(ToolTask::asking(move |files| {
        verify(files, &PathBuf::from(&dir), None, &mut |progress: &Progress| {
            let told = (progress.segments_done, progress.segments, progress.bytes_done as f64).into();
            listener.call(told, ThreadsafeFunctionCallMode::NonBlocking);
        })
    }))
}

/// How to repair.
#[napi(object)]
#[derive(Debug)]
pub struct RepairLogOptions {
    /// `tail` or `point-in-time`.
    pub mode: String,
    /// Permission bits of new files.
    pub file_mode: u32,
    /// Says what would be done, and changes nothing.
    pub dry: bool,
    /// The time in the names of what is kept, milliseconds since the Unix epoch.
    pub at_ms: f64,
    /// The plan that was agreed to, as JSON: nothing is done if it would be another one now.
    pub agreed: Option<String>,
}

/// Repairs a log, or says what that would do; resolves with it as JSON.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
#[allow(clippy::needless_pass_by_value, reason = "Node hands the options over by value")]
pub fn repair_log(env: Env, dir: String, options: RepairLogOptions) -> napi::Result<AsyncTask<ToolTask>> {
    let mode = Mode::from_str(&options.mode).map_err(|error| to_throw(env, &error))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that is out of range saturates"
    )]
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(options.at_ms as u64));
    let by_hand = ByHandOptions { mode, file_mode: Some(options.file_mode), boot_id: None, at };
    Ok(ToolTask::asking(move |files| {
        let directory = PathBuf::from(&dir);
        if options.dry {
            return plan_repair(files, &directory, &by_hand);
        }
        repair_if(files, &directory, &by_hand, |plan| {
            let is_this = |agreed: &String| {
                let agreed: Option<serde_json::Value> = serde_json::from_str(agreed).ok();
                agreed.is_some() && serde_json::to_value(plan).ok() == agreed
            };
            options.agreed.as_ref().is_none_or(is_this)
        })
    }))
}

/// Puts back what a repair has cut, or says what that would do; resolves with it as JSON. `name` empty: the newest one.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn undo_repair(dir: String, name: String, file_mode: u32, dry: bool) -> AsyncTask<ToolTask> {
    let by_hand = ByHandOptions { file_mode: Some(file_mode), ..ByHandOptions::default() };
    ToolTask::asking(move |files| {
        let name = (!name.is_empty()).then_some(name.as_str());
        let run = if dry { plan_undo } else { undo };
        run(files, &PathBuf::from(&dir), name, &by_hand)
    })
}

/// How often somebody wanted the copies of this process to end: those that were begun before do, later ones do not.
static COPIES_ENDED: AtomicU64 = AtomicU64::new(0);

/// Copies a log to an empty directory; resolves with what was copied as JSON. `hold`: retention is kept from removing
/// anything meanwhile.
#[napi(
    catch_unwind,
    ts_args_type = "from: string, to: string, fileMode: number, hold: boolean, onProgress: (segments: number, ofSegments: number, bytes: number) => void",
    ts_return_type = "Promise<string>"
)]
#[allow(clippy::needless_pass_by_value, reason = "Node hands the listener over by value")]
pub fn copy_log(
    from: String,
    to: String,
    file_mode: u32,
    hold: bool,
    on_progress: Function<'_, ProgressArguments, ()>,
) -> napi::Result<AsyncTask<ToolTask>> {
    let listener: Listener = on_progress.build_threadsafe_function().weak::<true>().build()?;
    let options = CopyOptions { file_mode: Some(file_mode), hold, boot_id: None };
    let ended = COPIES_ENDED.load(Ordering::Relaxed);
    Ok(ToolTask::asking(move |_| {
        copy(&PathBuf::from(&from), &PathBuf::from(&to), &options, &mut |done, all, bytes| {
            listener.call((done, all, bytes as f64).into(), ThreadsafeFunctionCallMode::NonBlocking);
            COPIES_ENDED.load(Ordering::Relaxed) == ended
        })
    }))
}

/// Ends the copies that this process has begun, which give back what they hold.
#[napi]
pub fn end_copies() {
    COPIES_ENDED.fetch_add(1, Ordering::Relaxed);
}
