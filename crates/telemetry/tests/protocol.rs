//! Snapshots as bytes: what is written is read, and bytes that nobody wrote are refused without a panic.
#![cfg(not(loom))]

use std::sync::LazyLock;

use flashstrike_telemetry::catalogue::Dialect;
use flashstrike_telemetry::{
    Collector, HistogramSnapshot, IntegrityFailure, Number, ProtocolError, RecorderTelemetry,
    RecoveryTelemetry, Series, Snapshot, Status, decode_snapshot, encode_snapshot,
};
use proptest::prelude::*;

/// A recorder that has done something, with a label.
static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let telemetry = RecorderTelemetry::new();
    let metrics = telemetry.metrics();
    for ns in (0..40).map(|bits| 1 << bits) {
        metrics.segment_writer.write_block.record(ns);
        metrics.meta_store.meta_flush.record(ns, Status::Failed);
        metrics.committer.sync_bytes.record(ns);
    }
    metrics.segment_writer.integrity.count(IntegrityFailure::Block);
    metrics.manager.durable_event_id.set(u64::MAX);
    metrics.meta_coordinator.life_cycle.record(true, 10, 3);
    telemetry.snapshot().with_label("log", "Bücher")
});

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| encode_snapshot(&SNAPSHOT));

/// Takes everything, in the dialect that computes most.
struct Sink;

