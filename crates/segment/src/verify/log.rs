//! A log as a whole.

use super::chain::Previous;
use super::expectation::LogExpectation;
use super::{
    Damage, Link, Note, Position, Reason, SegmentReport, SegmentStart, StagedEvents, State, Verdict,
};
use crate::block_header::BlockHeader;
use crate::layout::{MAX_EVENT_ID, SEGMENT_HEADER_SIZE};
use crate::{SegmentHeader, WalMeta};

/// What every segment of a log has in common (segments may differ in size; the size here is the last one's).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    /// Random, one per log.
    pub log_id: [u8; 16],
    /// Bytes of a fixed-size event; 0: variable-length events.
    pub event_size: u16,
    /// Bytes of the segment whose metadata block was verified last.
    pub segment_size: u32,
    /// The event schema as JSON, `{}` for byte logs. Compared parsed, see
    /// [`same_log`](LogIdentity::same_log).
    pub schema: String,
}

impl LogIdentity {
    /// Whether both are of one log: same id, event size and schema. Sizes of segments may differ.
    #[must_use]
    pub fn same_log(&self, other: &Self) -> bool {
        self.log_id == other.log_id
            && self.event_size == other.event_size
            && super::expectation::same_json(&self.schema, &other.schema)
    }
}

/// One segment to verify.
#[derive(Debug, Clone)]
pub struct SegmentBytes<'a> {
    /// The number in the file's name.
    pub index: u32,
    /// The file as it was read, of any length: taken as if it were cut or filled with zeros to the segment's. If the
    /// segment is cold, its content.
    pub bytes: &'a [u8],
    /// `None`: a hot segment.
    pub cold: Option<ColdState>,
}

/// Where `bytes` of a cold segment come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColdState {
    /// What was wrong with the file behind them, as [`read_all`](crate::cold::read_all) says.
    pub damage: Option<String>,
}

/// What stands behind the segment being verified. It is asked only when that matters, which is rare.
pub trait Following {
    /// The beginning of the next segment file there is, whatever its number; `None` if there is none, or it is of an
    /// unsupported version, which will be found when its turn comes. Asked at most once for a segment, and only for
    /// unsealed ones.
    fn next_start(&mut self) -> Option<SegmentStart>;

    /// Whether any later segment has or had blocks, see [`any_block`](super::any_block). Asked only if a segment's
    /// metadata block is not there, and may need all of every later segment.
    fn any_block(&mut self) -> bool;
}

/// The last segment is followed by nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingFollows;

impl Following for NothingFollows {
    fn next_start(&mut self) -> Option<SegmentStart> {
        None
    }

    fn any_block(&mut self) -> bool {
        false
    }
}

/// A block of events.
#[derive(Debug, Clone)]
pub struct BlockRef<'a> {
    /// Index of its segment.
    pub segment: u32,
    /// Where its header begins, bytes; in a cold segment, of the content.
    pub offset: u64,
    /// Its header.
    pub header: BlockHeader,
    /// Its events, see [`payload`](crate::payload).
    pub payload: &'a [u8],
}

/// Verifies a log, segment by segment from the first one retained (or, with [`LogVerifier::resume`], from behind a
/// sealed one), then `wal.staging`.
///
/// See [the crate's documentation](crate#verifying-a-log) for an example.
#[derive(Debug, Clone)]
pub struct LogVerifier {
    pub(super) log: LogExpectation,
    pub(super) previous: Previous,
    expected_index: Option<u32>,
    beginning_is_proved: bool,
    resumed_behind: Option<u32>,
    /// The first segment that was taken for a prepared one: a later one with blocks proves that it is a gap, even if
    /// [`Following`] did not say so.
    pub(super) unpublished: Option<u32>,
    pub(super) end: Option<Position>,
    pub(super) next_block_index: u32,
    proved: u64,
    is_lost_without_proof: bool,
    bad: Option<Damage>,
    identity: bool,
    pub(super) first_event_id: u64,
    pub(super) events: u64,
    staged: u32,
    staged_last_event_id: u64,
    notes: Vec<Note>,
    pub(super) segments: Vec<SegmentReport>,
}

