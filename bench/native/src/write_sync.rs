//! What a durable write costs without a log: overwrite a part of a file that has been written before, then fdatasync.
//!
//! The file is zero-filled one block a call, so that the kernel keeps its pages in small folios and a sync writes no
//! more than was overwritten; that is the best a file can do.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::device::Written;
use crate::latencies::Latencies;
use crate::scratch::Scratch;
use crate::{Failure, Figures};

const FILE_BYTES: u64 = 64 << 20;
const BLOCK: [u8; 4096] = [0; 4096];

pub(crate) fn round(directory: &Path, write_bytes: usize, syncs: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "write-sync")?;
    let file = zero_filled(&scratch.path().join("file"))?;
    let bytes: Vec<u8> = (0..write_bytes).map(|n| n as u8).collect();
    let places = FILE_BYTES / write_bytes as u64;
    let written = Written::to_device_of(scratch.path())?;
    let mut latencies = Latencies::with_capacity(syncs);
    for number in 0..syncs {
        let start = Instant::now();
        file.write_all_at(&bytes, number % places * write_bytes as u64)?;
        file.sync_data()?;
        latencies.add(start.elapsed());
    }
    let mut figures = latencies.figures();
    figures.insert("deviceBytesPerSync", written.bytes()? as f64 / syncs as f64);
    Ok(figures)
}

fn zero_filled(path: &Path) -> Result<File, Failure> {
    let file = File::options().write(true).create_new(true).open(path)?;
    for at in (0..FILE_BYTES).step_by(BLOCK.len()) {
        file.write_all_at(&BLOCK, at)?;
    }
    file.sync_all()?;
    Ok(file)
}
