//! Every metric is described once, by the rules, and what is exported of it has exactly the names that dashboards,
//! alerts and the original's users know.
#![cfg(not(any(loom, feature = "unrecorded")))]

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{offset_of, size_of};

use flashstrike_telemetry::catalogue::{Dialect, Row};
use flashstrike_telemetry::kinds::{
    ConstantGauge, Counter, Distribution, Duration, Gauge, LifeCycle, Operation,
};
use flashstrike_telemetry::layout::{Field, LINE};
use flashstrike_telemetry::recorder::{self, RecorderMetrics};
use flashstrike_telemetry::recovery::{self, RecoveryMetrics};
use flashstrike_telemetry::{
    Collector, Component, Entry, HistogramSnapshot, Kind, Number, RecorderTelemetry, RecoveryTelemetry,
    Series, Status,
};

/// Keeps all it is given: name, labels, unit, kind of instrument, value.
#[derive(Default)]
struct Keeper {
    dialect: Dialect,
    labels: Vec<(String, String)>,
    series: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    name: String,
    labels: Vec<(String, String)>,
    unit: String,
    instrument: &'static str,
    value: f64,
}

impl Keeper {
    fn keep(&mut self, series: &Series<'_>, instrument: &'static str, value: f64) {
        assert!(!series.help.is_empty(), "{} has no help", series.name);
        self.series.push(Kept {
            name: series.name.to_owned(),
            labels: self.labels.clone(),
            unit: series.unit.to_owned(),
            instrument,
            value,
        });
    }

    fn names(&self) -> BTreeSet<&str> {
        self.series.iter().map(|series| series.name.as_str()).collect()
    }

    fn value(&self, name: &str) -> f64 {
        let mut found = self.series.iter().filter(|series| series.name == name);
        let value = found.next().unwrap_or_else(|| panic!("no {name}")).value;
        assert!(found.next().is_none(), "{name} more than once");
        value
    }
}

impl Collector for Keeper {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop().expect("no more is popped than was pushed");
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        self.keep(series, "counter", value.as_f64());
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        self.keep(series, "gauge", value.as_f64());
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        self.keep(series, "histogram", histogram.count() as f64);
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }
}

fn collected(dialect: Dialect) -> Keeper {
    let mut keeper = Keeper { dialect, ..Keeper::default() };
    let recorder = RecorderTelemetry::new();
    // The original exports no extremes of what it has never seen, so something is recorded of everything.
    recorder.metrics().segment_writer.open_new_segment.record(1_000, Status::Ok);
    recorder.metrics().segment_writer.open_new_segment.record(3_000, Status::Failed);
    recorder.metrics().segment_writer.write_block.record(500);
    recorder.metrics().segment_writer.block_fill.record(256);
    recorder.metrics().segment_preparer.get_next_segment.record(700);
    recorder.metrics().segment_maintainer.persistence_lifecycle.record(true, 2_000_000, 500_000);
    recorder.snapshot().collect(&mut keeper);
    RecoveryTelemetry::new().snapshot().collect(&mut keeper);
    assert_eq!(keeper.labels, [], "what was pushed is popped");
    keeper
}

fn entries() -> Vec<Entry> {
    RecorderTelemetry::catalogue().into_iter().chain(RecoveryTelemetry::catalogue()).collect()
}

#[test]
fn every_metric_is_there_once_and_follows_the_rules() {
    let mut seen = BTreeSet::new();
    for Entry { descriptor, .. } in entries() {
        let name = descriptor.full_name();
        assert!(seen.insert((name.clone(), descriptor.attributes.clone())), "{name} is there twice");
        assert!(!name.contains("total"), "{name}: no OpenTelemetry name says total");
        assert!(
            name.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c == '_')),
            "{name}: lower case, words joined by underscores, parts by dots"
        );
        let takes_time = matches!(descriptor.kind, Kind::Operation | Kind::Duration | Kind::LifeCycle);
        let counts = descriptor.unit == "By"
            || (descriptor.unit.starts_with('{')
                && descriptor.unit.ends_with('}')
                && descriptor.unit.len() > 2);
        assert!(if takes_time { descriptor.unit == "s" } else { counts }, "{name} in {}", descriptor.unit);
        assert!(descriptor.help.ends_with('.') && descriptor.help.len() > 10, "{name}: {}", descriptor.help);
        assert!(!descriptor.label.is_empty() && !descriptor.stem.is_empty(), "{name}");
        assert!(["recorder", "recovery"].contains(&&*descriptor.section.side), "{name}");
    }
}

