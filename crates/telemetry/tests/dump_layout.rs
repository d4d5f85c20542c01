//! What people see: the original's layout, figures in human units.
#![cfg(not(any(loom, feature = "unrecorded")))]

use flashstrike_telemetry::{
    Component, IntegrityFailure, RecorderTelemetry, RecoveryTelemetry, Snapshot, Status, decode_snapshot,
    encode_snapshot,
};

fn dump<C: Component>(component: &C, label: &str) -> String {
    let mut text = String::new();
    component.dump(label, &mut text).expect("a string takes everything");
    text
}

#[test]
fn the_segment_writer_is_dumped_in_the_layout_of_the_original() {
    let telemetry = RecorderTelemetry::new();
    let metrics = &telemetry.metrics().segment_writer;
    for ns in [44_000, 44_000, 44_000, 60_000] {
        metrics.open_new_segment.record(ns, Status::Ok);
    }
    metrics.close_segment.record(1_234_567, Status::Ok);
    metrics.close_segment.record(90, Status::Failed);
    metrics.write_block.record(850);
    for _ in 0..1_234 {
        metrics.integrity.count(IntegrityFailure::Chained);
    }
    metrics.block_fill.record(256);
    metrics.block_fill.record(3);
    let expected = "\
[Segment Writer Metrics] Snapshot:
-----------------------------------------------------------------
 Open new segment      : 4 calls, 0 failed · avg 48.0 µs · p50 45.1 µs · p90 58.4 µs · p99 58.4 µs · p99.9 58.4 µs · max 60.0 µs
 Open existing segment : 0 calls, 0 failed
 Close segment         : 2 calls, 1 failed · avg 617 µs · p50 90 ns · p90 1.21 ms · p99 1.21 ms · p99.9 1.21 ms · max 1.23 ms
 Verify segment:
  - Header checksum failures  : 0
  - Block checksum failures   : 0
  - Chained checksum failures : 1,234
  - Validation failures       : 0
 Write block           : 1 calls · avg 850 ns · p50 850 ns · p90 850 ns · p99 850 ns · p99.9 850 ns · max 850 ns
 Events per block      : 2 samples · avg 129.5 · p50 3 · p90 245 · p99 245 · p99.9 245 · max 256
-----------------------------------------------------------------
";
    assert_eq!(dump(&**metrics, "Segment Writer"), expected);
}

#[test]
fn workers_bytes_and_ids_are_dumped_in_their_units() {
    let telemetry = RecorderTelemetry::new();
    let maintainer = telemetry.segment_maintainer_updater();
    maintainer.set_max_segments(8);
    maintainer.set_max_compressed_segments(1_000);
    maintainer.on_compressed(64 << 20, 16_384);
    telemetry.metrics().segment_maintainer.persistence_lifecycle.record(true, 3_000_000_000, 2_000_000_000);
    telemetry.metrics().segment_maintainer.persistence_lifecycle.record(false, 1_000_000_000, 1_000_000_000);
    let expected = "\
[Segment Maintainer Metrics] Snapshot:
-----------------------------------------------------------------
 Persistence loop  : 2 cycles, 1 active · busy 1.00 s of 4.00 s (25.0 %)
 Max hot segments  : 8
 Max cold segments : 1,000
 Retention         : 0 calls, 0 failed
 Compression       : 0 calls, 0 failed
 Deletion          : 0 calls, 0 failed
 Compressed bytes:
  - In  : 64.0 MiB
  - Out : 16.0 KiB
-----------------------------------------------------------------
";
    assert_eq!(dump(&*telemetry.metrics().segment_maintainer, "Segment Maintainer"), expected);

    let manager = telemetry.manager_updater();
    manager.on_append_block(1_234_567, 1_234_567 * 64);
    manager.set_last_event_id(1_234_567);
    let text = dump(&*telemetry.metrics().manager, "Recorder Manager");
    assert!(text.contains(" Append event            : 1,234,567 calls, 0 failed\n"), "{text}");
    assert!(text.contains(" Events                  : 1,234,567\n"), "{text}");
    assert!(text.contains(" Bytes                   : 75.4 MiB\n"), "{text}");
    assert!(text.contains(" Last event id           : 1234567\n"), "{text}");
}

#[test]
fn the_workers_of_the_original_have_its_headings_and_lines() {
    let recorder = RecorderTelemetry::new();
    let text = dump(&*recorder.metrics().segment_preparer, "Segment Preparer");
    assert!(text.starts_with("[Segment Preparer Metrics] Snapshot:\n---"), "{text}");
    assert!(text.contains("\n Get next segment  : 0 calls\n"), "{text}");
    let recovery = RecoveryTelemetry::new();
    let text = dump(&*recovery.metrics().segment_preloader, "Segment Preloader");
    assert!(text.starts_with("[Segment Preloader Metrics] Snapshot:\n---"), "{text}");
    assert!(text.contains("\n Preload segment : 0 calls, 0 failed\n Finish segment  : 0 calls"), "{text}");
}

fn headings(snapshot: &Snapshot) -> Vec<String> {
    snapshot.to_string().lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect()
}

#[test]
fn a_whole_snapshot_is_every_component_and_says_whose_it_is() {
    let snapshot = RecorderTelemetry::new().snapshot();
    assert_eq!(
        headings(&snapshot),
        [
            "[Recorder Manager Metrics] Snapshot:",
            "[Segment Writer Metrics] Snapshot:",
            "[Meta Store Metrics] Snapshot:",
            "[Meta Coordinator Metrics] Snapshot:",
            "[Committer Metrics] Snapshot:",
            "[Segment Preparer Metrics] Snapshot:",
            "[Segment Maintainer Metrics] Snapshot:",
            "[Recorder Source Metrics] Snapshot:",
        ]
    );
    let snapshot = RecoveryTelemetry::new().snapshot().with_label("log", "orders\n[evil]");
    assert_eq!(
        headings(&snapshot),
        [
            r"[Recovery Manager Metrics, log=orders\n[evil]] Snapshot:",
            r"[Segment Reader Metrics, log=orders\n[evil]] Snapshot:",
            r"[Segment Preloader Metrics, log=orders\n[evil]] Snapshot:",
            r"[Recovery Source Metrics, log=orders\n[evil]] Snapshot:",
        ]
    );
}

#[test]
fn bytes_from_elsewhere_are_dumped_as_if_they_were_ones_own() {
    let telemetry = RecorderTelemetry::new();
    telemetry.metrics().segment_writer.open_new_segment.record(44_000, Status::Ok);
    let snapshot = telemetry.snapshot().with_label("log", "orders");
    let decoded = decode_snapshot(&encode_snapshot(&snapshot)).expect("its own bytes");
    assert_eq!(decoded.to_string(), snapshot.to_string());
}
