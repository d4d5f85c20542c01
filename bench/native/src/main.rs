//! One round of a contestant of a benchmark.
//!
//! The only argument is a [`Contest`] as JSON, the only output the figures of the round as JSON. Whoever compares
//! contestants lets them take turns.

mod append;
mod bisect;
mod choices;
mod commit;
mod device;
mod events;
mod follow;
mod group;
mod hand_off;
mod large_log;
mod latencies;
mod other_process;
mod paced;
mod recording;
mod reopen;
mod replay;
mod resident;
mod scratch;
mod seek;
mod signal;
mod store;
mod sustained;
mod sync_bytes;
mod verify;
mod write_sync;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};

type Failure = Box<dyn std::error::Error>;

/// The figures of one round by name; the name ends with the unit.
type Figures = BTreeMap<&'static str, f64>;

/// What to run, and how much of it in a round.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "contest", rename_all = "kebab-case", deny_unknown_fields)]
enum Contest {
    /// Appends of one event each.
    #[serde(rename_all = "camelCase")]
    Append { dir: PathBuf, events: u64 },
    /// Bare stores of one event each into a pre-faulted shared mapping.
    #[serde(rename_all = "camelCase")]
    Store { dir: PathBuf, events: u64 },
    /// One event appended and synced after the other.
    #[serde(rename_all = "camelCase")]
    Commit { dir: PathBuf, syncs: u64 },
    /// One overwrite of a zero-filled file and fdatasync after the other.
    #[serde(rename_all = "camelCase")]
    WriteSync { dir: PathBuf, write_bytes: usize, syncs: u64 },
    /// Going from one preloaded segment to the next in a replay.
    #[serde(rename_all = "camelCase")]
    HandOff { dir: PathBuf, hand_offs: u64 },
    /// Replays of a log.
    #[serde(rename_all = "camelCase")]
    Replay { dir: PathBuf, events: u64 },
    /// Following a writer in another process.
    #[serde(rename_all = "camelCase")]
    Follow { dir: PathBuf, events: u64, spin: bool },
    /// Not a contest: that writer.
    #[serde(rename_all = "camelCase")]
    WriteLive { log: PathBuf, events: u64 },
    /// Being told the time by another process, without a log.
    #[serde(rename_all = "camelCase")]
    Signal { dir: PathBuf, events: u64, spin: bool },
    /// Not a contest: that process.
    #[serde(rename_all = "camelCase")]
    WriteSignals { dir: PathBuf, events: u64, spin: bool },
    /// More bytes appended than the system keeps in memory.
    #[serde(rename_all = "camelCase")]
    Sustained { dir: PathBuf, bytes: u64 },
    /// As many bytes written to one file.
    #[serde(rename_all = "camelCase")]
    RawSequential { dir: PathBuf, bytes: u64 },
    /// Appends at a fixed rate, each of them timed.
    #[serde(rename_all = "camelCase")]
    Paced {
        dir: PathBuf,
        events: u64,
        /// As fast as they can be, and not at a fixed rate.
        #[serde(default)]
        full_speed: bool,
        /// How often somebody reads and writes out all metrics meanwhile; nobody does if there is none.
        scrape_ms: Option<u64>,
    },
    /// The same without an append.
    #[serde(rename_all = "camelCase")]
    PacedEmpty { dir: PathBuf, events: u64 },
    /// Opening a large log after a kill.
    #[serde(rename_all = "camelCase")]
    Reopen { dir: PathBuf, logs: PathBuf, bytes: u64, many_unsealed: bool },
    /// Makes a large log if it is not there yet.
    #[serde(rename_all = "camelCase")]
    LargeLog { dir: PathBuf, logs: PathBuf, bytes: u64 },
    /// Verifies a large log.
    #[serde(rename_all = "camelCase")]
    Verify { dir: PathBuf, logs: PathBuf, bytes: u64 },
    /// Reads the files of a large log.
    #[serde(rename_all = "camelCase")]
    RawRead { dir: PathBuf, logs: PathBuf, bytes: u64 },
    /// Seeking in a large log.
    #[serde(rename_all = "camelCase")]
    Seek { dir: PathBuf, logs: PathBuf, bytes: u64, cold: bool, seeks: u64 },
    /// Searching its files without it.
    #[serde(rename_all = "camelCase")]
    Bisect { dir: PathBuf, logs: PathBuf, bytes: u64, seeks: u64 },
    /// Makes a large log with compressed segments if it is not there yet.
    #[serde(rename_all = "camelCase")]
    ColdLog { dir: PathBuf, logs: PathBuf, bytes: u64 },
    /// Not a contest: what is killed before a log is opened.
    #[serde(rename_all = "camelCase")]
    AppendAndDie { log: PathBuf, many_unsealed: bool },
    /// What a synced event makes the device write.
    #[serde(rename_all = "camelCase")]
    SyncBytes { dir: PathBuf, syncs: u64 },
    /// Memory of a recorder.
    #[serde(rename_all = "camelCase")]
    ResidentRecorder { dir: PathBuf, seconds: f64 },
    /// Memory of replays of a large log.
    #[serde(rename_all = "camelCase")]
    ResidentReplay { dir: PathBuf, logs: PathBuf, bytes: u64, seconds: f64 },
    /// Appends into segments of some size.
    #[serde(rename_all = "camelCase")]
    SegmentSize { dir: PathBuf, events: u64, segment_bytes: u32 },
    /// Appends with syncs that nobody asks for.
    #[serde(rename_all = "camelCase")]
    UnaskedSyncs { dir: PathBuf, events: u64, interval_ms: u32, bytes: u64 },
    /// Compressing events.
    #[serde(rename_all = "camelCase")]
    Compression { dir: PathBuf, level: i32 },
    /// Recording metrics, and reading them.
    #[serde(rename_all = "camelCase")]
    Recording { dir: PathBuf, calls: u64 },
    /// Two threads that record metrics beside each other.
    #[serde(rename_all = "camelCase")]
    Neighbours { dir: PathBuf, calls: u64 },
    /// Groups of events, each group made durable by one sync.
    #[serde(rename_all = "camelCase")]
    Group { dir: PathBuf, events: u64, group: u64 },
}

