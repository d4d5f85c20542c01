//! Native histograms and the rest of the protobuf format.

use std::collections::BTreeMap;

use flashstrike_telemetry::catalogue::Dialect;
use flashstrike_telemetry::exposition::messages::{Histogram, Metric, MetricFamily, Timestamp};
use flashstrike_telemetry::exposition::{Exposition, Format};
use flashstrike_telemetry::{HistogramSnapshot, RecorderTelemetry, Snapshot};
use proptest::prelude::*;
use prost::Message;

use crate::expected::{Expected, Key, Value, classic_bounds, count_up_to, expected, sum};
use crate::sources::several;

fn write(sources: &[Snapshot]) -> Vec<MetricFamily> {
    let numbered: Vec<_> = sources.iter().enumerate().collect();
    let bytes = Exposition::new().write(Format::Protobuf, &numbered, &[]);
    let mut rest = bytes.as_slice();
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    families
}

fn check(families: Vec<MetricFamily>, sources: &[Snapshot]) {
    let mut all = expected(sources, Dialect::Prometheus);
    let mut names = Vec::new();
    for family in families {
        let name = family.name.clone().unwrap();
        assert!(!names.contains(&name), "{name} twice");
        names.push(name.clone());
        for metric in &family.metric {
            let labels: BTreeMap<_, _> = metric
                .label
                .iter()
                .map(|pair| (pair.name.clone().unwrap(), pair.value.clone().unwrap()))
                .collect();
            let key: Key = (name.clone(), labels);
            let series = all.remove(&key).unwrap_or_else(|| panic!("{key:?} is there, and not expected"));
            check_metric(&family, metric, &series);
        }
    }
    assert_eq!(all.keys().collect::<Vec<_>>(), Vec::<&Key>::new(), "missing");
}

fn check_metric(family: &MetricFamily, metric: &Metric, series: &Expected) {
    let kind = ["counter", "gauge", "summary", "untyped", "histogram"]
        [usize::try_from(family.r#type.unwrap()).unwrap()];
    assert_eq!(kind, series.kind);
    assert!(series.help.is_empty() || family.help.as_ref() == Some(&series.help));
    let started = Timestamp {
        seconds: (series.started_unix_ns / 1_000_000_000).cast_signed(),
        nanos: i32::try_from(series.started_unix_ns % 1_000_000_000).unwrap(),
    };
    match (&series.value, kind) {
        (Value::Number(value), "counter") => {
            let counter = metric.counter.as_ref().unwrap();
            assert_eq!((counter.value, &counter.created_timestamp), (Some(*value), &Some(started)));
        }
        (Value::Number(value), _) => assert_eq!(metric.gauge.as_ref().unwrap().value, Some(*value)),
        (Value::Histogram(expected), _) => {
            let histogram = metric.histogram.as_ref().unwrap();
            assert_eq!(histogram.created_timestamp, Some(started));
            check_histogram(histogram, expected, &series.unit);
        }
    }
}

fn check_histogram(histogram: &Histogram, expected: &HistogramSnapshot, unit: &str) {
    assert_eq!(histogram.sample_count, Some(expected.count()));
    assert_eq!(histogram.sample_sum, Some(sum(expected)));
    assert_eq!(histogram.schema, Some(3));
    assert_eq!(histogram.zero_count, Some(0));
    assert_eq!(histogram.zero_threshold, Some(2_f64.powi(-128)));
    assert_eq!(native(histogram), counts(expected));
    let classic: Vec<_> = histogram
        .bucket
        .iter()
        .map(|bucket| (bucket.upper_bound.unwrap(), bucket.cumulative_count.unwrap()))
        .collect();
    let bounds = classic_bounds(unit);
    assert_eq!(classic.len(), bounds.len());
    for ((upper, count), bound) in classic.into_iter().zip(bounds) {
        assert!((upper / bound - 1.0).abs() < 1e-12);
        assert_eq!(count, count_up_to(expected, bound), "up to {bound}");
    }
}

/// Counts by Prometheus' index, as its documentation says to add up spans and deltas.
fn native(histogram: &Histogram) -> BTreeMap<i32, u64> {
    let mut found = BTreeMap::new();
    let mut deltas = histogram.positive_delta.iter();
    let (mut index, mut count) = (0, 0_i64);
    for (at, span) in histogram.positive_span.iter().enumerate() {
        assert!(at == 0 || span.offset.unwrap() > 0, "spans have a gap between them");
        index += span.offset.unwrap();
        for _ in 0..span.length.unwrap() {
            count += deltas.next().expect("a delta a bucket");
            if count != 0 {
                found.insert(index, count.cast_unsigned());
            }
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None, "no delta without a bucket");
    assert!(!histogram.positive_span.is_empty(), "without a span it would look like a classic one");
    found
}

/// Prometheus' bucket i ends where OpenTelemetry's i − 1 does.
fn counts(histogram: &HistogramSnapshot) -> BTreeMap<i32, u64> {
    let first = histogram.buckets().min_index + 1;
    let indexes = first..;
    indexes.zip(histogram.counts().iter().copied()).filter(|&(_, count)| count > 0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn protobuf_says_what_the_snapshots_say(done in several()) {
        let sources: Vec<_> = done.iter().map(crate::sources::Done::snapshot).collect();
        check(write(&sources), &sources);
    }

    /// The values of a histogram are often close together and seldom far apart.
    #[test]
    fn spans_and_deltas_add_up_to_the_histogram(
        values in prop::collection::vec((0_u32..48, 1_u64..40), 0..60),
    ) {
        let telemetry = RecorderTelemetry::new();
        for (shift, value) in values {
            telemetry.metrics().segment_writer.write_block.record(value << shift);
        }
        let sources = [telemetry.snapshot()];
        check(write(&sources), &sources);
    }
}
