//! What a log has to come to: as the verifier of the format says it, and the independent reference has to agree.

use std::path::Path;

use flashstrike_crash_lab::{WalrefAtWork, vectors};
use flashstrike_recorder::Mode;
use flashstrike_segment::names::SegmentFile;
use flashstrike_segment::{SegmentStart, State};
use serde_json::{Value, json};

use super::case::Case;
use super::shapes::Events;
use crate::memory::{BOOT_ID, MemoryLog, Outcome};

/// What is wrong at which position: segment (`None`: staging) and offset.
pub type Position = (Option<u32>, u64);

/// What reading a log comes to.
#[derive(Debug)]
pub struct Expected {
    pub state: State,
    pub bad: Option<Position>,
    /// What is wrong there.
    pub reason: String,
    /// All events that belong to the log, staged ones included.
    pub events: Events,
    pub staged: u64,
    /// W; `None`: no id says how much is lost.
    pub durable: Option<u64>,
    /// Events in blocks that verify on their own.
    pub on_their_own: u64,
    /// What the last block that belongs to the log says that the last event was. The event itself may be gone.
    pub last_id_said: u64,
    /// No segment is there.
    pub is_empty: bool,
}

impl Expected {
    /// Nothing stands at the position: the log ends before what was durable.
    pub fn only_ends_early(&self) -> bool {
        self.reason.contains("there for certain")
    }

    /// What a mode answers: nothing, or the code of the refusal.
    pub fn refusal(&self, mode: Mode) -> Option<&'static str> {
        match (self.state, mode) {
            (State::Corrupt, Mode::Tail | Mode::Strict) => Some("WAL_CORRUPT"),
            (State::Torn, Mode::Strict) => Some("WAL_TORN"),
            _ => None,
        }
    }

    pub fn first_id(&self) -> u64 {
        self.events.first().map_or(0, |(id, _)| *id)
    }

    /// Of a log without an event: of the one that appending goes on behind.
    pub fn last_id(&self) -> u64 {
        self.events.last().map_or(self.last_id_said, |(id, _)| *id)
    }

    fn of(outcome: Outcome, log: &MemoryLog) -> Self {
        Self {
            state: outcome.verdict.state,
            bad: outcome.bad(),
            reason: outcome.verdict.bad.as_ref().map(|bad| bad.reason.to_string()).unwrap_or_default(),
            staged: outcome.verdict.staged.into(),
            durable: outcome.verdict.durable_proof,
            on_their_own: outcome.verdict.events_on_their_own,
            last_id_said: outcome.verdict.link.map_or(0, |link| link.last_event_id),
            is_empty: !log.files.keys().any(|name| SegmentFile::parse(name).is_some()),
            events: outcome.events,
        }
    }

    fn to_json(&self, outcome_sha: &str) -> Value {
        json!({
            "state": self.state.to_string(),
            "bad": self.bad.map(|(segment, offset)| json!([segment, offset])),
            "events": self.events.len(),
            "first": self.first_id(),
            "last": self.events.last().map_or(0, |(id, _)| *id),
            "staged": self.staged,
            "proof": self.durable,
            "alone": self.on_their_own,
            "sha256": outcome_sha,
        })
    }
}

/// The independent reference, where it is there.
pub struct Oracle(Option<WalrefAtWork>);

impl Oracle {
    pub fn start() -> Self {
        Self(vectors().and_then(|_| WalrefAtWork::start(&BOOT_ID)))
    }

    /// What the log has to come to; `None`: a newer version wrote it.
    pub fn expected(&mut self, case: &Case, directory: &Path) -> Option<Expected> {
        self.of_log(&case.log, directory, &case.what)
    }

    /// What a log in a directory is.
    pub fn of_directory(&mut self, directory: &Path, what: &str) -> Expected {
        self.of_log(&MemoryLog::read(directory), directory, what)
            .unwrap_or_else(|| panic!("{what}: of a newer version"))
    }

    fn of_log(&mut self, log: &MemoryLog, directory: &Path, what: &str) -> Option<Expected> {
        let theirs = self.0.as_mut().map(|reference| reference.ask(directory));
        let outcome = match log.verify() {
            Ok(outcome) => outcome,
            Err(unsupported) => {
                let agrees = theirs.as_ref().is_none_or(|theirs| theirs.get("unsupported").is_some());
                assert!(agrees, "{what}\n  ours   {unsupported}\n  theirs {theirs:?}");
                return None;
            }
        };
        let sha256 = outcome.sha256();
        let expected = Expected::of(outcome, log);
        if let Some(theirs) = theirs {
            let ours = expected.to_json(&sha256);
            let is_same = ours
                .as_object()
                .expect("an object")
                .iter()
                .all(|(key, value)| theirs.get(key) == Some(value));
            assert!(
                is_same || is_known_difference(log, &expected, &ours, &theirs),
                "{what}\n  ours   {ours}\n  theirs {theirs}"
            );
        }
        Some(expected)
    }
}

/// Where the reference does not follow the text.
fn is_known_difference(log: &MemoryLog, expected: &Expected, ours: &Value, theirs: &Value) -> bool {
    let same = |keys: &[&str]| keys.iter().all(|key| ours[key] == theirs[key]);
    let events = same(&["events", "first", "last", "staged", "sha256"]);
    // "A damaged seek table is rebuilt by walking the frames": also one of which only the end is left.
    let is_seek_table = log.has_cold() && ours["state"] == "clean" && same(&["alone"]);
    // "A cold segment that cannot be read whole is corruption whatever W is": also one without a frame.
    let is_cold = log.has_cold() && ours["state"] == "corrupt" && same(&["bad", "alone"]);
    // "A block whose header and payload checksums are right counts with the salt it carries": whatever its events' size,
    // and not one of which only the header is right.
    let is_header_alone = ours["state"] == "clean" && ours["alone"] == 0 && theirs["alone"] == 0;
    let is_salt_lost = has_lost_salt(log) && (same(&["state", "bad"]) || is_header_alone);
    // `first_event_id` of a sealed header is "the first event's".
    let is_first_id = expected.reason.contains("first event id");
    (events && (is_seek_table || is_cold || is_salt_lost)) || is_first_id
}

fn has_lost_salt(log: &MemoryLog) -> bool {
    let mut segments = log.files.iter().filter(|(name, _)| SegmentFile::parse(name).is_some());
    segments.any(|(_, bytes)| SegmentStart::read(bytes).is_ok_and(|start| start.salt.is_none()))
}