/// Metrics of one name are one family to an exporter: same unit, same help, told apart by the same attribute.
#[test]
fn metrics_that_share_a_name_are_one_family() {
    let mut families: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries() {
        families.entry(entry.descriptor.full_name()).or_default().push(entry);
    }
    for (name, members) in families {
        let first = members[0].descriptor;
        for member in &members {
            let member = member.descriptor;
            assert_eq!(
                (member.kind, &member.unit, &member.help),
                (first.kind, &first.unit, &first.help),
                "{name}"
            );
            let keys =
                |attributes: &[(_, _)]| attributes.iter().map(|(key, _)| key).cloned().collect::<Vec<_>>();
            assert_eq!(keys(&member.attributes), keys(&first.attributes), "{name}");
        }
    }
}

fn size_of_kind(kind: Kind) -> usize {
    match kind {
        Kind::Operation => size_of::<Operation>(),
        Kind::Duration => size_of::<Duration>(),
        Kind::Counter => size_of::<Counter>(),
        Kind::Gauge => size_of::<Gauge>(),
        Kind::ConstantGauge => size_of::<ConstantGauge>(),
        Kind::LifeCycle => size_of::<LifeCycle>(),
        Kind::Distribution => size_of::<Distribution>(),
    }
}

/// Holds a component's catalogue against its struct: no field without a row, no row outside of its field, no two
/// metrics on the same bytes.
fn check_rows<C: Component>(fields: &[Field]) {
    let mut covered = BTreeSet::new();
    let range = |row: &Row<C>| row.offset..row.offset + size_of_kind(row.descriptor.kind);
    for row in C::rows() {
        let name = &row.descriptor.name;
        for byte in range(row) {
            assert!(covered.insert(byte), "{name} overlaps another metric");
        }
        let is_within =
            |field: &&Field| field.offset <= range(row).start && range(row).end <= field.offset + field.size;
        assert_eq!(fields.iter().filter(is_within).count(), 1, "{name} is in no field");
    }
    for field in fields {
        assert!(
            (field.offset..field.offset + field.size).any(|byte| covered.contains(&byte)),
            "{} is not in the catalogue",
            field.name
        );
    }
}

#[test]
fn every_field_of_every_struct_is_in_the_catalogue() {
    check_rows::<recorder::Manager>(recorder::Manager::FIELDS);
    check_rows::<recorder::SegmentWriter>(recorder::SegmentWriter::FIELDS);
    check_rows::<recorder::MetaStore>(recorder::MetaStore::FIELDS);
    check_rows::<recorder::MetaCoordinator>(recorder::MetaCoordinator::FIELDS);
    check_rows::<recorder::Committer>(recorder::Committer::FIELDS);
    check_rows::<recorder::SegmentPreparer>(recorder::SegmentPreparer::FIELDS);
    check_rows::<recorder::SegmentMaintainer>(recorder::SegmentMaintainer::FIELDS);
    check_rows::<recovery::Manager>(recovery::Manager::FIELDS);
    check_rows::<recovery::SegmentReader>(recovery::SegmentReader::FIELDS);
    check_rows::<recovery::SegmentPreloader>(recovery::SegmentPreloader::FIELDS);
    // Fields that hold several metrics have a row for each of them.
    let failures =
        recorder::SegmentWriter::rows().iter().filter(|row| row.descriptor.name == "integrity.failures");
    assert_eq!(failures.count(), 4);
    let worker = offset_of!(recorder::SegmentPreparer, worker);
    let of_worker = recorder::SegmentPreparer::rows().iter().filter(|row| row.offset >= worker);
    assert_eq!(of_worker.count(), recorder::SegmentPreparerWorker::FIELDS.len());
}

#[test]
fn a_limit_that_nobody_has_set_has_no_sample() {
    let telemetry = RecorderTelemetry::new();
    let maintainer = telemetry.segment_maintainer_updater();
    maintainer.set_max_segments(ConstantGauge::NO_LIMIT);
    maintainer.set_max_compressed_segments(4);
    for dialect in [Dialect::OpenTelemetry, Dialect::Prometheus, Dialect::Legacy] {
        let mut keeper = Keeper { dialect, ..Keeper::default() };
        telemetry.snapshot().collect(&mut keeper);
        let limits: Vec<_> = keeper
            .series
            .iter()
            .filter(|kept| kept.name.contains("max_") && kept.name.ends_with("_segments"))
            .collect();
        let [cold] = limits.as_slice() else { panic!("{limits:?}") };
        assert!(cold.name.ends_with("max_cold_segments"), "{cold:?}");
        assert_eq!(keeper.value(&cold.name).to_bits(), 4_f64.to_bits());
    }
}

