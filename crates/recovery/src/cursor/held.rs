//! A cursor in the hands of its consumer.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flashstrike_segment::{CursorSlot, names};

use super::directory::CursorsLock;
use super::durable::DurableWatch;
use super::entry::decode;
use super::file::CursorFile;
use super::no_such_cursor;
use super::options::{CursorOptions, CursorStart};
use super::wait::{DurableWait, LogPlace, until};
use crate::error::{Code, Error, Result};
use crate::machine::wall_clock_ns;
use crate::plan::gone;
use crate::recovery::Recovery;

/// What whoever opens a cursor that is not there may have wanted.
const MAKE_IT: &str = "To have it made, say where it is to begin (option create)";

/// A named position in a log, held by one consumer until it is dropped. Threads may share it.
///
/// ```no_run
/// use flashstrike_recovery::cursor::{CursorOptions, CursorStart};
/// use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
///
/// let log = Recovery::open(RecoveryOptions::new("orders"))?;
/// let options = CursorOptions { create: Some(CursorStart::Start), ..CursorOptions::default() };
/// let cursor = log.cursor("risk-engine", &options)?;
/// let from = Some(cursor.position() + 1);
/// let mut events = log.replay(ReplayOptions { from, ..ReplayOptions::default() })?;
/// while let Some(event) = events.next_event()? {
///     let id = event.id;
///     // … use the event, then:
///     cursor.commit(id)?;
/// }
/// # Ok::<(), flashstrike_recovery::Error>(())
/// ```
#[derive(Debug)]
pub struct Cursor {
    name: String,
    log: LogPlace,
    file: CursorFile,
    file_mode: u32,
    position: AtomicU64,
    watch: DurableWatch,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slot: CursorSlot,
    /// What a failed write or sync said: what stands in the file is not known since.
    failed: Option<Error>,
    /// How many had come to write when the position was last compared with the end of the log.
    changes: u64,
}

impl Cursor {
    /// `None`: the event it is to be put at is not durable yet.
    pub(super) fn open(
        recovery: &Recovery,
        name: &str,
        options: &CursorOptions,
        wait: &mut DurableWait,
    ) -> Result<Option<Self>> {
        let log = LogPlace {
            files: Arc::clone(recovery.files()),
            directory: recovery.directory().to_path_buf(),
            boot_id: recovery.boot_id(),
        };
        let Some(identity) = recovery.identity() else {
            let message = format!(
                "no segment of {} says which log it is, so no cursor can belong to it",
                log.directory.display()
            );
            return Err(Error::new(Code::Corrupt, message).at_path(&log.directory));
        };
        let watch = DurableWatch::new(&log, identity.log_id);
        let directory = log.directory.join(names::CURSORS);
        let found = match (CursorFile::acquire(&*log.files, &directory, name)?, options.create) {
            (None, None) => return Err(no_such_cursor(recovery, name, MAKE_IT)),
            (None, Some(start)) => {
                let Some((_lock, event_id)) = place(&log, &watch, start, options.file_mode, wait)? else {
                    return Ok(None);
                };
                // Somebody may have made it before the lock was ours.
                match CursorFile::acquire(&*log.files, &directory, name)? {
                    None => {
                        let slot = CursorSlot::first(identity.log_id, event_id, wall_clock_ns());
                        let file =
                            CursorFile::create(&*log.files, &directory, name, &slot, options.file_mode)?;
                        return Ok(Some(Self::new(name, log, file, slot, watch, options.file_mode)));
                    }
                    found => found,
                }
            }
            (found, _) => found,
        };
        let Some(file) = found else { return Err(no_such_cursor(recovery, name, MAKE_IT)) };
        let slot = decode(file.path(), &file.read()?, Some(&identity.log_id));
        match (slot, options.reset) {
            (Ok(slot), None) => {
                let end = log.look()?.last_id();
                if slot.event_id > end {
                    return Err(ahead(name, file.path(), slot.event_id, end));
                }
                Ok(Some(Self::new(name, log, file, slot, watch, options.file_mode)))
            }
            (Err(error), None) => Err(error.with_advice(
                "nothing of it was changed: look into it, then reset it to where its consumer is to go on",
            )),
            (slot, Some(start)) => {
                // One that cannot be read, or is of another log, is made anew.
                let whole = slot.is_err();
                let slot = slot.unwrap_or_else(|_| CursorSlot::first(identity.log_id, 0, wall_clock_ns()));
                let cursor = Self::new(name, log, file, slot, watch, options.file_mode);
                Ok(cursor.put(start, whole, wait)?.then_some(cursor))
            }
        }
    }

