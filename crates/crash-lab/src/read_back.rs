//! Reads a log straight from its files, without the code that appends and recovers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use flashstrike_segment::layout::MAX_SEGMENT_SIZE;
use flashstrike_segment::names::{SegmentFile, SegmentKind, WAL_META, WAL_STAGING};
use flashstrike_segment::verify::{any_block, is_whole};
use flashstrike_segment::{
    BlockRef, ColdState, Following, LogVerifier, SegmentBytes, SegmentStart, StagingOutcome, State, Verdict,
    WalMeta, cold, payload,
};
use sha2::{Digest, Sha256};

/// All that is in a log in which nobody appends.
#[derive(Debug)]
pub struct ReadBack {
    /// What verification says of it.
    pub verdict: Verdict,
    /// Ids and contents of all events, those staged included.
    pub events: Vec<(u64, Vec<u8>)>,
    /// What `wal.meta` says, if it counts.
    pub meta: Option<WalMeta>,
}

struct Segment {
    index: u32,
    bytes: Vec<u8>,
    cold: Option<ColdState>,
    start: SegmentStart,
}

impl ReadBack {
    /// Reads and verifies the whole log. `boot_id` is what the machine's boot id is taken for.
    ///
    /// # Errors
    /// What reading the files says.
    ///
    /// # Panics
    /// If the log is of a version that is not supported.
    pub fn of(directory: &Path, boot_id: &[u8; 16]) -> io::Result<Self> {
        let segments = segments(directory)?;
        let meta = optional(directory, WAL_META)?
            .and_then(|file| WalMeta::decode(&file).ok())
            .filter(|meta| meta.belongs_to(segments.iter().filter_map(|segment| segment.start.log_id())));
        let first = meta.as_ref().map_or(0, |meta| meta.first_segment);
        let mut verifier = LogVerifier::new(None, meta.as_ref());
        if segments.last().is_some_and(|last| last.index < first) {
            verifier.missing_segment(first);
        }
        let mut events = Vec::new();
        for (n, segment) in segments.iter().enumerate() {
            if segment.index < first {
                continue;
            }
            let event_size = segment.start.event_size.unwrap_or(0);
            let mut visit = |block: BlockRef<'_>| {
                collect(&mut events, block.payload, event_size, block.header.first_event_id);
            };
            let bytes =
                SegmentBytes { index: segment.index, bytes: &segment.bytes, cold: segment.cold.clone() };
            verifier.segment(bytes, &mut Rest(&segments[n + 1..]), &mut visit).expect("a supported version");
        }
        if let Some(file) = optional(directory, WAL_STAGING)?
            && let StagingOutcome::Taken(staged) =
                verifier.staging(&file, boot_id).expect("a supported version")
        {
            let event_size = u16::from_le_bytes([file[6], file[7]]);
            collect(&mut events, &staged.payload, event_size, staged.first_event_id);
        }
        Ok(Self { verdict: verifier.finish(), events, meta })
    }

    /// The same for this machine as it is now.
    ///
    /// # Panics
    /// If the files cannot be read, or the machine gives no boot id.
    pub fn now(directory: &Path) -> Self {
        let boot_id = flashstrike_recovery::machine::boot_id().unwrap().expect("a boot id");
        Self::of(directory, &boot_id).expect("a readable log")
    }

    /// Whether every published block verifies in place and nothing durable is missing.
    pub fn is_clean(&self) -> bool {
        self.verdict.state == State::Clean
    }

    /// Id of the last event; 0: none.
    pub fn last_id(&self) -> u64 {
        self.events.last().map_or(0, |(id, _)| *id)
    }

    /// The ids of all events.
    pub fn ids(&self) -> Vec<u64> {
        self.events.iter().map(|(id, _)| *id).collect()
    }

    /// SHA-256 over the contents of all events in order, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (_, bytes) in &self.events {
            hash.update(bytes);
        }
        crate::hex::hex(&hash.finalize())
    }

    /// Checks that the log is clean and holds the events 1, 2, 3 … in order, each once, with the contents of
    /// [`events`](crate::events).
    ///
    /// # Panics
    /// If not.
    pub fn expect_events_from_ids(&self, event_size: u16) {
        self.expect_events_from(1, event_size);
    }

    /// The same for a log whose first event is this one.
    ///
    /// # Panics
    /// If it is not so.
    pub fn expect_events_from(&self, first: u64, event_size: u16) {
        assert!(self.is_clean(), "{} {:?}", self.verdict.state, self.verdict.bad);
        for (expected, (id, bytes)) in (first..).zip(&self.events) {
            assert_eq!(*id, expected, "an event is missing, or there twice");
            assert_eq!(*bytes, crate::events::event(*id, event_size), "event {id} has other contents");
        }
    }
}

fn segments(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut names: BTreeMap<u32, Vec<SegmentKind>> = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        if let Some(file) = entry?.file_name().to_str().and_then(SegmentFile::parse) {
            names.entry(file.index).or_default().push(file.kind);
        }
    }
    names.into_iter().map(|(index, kinds)| segment(directory, index, &kinds)).collect()
}

/// The hot file if there is no cold one, or if it is whole; else the cold one.
fn segment(directory: &Path, index: u32, kinds: &[SegmentKind]) -> io::Result<Segment> {
    let read = |kind| fs::read(directory.join(SegmentFile { index, kind }.name()));
    let hot = if kinds.contains(&SegmentKind::Hot) { Some(read(SegmentKind::Hot)?) } else { None };
    let (bytes, cold) = match hot {
        Some(hot) if kinds.len() == 1 || is_whole(index, &hot) => (hot, None),
        _ => {
            let content = cold::read_all(&read(SegmentKind::Cold)?, MAX_SEGMENT_SIZE);
            (content.bytes, Some(ColdState { damage: content.damage }))
        }
    };
    let start = SegmentStart::read(&bytes).expect("a supported version");
    Ok(Segment { index, bytes, cold, start })
}

fn optional(directory: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(directory.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
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
struct Rest<'a>(&'a [Segment]);

impl Following for Rest<'_> {
    fn next_start(&mut self) -> Option<SegmentStart> {
        self.0.first().map(|segment| segment.start.clone())
    }

    fn any_block(&mut self) -> bool {
        self.0.iter().any(|segment| any_block(&segment.start, &segment.bytes))
    }
}

/// Copies a log with all that is in its directory.
///
/// # Errors
/// What the file system says.
pub fn copy_log(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_log(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
