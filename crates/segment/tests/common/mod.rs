//! A log in memory: named files, read and verified as a reader of a directory would.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

pub mod build;
pub mod judge;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flashstrike_segment::cold;
use flashstrike_segment::layout::MAX_SEGMENT_SIZE;
use flashstrike_segment::names::{SegmentFile, SegmentKind, WAL_META, WAL_STAGING, cold_name, hot_name};
use flashstrike_segment::verify::{any_block, is_whole};
use flashstrike_segment::{
    BlockRef, ColdState, Following, LogVerifier, MetaError, SegmentBytes, SegmentStart, State, Unsupported,
    Verdict, WalMeta, payload,
};
use sha2::{Digest, Sha256};

/// The boot id that the golden vectors were made for.
pub const BOOT_ID: [u8; 16] = 0xB007_u128.to_be_bytes();

/// The files of a log's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryLog {
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What reading a log comes to.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Ids and bytes of all events, staged ones included.
    pub events: Vec<(u64, Vec<u8>)>,
    /// Whether `wal.meta` is there and does not count.
    pub meta_ignored: bool,
}

impl Outcome {
    pub fn ids(&self) -> Vec<u64> {
        self.events.iter().map(|(id, _)| *id).collect()
    }

    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (_, bytes) in &self.events {
            hash.update(bytes);
        }
        hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    pub fn bad(&self) -> Option<(Option<u32>, u64)> {
        self.verdict.bad.as_ref().map(|bad| (bad.position.segment, bad.position.offset))
    }

    /// Answers of `tail`, `strict`, `point-in-time` when reading.
    pub fn modes(&self) -> [&'static str; 3] {
        match self.verdict.state {
            State::Clean => ["ok", "ok", "ok"],
            State::Torn => ["ok", "WAL_TORN", "ok"],
            State::Corrupt => ["WAL_CORRUPT", "WAL_CORRUPT", "ok"],
        }
    }
}

impl MemoryLog {
    pub fn read(dir: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
        Self { files }
    }

    pub fn write(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for (name, bytes) in &self.files {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }

    /// The segments in order, each in the form a reader takes, with the damage of a cold one.
    pub fn segments(&self) -> Vec<(u32, Vec<u8>, Option<ColdState>)> {
        let mut indices: Vec<u32> =
            self.files.keys().filter_map(|name| SegmentFile::parse(name)).map(|file| file.index).collect();
        indices.dedup();
        indices.into_iter().map(|index| self.segment(index)).collect()
    }

    fn segment(&self, index: u32) -> (u32, Vec<u8>, Option<ColdState>) {
        let (hot, cold) = (self.files.get(&hot_name(index)), self.files.get(&cold_name(index)));
        match (hot, cold) {
            (Some(hot), None) => (index, hot.clone(), None),
            (Some(hot), Some(_)) if is_whole(index, hot) => (index, hot.clone(), None),
            (_, Some(cold)) => {
                let content = cold::read_all(cold, MAX_SEGMENT_SIZE);
                (index, content.bytes, Some(ColdState { damage: content.damage }))
            }
            (None, None) => unreachable!("the index is that of a file"),
        }
    }

    /// Verifies the whole log as `Recovery.verify()` would.
    pub fn verify(&self) -> Result<Outcome, Unsupported> {
        let segments = self.segments();
        let starts: Vec<SegmentStart> =
            segments.iter().map(|(_, bytes, _)| SegmentStart::read(bytes)).collect::<Result<_, _>>()?;
        let meta = match self.files.get(WAL_META).map(|file| WalMeta::decode(file)) {
            Some(Err(MetaError::Unsupported(unsupported))) => return Err(unsupported),
            Some(Ok(meta)) if meta.belongs_to(starts.iter().filter_map(SegmentStart::log_id)) => Some(meta),
            _ => None,
        };
        let first_segment = meta.as_ref().map_or(0, |meta| meta.first_segment);
        let mut verifier = LogVerifier::new(None, meta.as_ref());
        if segments.last().is_some_and(|(index, ..)| *index < first_segment) {
            verifier.missing_segment(first_segment);
        }
        let mut events = Vec::new();
        for (n, (index, bytes, cold)) in segments.iter().enumerate() {
            if *index < first_segment {
                continue;
            }
            let event_size = starts[n].event_size.unwrap_or(0);
            let mut following = Rest { segments: &segments[n + 1..], starts: &starts[n + 1..] };
            let segment = SegmentBytes { index: *index, bytes, cold: cold.clone() };
            let mut visit = |block: BlockRef<'_>| {
                collect(&mut events, block.payload, event_size, block.header.first_event_id);
            };
            verifier.segment(segment, &mut following, &mut visit)?;
        }
        if let Some(file) = self.files.get(WAL_STAGING)
            && let flashstrike_segment::StagingOutcome::Taken(staged) = verifier.staging(file, &BOOT_ID)?
        {
            let event_size = u16::from_le_bytes([file[6], file[7]]);
            collect(&mut events, &staged.payload, event_size, staged.first_event_id);
            assert_eq!(events.last().map(|(id, _)| *id), Some(staged.last_event_id));
        }
        let meta_ignored = meta.is_none() && self.files.contains_key(WAL_META);
        Ok(Outcome { verdict: verifier.finish(), events, meta_ignored })
    }

    pub fn has_cold(&self) -> bool {
        let is_cold =
            |name: &String| SegmentFile::parse(name).is_some_and(|file| file.kind == SegmentKind::Cold);
        self.files.keys().any(is_cold)
    }
}

fn collect(events: &mut Vec<(u64, Vec<u8>)>, bytes: &[u8], event_size: u16, first_event_id: u64) {
    if event_size == 0 {
        events
            .extend(payload::variable_events(bytes, first_event_id).map(|(id, event)| (id, event.to_vec())));
    } else {
        events.extend(payload::fixed_events(bytes, event_size).map(|(id, event)| (id, event.to_vec())));
    }
}

/// What stands behind a segment.
struct Rest<'a> {
    segments: &'a [(u32, Vec<u8>, Option<ColdState>)],
    starts: &'a [SegmentStart],
}

impl Following for Rest<'_> {
    fn next_start(&mut self) -> Option<SegmentStart> {
        self.starts.first().cloned()
    }

    fn any_block(&mut self) -> bool {
        self.starts.iter().zip(self.segments).any(|(start, (_, bytes, _))| any_block(start, bytes))
    }
}

/// The golden vectors, which lie outside the project.
pub fn golden_vectors() -> Option<PathBuf> {
    let dir = std::env::var_os("FLASHSTRIKE_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    let is_there = dir.join("expected.json").is_file();
    if !is_there {
        eprintln!("SKIPPED: no golden vectors in {} (set FLASHSTRIKE_VECTORS)", dir.display());
    }
    is_there.then_some(dir)
}

pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