/// Metrics that belong together share a line on purpose; all others have one to themselves.
#[test]
fn no_two_metrics_share_a_cache_line_unless_they_are_said_to() {
    let mut users: BTreeMap<(&str, usize), BTreeSet<String>> = BTreeMap::new();
    for Entry { descriptor, offsets } in entries() {
        for offset in offsets {
            for line in offset / LINE..(offset + size_of_kind(descriptor.kind)).div_ceil(LINE) {
                let line = users.entry((&descriptor.section.side, line)).or_default();
                line.insert(descriptor.full_name());
            }
        }
    }
    let shared: BTreeSet<_> = users.values().filter(|names| names.len() > 1).cloned().collect();
    assert_eq!(
        shared,
        BTreeSet::from([BTreeSet::from([
            "wal.recorder.segment_maintainer.max_hot_segments".to_owned(),
            "wal.recorder.segment_maintainer.max_cold_segments".to_owned(),
        ])])
    );
    // Structs of different threads do not even share the pair of lines that a processor fetches together.
    for field in [RecorderMetrics::FIELDS, RecoveryMetrics::FIELDS].concat() {
        assert_eq!((field.offset % 128, field.size % 128), (0, 0), "{}", field.name);
    }
}

#[test]
fn labels_say_which_part_of_the_log_it_is() {
    let keeper = collected(Dialect::OpenTelemetry);
    let of = |name: &str| -> Vec<String> {
        let of_name = keeper.series.iter().filter(|series| series.name == name);
        of_name
            .map(|series| {
                let labels: Vec<_> =
                    series.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                labels.join(" ")
            })
            .collect()
    };
    let prefix = "system=wal_recorder subsystem=segment_writer";
    assert_eq!(of("wal.recorder.segment_writer.write_block.duration"), [prefix]);
    assert_eq!(
        of("wal.recorder.segment_writer.integrity.failures"),
        ["header", "block", "chained", "validation"].map(|kind| format!("{prefix} kind={kind}"))
    );
    assert_eq!(
        of("wal.recorder.segment_writer.open_new_segment.operations"),
        ["ok", "failed"].map(|outcome| format!("{prefix} outcome={outcome}"))
    );
    assert_eq!(
        of("wal.recovery.segment_preloader.loop.time"),
        ["active", "idle"]
            .map(|state| format!("system=wal_recovery subsystem=segment_preloader state={state}"))
    );
    let mut legacy = collected(Dialect::Legacy).series.into_iter();
    let series = legacy.find(|series| series.name == "mc_wal_segment_preparer_get_next_segment_ns_total_ns");
    let labels = series.expect("it is exported").labels;
    assert_eq!(labels[1], ("subsystem".to_owned(), "wal_prepare_worker".to_owned()));
}

#[test]
fn units_fit_the_instruments() {
    for series in collected(Dialect::OpenTelemetry).series {
        let unit = series.unit.as_str();
        let fits = match series.name.rsplit('.').next() {
            Some("duration" | "time") => unit == "s",
            Some("operations") => unit == "{operation}" && series.instrument == "counter",
            Some("cycles") => unit == "{cycle}" && series.instrument == "counter",
            Some("failures") => unit == "{failure}" && series.instrument == "counter",
            _ => unit == "By" || unit.starts_with('{'),
        };
        assert!(fits, "{} {} in {unit}", series.instrument, series.name);
    }
    for series in collected(Dialect::Prometheus).series {
        assert_eq!(series.name.ends_with("_total"), series.instrument == "counter", "{}", series.name);
        assert!(!series.name.contains('.') && !series.name.contains("__"), "{}", series.name);
    }
}

