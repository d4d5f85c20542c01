//! What the contract promises of a log that a crash has left.

use flashstrike_crash_lab::{Crash, CrashState, Disk, History, Promise};
use flashstrike_recorder::{Code, Recorder};
use flashstrike_recovery::report::LogState;
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

use super::log::{DIRECTORY, Kept, Lineage, Shape};
use super::workload::stores;

/// What a test knows of the log that was crashed.
#[derive(Clone)]
pub struct Expected {
    pub shape: Shape,
    pub lineage: Lineage,
    /// The boot of the machine, as it was before the crash.
    pub boot: u8,
    /// The life that goes on after the crash.
    pub next_life: u64,
    /// The log's id, if it was ever seen.
    pub log_id: Option<[u8; 16]>,
}

/// What a reader finds.
pub struct Found {
    pub first: u64,
    pub last: u64,
    pub log_id: Option<[u8; 16]>,
    pub state: LogState,
    /// All that is said of it.
    pub report: String,
}

type Checked<T> = Result<T, String>;

fn said(what: &str, error: &flashstrike_recorder::Error) -> String {
    format!("{what}: {}: {error}", error.code())
}

impl Expected {
    /// The boot that runs after a crash.
    pub fn boot_after(&self, crash: Crash) -> u8 {
        match crash {
            Crash::Kill => self.boot,
            Crash::PowerCut => self.boot.wrapping_add(1),
        }
    }

    /// Reads the log and checks the events.
    ///
    /// # Errors
    /// What is not as promised.
    pub fn read(&self, disk: &Disk, boot: u8, promise: Promise, least: u64) -> Checked<Found> {
        let mut options = RecoveryOptions::new(DIRECTORY);
        options.files = Some(disk.shared());
        options.boot_id = Some([boot; 16]);
        let recovery = match Recovery::open(options) {
            Ok(recovery) => recovery,
            Err(error) if error.code() == Code::NotFound && !promise.exists => {
                return Ok(Found {
                    first: 0,
                    last: 0,
                    log_id: None,
                    state: LogState::Clean,
                    report: String::new(),
                });
            }
            Err(error) => return Err(said("opened for reading", &error)),
        };
        let log_id = recovery.identity().map(|identity| identity.log_id);
        if promise.exists && log_id != self.log_id {
            return Err("the log was created durably, and another one is there".to_owned());
        }
        let mut replay =
            recovery.replay(ReplayOptions::default()).map_err(|error| said("replayed", &error))?;
        let (mut first, mut last) = (0, 0);
        while let Some(event) = replay.next_event().map_err(|error| said("replayed", &error))? {
            if first == 0 {
                first = event.id;
            } else if event.id != last + 1 {
                return Err(format!("event {} follows event {last}", event.id));
            }
            last = event.id;
            if *event.bytes != *self.shape.event(event.id, self.lineage.life_of(event.id)) {
                return Err(format!("event {} is not what was appended", event.id));
            }
        }
        if last == 0 {
            // What was appended last may have been removed.
            last = recovery.last_event_id();
        }
        if first > promise.removable_below.max(1) {
            return Err(format!("the log begins with event {first}; {promise:?}"));
        }
        if last < least {
            return Err(format!("the log ends with event {last}, although {least} was promised"));
        }
        if last != recovery.last_event_id() {
            return Err(format!("{last} is not the last event {}", recovery.last_event_id()));
        }
        let report = recovery.report();
        Ok(Found { first, last, log_id, state: report.state, report: report.to_json() })
    }

    /// Checks all of it, and says of a failure what was done until then.
    ///
    /// # Errors
    /// What is not as promised.
    pub fn check(&self, state: &CrashState) -> Checked<(Self, History)> {
        self.check_all(state).map_err(|what| {
            let history = state.disk.history();
            let lines: Vec<_> = history.lines().map(|line| format!("  then {line}\n")).collect();
            format!("{what}\n{}", lines.concat())
        })
    }

    /// Checks all of it: reads, opens for appending, goes on, closes, and reads again. Gives what the second life did to
    /// the disk.
    ///
    /// # Errors
    /// What is not as promised.
    fn check_all(&self, state: &CrashState) -> Checked<(Self, History)> {
        let boot = self.boot_after(state.crash);
        let promised = match state.crash {
            Crash::Kill => state.promise.appended,
            Crash::PowerCut => state.promise.durable,
        };
        let found = self.read(&state.disk, boot, state.promise, promised)?;
        let last = found.last;
        if last > state.promise.appended {
            return Err(format!("event {last} was never appended"));
        }
        state.disk.promise("read", |promise| {
            // Whatever is on the device when the machine starts again stays there.
            let durable = if state.crash == Crash::PowerCut { last } else { promise.durable };
            *promise = Promise { durable, appended: last, ..*promise };
            if self.shape.kept != Kept::AFew {
                // Where no event is left, the next one may be the first.
                promise.removable_below = if found.first == 0 { last + 1 } else { found.first };
            }
        });
        let mut after = self.clone();
        after.boot = boot;
        after.log_id = found.log_id;
        after.next_life += 1;
        after.lineage.go_on(last, self.next_life);
        let disk = &state.disk;
        let mut recorder = Recorder::open(&self.shape.options(disk, boot))
            .map_err(|error| said("opened for appending", &error))?;
        let levels = [recorder.last_event_id(), recorder.durable_event_id()];
        if levels != [last; 2] {
            return Err(format!("{last} events are there, and {levels:?} when opened for appending"));
        }
        disk.promise("opened", |promise| {
            *promise = Promise { exists: true, durable: last, ..*promise };
        });
        for more in 1..=3 {
            let event = self.shape.event(last + more, self.next_life);
            let appended = stores(disk, &mut recorder, "append", |log| log.append(&event))
                .map_err(|error| said("appended", &error))?;
            if appended != last + more {
                return Err(format!("event {appended} does not follow {last}"));
            }
        }
        stores(disk, &mut recorder, "flush", Recorder::flush).map_err(|error| said("flushed", &error))?;
        recorder.close().map_err(|error| said("closed", &error))?;
        drop(recorder);
        disk.promise("closed", |promise| promise.durable = last + 3);
        let is_known = after.log_id.is_some();
        let promise = Promise { exists: is_known, ..disk.promised() };
        let again = after.read(disk, boot, promise, last + 3)?;
        if again.last != last + 3 || again.state != LogState::Clean {
            return Err(format!("closed with event {}, the log is found so: {}", last + 3, again.report));
        }
        after.log_id = again.log_id;
        Ok((after, disk.history()))
    }
}
