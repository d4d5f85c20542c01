//! Writes `tests/golden/recorder-v1.bin`, the bytes that every later version has to be able to read:
//! `cargo run -p flashstrike-telemetry --example golden_snapshot > crates/telemetry/tests/golden/recorder-v1.bin`.
//! Only a new version of the protocol is a reason to write such a file, and then it is another one.

use std::io::Write;

use flashstrike_telemetry::{IntegrityFailure, RecorderTelemetry, Status, encode_snapshot};

fn main() -> std::io::Result<()> {
    let telemetry = RecorderTelemetry::new();
    let metrics = telemetry.metrics();
    for ns in [44_000, 44_000, 44_000, 60_000] {
        metrics.segment_writer.open_new_segment.record(ns, Status::Ok);
    }
    metrics.segment_writer.close_segment.record(1_234_567, Status::Failed);
    metrics.segment_writer.write_block.record(850);
    metrics.segment_writer.block_fill.record(256);
    metrics.segment_writer.integrity.count(IntegrityFailure::Block);
    metrics.manager.events.add(1_000_000);
    metrics.manager.bytes.add(64_000_000);
    metrics.manager.durable_event_id.set(999_999);
    metrics.meta_coordinator.life_cycle.record(true, 3_000_000_000, 2_000_000_000);
    metrics.segment_maintainer.max_segments.persistence_max_hot_segments.set(8);
    let snapshot = telemetry.snapshot().with_label("log", "orders");
    std::io::stdout().write_all(&encode_snapshot(&snapshot))
}
