//! Appending: the recorder's manager.

use crate::Status;
use crate::catalogue::{Section, catalogue};
use crate::clock::elapsed_ns;
use crate::kinds::{Counter, Duration, Gauge, Operation};
use crate::layout::{Apart, Line, layout};
use crate::updater::Updater;

const SECTION: Section = Section::new("recorder", "manager", "Recorder Manager", "wal_manager");

/// What appending costs, and how far it is.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Manager {
    /// Opening the segment that is appended to.
    pub init_active_segment: Operation,
    /// Appending; one call in [`APPEND_SAMPLE_EVERY`](ManagerUpdater::APPEND_SAMPLE_EVERY) is timed.
    pub append_event: Operation,
    /// Going on to the next segment.
    pub segment_rotation: Duration,
    /// Deciding what the workers have to do.
    pub work_planning: Duration,
    /// Leaving a segment and handing it over to be synced and sealed in the background.
    pub persist_current_segment: Duration,
    /// Events appended.
    pub events: Line<Counter>,
    /// Bytes appended.
    pub bytes: Line<Counter>,
    /// Segments that are not compressed.
    pub hot_segments: Line<Gauge>,
    /// Segments that are.
    pub cold_segments: Line<Gauge>,
    /// The last event appended.
    pub last_event_id: Line<Gauge>,
    /// The last event in a finished block.
    pub written_event_id: Line<Gauge>,
    /// The last event that survives a power cut. The threads that sync store it: one at a time.
    pub durable_event_id: Apart<Gauge>,
}

layout! {
    Manager: size 14_336, align 128;
    init_active_segment: Operation = 0,
    append_event: Operation = 2_752,
    segment_rotation: Duration = 5_504,
    work_planning: Duration = 8_256,
    persist_current_segment: Duration = 11_008,
    events: Line<Counter> = 13_760,
    bytes: Line<Counter> = 13_824,
    hot_segments: Line<Gauge> = 13_888,
    cold_segments: Line<Gauge> = 13_952,
    last_event_id: Line<Gauge> = 14_016,
    written_event_id: Line<Gauge> = 14_080,
    durable_event_id: Apart<Gauge> = 14_208,
}

catalogue! {
    Manager: SECTION;
    init_active_segment, "s", "Init active segment" => "Opening the segment that is appended to.";
    append_event, "s", "Append event" => "Appending an event; counted once a block, one call in 1024 is timed.";
    segment_rotation, "s", "Segment rotation" => "Going on to the next segment.";
    work_planning, "s", "Work planning" => "Deciding what the workers have to do.";
    persist_current_segment, "s", "Persist current segment"
        => "Leaving a segment and handing it over to be synced and sealed in the background.";
    events, "{event}", "Events" => "Events appended.";
    bytes, "By", "Bytes" => "Bytes of events appended.";
    hot_segments, "{segment}", "Hot segments" => "Segments that are not compressed.";
    cold_segments, "{segment}", "Cold segments" => "Segments that are compressed.";
    last_event_id, "{event_id}", "Last event id" => "Id of the last event appended.";
    written_event_id, "{event_id}", "Written event id" => "Id of the last event in a finished block.";
    durable_event_id, "{event_id}", "Durable event id" => "Id of the last event that survives a power cut.";
}

/// Records for the manager.
///
/// The thread that appends uses all methods but [`set_durable_event_id`](ManagerUpdater::set_durable_event_id), which
/// belongs to the threads that sync, of which only one may be in it at a time; the maintainer's may have
/// [`set_hot_segments`](ManagerUpdater::set_hot_segments) and
/// [`set_cold_segments`](ManagerUpdater::set_cold_segments), provided the one that appends leaves them alone. Each of them
/// takes an updater of its own.
pub type ManagerUpdater = Updater<Manager>;

impl ManagerUpdater {
    /// One append in so many is timed, on average: two readings of the clock cost more than the append itself.
    pub const APPEND_SAMPLE_EVERY: u64 = 1024;

    /// The segment to append to was opened, or was not.
    #[inline]
    pub fn on_init_active_segment(&self, start_ns: u64, status: impl Into<Status>) {
        self.metrics().init_active_segment.record(elapsed_ns(start_ns), status.into());
    }

    /// A block with `events` events of together `bytes` bytes is finished: counts its appends, once for all.
    #[inline]
    pub fn on_append_block(&self, events: u64, bytes: u64) {
        self.metrics().append_event.count_ok(events);
        self.metrics().events.add(events);
        self.metrics().bytes.add(bytes);
    }

    /// One append in [`APPEND_SAMPLE_EVERY`](Self::APPEND_SAMPLE_EVERY): records how long it took. It is counted with
    /// its block.
    #[inline]
    pub fn on_append_sampled(&self, start_ns: u64) {
        self.metrics().append_event.record_sample(elapsed_ns(start_ns));
    }

    /// The same of a batch of `events` events: records the share of one of them.
    #[inline]
    pub fn on_batch_sampled(&self, start_ns: u64, events: u64) {
        self.metrics().append_event.record_sample(elapsed_ns(start_ns) / events.max(1));
    }

    /// An append was refused; the event is not in the log.
    #[inline]
    pub fn on_append_failed(&self) {
        self.metrics().append_event.count_failed();
    }

    /// The next segment has become the one that is appended to.
    #[inline]
    pub fn on_segment_rotation(&self, start_ns: u64) {
        self.metrics().segment_rotation.record(elapsed_ns(start_ns));
    }

    /// It was decided what the workers have to do.
    #[inline]
    pub fn on_work_planning(&self, start_ns: u64) {
        self.metrics().work_planning.record(elapsed_ns(start_ns));
    }

    /// A segment was left and handed over to be synced and sealed.
    #[inline]
    pub fn on_persist_current_segment(&self, start_ns: u64) {
        self.metrics().persist_current_segment.record(elapsed_ns(start_ns));
    }

    /// There are `segments` segments that are not compressed.
    #[inline]
    pub fn set_hot_segments(&self, segments: u64) {
        self.metrics().hot_segments.set(segments);
    }

    /// There are `segments` compressed segments.
    #[inline]
    pub fn set_cold_segments(&self, segments: u64) {
        self.metrics().cold_segments.set(segments);
    }

    /// The last event appended is `id`.
    #[inline]
    pub fn set_last_event_id(&self, id: u64) {
        self.metrics().last_event_id.set(id);
    }

    /// The last event in a finished block is `id`.
    #[inline]
    pub fn set_written_event_id(&self, id: u64) {
        self.metrics().written_event_id.set(id);
    }

    /// The last durable event is `id`. For the threads that sync, one at a time.
    #[inline]
    pub fn set_durable_event_id(&self, id: u64) {
        self.metrics().durable_event_id.set(id);
    }
}
