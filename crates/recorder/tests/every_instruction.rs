//! A process is stopped between any two instructions of appending, and its files are read as they are then: what is
//! there if it is killed there.
//!
//! Kills at random moments seldom hit the few nanoseconds between two stores. Here they are all hit.
#![cfg(target_os = "linux")]

mod common;

use std::path::{Path, PathBuf};

use common::{PATIENCE, next_events, small_log_on, temporary_in_memory, wait_until, wait_until_prepared};
use flashstrike_crash_lab::{
    AckPage, Child, FaultFileSystem, Kind, ReadBack, Rule, Stepper, events, forbidden, given, is_child,
};
use flashstrike_recorder::{Recorder, RecorderOptions};
use flashstrike_recovery::files::{FileSystem, Mapping, OpenMode, OsFileSystem};

/// What the process does, one after the other.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// So many single events. Eight of 32 bytes make a block.
    Append(u64),
    /// So many events in one batch: all or none, at every moment.
    Batch(u64),
    Flush,
    Rotate,
}

const ACTS: [Act; 12] = [
    Act::Append(3),
    Act::Flush,
    Act::Append(9),
    Act::Batch(3),
    Act::Batch(6),
    Act::Append(1),
    Act::Batch(20),
    Act::Rotate,
    Act::Append(2),
    Act::Batch(4),
    Act::Rotate,
    Act::Append(9),
];

const READY: u64 = 1;
const GO: u64 = 2;
const DONE: u64 = 3;

fn tiny_log(files: &FaultFileSystem, log: &Path, event_size: u16) -> RecorderOptions {
    let mut options = small_log_on(files, log, event_size);
    options.block_bytes = 256;
    options.segment_bytes = 64 << 10;
    options
}

#[test]
#[ignore = "the process that is stopped"]
fn appender() {
    if !is_child() {
        return;
    }
    let event_size: u16 = given("LAB_EVENT_SIZE").to_str().unwrap().parse().unwrap();
    let page = AckPage::open(&given("LAB_PAGE")).unwrap();
    let files = FaultFileSystem::default();
    let options = tiny_log(&files, &given("LAB_LOG"), event_size);
    let mut recorder = Recorder::open(&options).unwrap();
    wait_until_prepared(&recorder, &options.directory, "00000002.wal", 2);
    // Nothing is sealed meanwhile: only this thread changes what is looked at.
    let (hold, _gate) = Rule::hold();
    files.add(hold.kind(Kind::SyncData).ending(".wal"));
    page.this_thread_appends();
    page.phase(READY);
    while page.last_phase() != GO {
        std::hint::spin_loop();
    }
    for act in ACTS {
        match act {
            Act::Append(count) => {
                for event in next_events(&recorder, event_size, count) {
                    page.staged(recorder.append(&event).unwrap());
                }
            }
            Act::Batch(count) => {
                page.staged(recorder.append_batch(&next_events(&recorder, event_size, count)).unwrap());
            }
            Act::Flush => recorder.flush().unwrap(),
            Act::Rotate => recorder.rotate().unwrap(),
        }
    }
    page.phase(DONE);
    std::thread::sleep(PATIENCE);
}

/// The last ids that may be there at any moment: inside a batch there is none.
fn last_ids_that_may_be() -> Vec<u64> {
    let mut ids = vec![0];
    let mut last = 0;
    for act in ACTS {
        match act {
            Act::Append(count) => {
                ids.extend(last + 1..=last + count);
                last += count;
            }
            Act::Batch(count) => {
                last += count;
                ids.push(last);
            }
            Act::Flush | Act::Rotate => {}
        }
    }
    ids
}

/// The files in which appending leaves traces, and what they held when they were looked at last.
struct Watched(Vec<(Mapping, Vec<u8>, Vec<u8>)>);

impl Watched {
    fn new(log: &Path) -> Self {
        let names = ["wal.staging", "00000000.wal", "00000001.wal", "00000002.wal"];
        let watch = |name| {
            let file = OsFileSystem.open(&log.join(name), OpenMode::ReadWrite).unwrap();
            // All that happens happens in the first few kilobytes.
            let length = usize::try_from(file.len().unwrap()).unwrap().min(12 << 10);
            (file.map(length).unwrap(), vec![0; length], vec![0; length])
        };
        Self(names.into_iter().map(watch).collect())
    }

    fn have_changed(&mut self) -> bool {
        let mut changed = false;
        for (mapping, now, before) in &mut self.0 {
            mapping.read(0, now);
            if now != before {
                before.copy_from_slice(now);
                changed = true;
            }
        }
        changed
    }
}

#[test]
fn fixed_size_events_are_whole_after_every_instruction() {
    step_through(32);
}

#[test]
fn variable_length_events_are_whole_after_every_instruction() {
    step_through(0);
}

fn step_through(event_size: u16) {
    let directory = temporary_in_memory();
    let [log, page_path] = ["log", "page"].map(|name| directory.path().join(name));
    let page = AckPage::create(&page_path).unwrap();
    let size = PathBuf::from(event_size.to_string());
    let variables = [("LAB_LOG", &log), ("LAB_PAGE", &page_path), ("LAB_EVENT_SIZE", &size)];
    let mut child = Child::spawn("appender", &variables);
    wait_until(|| (page.last_phase() == READY).then_some(()));
    let mut stepper = match Stepper::attach(page.appending_thread()) {
        Ok(stepper) => stepper,
        Err(why) => return forbidden(&format!("a process cannot be traced here: {why}")),
    };
    let mut watched = Watched::new(&log);
    page.phase(GO);

    let may_be = last_ids_that_may_be();
    let (mut steps, mut moments, mut last) = (0_u64, 0_u64, 0);
    while page.last_phase() != DONE {
        assert!(stepper.step().unwrap(), "the process has ended by itself");
        steps += 1;
        if !watched.have_changed() {
            continue;
        }
        moments += 1;
        let found = ReadBack::now(&log);
        let at = format!("after instruction {steps}");
        assert!(found.is_clean(), "{at}: {} {:?}", found.verdict.state, found.verdict.bad);
        let now = found.last_id();
        assert!(now >= last, "{at}: the log ended at {last} and ends at {now} now");
        assert!(
            now >= page.last_staged(),
            "{at}: {} was acknowledged, the log ends at {now}",
            page.last_staged()
        );
        assert!(may_be.contains(&now), "{at}: a part of a batch, up to {now}");
        let ids_and_contents = (1..).zip(&found.events);
        for (expected, (id, bytes)) in ids_and_contents {
            assert_eq!(*id, expected, "{at}");
            assert_eq!(*bytes, events::event(*id, event_size), "{at}: event {id}");
        }
        last = now;
    }
    assert_eq!(Some(&last), may_be.last());
    assert!(moments > 100, "{moments} moments in {steps} instructions");
    drop(stepper);
    child.kill();

    let mut recorder = Recorder::open(&tiny_log(&FaultFileSystem::default(), &log, event_size)).unwrap();
    assert_eq!(recorder.last_event_id(), last);
    recorder.close().unwrap();
}
