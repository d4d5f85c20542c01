//! More bytes than the system keeps in memory: how fast they get to the disk.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use flashstrike_recorder::Code;

use crate::append::{PATIENCE, open_prepared};
use crate::events::{Events, options};
use crate::scratch::Scratch;
use crate::{Failure, Figures};

/// Bytes of one write of the reference.
const WRITE_BYTES: usize = 1 << 20;

/// Appends until so many bytes of segments are filled, and closes the log: then all of it is on the disk.
pub(crate) fn round(directory: &Path, bytes: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "sustained")?;
    let options = options(scratch.path())?;
    let last = (bytes / u64::from(options.segment_bytes)).max(1) as u32;
    let mut recorder = open_prepared(&options)?;
    let source = Events::new();
    let mut waits = 0_u32;
    let mut number = 0;
    let start = Instant::now();
    while recorder.manager()?.writer().position().is_none_or(|(index, _)| index < last) {
        // So many between two looks at the position, which is not part of an append.
        for _ in 0..1024 {
            let event = black_box(source.get(number));
            match recorder.append(event) {
                Ok(_) => number += 1,
                Err(error) if error.code() == Code::Backpressure => {
                    waits += 1;
                    recorder.drain(PATIENCE)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    let appended = start.elapsed().as_secs_f64();
    recorder.close()?;
    let seconds = start.elapsed().as_secs_f64();
    let filled = f64::from(last) * f64::from(options.segment_bytes);
    Ok(Figures::from([
        ("bytesPerSecond", filled / seconds),
        ("nsPerEvent", seconds * 1e9 / number as f64),
        ("appendSeconds", appended),
        ("seconds", seconds),
        ("gib", filled / (1_u64 << 30) as f64),
        ("waits", f64::from(waits)),
    ]))
}

/// Writes as many bytes into one new file, as `dd` does, and syncs it.
pub(crate) fn raw_round(directory: &Path, bytes: u64) -> Result<Figures, Failure> {
    Ok(Figures::from([("bytesPerSecond", bytes as f64 / write_synced(directory, bytes)?)]))
}

/// Seconds that it takes to write so many bytes into one new file, 1 MiB a call, and to sync it.
pub(crate) fn write_synced(directory: &Path, bytes: u64) -> Result<f64, Failure> {
    let scratch = Scratch::new(directory, "raw")?;
    let mut file = File::options().write(true).create_new(true).open(scratch.path().join("file"))?;
    let chunk: Vec<u8> = (0..WRITE_BYTES).map(|n| n as u8).collect();
    let start = Instant::now();
    for _ in 0..bytes / WRITE_BYTES as u64 {
        file.write_all(&chunk)?;
    }
    file.sync_data()?;
    Ok(start.elapsed().as_secs_f64())
}