    fn new(
        name: &str,
        log: LogPlace,
        file: CursorFile,
        slot: CursorSlot,
        watch: DurableWatch,
        file_mode: u32,
    ) -> Self {
        Self {
            name: name.to_owned(),
            log,
            file,
            file_mode,
            position: AtomicU64::new(slot.event_id),
            watch,
            state: Mutex::new(State { slot, failed: None, changes: 0 }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the last event that its consumer is done with, 0: none. The next one to read is that of this id plus 1, or
    /// the first behind it.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Says that the consumer is done with all events up to this id. Waits until that event is durable, then until the
    /// position is. It never goes back: an id below the position changes nothing.
    ///
    /// # Errors
    /// `WAL_EVENT_ID` if there is no such event yet; `WAL_CURSOR_AHEAD` if the log was cut meanwhile and ends before the
    /// position, until it is reset; `WAL_CLOSED` if the writer ends before the event is durable, `WAL_POISONED` if a sync
    /// of the writer, or of this cursor, has failed; `WAL_NOT_FOUND` if somebody has removed the cursor, or the log;
    /// `WAL_UNSUPPORTED` if a newer version has written the log on; `WAL_IO`. The position is as it was then.
    pub fn commit(&self, event_id: u64) -> Result<()> {
        until(|wait| self.poll_commit(event_id, wait))
    }

    /// As [`commit`](Self::commit), but does not wait for the event to be durable; false: it is not yet. For an event that
    /// nobody has seen written yet it sleeps for 50 ms, to look once more before it says that there is none.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn try_commit(&self, event_id: u64) -> Result<bool> {
        self.poll_commit(event_id, &mut DurableWait::default())
    }

    /// The highest id that the log's files call durable now, for whoever would rather not ask for a commit in vain.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub fn durable_event_id(&self) -> Result<u64> {
        Ok(self.watch.look(&self.log)?.durable_event_id)
    }

    /// Puts the cursor somewhere, also back.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); `WAL_GONE` if retention has removed what comes behind it; `WAL_LOCKED` if somebody
    /// has the lock of all cursors for long.
    pub fn reset(&self, start: CursorStart) -> Result<()> {
        until(|wait| self.put(start, false, wait))
    }

    /// As [`reset`](Self::reset), but does not wait for the event to be durable; false: it is not yet. It may sleep as
    /// [`try_commit`](Self::try_commit) does.
    ///
    /// # Errors
    /// As [`reset`](Self::reset).
    pub fn try_reset(&self, start: CursorStart) -> Result<bool> {
        self.put(start, false, &mut DurableWait::default())
    }

    /// Somebody may have cut the log while the cursor was held: ids up to its position would be given out again.
    fn check_not_ahead(&self) -> Result<()> {
        let changes = self.watch.changes(&self.log)?;
        let mut state = self.lock();
        if state.changes == changes {
            return Ok(());
        }
        let end = self.log.look()?.last_id();
        if state.slot.event_id > end {
            return Err(ahead(&self.name, self.file.path(), state.slot.event_id, end));
        }
        state.changes = changes;
        Ok(())
    }

    fn poll_commit(&self, event_id: u64, wait: &mut DurableWait) -> Result<bool> {
        self.check_not_ahead()?;
        if event_id > self.position() && !wait.poll(&self.log, &self.watch, event_id)? {
            return Ok(false);
        }
        let mut state = self.lock();
        self.check_usable(&state)?;
        if event_id > state.slot.event_id {
            let next = state.slot.next(event_id, wall_clock_ns());
            let written = self.file.write(&next);
            self.written(&mut state, next, written)?;
        }
        Ok(true)
    }

    fn put(&self, start: CursorStart, whole: bool, wait: &mut DurableWait) -> Result<bool> {
        self.watch.changes(&self.log)?;
        let placed = place(&self.log, &self.watch, start, self.file_mode, wait)?;
        let Some((_lock, event_id)) = placed else { return Ok(false) };
        let mut state = self.lock();
        self.check_usable(&state)?;
        let (next, written) = if whole {
            let slot = CursorSlot::first(state.slot.log_id, event_id, wall_clock_ns());
            let written = self.file.write_anew(&slot);
            (slot, written)
        } else {
            let slot = state.slot.next(event_id, wall_clock_ns());
            let written = self.file.write(&slot);
            (slot, written)
        };
        self.written(&mut state, next, written)?;
        Ok(true)
    }

    /// What follows from a write: the position, or that nothing is known of it any more.
    fn written(&self, state: &mut State, slot: CursorSlot, outcome: std::io::Result<()>) -> Result<()> {
        if let Err(error) = outcome {
            let failed = Error::io("write", self.file.path(), &error);
            state.failed = Some(failed.clone());
            return Err(failed);
        }
        if !self.file.is_there(&*self.log.files)? {
            let message = format!(
                "the cursor {} was removed, or another put in its place, while it was held: what it holds back is no \
                 longer held. Open it again",
                self.file.path().display()
            );
            let failed = Error::new(Code::NotFound, message).at_path(self.file.path());
            state.failed = Some(failed.clone());
            return Err(failed);
        }
        self.position.store(slot.event_id, Ordering::Release);
        state.slot = slot;
        Ok(())
    }

    fn check_usable(&self, state: &State) -> Result<()> {
        match &state.failed {
            None => Ok(()),
            Some(error) if error.code() == Code::NotFound => Err(error.clone()),
            // After a failed sync the kernel may have dropped the data, so what stands there is not known.
            Some(error) => {
                let message = format!(
                    "a write of the cursor {} has failed before: {error}. Open it again to see where it stands",
                    self.file.path().display()
                );
                Err(Error::new(Code::Poisoned, message).at_path(self.file.path()))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a cursor is to stand, and the lock that keeps that from being removed; `None`: that is not durable yet.
fn place(
    log: &LogPlace,
    watch: &DurableWatch,
    start: CursorStart,
    file_mode: u32,
    wait: &mut DurableWait,
) -> Result<Option<(CursorsLock, u64)>> {
    let event_id = match start {
        CursorStart::Start => 0,
        CursorStart::End => {
            let found = log.look()?;
            watch.prove(found.durable_on_disk);
            watch.look(log)?.durable_event_id.min(found.last_id())
        }
        CursorStart::After(event_id) => {
            if !wait.poll(log, watch, event_id)? {
                return Ok(None);
            }
            event_id
        }
    };
    let lock = CursorsLock::acquire(&*log.files, &log.directory, file_mode)?;
    let found = log.look()?;
    let event_id = match start {
        // An id of its own: the events before the first one have never been there, or are gone.
        CursorStart::Start => found.gone_event_id,
        CursorStart::End => event_id.max(found.gone_event_id),
        CursorStart::After(event_id) if event_id < found.gone_event_id => {
            return Err(gone(event_id, found.first_event_id.max(found.gone_event_id + 1)));
        }
        CursorStart::After(event_id) => event_id,
    };
    Ok(Some((lock, event_id)))
}

fn ahead(name: &str, path: &Path, position: u64, end: u64) -> Error {
    let message = format!(
        "the cursor {name} stands at event {position}, but the log ends with event {end}: events that its consumer has \
         seen were lost or cut off, and their ids are given out again. Decide where it is to go on, and reset it there"
    );
    Error::new(Code::CursorAhead, message).at_event(position).at_path(path)
}
