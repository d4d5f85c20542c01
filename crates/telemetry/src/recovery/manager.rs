//! Replay: the recovery's manager.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{Counter, Duration, Operation};
use crate::layout::{Line, layout};
use crate::updater::Updater;

const SECTION: Section = Section::new("recovery", "manager", "Recovery Manager", "wal_recovery_manager");

/// What replay costs, and how far it came.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Manager {
    /// Reading the header of a segment.
    pub read_segment_header: Operation,
    /// Opening the log at an event.
    pub resume_from_event: Operation,
    /// Going to an event.
    pub seek_event: Duration,
    /// Going to the next event, timed once a block or less often.
    pub next_event: Duration,
    /// Going from one segment to the next.
    pub segment_handoff: Duration,
    /// Events yielded.
    pub events: Line<Counter>,
    /// Bytes of them.
    pub bytes: Line<Counter>,
}

layout! {
    Manager: size 13_888, align 64;
    read_segment_header: Operation = 0,
    resume_from_event: Operation = 2_752,
    seek_event: Duration = 5_504,
    next_event: Duration = 8_256,
    segment_handoff: Duration = 11_008,
    events: Line<Counter> = 13_760,
    bytes: Line<Counter> = 13_824,
}

catalogue! {
    Manager: SECTION;
    read_segment_header, "s", "Read segment header" => "Reading and checking the header of a segment.";
    resume_from_event, "s", "Resume from event" => "Opening the log at an event.";
    seek_event, "s", "Seek event" => "Going to an event.";
    next_event, "s", "Next event" => "Going to the next event; timed once a block or less often.";
    segment_handoff, "s", "Segment handoff" => "Going from one segment to the next.";
    events, "{event}", "Events" => "Events yielded.";
    bytes, "By", "Bytes" => "Bytes of events yielded.";
}

/// Records for the recovery's manager; for the thread that consumes events, or the preloader's with the updater made
/// for it.
pub type ManagerUpdater = Updater<Manager>;

impl ManagerUpdater {
    /// The header of a segment was read, or was not what it should be.
    #[inline]
    pub fn on_read_segment_header(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().read_segment_header.record(elapsed_ns(start_ns), status.into());
    }

    /// The log was opened at an event, or could not be.
    #[inline]
    pub fn on_resume_from_event(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().resume_from_event.record(elapsed_ns(start_ns), status.into());
    }

    /// An event was sought.
    #[inline]
    pub fn on_seek_event(&self, start_ns: u64) {
        self.metrics().seek_event.record(elapsed_ns(start_ns));
    }

    /// The next event was found. To be called once a block or less often.
    #[inline]
    pub fn on_next_event(&self, start_ns: u64) {
        self.metrics().next_event.record(elapsed_ns(start_ns));
    }

    /// Replay went on to the next segment.
    #[inline]
    pub fn on_segment_handoff(&self, start_ns: u64) {
        self.metrics().segment_handoff.record(elapsed_ns(start_ns));
    }

    /// `events` events of together `bytes` bytes were yielded.
    #[inline]
    pub fn on_events(&self, events: u64, bytes: u64) {
        self.metrics().events.add(events);
        self.metrics().bytes.add(bytes);
    }
}
