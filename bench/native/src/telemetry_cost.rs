//! What telemetry costs an append: the same appends with everything that is recorded on the append path recorded once
//! more, into a second set of metrics. The difference to plain appends is the cost of recording once.

use std::path::Path;

use flashstrike_telemetry::{RecorderTelemetry, clock};

use crate::events::EVENT_BYTES;
use crate::{Failure, Figures, append};

/// Events in a full block of the default size.
const BLOCK_EVENTS: u64 = 8192 / EVENT_BYTES as u64;
/// One append in so many is timed by the recorder.
const TIMED_APPENDS: u64 = 1024;

pub(crate) fn round(directory: &Path, events: u64) -> Result<Figures, Failure> {
    let telemetry = RecorderTelemetry::new();
    let writer = telemetry.segment_writer_updater();
    let manager = telemetry.manager_updater();
    append::round_with(directory, events, |_, id| {
        if id % BLOCK_EVENTS == 0 {
            let start_ns = clock::now_ns();
            writer.on_write_block(start_ns);
            writer.on_block_fill(BLOCK_EVENTS);
            manager.on_append_block(BLOCK_EVENTS, BLOCK_EVENTS * EVENT_BYTES as u64);
            manager.set_last_event_id(id);
            manager.set_written_event_id(id);
            if id % TIMED_APPENDS == 0 {
                let start_ns = clock::now_ns();
                manager.on_append_sampled(start_ns);
            }
        }
    })
}
