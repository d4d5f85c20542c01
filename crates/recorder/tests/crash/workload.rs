//! Lives of a log, one after the other on the same disk, with everything appenders do in an order that chance decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use flashstrike_crash_lab::{Crash, Disk, History, PATIENCE, Promise};
use flashstrike_recorder::{Code, Event, Recorder, Result};

use super::check::Expected;
use super::log::{Kept, Lineage, Shape};

/// The name under which the disk knows its root.
const ROOT: &str = "/";

/// How the log is used.
#[derive(Clone, Copy)]
pub struct Workload {
    pub shape: Shape,
    /// Calls in a life.
    pub calls: u32,
    /// The faults that the explorer has to find.
    pub plant: Plant,
}

/// A fault of the recorder, or of the disk that stands for one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    None,
    /// Whoever asks for durability is told before the sync has ended.
    EarlyAcknowledgement,
    /// Syncs of segments do not reach the disk.
    NoSegmentSync,
    /// A segment is sealed without a sync of its blocks before.
    NoSyncBeforeSeal,
    /// Syncs of directories do not reach the disk.
    NoDirectorySync,
    /// Only those that should make the names of new segments durable do not.
    NoSyncOfSegmentNames,
}

/// One life, from opening on, and what is known of the log.
pub struct Life {
    pub history: History,
    pub expected: Expected,
    /// The disk as it was left.
    pub disk: Disk,
}

impl Workload {
    pub const fn new(shape: Shape) -> Self {
        Self { shape, calls: 60, plant: Plant::None }
    }

    /// So many lives: each ends with a close, a kill or a power cut, and the next one goes on with what is left.
    ///
    /// # Panics
    /// If a life does not go well: nothing fails here.
    pub fn lives(&self, rng: &mut Rng, count: u64) -> Vec<Life> {
        let mut lives = Vec::new();
        let mut expected =
            Expected { shape: self.shape, lineage: Lineage::default(), boot: 1, next_life: 1, log_id: None };
        let mut disk = Disk::default();
        if self.shape.kept == Kept::AFew {
            disk.promise("limits", |promise| promise.removable_below = u64::MAX);
        }
        for _ in 0..count {
            let promise_before = disk.promised();
            let closes = rng.bool();
            let life = self.live(rng, &disk, expected, closes);
            expected = life.expected.clone();
            expected.next_life += 1;
            disk = if rng.u8(..3) > 0 {
                life.disk.after_kill()
            } else {
                // What of it reached the device is left to the explorer; here, all of it did, apart from the memory.
                expected.boot = expected.boot_after(Crash::PowerCut);
                let promise = life.disk.promised();
                let left = life.disk.settled(promise);
                let found = expected.read(&left, expected.boot, promise, promise.durable).expect("a log");
                left.settled(Promise { durable: found.last, appended: found.last, ..promise })
            };
            debug_assert!(disk.promised().durable >= promise_before.durable);
            lives.push(life);
        }
        lives
    }

    fn live(&self, rng: &mut Rng, disk: &Disk, mut expected: Expected, closes: bool) -> Life {
        if self.plant == Plant::NoDirectorySync {
            disk.lie_about(|name| name == "log" || name == ROOT);
        }
        let mut options = self.shape.options(disk, expected.boot);
        let (teller, upkeep) = (disk.clone(), Arc::new(Upkeep::default()));
        let told = Arc::clone(&upkeep);
        options.observer = Some(Arc::new(move |event: &Event| match event {
            Event::Durable { event_id } => {
                teller.promise("told durable", |promise| promise.durable = promise.durable.max(*event_id));
            }
            Event::Compressed { .. } => _ = told.compressed.fetch_add(1, Ordering::SeqCst),
            Event::Deleted { .. } => _ = told.deleted.fetch_add(1, Ordering::SeqCst),
            _ => {}
        }));
        let mut recorder = Recorder::open(&options).expect("a log that opens");
        self.plant_in(disk);
        let last = recorder.last_event_id();
        expected.lineage.go_on(last, expected.next_life);
        disk.promise("opened", |promise| {
            *promise = Promise { exists: true, durable: last, appended: last, ..*promise };
        });
        let mut caller = Caller {
            disk,
            recorder: &mut recorder,
            workload: self,
            life: expected.next_life,
            // Where nobody asks, segments are sealed that nobody has synced before.
            asks_for_durability: rng.bool(),
        };
        for _ in 0..self.calls {
            caller.call(rng).expect("a call that succeeds");
        }
        if expected.next_life == 1 {
            // Once for certain; in other lives as the threads happen to run.
            caller.wait_for(&upkeep).expect("room to append");
        }
        if closes {
            caller.publish("flush", Recorder::flush).expect("a flush");
            recorder.close().expect("a close");
            disk.promise("closed", |promise| promise.durable = recorder.last_event_id());
        }
        let left = disk.after_kill();
        let history = disk.history();
        drop(recorder);
        let read = Expected { log_id: None, ..expected.clone() };
        let promise = Promise { exists: false, ..left.promised() };
        let found =
            read.read(&left, expected.boot, promise, promise.appended).expect("a log that can be read");
        expected.log_id = found.log_id;
        Life { history, expected, disk: left }
    }

