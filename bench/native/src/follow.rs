//! From the moment before an append in one process to the moment when another one has the event.

use std::path::Path;
use std::time::Duration;

use flashstrike_recorder::Recorder;
use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
use flashstrike_recovery::{Recovery, RecoveryOptions};
use rustix::time::{ClockId, clock_gettime};

use crate::append::open_prepared;
use crate::events::{Events, options};
use crate::latencies::Latencies;
use crate::other_process::{self, OtherProcess, now_ns};
use crate::scratch::Scratch;
use crate::{Contest, Failure, Figures};

/// A spinning reader spins for as long as this after each event: longer than any pause of the writer.
const SPIN: Duration = Duration::from_millis(50);
/// Where an event has the moment when its append began.
const TIMESTAMP: std::ops::Range<usize> = 8..16;
/// The first events are for the machine.
const WARM_UP_EVENTS: u64 = 200;

/// Follows a writer in a process of its own.
pub(crate) fn round(directory: &Path, events: u64, spin: bool) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "follow")?;
    let log = scratch.path().join("log");
    let contest = Contest::WriteLive { log: log.clone(), events: WARM_UP_EVENTS + events };
    let mut writer = OtherProcess::start(&contest)?;
    let recovery = Recovery::open(RecoveryOptions::new(&log))?;
    let spin = if spin { SPIN } else { Duration::ZERO };
    let mut follower =
        recovery.follow(FollowOptions { from: Start::First, spin, ..FollowOptions::default() })?;
    writer.begin()?;
    let mut latencies = Latencies::with_capacity(events);
    let (mut used, mut began) = (Duration::ZERO, 0);
    for number in 0..WARM_UP_EVENTS + events {
        let event = follower.next_event(Wait::Forever)?.ok_or("nothing was waited for")?;
        let now = now_ns();
        if number == WARM_UP_EVENTS {
            (used, began) = (processor_time(), now);
        }
        if number >= WARM_UP_EVENTS {
            let sent = event.bytes[TIMESTAMP].first_chunk().map_or(0, |raw| u64::from_le_bytes(*raw));
            latencies.add(Duration::from_nanos(now.saturating_sub(sent)));
        }
    }
    let busy = processor_time().saturating_sub(used).as_nanos() as f64 / (now_ns() - began).max(1) as f64;
    writer.end()?;
    let mut figures = latencies.figures();
    figures.insert("processorPercent", busy * 100.0);
    Ok(figures)
}

/// The other process: appends and publishes one event after the other, with pauses in which whoever sleeps falls asleep.
pub(crate) fn write(log: &Path, events: u64) -> Result<Figures, Failure> {
    let mut options = options(log)?;
    options.prepared_segments = 1;
    let mut recorder: Recorder = open_prepared(&options)?;
    other_process::ready()?;
    let source = Events::new();
    for number in 0..events {
        other_process::pause(number);
        let mut event = *source.get(number);
        event[TIMESTAMP].copy_from_slice(&now_ns().to_le_bytes());
        recorder.append(&event)?;
        recorder.flush()?;
    }
    recorder.close()?;
    Ok(Figures::new())
}

fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.cast_unsigned(), used.tv_nsec.cast_unsigned() as u32)
}
