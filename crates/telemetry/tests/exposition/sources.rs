//! Recorders and recoveries that have done anything.

use flashstrike_telemetry::{IntegrityFailure, RecorderTelemetry, RecoveryTelemetry, Snapshot, Status};
use proptest::prelude::*;

/// What a source has done, and its labels.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    is_recorder: bool,
    pub(crate) labels: Vec<(String, String)>,
    values: Vec<u64>,
}

impl Done {
    pub(crate) fn snapshot(&self) -> Snapshot {
        if self.is_recorder { self.recorder() } else { self.recovery() }
    }

    fn recorder(&self) -> Snapshot {
        let telemetry = RecorderTelemetry::labelled(self.labels.clone());
        let metrics = telemetry.metrics();
        for &value in &self.values {
            let status = if value % 3 == 0 { Status::Failed } else { Status::Ok };
            metrics.segment_writer.write_block.record(value);
            metrics.segment_writer.block_fill.record(value);
            metrics.meta_store.meta_flush.record(value / 2, status);
            metrics.committer.sync_bytes.record(value.wrapping_mul(7));
            metrics.segment_writer.integrity.count(IntegrityFailure::Block);
            metrics.manager.events.add(value >> 32);
            metrics.manager.durable_event_id.set(value);
            metrics.meta_coordinator.life_cycle.record(value % 2 == 0, value >> 8, value >> 9);
        }
        telemetry.snapshot()
    }

    fn recovery(&self) -> Snapshot {
        let telemetry = RecoveryTelemetry::labelled(self.labels.clone());
        let metrics = telemetry.metrics();
        for &value in &self.values {
            metrics.segment_reader.integrity.count(IntegrityFailure::Chained);
            metrics.manager.events.add(value >> 32);
        }
        telemetry.snapshot()
    }
}

/// Texts that break a writer that does not escape.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\n".to_owned()),
        Just("\\n".to_owned()),
        Just("} 1\n# EOF\n".to_owned()),
        Just("\",le=\"+Inf".to_owned()),
        any::<char>().prop_map(String::from),
        "[a-z]{0,3}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// One to three sources, some of them the same in their labels.
pub(crate) fn several() -> impl Strategy<Value = Vec<Done>> {
    let value = (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift);
    let labels = prop_oneof![
        Just(vec![("log".to_owned(), "orders".to_owned())]),
        prop::collection::btree_map(prop_oneof![Just("log"), Just("zone"), Just("_a1")], hostile(), 0..3)
            .prop_map(|labels| labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
    ];
    let done = (any::<bool>(), labels, prop::collection::vec(value, 0..20))
        .prop_map(|(is_recorder, labels, values)| Done { is_recorder, labels, values });
    prop::collection::vec(done, 1..4)
}
