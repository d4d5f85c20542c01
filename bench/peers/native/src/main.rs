//! One round of a peer in Rust.
//!
//! The only argument is a [`Contest`] as JSON, the only output the figures of the round as JSON.

mod okaywal_store;
mod raft_engine_store;
#[cfg(feature = "rocksdb")]
mod rocksdb_store;
mod walrus_store;

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// Bytes of an event.
const EVENT_BYTES: usize = 64;
/// Events of a group.
const GROUP_EVENTS: u64 = 256;

/// What to run, and how much of it in a round.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contest {
    contest: Kind,
    peer: String,
    dir: PathBuf,
    /// Events, of which a sync takes one or a group.
    events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Groups into the page cache.
    Append,
    /// One event, one sync.
    Commit,
    /// A group, one sync.
    Group,
    /// Reading what was kept, from opening to the last event.
    Replay,
}

/// What a replay has seen.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    events: u64,
    /// Of three fields of each.
    sum: u64,
}

impl Seen {
    /// Looks at events that stand one behind the other.
    fn look_at(&mut self, bytes: &[u8]) {
        let field =
            |event: &[u8], at: usize| event[at..].first_chunk().map_or(0, |field| u64::from_le_bytes(*field));
        for event in bytes.chunks_exact(EVENT_BYTES) {
            self.events += 1;
            self.sum += field(event, 0) + field(event, 8) + field(event, 16);
        }
    }
}

/// Somewhere to keep events.
trait Store {
    /// Keeps events that follow those before, `EVENT_BYTES` each; the first eight bytes are the id.
    fn write(&mut self, events: &[[u8; EVENT_BYTES]]) -> Result<(), Failure>;
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
    let scratch = contest.dir.join("round");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let figures = round(&contest, &scratch);
    fs::remove_dir_all(&scratch)?;
    writeln!(std::io::stdout(), "{}", figures?)?;
    Ok(())
}

fn open(contest: &Contest, dir: &Path) -> Result<Box<dyn Store>, Failure> {
    let durable = matches!(contest.contest, Kind::Commit | Kind::Group);
    Ok(match contest.peer.as_str() {
        "okaywal" => Box::new(okaywal_store::OkayWal::open(dir)?),
        "raft-engine" => Box::new(raft_engine_store::RaftEngine::open(dir, durable)?),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => Box::new(rocksdb_store::RocksDb::open(dir, contest.contest)?),
        "walrus-rust" => Box::new(walrus_store::WalrusStore::open(dir, contest.contest)?),
        other => return Err(format!("there is no peer {other}").into()),
    })
}

fn round(contest: &Contest, dir: &Path) -> Result<serde_json::Value, Failure> {
    if contest.contest == Kind::Replay {
        return replay_round(contest, dir);
    }
    let mut store = open(contest, dir)?;
    let group = if contest.contest == Kind::Commit { 1 } else { GROUP_EVENTS };
    let mut ns = Vec::with_capacity((contest.events / group) as usize);
    let start = Instant::now();
    for first in (0..contest.events).step_by(group as usize) {
        let before = Instant::now();
        let events: Vec<_> = (first..first + group).map(|number| event(number + 1)).collect();
        store.write(black_box(&events))?;
        ns.push(before.elapsed().as_nanos() as f64);
    }
    let seconds = start.elapsed().as_secs_f64();
    ns.sort_by(f64::total_cmp);
    let percentile = |percent: usize| ns.get(ns.len() * percent / 100).map_or(0.0, |ns| ns / 1e3);
    Ok(json!({
        "nsPerEvent": seconds * 1e9 / contest.events as f64,
        "eventsPerSecond": contest.events as f64 / seconds,
        "p50Us": percentile(50),
        "p99Us": percentile(99),
    }))
}

/// Keeps the events, then reads them twice: the first time pays for memory and caches.
fn replay_round(contest: &Contest, dir: &Path) -> Result<serde_json::Value, Failure> {
    let mut store = open(contest, dir)?;
    let mut kept = Seen::default();
    for first in (0..contest.events).step_by(GROUP_EVENTS as usize) {
        let events: Vec<_> = (first..first + GROUP_EVENTS).map(|number| event(number + 1)).collect();
        store.write(&events)?;
        kept.look_at(events.as_flattened());
    }
    drop(store);
    let mut seconds = 0.0;
    for _ in 0..2 {
        let start = Instant::now();
        let seen = match contest.peer.as_str() {
            "okaywal" => okaywal_store::replay(dir)?,
            "raft-engine" => raft_engine_store::replay(dir)?,
            #[cfg(feature = "rocksdb")]
            "rocksdb" => rocksdb_store::replay(dir)?,
            "walrus-rust" => walrus_store::replay()?,
            other => return Err(format!("there is no peer {other}").into()),
        };
        seconds = start.elapsed().as_secs_f64();
        if seen != kept {
            return Err(format!("{seen:?} was read, not {kept:?}").into());
        }
    }
    Ok(json!({ "eventsPerSecond": contest.events as f64 / seconds }))
}

fn event(id: u64) -> [u8; EVENT_BYTES] {
    let mut event = [0; EVENT_BYTES];
    event[..8].copy_from_slice(&id.to_le_bytes());
    event[8..16].copy_from_slice(&(1_700_000_000_000 + id).to_le_bytes());
    event[16..24].copy_from_slice(&(10_000 + id % 100).to_le_bytes());
    event
}
