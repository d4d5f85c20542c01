//! Classic and OpenMetrics text.

use std::collections::{BTreeMap, BTreeSet};

use flashstrike_telemetry::catalogue::Dialect;
use flashstrike_telemetry::exposition::{Exposition, Format};
use flashstrike_telemetry::{
    RecorderTelemetry, RecoveryTelemetry, Snapshot, decode_snapshot, encode_snapshot,
};
use proptest::prelude::*;

use crate::expected::{Key, Value, classic_bounds, count_up_to, expected, sum};
use crate::sources::several;
use crate::text_reader::{Scrape, read};

fn write(format: Format, sources: &[Snapshot]) -> String {
    let numbered: Vec<_> = sources.iter().enumerate().collect();
    String::from_utf8(Exposition::new().write(format, &numbered, &[])).unwrap()
}

fn key(name: &str, ending: &str, labels: &BTreeMap<String, String>, le: Option<&str>) -> Key {
    let mut labels = labels.clone();
    labels.extend(le.map(|le| ("le".to_owned(), le.to_owned())));
    (format!("{name}{ending}"), labels)
}

fn check(text: &str, format: Format, sources: &[Snapshot]) {
    let is_open_metrics = format == Format::OpenMetrics;
    let dialect = if format == Format::LegacyText { Dialect::Legacy } else { Dialect::Prometheus };
    let Scrape { families, mut samples, .. } = read(text, is_open_metrics);
    let mut described = BTreeSet::new();
    for ((name, labels), series) in expected(sources, dialect) {
        let title = match name.strip_suffix("_total") {
            Some(base) if is_open_metrics && series.kind == "counter" => base,
            _ => &name,
        };
        let header = &families[title];
        described.insert(title.to_owned());
        assert_eq!(header.kind.as_deref(), Some(series.kind), "{name}");
        assert!(series.help.is_empty() || header.help.as_ref() == Some(&series.help), "{name}");
        let unit = match series.unit.as_str() {
            "s" => Some("seconds"),
            "By" => Some("bytes"),
            _ => None,
        };
        assert_eq!(header.unit.as_deref(), unit.filter(|_| is_open_metrics), "{name}");
        let mut take = |key: Key| samples.remove(&key).unwrap_or_else(|| panic!("no {key:?}"));
        match &series.value {
            Value::Number(value) => assert_eq!(take(key(&name, "", &labels, None)), *value, "{name}"),
            Value::Histogram(histogram) => {
                assert_eq!(take(key(&name, "_count", &labels, None)), histogram.count() as f64);
                assert_eq!(take(key(&name, "_sum", &labels, None)), sum(histogram));
                assert_eq!(take(key(&name, "_bucket", &labels, Some("+Inf"))), histogram.count() as f64);
            }
        }
        if is_open_metrics && series.kind != "gauge" {
            let created = take(key(title, "_created", &labels, None));
            assert!((created - series.started_unix_ns as f64 / 1e9).abs() < 1e-6, "{created}");
        }
        if let Value::Histogram(histogram) = &series.value {
            check_buckets(&name, &labels, &mut samples, &classic_bounds(&series.unit), |bound| {
                count_up_to(histogram, bound)
            });
        }
    }
    assert_eq!(samples, BTreeMap::new(), "nothing else is there");
    assert_eq!(families.keys().cloned().collect::<BTreeSet<_>>(), described);
}