impl Collector for Sink {
    fn push_label(&mut self, _: &str, _: &str) {}
    fn pop_label(&mut self) {}
    fn counter(&mut self, _: &Series<'_>, _: Number) {}
    fn gauge(&mut self, _: &Series<'_>, value: Number) {
        assert!(value.as_f64().is_finite());
    }
    fn histogram(&mut self, _: &Series<'_>, _: &HistogramSnapshot) {}
    fn dialect(&self) -> Dialect {
        Dialect::Legacy
    }
}

/// Whatever was decoded must be fit for everything that is done with a snapshot.
fn use_it(snapshot: &Snapshot) {
    let _ = snapshot.to_string();
    snapshot.collect(&mut Sink);
    let again = decode_snapshot(&encode_snapshot(snapshot)).expect("what was read can be written and read");
    assert_eq!(again, *snapshot);
}

#[test]
fn what_is_written_is_read() {
    let decoded = decode_snapshot(&BYTES).expect("its own bytes");
    assert_eq!(decoded, *SNAPSHOT);
    assert_eq!(decoded.labels(), [("log".to_owned(), "Bücher".to_owned())]);
    assert!(decoded.started_unix_ns() <= decoded.taken_unix_ns());
    assert_eq!(decoded.process_id(), std::process::id());
    let recovery = RecoveryTelemetry::new().snapshot();
    assert_eq!(decode_snapshot(&encode_snapshot(&recovery)).expect("its own bytes"), recovery);
    use_it(&decode_snapshot(&encode_snapshot(&Snapshot::empty())).expect("nothing is a snapshot as well"));
}

#[test]
fn every_prefix_is_refused() {
    for length in 0..BYTES.len() {
        assert!(decode_snapshot(&BYTES[..length]).is_err(), "{length} of {} bytes", BYTES.len());
    }
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let check = |bytes: &[u8], expected: ProtocolError| {
        let error = decode_snapshot(bytes).expect_err("refused");
        assert_eq!(error, expected);
        assert!(error.to_string().contains("; "), "no advice: {error}");
    };
    check(b"", ProtocolError::NotMetrics { length: 0 });
    check(b"{\"json\": true}", ProtocolError::NotMetrics { length: 14 });
    let mut newer = BYTES.clone();
    newer[8] = 2;
    check(&newer, ProtocolError::Version { found: 2 });
    check(
        &BYTES[..BYTES.len() - 1],
        ProtocolError::Length { stated: BYTES.len() as u64, length: BYTES.len() - 1 },
    );
    let mut longer = BYTES.clone();
    longer.push(0);
    check(&longer, ProtocolError::Length { stated: BYTES.len() as u64, length: longer.len() });
    let mut no_text = BYTES.clone();
    no_text[50] = 0xff; // the first byte of "log"
    check(&no_text, ProtocolError::Text { at: 50 });
    check(&BYTES[..10], ProtocolError::Truncated { what: "the header", at: 10 });
}

/// Where the entry of the first metric begins: behind the header, "log" and "Bücher" with their lengths.
const FIRST_ENTRY: usize = 48 + 2 + 3 + 2 + 7;

#[test]
fn a_metric_of_an_unknown_kind_is_left_out_and_the_others_stay() {
    let mut newer = BYTES.clone();
    newer[FIRST_ENTRY + 4] = 200;
    let decoded = decode_snapshot(&newer).expect("the rest is what it was");
    assert_eq!(decoded.metrics(), &SNAPSHOT.metrics()[1..]);
}

/// A later version may say more about a metric than this one knows.
#[test]
fn more_in_an_entry_than_is_known_is_skipped() {
    let mut newer = BYTES.clone();
    let length = u32::from_le_bytes(newer[FIRST_ENTRY..][..4].try_into().expect("four bytes"));
    newer[FIRST_ENTRY..][..4].copy_from_slice(&(length + 8).to_le_bytes());
    let end = FIRST_ENTRY + 4 + length as usize;
    newer.splice(end..end, [7; 8]);
    let stated = newer.len() as u64;
    newer[16..24].copy_from_slice(&stated.to_le_bytes());
    let data = u32::from_le_bytes(newer[44..48].try_into().expect("four bytes")) + 8;
    newer[44..48].copy_from_slice(&data.to_le_bytes());
    assert_eq!(decode_snapshot(&newer).expect("the rest is what it was"), *SNAPSHOT);
}

/// Buckets whose bounds are no numbers would make every quantile one.
#[test]
fn impossible_buckets_are_refused() {
    let impossible = ProtocolError::Metric { what: "impossible buckets", at: FIRST_ENTRY };
    for (at, bytes) in [
        (5, &[9][..]),                // scale
        (8, &i32::MAX.to_le_bytes()), // least index
        (8, &i32::MIN.to_le_bytes()), // least index
        (12, &0_u32.to_le_bytes()),   // recorded per unit
    ] {
        let mut changed = BYTES.clone();
        changed[FIRST_ENTRY + at..][..bytes.len()].copy_from_slice(bytes);
        assert_eq!(decode_snapshot(&changed), Err(impossible.clone()), "at {at}");
    }
}

#[test]
fn labels_that_would_make_every_line_of_metrics_long_are_refused() {
    let read = |labels: usize, bytes: usize| {
        let name = |at: usize| format!("{at:02}");
        let snapshot = (0..labels).fold(Snapshot::empty(), |snapshot, at| {
            snapshot.with_label(name(at), "x".repeat(bytes / labels - 2))
        });
        decode_snapshot(&encode_snapshot(&snapshot))
    };
    assert!(read(1, 4096).is_ok());
    assert_eq!(read(1, 4097), Err(ProtocolError::TooMuch { labels: 1, metrics: 0 }));
    assert!(read(64, 4096).is_ok());
    assert_eq!(read(65, 65 * 2), Err(ProtocolError::TooMuch { labels: 65, metrics: 0 }));
}

#[test]
fn more_metrics_than_any_source_has_are_refused() {
    const METRIC_COUNT: usize = 12;
    let mut changed = BYTES.clone();
    changed[METRIC_COUNT..METRIC_COUNT + 4].copy_from_slice(&513_u32.to_le_bytes());
    assert!(matches!(decode_snapshot(&changed), Err(ProtocolError::TooMuch { metrics: 513, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn bytes_that_nobody_wrote_are_refused_or_harmless(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(snapshot) = decode_snapshot(&bytes) {
            use_it(&snapshot);
        }
    }

    /// Random bytes seldom get past the magic, so most damage is done to good ones: to the header and the catalogue,
    /// where everything is a length or a kind, as often as to the words behind them.
    #[test]
    fn changed_bytes_are_refused_or_harmless(
        changes in prop::collection::vec(
            (prop_oneof![0_usize..48, 48_usize..16_000, 0_usize..BYTES.len()], prop_oneof![
                any::<u8>(), Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff),
            ]),
            1..8,
        ),
        cut in prop::option::weighted(0.2, 0_usize..BYTES.len()),
    ) {
        let mut bytes = BYTES.clone();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut);
            // As if whoever cut it had made the length fit.
            if let Some(length) = bytes.get_mut(16..24) {
                length.copy_from_slice(&(cut as u64).to_le_bytes());
            }
        }
        if let Ok(snapshot) = decode_snapshot(&bytes) {
            use_it(&snapshot);
        }
    }
}
