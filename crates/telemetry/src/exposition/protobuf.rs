//! `io.prometheus.client.MetricFamily` messages, each behind its length.

use prost::Message;

use super::Scrape;
use super::text::unit_word;
use crate::catalogue::SeriesKind;
use crate::collect::Number;
use crate::families::{Encoding, Family, Point};
use crate::histogram::HistogramSnapshot;
use messages::{Bucket, BucketSpan, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, Timestamp};

/// The messages of Prometheus' `metrics.proto`, which says what each field is, as far as they are written here.
#[doc(hidden)]
pub mod messages {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub struct MetricFamily {
        #[prost(string, optional, tag = "1")]
        pub name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub help: Option<String>,
        #[prost(int32, optional, tag = "3")]
        pub r#type: Option<i32>,
        #[prost(message, repeated, tag = "4")]
        pub metric: Vec<Metric>,
        #[prost(string, optional, tag = "5")]
        pub unit: Option<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub gauge: Option<Gauge>,
        #[prost(message, optional, tag = "3")]
        pub counter: Option<Counter>,
        #[prost(message, optional, tag = "7")]
        pub histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct LabelPair {
        #[prost(string, optional, tag = "1")]
        pub name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub value: Option<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Gauge {
        #[prost(double, optional, tag = "1")]
        pub value: Option<f64>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Counter {
        #[prost(double, optional, tag = "1")]
        pub value: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub created_timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Histogram {
        #[prost(uint64, optional, tag = "1")]
        pub sample_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub sample_sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub bucket: Vec<Bucket>,
        #[prost(sint32, optional, tag = "5")]
        pub schema: Option<i32>,
        #[prost(double, optional, tag = "6")]
        pub zero_threshold: Option<f64>,
        #[prost(uint64, optional, tag = "7")]
        pub zero_count: Option<u64>,
        #[prost(message, repeated, tag = "12")]
        pub positive_span: Vec<BucketSpan>,
        #[prost(sint64, repeated, tag = "13")]
        pub positive_delta: Vec<i64>,
        #[prost(message, optional, tag = "15")]
        pub created_timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Bucket {
        #[prost(uint64, optional, tag = "1")]
        pub cumulative_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub upper_bound: Option<f64>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct BucketSpan {
        #[prost(sint32, optional, tag = "1")]
        pub offset: Option<i32>,
        #[prost(uint32, optional, tag = "2")]
        pub length: Option<u32>,
    }

    /// `google.protobuf.Timestamp`
    #[derive(Clone, PartialEq, Message)]
    pub struct Timestamp {
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }
}

/// Nothing but an exact zero would be below it, and the log counts that in its first bucket. A threshold of 0 would make
/// an empty native histogram look like a classic one.
const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);

/// Fewer empty buckets than this between two others are written as such: a span of its own takes more room.
const GAP: usize = 3;

pub(super) struct Protobuf;

impl Encoding for Protobuf {
    type Samples = Vec<Metric>;

    fn number(&self, samples: &mut Vec<Metric>, point: &Point<'_>, value: Number) {
        let value = Some(value.as_f64());
        let mut metric = labelled(point);
        if point.family.kind == SeriesKind::Counter {
            metric.counter = Some(Counter { value, created_timestamp: created(point) });
        } else {
            metric.gauge = Some(Gauge { value });
        }
        samples.push(metric);
    }

    fn histogram(&self, samples: &mut Vec<Metric>, point: &Point<'_>, histogram: &HistogramSnapshot) {
        let buckets = histogram.buckets();
        let (positive_span, positive_delta) = native(histogram);
        samples.push(Metric {
            histogram: Some(Histogram {
                sample_count: Some(histogram.count()),
                sample_sum: Some(histogram.sum() as f64 / f64::from(buckets.recorded_per_unit)),
                bucket: histogram
                    .classic(&point.family.unit)
                    .map(|(bound, count)| Bucket { cumulative_count: Some(count), upper_bound: Some(bound) })
                    .collect(),
                schema: Some(i32::from(buckets.scale)),
                zero_threshold: Some(ZERO_THRESHOLD),
                zero_count: Some(0),
                positive_span,
                positive_delta,
                created_timestamp: created(point),
            }),
            ..labelled(point)
        });
    }
}

impl Scrape for Protobuf {
    fn finish(&self, families: Vec<(Family, Vec<Metric>)>, _missing: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        for (family, metric) in families {
            if metric.is_empty() {
                continue;
            }
            let message = MetricFamily {
                unit: unit_word(&family.unit).map(ToOwned::to_owned),
                name: Some(family.name),
                help: Some(family.help),
                r#type: Some(match family.kind {
                    SeriesKind::Counter => 0,
                    SeriesKind::Gauge => 1,
                    SeriesKind::Histogram => 4,
                }),
                metric,
            };
            message.encode_length_delimited(&mut out).expect("a vector grows as it has to");
        }
        out
    }
}

fn labelled(point: &Point<'_>) -> Metric {
    let pair =
        |(name, value): &(String, String)| LabelPair { name: Some(name.clone()), value: Some(value.clone()) };
    Metric { label: point.labels.pairs().iter().map(pair).collect(), ..Metric::default() }
}

fn created(point: &Point<'_>) -> Option<Timestamp> {
    point.created_unix_ns.map(|created| Timestamp {
        seconds: (created / 1_000_000_000).cast_signed(),
        nanos: (created % 1_000_000_000) as i32,
    })
}

/// The buckets as spans of consecutive ones, each after so many that are empty, and the difference of each count to the
/// one before. Prometheus' index of a bucket is OpenTelemetry's and one.
fn native(histogram: &HistogramSnapshot) -> (Vec<BucketSpan>, Vec<i64>) {
    let (first, counts) = histogram.occupied();
    let (mut spans, mut deltas) = (Vec::new(), Vec::new());
    let mut offset = first + 1;
    let mut before = 0;
    let mut rest = counts;
    while !rest.is_empty() {
        let length = span_length(rest);
        spans.push(BucketSpan { offset: Some(offset), length: Some(length as u32) });
        for &count in &rest[..length] {
            // Only bytes that somebody made up have counts that do not fit.
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            deltas.push(count - before);
            before = count;
        }
        rest = &rest[length..];
        let empty = rest.iter().take_while(|&&count| count == 0).count();
        offset = i32::from(empty as u16);
        rest = &rest[empty..];
    }
    if spans.is_empty() {
        // This is how an empty histogram says that it is a native one.
        spans.push(BucketSpan { offset: Some(0), length: Some(0) });
    }
    (spans, deltas)
}

/// How many buckets are before the next gap that is worth a span.
fn span_length(counts: &[u64]) -> usize {
    let mut empty = 0;
    for (at, &count) in counts.iter().enumerate() {
        empty = if count == 0 { empty + 1 } else { 0 };
        if empty == GAP {
            return at + 1 - GAP;
        }
    }
    counts.len()
}