    /// Once the log is there.
    fn plant_in(&self, disk: &Disk) {
        let is_segment = |name: &str| name.ends_with(".wal");
        match self.plant {
            Plant::None | Plant::EarlyAcknowledgement | Plant::NoDirectorySync => {}
            Plant::NoSegmentSync => disk.lie_about(is_segment),
            Plant::NoSyncBeforeSeal => {
                let synced = std::sync::Mutex::new(std::collections::HashSet::new());
                disk.lie_about(move |name| {
                    let is_sealer = std::thread::current().name() == Some("wal-seal");
                    let mut synced = synced.lock().expect("nothing panics");
                    is_segment(name) && is_sealer && synced.insert(name.to_owned())
                });
            }
            Plant::NoSyncOfSegmentNames => {
                disk.lie_about(|name| name == "log" && std::thread::current().name() == Some("wal-prepare"));
            }
        }
    }
}

/// A call that only stores, again after waiting for room; raises what is promised.
pub fn stores<T>(
    disk: &Disk,
    recorder: &mut Recorder,
    what: &str,
    call: impl Fn(&mut Recorder) -> Result<T>,
) -> Result<T> {
    loop {
        let outcome = disk.stores(
            what,
            || (call(recorder), recorder.last_event_id(), recorder.durable_event_id()),
            |(_, last, durable), promise| {
                promise.appended = *last;
                promise.durable = promise.durable.max(*durable);
            },
        );
        match outcome.0 {
            Err(error) if error.code() == Code::Backpressure => recorder.drain(PATIENCE)?,
            outcome => return outcome,
        }
    }
}

fn wait_for_more(count: &AtomicU32, before: u32) {
    let start = Instant::now();
    while count.load(Ordering::SeqCst) == before {
        assert!(start.elapsed() < PATIENCE, "nothing is done with old segments");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How often segments that are not appended to any more were compressed and removed.
#[derive(Default)]
struct Upkeep {
    compressed: AtomicU32,
    deleted: AtomicU32,
}

struct Caller<'a> {
    disk: &'a Disk,
    recorder: &'a mut Recorder,
    workload: &'a Workload,
    life: u64,
    asks_for_durability: bool,
}

impl Caller<'_> {
    /// One call, whichever.
    fn call(&mut self, rng: &mut Rng) -> Result<()> {
        match rng.u8(..100) {
            0..50 => {
                for _ in 0..rng.u8(1..8) {
                    self.append(1)?;
                }
                Ok(())
            }
            50..62 => self.append(rng.u64(2..12)),
            62..76 => self.publish("flush", Recorder::flush),
            76..86 if self.asks_for_durability => self.durable(rng.bool()),
            86..90 if self.workload.shape.kept != Kept::All => self.keep_less(rng),
            _ => self.publish("rotate", Recorder::rotate),
        }
    }

    /// One event, or a batch.
    fn append(&mut self, count: u64) -> Result<()> {
        let (shape, life) = (self.workload.shape, self.life);
        self.stores("append", |recorder| {
            let first = recorder.last_event_id() + 1;
            let events: Vec<_> = (first..first + count).map(|id| shape.event(id, life)).collect();
            if count == 1 { recorder.append(&events[0]) } else { recorder.append_batch(&events) }
        })
        .map(drop)
    }

    /// Fills more segments than are kept as they are, and waits until what is to be done with them is done once.
    fn wait_for(&mut self, upkeep: &Upkeep) -> Result<()> {
        let kept = self.workload.shape.kept;
        if kept == Kept::All {
            return Ok(());
        }
        if kept == Kept::AFew {
            // What is to go at once would not be compressed before.
            self.recorder.set_retention(Kept::Compressed.retention())?;
        }
        let compressed = upkeep.compressed.load(Ordering::SeqCst);
        for _ in 0..6 {
            self.append(1)?;
            self.publish("rotate", Recorder::rotate)?;
        }
        if kept != Kept::FromFloor {
            wait_for_more(&upkeep.compressed, compressed);
        }
        let deleted = upkeep.deleted.load(Ordering::SeqCst);
        match kept {
            Kept::All | Kept::Compressed => return Ok(()),
            Kept::FromFloor => self.truncate_before(self.recorder.last_event_id() + 1)?,
            Kept::AFew => self.recorder.set_retention(kept.retention())?,
        }
        wait_for_more(&upkeep.deleted, deleted);
        Ok(())
    }

    fn truncate_before(&mut self, floor: u64) -> Result<()> {
        self.disk.promise("truncate", |promise| {
            promise.removable_below = promise.removable_below.max(floor);
        });
        self.recorder.truncate_before(floor)
    }

    /// Gives events up, where that is how the log is kept, and leaves time for it.
    fn keep_less(&mut self, rng: &mut Rng) -> Result<()> {
        if self.workload.shape.kept == Kept::FromFloor {
            let floor = rng.u64(1..=self.recorder.last_event_id() + 1);
            self.truncate_before(floor)?;
        }
        // However long it takes, and whether or not anything is done meanwhile, is right.
        std::thread::sleep(Duration::from_millis(2));
        Ok(())
    }

    fn publish(&mut self, what: &str, call: impl Fn(&mut Recorder) -> Result<()>) -> Result<()> {
        self.stores(what, call)
    }

    fn durable(&mut self, wait: bool) -> Result<()> {
        // Published first, so that asking stores nothing.
        self.publish("flush", Recorder::flush)?;
        let last = self.recorder.last_event_id();
        if self.workload.plant == Plant::EarlyAcknowledgement {
            self.disk.promise("told too early", |promise| promise.durable = last);
        }
        if !wait {
            return self.recorder.request_durable(None);
        }
        self.recorder.durable_sync(None)?;
        self.disk.promise("durable", |promise| promise.durable = promise.durable.max(last));
        Ok(())
    }

    fn stores<T>(&mut self, what: &str, call: impl Fn(&mut Recorder) -> Result<T>) -> Result<T> {
        stores(self.disk, self.recorder, what, call)
    }
}