/// The flat names as they are printed by the original, of each component that it has.
#[test]
fn legacy_names_are_those_of_the_original() {
    let keeper = collected(Dialect::Legacy);
    let names = keeper.names();
    for name in [
        "mc_wal_segment_writer_open_new_segment_samples_total",
        "mc_wal_segment_writer_open_new_segment_success_total",
        "mc_wal_segment_writer_open_new_segment_total_ns",
        "mc_wal_segment_writer_open_new_segment_min_ns",
        "mc_wal_segment_writer_open_new_segment_max_ns",
        "mc_wal_segment_writer_open_new_segment_avg_ns",
        "mc_wal_segment_writer_open_new_segment_jitter_ns",
        "mc_wal_segment_writer_open_existing_segment_samples_total",
        "mc_wal_segment_writer_close_segment_samples_total",
        "mc_wal_segment_writer_write_block_ns_samples_total",
        "mc_wal_segment_writer_write_block_ns_total_ns",
        "mc_wal_segment_writer_total_header_checksum_failures",
        "mc_wal_segment_writer_total_block_checksum_failures",
        "mc_wal_segment_writer_total_chained_checksum_failures",
        "mc_wal_segment_writer_total_validation_failures",
        "mc_wal_segment_preparer_get_next_segment_ns_samples_total",
        "mc_wal_segment_maintainer_persistence_lifecycle_cycles",
        "mc_wal_segment_maintainer_persistence_lifecycle_did_work_total",
        "mc_wal_segment_maintainer_persistence_lifecycle_total_cycle_time_ns",
        "mc_wal_segment_maintainer_persistence_lifecycle_total_active_time_ns",
        "mc_wal_segment_maintainer_persistence_lifecycle_active_ratio_percent",
        "mc_wal_segment_maintainer_maintenance_retention_samples_total",
        "mc_wal_segment_maintainer_maintenance_compression_samples_total",
        "mc_wal_segment_maintainer_maintenance_deletion_samples_total",
        "mc_wal_segment_maintainer_persistence_max_hot_segments",
        "mc_wal_segment_maintainer_persistence_max_cold_segments",
        "mc_wal_meta_store_maintenance_meta_flush_samples_total",
        "mc_wal_recovery_segment_preloader_preload_segment_samples_total",
        "mc_wal_recovery_segment_preloader_finish_segment_samples_total",
        "mc_wal_recovery_segment_reader_verify_segment_samples_total",
        "mc_wal_recovery_segment_reader_total_block_checksum_failures",
    ] {
        assert!(names.contains(name), "no {name} in {names:#?}");
    }
    let of = |name: &str| keeper.value(&format!("mc_wal_segment_writer_open_new_segment_{name}"));
    assert_eq!((of("samples_total"), of("success_total"), of("total_ns")), (2.0, 1.0, 4_000.0));
    assert_eq!(
        (of("min_ns"), of("max_ns"), of("avg_ns"), of("jitter_ns")),
        (1_000.0, 3_000.0, 2_000.0, 2_000.0)
    );
    let of = |name: &str| keeper.value(&format!("mc_wal_segment_maintainer_persistence_lifecycle_{name}"));
    assert_eq!((of("cycles"), of("did_work_total"), of("active_ratio_percent")), (1.0, 1.0, 75.0));
    assert_eq!((of("total_cycle_time_ns"), of("total_active_time_ns")), (2_000_000.0, 1_500_000.0));
    assert_eq!((of("avg_cycle_time_ms"), of("avg_active_time_ms")), (2.0, 1.5));
}

/// A component alone is collected under whatever prefix it is given.
#[test]
fn a_component_has_the_prefix_it_is_given() {
    let telemetry = RecorderTelemetry::new();
    telemetry.metrics().segment_preparer.get_next_segment.record(5);
    let mut keeper = Keeper { dialect: Dialect::Legacy, ..Keeper::default() };
    keeper.push_label("engine", "a");
    telemetry.metrics().segment_preparer.collect("ie", &mut keeper);
    keeper.pop_label();
    assert!((keeper.value("ie_get_next_segment_ns_total_ns") - 5.0).abs() < 1e-9);
    assert_eq!(keeper.series[0].labels[0], ("engine".to_owned(), "a".to_owned()));
    let mut keeper = Keeper::default();
    telemetry.metrics().segment_preparer.collect("my.preparer", &mut keeper);
    assert!(keeper.names().contains("my.preparer.get_next_segment.duration"));
}

#[test]
fn exported_names_are_exactly_these() {
    let names = |dialect| {
        let keeper = collected(dialect);
        keeper.names().into_iter().map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(names(Dialect::OpenTelemetry), include_str!("names/open_telemetry.txt").trim_end());
    assert_eq!(names(Dialect::Prometheus), include_str!("names/prometheus.txt").trim_end());
}