fn check_buckets(
    name: &str,
    labels: &BTreeMap<String, String>,
    samples: &mut BTreeMap<Key, f64>,
    bounds: &[f64],
    count: impl Fn(f64) -> u64,
) {
    let mut by_bound = Vec::new();
    samples.retain(|(sample, of), value| {
        let others = of.iter().filter(|(label, _)| *label != "le");
        let is_bucket = sample.strip_suffix("_bucket") == Some(name) && others.eq(labels.iter());
        if is_bucket {
            by_bound.push((of["le"].parse::<f64>().unwrap(), *value));
        }
        !is_bucket
    });
    by_bound.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(by_bound.len(), bounds.len(), "{name}");
    for ((le, value), bound) in by_bound.into_iter().zip(bounds) {
        assert!((le / bound - 1.0).abs() < 1e-12, "{name}: {le} for {bound}");
        assert_eq!(value, count(*bound) as f64, "{name} up to {bound}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn texts_say_what_the_snapshots_say(done in several()) {
        let sources: Vec<_> = done.iter().map(crate::sources::Done::snapshot).collect();
        for format in [Format::Text, Format::OpenMetrics, Format::LegacyText] {
            check(&write(format, &sources), format, &sources);
        }
    }
}

#[test]
fn a_family_is_described_once_for_all_sources() {
    let source = |log: &str| RecorderTelemetry::new().snapshot().with_label("log", log);
    let text = write(Format::Text, &[source("a"), source("b"), source("a")]);
    let lines = |beginning: &str| text.lines().filter(|line| line.starts_with(beginning)).count();
    assert_eq!(lines("# TYPE wal_recorder_manager_events_total "), 1);
    assert_eq!(lines("# HELP wal_recorder_manager_events_total "), 1);
    assert_eq!(lines("wal_recorder_manager_events_total{"), 3);
    assert!(text.contains("wal_recorder_manager_events_total{log=\"a\",source=\"2\",system="));
}

/// A recorder with a label, some of whose metrics have other names than here.
fn renamed(names: &[(&str, &str)]) -> Snapshot {
    let mut bytes = encode_snapshot(&RecorderTelemetry::new().snapshot().with_label("log", "other"));
    for (from, to) in names {
        // With its length before it, so that it is not a part of another name.
        let from: Vec<_> = [&[from.len() as u8, 0], from.as_bytes()].concat();
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap() + 2;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    decode_snapshot(&bytes).unwrap()
}

/// Another version may say that what is a counter here is a gauge there.
#[test]
fn a_series_that_contradicts_its_family_is_left_out() {
    let other = renamed(&[("events", "evenls"), ("hot_segments", "events.total")]);
    let text = write(Format::Text, &[RecorderTelemetry::new().snapshot(), other]);
    let series = |beginning: &str| text.lines().filter(|line| line.starts_with(beginning)).count();
    assert_eq!(series("wal_recorder_manager_events_total{"), 1);
    assert_eq!(series("wal_recorder_manager_evenls_total{log=\"other\""), 1);
    assert_eq!(series("wal_recorder_manager_bytes_total{"), 2);
    read(&text, false);
}

/// Bytes that somebody made up may have a metric twice.
#[test]
fn a_series_that_is_there_twice_is_written_once() {
    let text = write(Format::Text, &[renamed(&[("cold_segments", "last_event_id")])]);
    assert_eq!(
        text.lines().filter(|line| line.starts_with("wal_recorder_manager_last_event_id{")).count(),
        1
    );
    read(&text, false);
}

#[test]
fn what_could_not_be_read_is_counted_and_told() {
    let recovery = RecoveryTelemetry::new().snapshot();
    let missing = ["source 3: it\nwas # EOF closed".to_owned()];
    let mut exposition = Exposition::new();
    let mut write =
        |format| String::from_utf8(exposition.write(format, &[(0, &recovery)], &missing)).unwrap();
    let classic = read(&write(Format::Text), false);
    assert_eq!(classic.comments, ["# Metrics missing: source 3: it was # EOF closed"]);
    let nothing = BTreeMap::new();
    assert_eq!(classic.samples[&("wal_telemetry_sources".to_owned(), nothing.clone())], 1.0);
    assert_eq!(classic.samples[&("wal_telemetry_source_errors".to_owned(), nothing.clone())], 1.0);
    let open = read(&write(Format::OpenMetrics), true);
    assert_eq!(open.samples[&("wal_telemetry_source_errors".to_owned(), nothing)], 1.0);
}

#[test]
fn no_source_is_a_scrape_as_well() {
    for format in [Format::Text, Format::OpenMetrics, Format::LegacyText] {
        check(&write(format, &[]), format, &[]);
    }
}
