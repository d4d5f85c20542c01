//! Durable commit with one waiter: append an event, wait until it is on the disk, append the next.

use std::path::Path;
use std::time::Instant;

use crate::append::open_prepared;
use crate::events::{Events, options};
use crate::latencies::Latencies;
use crate::scratch::Scratch;
use crate::{Failure, Figures};

pub(crate) fn round(directory: &Path, syncs: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "commit")?;
    let mut options = options(scratch.path())?;
    options.small_syncs = true;
    options.prepared_segments = 1;
    let mut recorder = open_prepared(&options)?;
    let source = Events::new();
    let mut latencies = Latencies::with_capacity(syncs);
    for number in 0..syncs {
        let start = Instant::now();
        recorder.append(source.get(number))?;
        recorder.durable_sync(None)?;
        latencies.add(start.elapsed());
    }
    let figures = latencies.figures();
    recorder.close()?;
    Ok(figures)
}
