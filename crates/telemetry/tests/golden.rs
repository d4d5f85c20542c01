//! Bytes written by version 1 of the protocol are read as they were written, whatever becomes of the crate.
#![cfg(not(loom))]

use flashstrike_telemetry::{Metric, Snapshot, Value, decode_snapshot};

const BYTES: &[u8] = include_bytes!("golden/recorder-v1.bin");

fn metric<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Metric {
    let found = snapshot.metrics().iter().find(|metric| metric.descriptor.full_name() == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn version_1_is_read() {
    let snapshot = decode_snapshot(BYTES).expect("written by version 1");
    assert_eq!(snapshot.labels(), [("log".to_owned(), "orders".to_owned())]);
    assert_eq!(metric(&snapshot, "wal.recorder.manager.events").value, Value::Counter(1_000_000));
    assert_eq!(metric(&snapshot, "wal.recorder.manager.durable_event_id").value, Value::Gauge(999_999));
    assert_eq!(
        metric(&snapshot, "wal.recorder.segment_maintainer.max_hot_segments").value,
        Value::ConstantGauge(8)
    );
    let opened = metric(&snapshot, "wal.recorder.segment_writer.open_new_segment");
    assert_eq!((&*opened.descriptor.unit, &*opened.descriptor.label), ("s", "Open new segment"));
    let Value::Operation { ok, failed, latency } = &opened.value else { panic!("not an operation") };
    assert_eq!((*ok, *failed, latency.count(), latency.sum()), (4, 0, 4, 192_000));
    assert_eq!((latency.min(), latency.max()), (Some(44_000), Some(60_000)));
    assert_eq!(latency.occupied(), (-116, &[3, 0, 0, 1][..]));
    let Value::LifeCycle(cycle) = metric(&snapshot, "wal.recorder.meta_coordinator.loop").value else {
        panic!("not a life cycle")
    };
    assert_eq!((cycle.active_ns, cycle.idle_ns), (1_000_000_000, 2_000_000_000));
    assert!(snapshot.to_string().contains("[Segment Writer Metrics, log=orders] Snapshot:\n"));
}
