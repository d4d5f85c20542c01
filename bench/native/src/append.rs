//! Appends from Rust, one event a call.

use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use flashstrike_recorder::{Code, Recorder, RecorderOptions};

use crate::events::{Events, options};
use crate::scratch::Scratch;
use crate::{Failure, Figures};

/// Longer than anything takes that is waited for outside of the clock, or by an append without room, on a slow, busy
/// machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Appends `events` events, rotating as segments fill; sealing what is left over and closing is not timed.
pub(crate) fn round(directory: &Path, events: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "append")?;
    let mut recorder = open_prepared(&options(scratch.path())?)?;
    let start = Instant::now();
    let waits = append_all(&mut recorder, events)?;
    let seconds = start.elapsed().as_secs_f64();
    recorder.close()?;
    Ok(Figures::from([("nsPerEvent", seconds * 1e9 / events as f64), ("waits", f64::from(waits))]))
}

/// Appends so many events; gives how often there was no room for the next one.
pub(crate) fn append_all(recorder: &mut Recorder, events: u64) -> Result<u32, Failure> {
    let source = Events::new();
    let mut waits = 0;
    for number in 0..events {
        let event = black_box(source.get(number));
        match recorder.append(event) {
            Ok(_) => {}
            Err(error) if error.code() == Code::Backpressure => {
                waits += 1;
                recorder.drain(PATIENCE)?;
                recorder.append(event)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(waits)
}

/// Opens a log and waits until all segments that are kept ready are ready.
pub(crate) fn open_prepared(options: &RecorderOptions) -> Result<Recorder, Failure> {
    let mut recorder = Recorder::open(options)?;
    let deadline = Instant::now() + PATIENCE;
    while recorder.manager()?.segments_ready() < options.prepared_segments as usize {
        if Instant::now() > deadline {
            return Err("the segments were not ready within ten minutes".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(recorder)
}
