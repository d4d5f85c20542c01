//! The lower bound of an append: a bare store of the event's bytes into a shared mapping that is already faulted in.
//! No id, no count, no checksum, no order.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use memmap2::{Advice, MmapMut};
use rustix::fs::{FallocateFlags, fallocate};

use crate::events::{EVENT_BYTES, Events};
use crate::scratch::Scratch;
use crate::{Failure, Figures};

pub(crate) fn round(directory: &Path, events: u64) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "store")?;
    let mut mapping = prefaulted(&scratch.path().join("mapping"), events * EVENT_BYTES as u64)?;
    let source = Events::new();
    let start = Instant::now();
    for (number, place) in (0..events).zip(mapping.chunks_exact_mut(EVENT_BYTES)) {
        place.copy_from_slice(black_box(source.get(number)));
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figures::from([("nsPerEvent", seconds * 1e9 / events as f64)]))
}

/// A new file, allocated, mapped and faulted in as the recorder prepares a segment.
fn prefaulted(path: &Path, length: u64) -> Result<MmapMut, Failure> {
    let file = File::options().read(true).write(true).create_new(true).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, length)?;
    file.sync_all()?;
    // SAFETY: the file was made above in a directory of this process's own; nobody else changes it.
    let mapping = unsafe { MmapMut::map_mut(&file)? };
    mapping.advise(Advice::PopulateWrite)?;
    Ok(mapping)
}
