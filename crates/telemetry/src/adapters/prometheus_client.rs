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

use crate::catalogue::Dialect;
use crate::{Collector, HistogramSnapshot, Number, Series, Snapshot};

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
        let mut families = Families::default();
        for snapshot in (self.0)() {
            snapshot.collect(&mut families);
        }
        for family in &families.families {
            let mut metric = encoder.encode_descriptor(&family.name, &family.help, None, family.kind)?;
            for (labels, value) in &family.samples {
                value.encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

type Labels = Vec<(String, String)>;

/// Samples by name: a scrape wants to hear of each name once, whatever the number of sources.
#[derive(Default)]
struct Families {
    labels: Labels,
    families: Vec<Family>,
}

struct Family {
    name: String,
    help: String,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

enum Value {
    Counter(Number),
    Gauge(Number),
    Histogram { sum: f64, count: u64, buckets: Vec<(f64, u64)> },
}

impl Families {
    fn push(&mut self, name: &str, help: &str, kind: MetricType, value: Value) {
        let known = self.families.iter_mut().find(|family| family.name == name);
        let family = match known {
            // A source of another version calls something else by this name: one such line would cost the scrape.
            Some(family) if family.kind.as_str() != kind.as_str() => return,
            Some(family) => family,
            None => {
                // The library ends what it writes with a full stop.
                let help = help.trim_end_matches('.').to_owned();
                self.families.push(Family { name: name.to_owned(), help, kind, samples: Vec::new() });
                let last = self.families.len() - 1;
                &mut self.families[last]
            }
        };
        if family.samples.iter().all(|(labels, _)| *labels != self.labels) {
            family.samples.push((self.labels.clone(), value));
        }
    }
}

impl Collector for Families {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        // The library puts the ending behind the name itself.
        let name = series.name.strip_suffix("_total").unwrap_or(series.name);
        self.push(name, series.help, MetricType::Counter, Value::Counter(value));
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        self.push(series.name, series.help, MetricType::Gauge, Value::Gauge(value));
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        let per_unit = f64::from(histogram.buckets().recorded_per_unit);
        let value = Value::Histogram {
            sum: histogram.sum() as f64 / per_unit,
            count: histogram.count(),
            buckets: classic(histogram, series.unit),
        };
        self.push(series.name, series.help, MetricType::Histogram, value);
    }

    fn dialect(&self) -> Dialect {
        Dialect::Prometheus
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
