//! Durable commit of groups: so many events, one a call, and one sync.

use std::path::Path;
use std::time::Instant;

use flashstrike_recorder::Code;

use crate::append::{PATIENCE, open_prepared};
use crate::events::{Events, options};
use crate::latencies::Latencies;
use crate::scratch::Scratch;
use crate::{Failure, Figures};

const PREPARED_SEGMENTS: u32 = 3;

pub(crate) fn round(directory: &Path, events: u64, group: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "group")?;
    let mut options = options(scratch.path())?;
    options.small_syncs = true;
    options.prepared_segments = PREPARED_SEGMENTS;
    let mut recorder = open_prepared(&options)?;
    let source = Events::new();
    let mut latencies = Latencies::with_capacity(events / group);
    for first in (0..events).step_by(group as usize) {
        let start = Instant::now();
        for number in first..first + group {
            match recorder.append(source.get(number)) {
                Ok(_) => {}
                Err(error) if error.code() == Code::Backpressure => {
                    recorder.drain(PATIENCE)?;
                    recorder.append(source.get(number))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        recorder.durable_sync(None)?;
        latencies.add(start.elapsed());
    }
    let mut figures = latencies.figures();
    let groups_per_second = figures["perSecond"];
    figures.insert("eventsPerSecond", groups_per_second * group as f64);
    recorder.close()?;
    Ok(figures)
}
