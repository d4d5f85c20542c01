//! Following a log live: what is there, then what is being written, from this process or another, without a gap and
//! without a repetition, across rotation, sealing, compression, retention, and the death and return of the writer.
//!
//! # How it goes on
//!
//! ```text
//! sealed segments     whole, verified before their first event, read ahead by a preloader           (catch_up)
//! the open segment    block by block, each verified against the chain before it is handed out       (tail)
//! its end             block 0 of the next segment is published: one more look at this end,          (enter)
//!                     for everything here was published before; then on, if the chain goes on
//! nothing new         spin, if asked to; else sleep until the writer wakes us, 0.5 ms at most
//! ```
//!
//! No sign of life of the writer is needed to go on, so one that is dead keeps nobody waiting for anything but a new one.
//! While nothing comes, a look around every [`AROUND`] finds what no block says:
//!
//! - `wal.staging` is another file: a writer has opened the log, and may have cut it or put a new file in a segment's place.
//!   The place is sought again by the chained checksum of the last block handed out. If it is not there any more, what was
//!   handed out is not in the log: `WAL_GONE`, and never a silent jump.
//! - No writer is alive: what is staged belongs to the log and is handed out too. The next writer makes a block of it, which
//!   is compared with what was handed out and passed over.
//! - The next segment is neither hot nor cold: retention was faster, `WAL_GONE`.
//!
//! # Why `pread`
//!
//! Bytes 56 … 63 of the next header are read first and the rest behind an acquire fence, into memory of our own. A mapping
//! would save the call of the kernel, but whoever cuts a mapped file short kills those who read it; and what was verified in
//! a mapping may change before it is used. A word that was read in parts, or a payload that was read before it was stored,
//! does not verify, and is looked at again.

mod begin;
mod cancel;
mod cancellable;
mod catch_up;
mod doubts;
mod enter;
mod errors;
mod from_now;
mod look;
mod options;
mod publication;
mod tail;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_segment::LogIdentity;

pub use cancel::Canceller;
pub use options::{FollowOptions, Start, Wait};

use crate::error::{Error, Result};
use crate::files::{File, FileId};
use crate::manager::{Event, Run};
use crate::options::RecoveryOptions;
use crate::pool::Loan;
use crate::segment_reader::{Extent, PreviousBlock, ReadContext};
use crate::telemetry::Instruments;
use crate::watch::StagingWatch;
use catch_up::CatchUp;
use errors::Doubt;
use tail::Tail;

/// How often a follower that has nothing to read looks around.
pub const AROUND: Duration = Duration::from_millis(10);

/// What a follower has of the log it follows.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) context: ReadContext,
    /// What was expected of the log, its mode, and how many segments are read ahead.
    pub(crate) options: RecoveryOptions,
    pub(crate) boot_id: Option<[u8; 16]>,
    pub(crate) instruments: Instruments,
}

/// Follows a log. Made by [`Recovery::follow`](crate::Recovery::follow).
///
/// ```no_run
/// # use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
/// # use flashstrike_recovery::{Recovery, RecoveryOptions};
/// let log = Recovery::open(RecoveryOptions::new("./orders"))?;
/// let mut follower = log.follow(FollowOptions { from: Start::End, ..FollowOptions::default() })?;
/// while let Some(event) = follower.next_event(Wait::Forever)? {
///     println!("{}: {} bytes", event.id, event.bytes.len());
/// }
/// # Ok::<(), flashstrike_recovery::Error>(())
/// ```
#[derive(Debug)]
pub struct Follower {
    log: Log,
    follow: FollowOptions,
    watch: Option<StagingWatch>,
    state: State,
    place: Place,
    /// Events up to this one were handed out, or are not wanted.
    given: u64,
    /// The highest id known durable.
    durable: u64,
    /// Bytes of staged events that were handed out, which the blocks to come must begin with.
    expected: Vec<u8>,
    /// The event that they begin with.
    expected_from: u64,
    /// Looking around has handed out staged events.
    staged_handed: bool,
    /// The segment behind, opened to see when it begins.
    next: Option<(u32, Arc<dyn File>)>,
    /// A writer has opened the log while sealed segments were read.
    must_find_place: bool,
    /// Memory that the tail is read into.
    memory: Option<Loan>,
    /// Memory for staged events, or for a block too large for a window.
    aside: Option<Loan>,
    handed: Option<Handed>,
    /// Events of the current run that [`next_event`](Self::next_event) has still to give; the next one is last.
    events: Vec<(u64, std::ops::Range<usize>)>,
    ended: Option<Error>,
    looked_around: Option<Instant>,
    is_writer_alive: bool,
    /// What was inspected last with no writer alive.
    inspected: Option<(Option<FileId>, u64)>,
    doubt: Option<Doubt>,
    canceller: Canceller,
    pause: Duration,
}

