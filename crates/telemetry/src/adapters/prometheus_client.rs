//! For programs that use `prometheus-client`.
//!
//! ```
//! use flashstrike_telemetry::RecorderTelemetry;
//! use flashstrike_telemetry::adapters::prometheus_client::WalCollector;
//! use prometheus_client::{encoding::text::encode, registry::Registry};
//!
//! let telemetry = RecorderTelemetry::new(); // `recorder.telemetry()`
//! let mut registry = Registry::default();
//! registry.register_collector(Box::new(WalCollector::new(move || vec![telemetry.snapshot()])));
//!
//! let mut scrape = String::new();
//! encode(&mut scrape, &registry)?;
//! assert!(scrape.contains("wal_recorder_manager_events_total{system=\"wal_recorder\",subsystem=\"manager\"} 0\n"));
//! # Ok::<(), std::fmt::Error>(())
//! ```
//!
//! Names and bounds are those of the log's own exposition, see [`classic_bounds`](crate::histogram::classic_bounds).

use std::fmt;

use prometheus_client::collector::Collector as ScrapedCollector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::catalogue::{Dialect, SeriesKind};
use crate::families::{Encoding, Families, Label, Point, own_labels};
use crate::{HistogramSnapshot, Number, Snapshot};

/// Gives the metrics of recorders, recoveries and pages to a registry, copied anew for each scrape.
///
/// Sources have to differ in a label: two that are the same in all would be one series twice, of which the first stays.
pub struct WalCollector<F>(F);

impl<F: Fn() -> Vec<Snapshot> + Send + Sync + 'static> WalCollector<F> {
    /// Asks `snapshots` at each scrape.
    pub fn new(snapshots: F) -> Self {
        Self(snapshots)
    }
}

impl<F> fmt::Debug for WalCollector<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WalCollector")
    }
}

impl<F: Fn() -> Vec<Snapshot> + Send + Sync + 'static> ScrapedCollector for WalCollector<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families::new(&Gathering, Dialect::Prometheus);
        for snapshot in (self.0)() {
            let (labels, _) = own_labels(&snapshot);
            families.source(&snapshot, &labels);
        }
        for (family, samples) in families.finish() {
            let (name, kind) = match family.kind {
                // The library puts the ending behind the name itself.
                SeriesKind::Counter => {
                    (family.name.strip_suffix("_total").unwrap_or(&family.name), MetricType::Counter)
                }
                SeriesKind::Gauge => (family.name.as_str(), MetricType::Gauge),
                SeriesKind::Histogram => (family.name.as_str(), MetricType::Histogram),
            };
            // It ends what it writes with a full stop.
            let help = family.help.trim_end_matches('.');
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in &samples {
                value.encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

/// Keeps samples as the library is to be told of them.
struct Gathering;

enum Value {
    Counter(Number),
    Gauge(Number),
    Histogram { sum: f64, count: u64, buckets: Vec<(f64, u64)> },
}

impl Encoding for Gathering {
    type Samples = Vec<(Vec<Label>, Value)>;

    fn number(&self, samples: &mut Self::Samples, point: &Point<'_>, value: Number) {
        let value = match point.family.kind {
            SeriesKind::Counter => Value::Counter(value),
            _ => Value::Gauge(value),
        };
        samples.push((point.labels.pairs().to_vec(), value));
    }

    fn histogram(&self, samples: &mut Self::Samples, point: &Point<'_>, histogram: &HistogramSnapshot) {
        let value = Value::Histogram {
            sum: histogram.sum() as f64 / f64::from(histogram.buckets().recorded_per_unit),
            count: histogram.count(),
            buckets: classic(histogram, &point.family.unit),
        };
        samples.push((point.labels.pairs().to_vec(), value));
    }
}

impl Value {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter(Number::Whole(value)) => encoder.encode_counter::<NoLabelSet, _, u64>(value, None),
            Self::Counter(Number::Fraction(value)) => {
                encoder.encode_counter::<NoLabelSet, _, f64>(value, None)
            }
            Self::Gauge(Number::Whole(value)) => encoder.encode_gauge(value),
            Self::Gauge(Number::Fraction(value)) => encoder.encode_gauge(value),
            Self::Histogram { sum, count, buckets } => {
                encoder.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

/// The classic buckets, each with what it alone holds.
fn classic(histogram: &HistogramSnapshot, unit: &str) -> Vec<(f64, u64)> {
    let mut before = 0;
    let without_end = (f64::INFINITY, histogram.count());
    let up_to = histogram.classic(unit).chain([without_end]);
    up_to.map(|(bound, count)| (bound, count - std::mem::replace(&mut before, count))).collect()
}
