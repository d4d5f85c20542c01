//! One round of a contestant of a benchmark.
//!
//! The only argument is a [`Contest`] as JSON, the only output the figures of the round as JSON. Whoever compares
//! contestants lets them take turns.

mod append;
mod commit;
mod events;
mod hand_off;
mod latencies;
mod scratch;
mod store;
mod write_sync;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;

/// The figures of one round by name; the name ends with the unit.
type Figures = BTreeMap<&'static str, f64>;

/// What to run, and how much of it in a round.
#[derive(Debug, Deserialize)]
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
}

impl Contest {
    fn round(&self) -> Result<Figures, Failure> {
        match self {
            Self::Append { dir, events } => append::round(dir, *events),
            Self::Store { dir, events } => store::round(dir, *events),
            Self::Commit { dir, syncs } => commit::round(dir, *syncs),
            Self::HandOff { dir, hand_offs } => hand_off::round(dir, *hand_offs),
            Self::WriteSync { dir, write_bytes, syncs } => write_sync::round(dir, *write_bytes, *syncs),
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