impl Contest {
    fn round(&self) -> Result<Figures, Failure> {
        match self {
            Self::Append { dir, events } => append::round(dir, *events),
            Self::Store { dir, events } => store::round(dir, *events),
            Self::Commit { dir, syncs } => commit::round(dir, *syncs),
            Self::HandOff { dir, hand_offs } => hand_off::round(dir, *hand_offs),
            Self::Replay { dir, events } => replay::round(dir, *events),
            Self::Follow { dir, events, spin } => follow::round(dir, *events, *spin),
            Self::WriteLive { log, events } => follow::write(log, *events),
            Self::Signal { dir, events, spin } => signal::round(dir, *events, *spin),
            Self::WriteSignals { dir, events, spin } => signal::write(dir, *events, *spin),
            Self::WriteSync { dir, write_bytes, syncs } => write_sync::round(dir, *write_bytes, *syncs),
            Self::Sustained { dir, bytes } => sustained::round(dir, *bytes),
            Self::RawSequential { dir, bytes } => sustained::raw_round(dir, *bytes),
            Self::Paced { dir, events, full_speed, scrape_ms } => {
                let period = if *full_speed { Duration::ZERO } else { paced::PERIOD };
                paced::round(dir, *events, period, scrape_ms.map(Duration::from_millis))
            }
            Self::PacedEmpty { events, .. } => paced::empty_round(*events),
            Self::Reopen { dir, logs, bytes, many_unsealed } => {
                reopen::round(dir, logs, *bytes, *many_unsealed)
            }
            Self::LargeLog { logs, bytes, .. } => large_log::large_log(logs, *bytes).map(|_| Figures::new()),
            Self::Verify { logs, bytes, .. } => verify::round(logs, *bytes),
            Self::RawRead { logs, bytes, .. } => verify::raw_round(logs, *bytes),
            Self::Seek { logs, bytes, cold, seeks, .. } => seek::round(logs, *bytes, *cold, *seeks),
            Self::Bisect { logs, bytes, seeks, .. } => bisect::round(logs, *bytes, *seeks),
            Self::ColdLog { logs, bytes, .. } => seek::cold_log(logs, *bytes).map(|_| Figures::new()),
            Self::AppendAndDie { log, many_unsealed } => Err(large_log::append_and_die(log, *many_unsealed)),
            Self::SyncBytes { dir, syncs } => sync_bytes::round(dir, *syncs),
            Self::ResidentRecorder { dir, seconds } => resident::recorder_round(dir, *seconds),
            Self::ResidentReplay { logs, bytes, seconds, .. } => {
                resident::replay_round(logs, *bytes, *seconds)
            }
            Self::SegmentSize { dir, events, segment_bytes } => {
                choices::segment_size(dir, *events, *segment_bytes)
            }
            Self::UnaskedSyncs { dir, events, interval_ms, bytes } => {
                choices::unasked_syncs(dir, *events, *interval_ms, *bytes)
            }
            Self::Compression { level, .. } => choices::compression(*level),
            Self::Recording { calls, .. } => Ok(recording::round(*calls)),
            Self::Neighbours { calls, .. } => recording::neighbours_round(*calls),
            Self::Group { dir, events, group } => group::round(dir, *events, *group),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let text = std::env::args().nth(1).ok_or("the argument is a contest as JSON; npm run bench gives it")?;
    let contest: Contest = serde_json::from_str(&text)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&contest.round()?)?)?;
    Ok(())
}