#[derive(Debug)]
enum State {
    /// Nothing of a log is there yet but its files.
    Unborn,
    /// In sealed segments.
    CatchUp(Box<CatchUp>),
    /// In a segment that is being written.
    Tail(Box<Tail>),
    /// Behind a segment, whose last block ends there; the next one is still to be entered.
    Between { end: u64 },
}

/// Where the next block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of this segment.
    At { segment: u32 },
    /// Behind this block, which is in this segment.
    Behind { segment: u32, block: PreviousBlock },
}

impl Place {
    fn segment(self) -> u32 {
        match self {
            Self::At { segment } | Self::Behind { segment, .. } => segment,
        }
    }

    fn last_event_id(self) -> u64 {
        match self {
            Self::At { .. } => 0,
            Self::Behind { block, .. } => block.last_event_id,
        }
    }
}

/// The run handed out last, and which memory it lies in.
#[derive(Debug, Clone, Copy)]
struct Handed {
    extent: Extent,
    segment: Option<u32>,
    memory: Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Tail,
    CatchUp,
    Aside,
}

impl Follower {
    /// The next run of events, waiting for it; `None`: none came in time. Blocks are never cut: the first one may begin
    /// before the event asked for. A run stays as it is until the next one is asked for.
    ///
    /// # Errors
    /// `WAL_GONE` if retention was faster, or if events that were handed out have been cut off since; `WAL_CORRUPT` and
    /// `WAL_TORN` as the mode says; `WAL_NOT_FOUND` if the log is not there any more; `WAL_CLOSED` once cancelled;
    /// `WAL_UNSUPPORTED`; `WAL_IO`. The same error comes again when asked again.
    pub fn next_run(&mut self, wait: Wait) -> Result<Option<Run<'_>>> {
        self.events.clear();
        Ok(if self.advance(wait)? { self.current_run() } else { None })
    }

    /// The next run if it is there: in memory already, or in the segment that is being written. Reads no whole segment,
    /// looks at no directory, and does not wait.
    ///
    /// # Errors
    /// As [`next_run`](Self::next_run).
    pub fn ready_run(&mut self) -> Result<Option<Run<'_>>> {
        self.events.clear();
        Ok(if self.guarded(|follower| follower.look(false))? { self.current_run() } else { None })
    }

    /// The next run if it becomes [ready](Self::ready_run) while this thread looks again and again for as long as
    /// [`FollowOptions::spin`] says.
    ///
    /// # Errors
    /// As [`next_run`](Self::next_run).
    pub fn spin_for_run(&mut self) -> Result<Option<Run<'_>>> {
        self.events.clear();
        Ok(if self.guarded(Self::spin)? { self.current_run() } else { None })
    }

    /// The next event, waiting for it; `None`: none came in time.
    ///
    /// # Errors
    /// As [`next_run`](Self::next_run).
    pub fn next_event(&mut self, wait: Wait) -> Result<Option<Event<'_>>> {
        while self.events.is_empty() {
            let first = self.given + 1;
            if !self.advance(wait)? {
                return Ok(None);
            }
            let event_size = self.event_size();
            let Some(run) = self.current_run() else { return Ok(None) };
            let base = run.bytes().as_ptr() as usize;
            let mut events = Vec::new();
            for block in run.blocks() {
                let wanted = block.events(event_size).filter(|event| event.id >= first);
                events.extend(wanted.map(|event| {
                    let start = event.bytes.as_ptr() as usize - base;
                    (event.id, start..start + event.bytes.len())
                }));
            }
            events.reverse();
            self.events = events;
        }
        let next = self.events.pop();
        Ok(next.and_then(|(id, range)| Some(Event { id, bytes: &self.current_run()?.bytes()[range] })))
    }

    /// The run handed out last.
    pub fn current_run(&self) -> Option<Run<'_>> {
        let handed = self.handed.as_ref()?;
        let segment = handed.segment;
        Some(match (handed.memory, &self.state) {
            (Memory::CatchUp, State::CatchUp(reading)) => {
                Run::of_extent(&handed.extent, segment, reading.memory(handed.extent.part)?)
            }
            (Memory::CatchUp, _) => return None,
            (Memory::Tail, _) => Run::of_extent(&handed.extent, segment, self.memory.as_ref()?),
            (Memory::Aside, _) => Run::of_extent(&handed.extent, segment, self.aside.as_ref()?),
        })
    }

    /// Events up to this one were handed out, or are not wanted.
    pub fn last_event_id(&self) -> u64 {
        self.given
    }

    /// Bytes of a fixed-size event of the log; 0: variable-length events.
    pub fn event_size(&self) -> u16 {
        self.identity().map_or(0, |log| log.event_size)
    }

    /// What ends the waiting of this follower from another thread: what it was begun with.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    fn identity(&self) -> Option<&LogIdentity> {
        self.log.context.log.as_ref()
    }
}
