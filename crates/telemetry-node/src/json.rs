//! A snapshot as JSON: numbers in the metric's unit, so times in seconds; absent where nothing was recorded.

use std::collections::BTreeMap;

use flashstrike_telemetry::{HistogramSnapshot, Metric, Snapshot, Value};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    start_time: [u64; 2],
    time: [u64; 2],
    process_id: u32,
    labels: BTreeMap<&'a str, &'a str>,
    metrics: Vec<Described<'a>>,
}

#[derive(Serialize)]
struct Described<'a> {
    name: String,
    kind: &'static str,
    unit: &'a str,
    help: &'a str,
    attributes: BTreeMap<&'a str, String>,
    value: Held<'a>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Held<'a> {
    Operation { ok: u64, failed: u64, duration: Spread<'a> },
    Histogram(Spread<'a>),
    Number(u64),
    LifeCycle { active_cycles: u64, idle_cycles: u64, active_seconds: f64, idle_seconds: f64 },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spread<'a> {
    count: u64,
    sum: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantiles: Option<Quantiles>,
    scale: u8,
    offset: i32,
    bucket_counts: &'a [u64],
}

#[derive(Serialize)]
struct Quantiles {
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
}

pub(crate) fn to_json(snapshot: &Snapshot) -> String {
    let source = Source {
        start_time: seconds_and_nanoseconds(snapshot.started_unix_ns()),
        time: seconds_and_nanoseconds(snapshot.taken_unix_ns()),
        process_id: snapshot.process_id(),
        labels: snapshot.labels().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        metrics: snapshot.metrics().iter().filter(|metric| !metric.value.is_unset()).map(described).collect(),
    };
    serde_json::to_string(&source).expect("strings, numbers and maps with text keys are always JSON")
}

/// As OpenTelemetry has it: a double cannot hold the nanoseconds since 1970.
pub(crate) fn seconds_and_nanoseconds(unix_ns: u64) -> [u64; 2] {
    [unix_ns / 1_000_000_000, unix_ns % 1_000_000_000]
}

fn described(metric: &Metric) -> Described<'_> {
    let descriptor = &metric.descriptor;
    let own = descriptor.attributes.iter().map(|(name, value)| (name.as_ref(), value.to_string()));
    let of_section =
        [("system", descriptor.section.system()), ("subsystem", descriptor.section.subsystem.to_string())];
    Described {
        name: descriptor.full_name(),
        kind: descriptor.kind.name(),
        unit: &descriptor.unit,
        help: &descriptor.help,
        attributes: of_section.into_iter().chain(own).collect(),
        value: held(&metric.value),
    }
}

fn held(value: &Value) -> Held<'_> {
    match value {
        Value::Operation { ok, failed, latency } => {
            Held::Operation { ok: *ok, failed: *failed, duration: spread(latency) }
        }
        Value::Duration(histogram) | Value::Distribution(histogram) => Held::Histogram(spread(histogram)),
        Value::Counter(number) | Value::Gauge(number) | Value::ConstantGauge(number) => Held::Number(*number),
        Value::LifeCycle(cycle) => Held::LifeCycle {
            active_cycles: cycle.active_cycles,
            idle_cycles: cycle.idle_cycles,
            active_seconds: cycle.active_ns as f64 / 1e9,
            idle_seconds: cycle.idle_ns as f64 / 1e9,
        },
    }
}

pub(crate) fn spread(histogram: &HistogramSnapshot) -> Spread<'_> {
    let per_unit = f64::from(histogram.buckets().recorded_per_unit);
    let quantile = |q| histogram.quantile(q).map(|recorded| recorded / per_unit);
    let quantiles = || {
        Some(Quantiles {
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            p99: quantile(0.99)?,
            p999: quantile(0.999)?,
        })
    };
    let (offset, bucket_counts) = histogram.occupied();
    Spread {
        count: histogram.count(),
        sum: histogram.sum() as f64 / per_unit,
        min: histogram.min().map(|recorded| recorded as f64 / per_unit),
        max: histogram.max().map(|recorded| recorded as f64 / per_unit),
        mean: histogram.mean().map(|recorded| recorded / per_unit),
        quantiles: quantiles(),
        scale: histogram.buckets().scale,
        offset,
        bucket_counts,
    }
}