impl LogVerifier {
    /// Begins with the first segment retained. `log` is what is known of the log, if anything: a segment of another one
    /// is damage. `meta` is `wal.meta` if it is valid and [belongs](WalMeta::belongs_to) to the log.
    #[must_use]
    pub fn new(log: Option<&LogIdentity>, meta: Option<&WalMeta>) -> Self {
        let mut verifier = Self {
            log: log.map(LogExpectation::of).unwrap_or_default(),
            previous: Previous::Unknown,
            expected_index: None,
            beginning_is_proved: false,
            resumed_behind: None,
            unpublished: None,
            end: None,
            next_block_index: 0,
            proved: 0,
            is_lost_without_proof: false,
            bad: None,
            identity: log.is_some(),
            first_event_id: 0,
            events: 0,
            staged: 0,
            staged_last_event_id: 0,
            notes: Vec::new(),
            segments: Vec::new(),
        };
        if let Some(meta) = meta {
            verifier.log.log_id.get_or_insert(meta.log_id);
            verifier.expected_index = Some(meta.first_segment);
            verifier.beginning_is_proved = true;
            verifier.prove(meta.durable_event_id);
        }
        verifier
    }

    /// Begins behind a sealed segment, whose blocks are not looked at: opening for append takes as long for a long log
    /// as for a short one. `sealed` is its header; the segment behind it has to continue where it ends.
    ///
    /// If no later segment has a published block, the log ends in the sealed segment, and going on needs the whole
    /// chained checksum of its last block, of which the header has one half: then begin with that segment itself.
    ///
    /// # Panics
    ///
    /// If the header is not sealed.
    #[must_use]
    pub fn resume(log: Option<&LogIdentity>, meta: Option<&WalMeta>, sealed: &SegmentHeader) -> Self {
        let seal = sealed.sealed.as_ref().expect("verification resumes behind a sealed segment");
        let mut verifier = Self::new(log, meta);
        verifier.previous =
            Previous::Sealed { chain_low: seal.last_chain_low, last_event_id: seal.last_event_id };
        verifier.expected_index = Some(sealed.segment_index + 1);
        verifier.beginning_is_proved = true;
        verifier.resumed_behind = Some(sealed.segment_index);
        verifier.log.event_size.get_or_insert(sealed.event_size);
        verifier.prove(seal.last_event_id);
        verifier
    }

    /// Begins with segment `index`, whatever stands before it: for a log whose earlier segments are known to be sealed
    /// when verification cannot [resume](LogVerifier::resume) behind one of them.
    #[must_use]
    pub fn begin_at(log: Option<&LogIdentity>, meta: Option<&WalMeta>, index: u32) -> Self {
        let mut verifier = Self::new(log, meta);
        verifier.expected_index = Some(index);
        verifier.beginning_is_proved = true;
        verifier
    }

    /// Says that a segment is missing though later ones, or `wal.meta`, say that it should be there. A gap between two
    /// segments that are verified one after the other is found without; what has to be said is that only segments
    /// below `first_segment` of `wal.meta` are left.
    pub fn missing_segment(&mut self, index: u32) {
        self.damage(Position { segment: Some(index), offset: 0 }, Reason::SegmentMissing);
        self.lose_without_proof();
    }

    /// Finds out that segments are missing before this one.
    pub(super) fn arrive_at(&mut self, index: u32) {
        match self.expected_index {
            Some(expected) if index > expected => self.missing_segment(expected),
            None if index > 0 => self.note(Note::BeginningUnproven { segment: index }),
            _ => {}
        }
        self.expected_index = Some(index.saturating_add(1));
    }

    /// Whether this is the segment that comes next.
    pub(super) fn is_expected(&self, index: u32) -> bool {
        self.expected_index.is_none_or(|expected| expected == index)
    }

    /// Goes on where another verifier is that has seen the next segment, and nothing wrong, for itself.
    pub(super) fn continue_with(&mut self, apart: &Self) {
        self.prove(apart.proved);
        if self.first_event_id == 0 {
            self.first_event_id = apart.first_event_id;
        }
        self.events += apart.events;
        self.previous = apart.previous;
        self.next_block_index = apart.next_block_index;
        self.end = apart.end;
        self.notes.extend(apart.notes.iter().cloned());
    }

    /// The first damage so far.
    #[must_use]
    pub fn bad(&self) -> Option<&Damage> {
        self.bad.as_ref()
    }

