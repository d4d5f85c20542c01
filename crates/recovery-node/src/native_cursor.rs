//! The class behind `Cursor`. Whatever may wait for a disk runs on Node's pool; what may wait for a writer is asked for
//! again and again from JavaScript, since a thread of the pool is nothing to wait with.

use std::cell::RefCell;
use std::sync::Arc;

use flashstrike_recovery::cursor::{Cursor, CursorEntry, CursorOptions, CursorStart};
use flashstrike_recovery::{Code, Error, Recovery};
use napi::bindgen_prelude::{AsyncTask, Either};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::errors::to_throw;

/// An id, `start` or `end`.
type Start = Either<f64, String>;

/// What JavaScript gives; what it leaves out is as usual.
#[napi(object)]
pub struct CursorOpenOptions {
    /// Where to make it if there is none.
    pub create: Option<Start>,
    /// Where to put it whatever it says.
    pub reset: Option<Start>,
    /// Permission bits of the files made.
    pub file_mode: Option<u32>,
}

impl From<CursorOpenOptions> for CursorOptions {
    fn from(given: CursorOpenOptions) -> Self {
        let usual = Self::default();
        Self {
            create: given.create.as_ref().map(start_of),
            reset: given.reset.as_ref().map(start_of),
            file_mode: given.file_mode.unwrap_or(usual.file_mode),
        }
    }
}

fn start_of(given: &Start) -> CursorStart {
    match given {
        Either::A(event_id) => CursorStart::After(*event_id as u64),
        Either::B(word) if word == "end" => CursorStart::End,
        Either::B(_) => CursorStart::Start,
    }
}

/// A held cursor. Internal: use `Recovery.cursor` of the package.
#[napi]
pub struct NativeCursor(RefCell<Option<Arc<Cursor>>>);

#[napi]
impl NativeCursor {
    fn cursor(&self, env: Env) -> napi::Result<Arc<Cursor>> {
        let closed = || Error::new(Code::Closed, "this cursor was closed: open it again");
        self.0.borrow().as_ref().map(Arc::clone).ok_or_else(|| to_throw(env, &closed()))
    }

    /// Id of the last event done with.
    #[napi(catch_unwind)]
    pub fn position(&self, env: Env) -> napi::Result<f64> {
        Ok(self.cursor(env)?.position() as f64)
    }

    /// The highest id that the log's files call durable now.
    #[napi(catch_unwind)]
    pub fn durable_id(&self, env: Env) -> napi::Result<f64> {
        let durable = self.cursor(env)?.durable_event_id();
        durable.map(|id| id as f64).map_err(|error| to_throw(env, &error))
    }

    /// Commits on the pool; false: the event is not durable yet.
    #[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
    pub fn commit(&self, env: Env, event_id: f64) -> napi::Result<AsyncTask<MoveTask>> {
        let start = CursorStart::After(event_id as u64);
        Ok(AsyncTask::new(MoveTask { cursor: self.cursor(env)?, start, back: false }))
    }

    /// Puts it somewhere, on the pool; false: the event is not durable yet.
    #[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
    #[allow(clippy::needless_pass_by_value, reason = "Node hands it over by value")]
    pub fn reset(&self, env: Env, to: Start) -> napi::Result<AsyncTask<MoveTask>> {
        Ok(AsyncTask::new(MoveTask { cursor: self.cursor(env)?, start: start_of(&to), back: true }))
    }

    /// Gives it back for others to hold, once what is under way has ended.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.borrow_mut().take();
    }
}

/// Moves a cursor.
pub struct MoveTask {
    cursor: Arc<Cursor>,
    start: CursorStart,
    back: bool,
}

impl Task for MoveTask {
    type Output = Result<bool, Error>;
    type JsValue = bool;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(match self.start {
            CursorStart::After(event_id) if !self.back => self.cursor.try_commit(event_id),
            start => self.cursor.try_reset(start),
        })
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<bool> {
        output.map_err(|error| to_throw(env, &error))
    }
}

/// Opens a cursor, or makes it.
pub struct OpenCursorTask {
    pub(crate) recovery: Arc<Recovery>,
    pub(crate) name: String,
    pub(crate) options: CursorOptions,
}

impl Task for OpenCursorTask {
    type Output = Result<Option<Cursor>, Error>;
    type JsValue = Option<NativeCursor>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.recovery.try_cursor(&self.name, &self.options))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        let opened = output.map_err(|error| to_throw(env, &error))?;
        Ok(opened.map(|cursor| NativeCursor(RefCell::new(Some(Arc::new(cursor))))))
    }
}

/// Lists the cursors of a log, as JSON.
pub struct ListCursorsTask(pub(crate) Arc<Recovery>);

impl Task for ListCursorsTask {
    type Output = Result<Vec<CursorEntry>, Error>;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.0.cursors())
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<String> {
        let entries = output.map_err(|error| to_throw(env, &error))?;
        Ok(entries.iter().map(shown).collect::<Value>().to_string())
    }
}

fn shown(entry: &CursorEntry) -> Value {
    let (slot, problem) = match &entry.position {
        Ok(slot) => (Some(slot), None),
        Err(error) => (None, Some(error.to_string())),
    };
    json!({
        "name": entry.name,
        "eventId": slot.map(|slot| slot.event_id),
        "updatedMs": slot.map(|slot| slot.updated_ts_ns as f64 / 1e6),
        "held": entry.held,
        "problem": problem,
    })
}

/// Removes a cursor.
pub struct RemoveCursorTask {
    pub(crate) recovery: Arc<Recovery>,
    pub(crate) name: String,
}

impl Task for RemoveCursorTask {
    type Output = Result<(), Error>;
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.recovery.remove_cursor(&self.name))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<()> {
        output.map_err(|error| to_throw(env, &error))
    }
}
