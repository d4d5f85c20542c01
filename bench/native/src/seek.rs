//! Seeking in a large log: to an event, or to a time, and how long the first event takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flashstrike_recovery::directory::Listing;
use flashstrike_recovery::files::OsFileSystem;
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::{BlockHeader, SegmentHeader, cold, names};

use crate::large_log::large_log;
use crate::latencies::Latencies;
use crate::{Failure, Figures};

/// As the recorder compresses.
const LEVEL: i32 = 3;

/// The large log with all its sealed segments compressed, made if it is not there yet.
pub(crate) fn cold_log(parent: &Path, bytes: u64) -> Result<PathBuf, Failure> {
    let path = parent.join(format!("cold-{bytes}"));
    if path.exists() {
        return Ok(path);
    }
    let hot = large_log(parent, bytes)?;
    let making = parent.join(format!("making-cold-{bytes}"));
    if making.exists() {
        fs::remove_dir_all(&making)?;
    }
    fs::create_dir_all(&making)?;
    for &index in Listing::read(&OsFileSystem, &hot)?.segments.keys() {
        let name = names::hot_name(index);
        let segment = fs::read(hot.join(&name))?;
        if SegmentHeader::decode(&segment).is_ok_and(|header| header.sealed.is_some()) {
            let content = cold::compress(&segment[..end_of_blocks(&segment)], LEVEL)?;
            fs::write(making.join(names::cold_name(index)), content)?;
        } else {
            fs::write(making.join(name), segment)?;
        }
    }
    fs::copy(hot.join(names::WAL_META), making.join(names::WAL_META))?;
    fs::rename(&making, &path)?;
    Ok(path)
}

fn end_of_blocks(segment: &[u8]) -> usize {
    let mut at = SEGMENT_HEADER_SIZE;
    while let Ok(header) = BlockHeader::decode(segment.get(at..).unwrap_or(&[])) {
        at += header.block_len();
    }
    at
}

/// Seeks in each segment for the first time, then to random ids and to random times, each first without looking at the
/// clock.
pub(crate) fn round(logs: &Path, bytes: u64, is_cold: bool, seeks: u64) -> Result<Figures, Failure> {
    let log = if is_cold { cold_log(logs, bytes)? } else { large_log(logs, bytes)? };
    let recovery = Recovery::open(RecoveryOptions::new(log))?;
    let (first, last) = (recovery.first_event_id(), recovery.last_event_id());
    let segments = u64::from(recovery.report().segments.count);
    let touched = (0..segments).map(|at| first + (last - first) / segments * at);
    let touch = timed(touched, |id| find(&recovery, id))?;

    let mut random = Random(1);
    let ids: Vec<u64> = (0..seeks).map(|_| first + random.below(last - first + 1)).collect();
    let (begun, ended) = (written_at(&recovery, first)?, written_at(&recovery, last)?);
    let times: Vec<u64> = (0..seeks).map(|_| begun + random.below(ended - begun + 1)).collect();
    let by_time = |time| {
        let id = recovery.seek_time(time)?.ok_or("no event is as late as the last one")?;
        find(&recovery, id)
    };
    timed(ids.iter().copied(), |id| find(&recovery, id))?;
    let by_id = timed(ids.iter().copied(), |id| find(&recovery, id))?;
    timed(times.iter().copied(), by_time)?;
    let by_time = timed(times.iter().copied(), by_time)?;

    let mut figures = BTreeMap::new();
    for (names, found) in [
        (["idP50Us", "idP99Us"], by_id),
        (["timeP50Us", "timeP99Us"], by_time),
        (["touchP50Us", "touchP99Us"], touch),
    ] {
        figures.insert(names[0], found["p50Us"]);
        figures.insert(names[1], found["p99Us"]);
    }
    Ok(figures)
}

fn timed(
    sought: impl Iterator<Item = u64>,
    find: impl Fn(u64) -> Result<(), Failure>,
) -> Result<Figures, Failure> {
    let mut latencies = Latencies::with_capacity(0);
    for sought in sought {
        let start = Instant::now();
        find(sought)?;
        latencies.add(start.elapsed());
    }
    Ok(latencies.figures())
}

/// Reads an event, and gives up what follows.
fn find(recovery: &Recovery, id: u64) -> Result<(), Failure> {
    let mut replay = recovery.replay(ReplayOptions { from: Some(id), ..ReplayOptions::default() })?;
    match replay.next_event()? {
        Some(event) if event.id == id => Ok(()),
        other => Err(format!("event {id} was sought and {other:?} found").into()),
    }
}

/// When the block of an event was written.
fn written_at(recovery: &Recovery, id: u64) -> Result<u64, Failure> {
    let mut replay = recovery.replay(ReplayOptions { from: Some(id), to: Some(id), reverse: false })?;
    let run = replay.next_run()?.ok_or("an event of the log is not there")?;
    Ok(run.blocks().next().map_or(0, |block| block.header.written_ts_ns))
}

/// The same numbers in every round.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// xorshift64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