    /// A copy from which the same segments can be read again, without what has been reported of those before: it is as
    /// small behind a thousand of them as behind one, and has no verdict.
    #[must_use]
    pub fn without_reports(&self) -> Self {
        Self {
            log: self.log.clone(),
            previous: self.previous,
            end: self.end,
            bad: self.bad.clone(),
            notes: Vec::new(),
            segments: Vec::new(),
            ..*self
        }
    }

    /// The verdict. All segments and `wal.staging` have been seen.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        let g = self.g();
        let last_event_id = g.max(self.staged_last_event_id);
        let end = self.end_or_beginning();
        let state = if self.is_lost_without_proof || self.proved > last_event_id {
            self.damage(end, Reason::EndsBelowDurable { last_event_id });
            State::Corrupt
        } else if self.bad.is_some() {
            State::Torn
        } else {
            State::Clean
        };
        let is_at_resumption =
            self.bad.as_ref().is_some_and(|bad| bad.position.segment == self.resumed_behind);
        Verdict {
            state,
            g,
            last_event_id,
            first_event_id: self.first_event_id,
            events: self.events,
            staged: self.staged,
            events_on_their_own: self.segments.iter().map(|segment| segment.events_on_their_own).sum(),
            durable_proof: Some(self.proved).filter(|&id| !self.is_lost_without_proof && id <= MAX_EVENT_ID),
            proved_event_id: self.proved,
            end,
            link: self.link(),
            next_block_index: self.next_block_index,
            verify_from: self.resumed_behind.filter(|_| is_at_resumption),
            identity: if self.identity { self.log.identity() } else { None },
            notes: self.notes,
            segments: self.segments,
            bad: self.bad,
        }
    }

    /// The end of the last good block, or where the first one should be.
    pub(super) fn end_or_beginning(&self) -> Position {
        let first = self.segments.first().map_or(self.expected_index.unwrap_or(0), |segment| segment.index);
        self.end.unwrap_or(match self.resumed_behind {
            Some(index) => Position { segment: Some(index), offset: 0 },
            None => Position { segment: Some(first), offset: SEGMENT_HEADER_SIZE as u64 },
        })
    }

    /// The first damage counts.
    pub(super) fn damage(&mut self, position: Position, reason: Reason) {
        self.bad.get_or_insert(Damage { position, reason });
    }

    /// What does not verify in a segment follows from its compressed file.
    pub(super) fn blame_cold_file(&mut self, file: String, cause: String) {
        if let Some(Damage { position, reason }) = self.bad.take() {
            let reason = Reason::ColdFile { file, cause, consequence: Box::new(reason) };
            self.bad = Some(Damage { position, reason });
        }
    }

    pub(super) fn is_bad_in(&self, index: u32) -> bool {
        self.bad.as_ref().is_some_and(|bad| bad.position.segment == Some(index))
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.bad.is_some()
    }

    /// Something shows that this event was durable.
    pub(super) fn prove(&mut self, event_id: u64) {
        self.proved = self.proved.max(event_id);
    }

    /// Something is lost, and no id says how much.
    pub(super) fn lose_without_proof(&mut self) {
        self.is_lost_without_proof = true;
    }

    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(super) fn take(&mut self, events: &StagedEvents) {
        if self.events == 0 && self.resumed_behind.is_none() {
            self.first_event_id = events.first_event_id;
        }
        self.events += u64::from(events.event_count);
        self.staged = events.event_count;
        self.staged_last_event_id = events.last_event_id;
    }

    /// Last event id of the last block that verifies in place.
    pub(super) fn g(&self) -> u64 {
        match self.previous {
            Previous::Unknown => 0,
            Previous::Sealed { last_event_id, .. } => last_event_id,
            Previous::Block(link) => link.last_event_id,
        }
    }

    fn link(&self) -> Option<Link> {
        if let Previous::Block(link) = self.previous { Some(link) } else { None }
    }

    pub(super) fn log_id(&self) -> Option<[u8; 16]> {
        self.log.log_id
    }

    pub(super) fn event_size(&self) -> Option<u16> {
        self.log.event_size
    }

    pub(super) fn learn(&mut self, metadata: &crate::Metadata) {
        self.identity = true;
        self.log.learn(metadata);
    }
}
