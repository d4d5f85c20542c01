//! Handing metrics to an exporter, one series at a time.

use crate::catalogue::{Dialect, Section, SeriesKind, legacy, open_telemetry, prometheus};
use crate::histogram::HistogramSnapshot;
use crate::snapshot::{Metric, Snapshot};
use crate::value::{LifeCycleSnapshot, Value};

/// What a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series<'a> {
    /// Its name in the collector's dialect.
    pub name: &'a str,
    /// Its unit in UCUM; empty under the legacy names, which have it in them.
    pub unit: &'a str,
    /// One sentence.
    pub help: &'a str,
}

/// A number that is whole wherever it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count.
    Whole(u64),
    /// A time in seconds, a ratio, a mean.
    Fraction(f64),
}

impl Number {
    /// The number as a double.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Fraction(fraction) => fraction,
        }
    }
}

/// Takes metrics. Labels nest: one that was pushed applies to every series until it is popped, so that whoever walks
/// a tree of components can push its own around them.
pub trait Collector {
    /// Labels all that follows, until it is popped.
    fn push_label(&mut self, name: &str, value: &str);

    /// Takes the latest label back.
    fn pop_label(&mut self);

    /// Takes a number that only grows.
    fn counter(&mut self, series: &Series<'_>, value: Number);

    /// Takes a number that goes up and down.
    fn gauge(&mut self, series: &Series<'_>, value: Number);

    /// Hears of a limit that nobody has set: there is no number of it to take. One that remembers what it took forgets it.
    fn no_limit(&mut self, series: &Series<'_>) {
        let _ = series;
    }

    /// Takes a histogram. What is recorded divided by
    /// [`recorded_per_unit`](crate::histogram::Buckets::recorded_per_unit) has the series' unit.
    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot);

    /// Which names it wants.
    fn dialect(&self) -> Dialect {
        Dialect::OpenTelemetry
    }
}

pub(crate) fn snapshot(snapshot: &Snapshot, collector: &mut impl Collector) {
    for (name, value) in &snapshot.labels {
        collector.push_label(name, value);
    }
    sections(snapshot, collector);
    for _ in &snapshot.labels {
        collector.pop_label();
    }
}

/// Without the labels of the source, for a collector that gives it others.
pub(crate) fn sections(snapshot: &Snapshot, collector: &mut impl Collector) {
    for (section, metrics) in snapshot.sections() {
        let Section { side, subsystem, .. } = section;
        let prefix = match (collector.dialect(), side.as_ref()) {
            (Dialect::OpenTelemetry | Dialect::Prometheus, _) => format!("wal.{side}.{subsystem}"),
            (Dialect::Legacy, "recorder") => format!("mc_wal_{subsystem}"),
            (Dialect::Legacy, _) => format!("mc_wal_{side}_{subsystem}"),
        };
        self::section(&prefix, section, metrics, collector);
    }
}

pub(crate) fn section(prefix: &str, section: &Section, metrics: &[Metric], collector: &mut impl Collector) {
    let is_legacy = collector.dialect() == Dialect::Legacy;
    collector.push_label("system", &section.system());
    collector.push_label("subsystem", if is_legacy { &section.legacy_subsystem } else { &section.subsystem });
    for metric in metrics {
        if is_legacy {
            Legacy { prefix, metric, collector }.emit();
        } else {
            Standard { prefix, metric, collector }.emit();
        }
    }
    collector.pop_label();
    collector.pop_label();
}

/// One metric in the dialect of OpenTelemetry or Prometheus.
struct Standard<'a, C> {
    prefix: &'a str,
    metric: &'a Metric,
    collector: &'a mut C,
}

impl<C: Collector> Standard<'_, C> {
    fn emit(&mut self) {
        let metric = self.metric;
        for (name, value) in metric.descriptor.attributes.iter() {
            self.collector.push_label(name, value);
        }
        let unit = metric.descriptor.unit.as_ref();
        match &metric.value {
            Value::Operation { ok, failed, latency } => {
                self.histogram(".duration", unit, latency);
                self.counters(
                    ".operations",
                    "{operation}",
                    "outcome",
                    &[("ok", Number::Whole(*ok)), ("failed", Number::Whole(*failed))],
                );
            }
            Value::Duration(latency) => self.histogram(".duration", unit, latency),
            Value::Distribution(values) => self.histogram("", unit, values),
            Value::Counter(count) => {
                self.with_series("", unit, SeriesKind::Counter, |collector, series| {
                    collector.counter(series, Number::Whole(*count));
                });
            }
            unset if unset.is_unset() => {
                self.with_series("", unit, SeriesKind::Gauge, C::no_limit);
            }
            Value::Gauge(value) | Value::ConstantGauge(value) => {
                self.with_series("", unit, SeriesKind::Gauge, |collector, series| {
                    collector.gauge(series, Number::Whole(*value));
                });
            }
            Value::LifeCycle(cycle) => {
                self.counters(
                    ".cycles",
                    "{cycle}",
                    "state",
                    &[
                        ("active", Number::Whole(cycle.active_cycles)),
                        ("idle", Number::Whole(cycle.idle_cycles)),
                    ],
                );
                self.counters(
                    ".time",
                    "s",
                    "state",
                    &[
                        ("active", Number::Fraction(cycle.active_ns as f64 / 1e9)),
                        ("idle", Number::Fraction(cycle.idle_ns as f64 / 1e9)),
                    ],
                );
            }
        }
        for _ in metric.descriptor.attributes.iter() {
            self.collector.pop_label();
        }
    }

    fn histogram(&mut self, ending: &str, unit: &str, histogram: &HistogramSnapshot) {
        self.with_series(ending, unit, SeriesKind::Histogram, |collector, series| {
            collector.histogram(series, histogram);
        });
    }

    fn counters(&mut self, ending: &str, unit: &str, label: &str, values: &[(&str, Number)]) {
        self.with_series(ending, unit, SeriesKind::Counter, |collector, series| {
            for (label_value, value) in values {
                collector.push_label(label, label_value);
                collector.counter(series, *value);
                collector.pop_label();
            }
        });
    }

    fn with_series(
        &mut self,
        ending: &str,
        unit: &str,
        kind: SeriesKind,
        take: impl FnOnce(&mut C, &Series<'_>),
    ) {
        let descriptor = &self.metric.descriptor;
        let mut name = open_telemetry(self.prefix, &descriptor.name, ending);
        if self.collector.dialect() == Dialect::Prometheus {
            name = prometheus(&name, unit, kind == SeriesKind::Counter);
        }
        take(self.collector, &Series { name: &name, unit, help: &descriptor.help });
    }
}

/// One metric under the flat names of the original.
struct Legacy<'a, C> {
    prefix: &'a str,
    metric: &'a Metric,
    collector: &'a mut C,
}

impl<C: Collector> Legacy<'_, C> {
    fn emit(&mut self) {
        let help = self.metric.descriptor.help.as_ref();
        match &self.metric.value {
            Value::Operation { ok, failed, latency } => {
                self.counter("_samples_total", "Number of recorded samples", ok.saturating_add(*failed));
                self.counter("_success_total", "Number of successful operations recorded", *ok);
                self.latency(latency);
            }
            Value::Duration(latency) => {
                self.counter("_samples_total", "Number of recorded samples", latency.count());
                self.latency(latency);
            }
            Value::Distribution(values) => {
                self.counter("_samples_total", "Number of samples observed", values.count());
                self.counter("_total", "Total of all observed values (sum)", values.sum());
                self.extremes(values, "");
            }
            Value::Counter(count) => self.counter("", help, *count),
            unset if unset.is_unset() => {}
            Value::Gauge(value) | Value::ConstantGauge(value) => self.gauge("", help, Number::Whole(*value)),
            Value::LifeCycle(cycle) => self.life_cycle(cycle),
        }
    }

    fn latency(&mut self, latency: &HistogramSnapshot) {
        self.counter("_total_ns", "Total duration in nanoseconds", latency.sum());
        self.extremes(latency, "_ns");
    }

    fn extremes(&mut self, histogram: &HistogramSnapshot, unit: &str) {
        let (Some(min), Some(max), Some(mean)) = (histogram.min(), histogram.max(), histogram.mean()) else {
            return;
        };
        self.gauge(&format!("_min{unit}"), "Minimum observed value", Number::Whole(min));
        self.gauge(&format!("_max{unit}"), "Maximum observed value", Number::Whole(max));
        self.gauge(&format!("_avg{unit}"), "Average observed value", Number::Fraction(mean));
        if !unit.is_empty() {
            self.gauge("_jitter_ns", "Absolute jitter (max - min) in nanoseconds", Number::Whole(max - min));
        }
    }

    fn life_cycle(&mut self, cycle: &LifeCycleSnapshot) {
        let LifeCycleSnapshot { active_cycles, idle_cycles, active_ns, idle_ns } = *cycle;
        let cycles = active_cycles.saturating_add(idle_cycles);
        let total_ns = active_ns.saturating_add(idle_ns);
        self.counter("_cycles", "Total number of maintenance cycles", cycles);
        self.counter("_did_work_total", "Total number of cycles that did work", active_cycles);
        self.counter("_total_cycle_time_ns", "Cumulative cycle time in nanoseconds", total_ns);
        self.counter("_total_active_time_ns", "Cumulative active time in nanoseconds", active_ns);
        let per = |part: f64, whole: u64| if whole == 0 { 0.0 } else { part / whole as f64 };
        self.gauge(
            "_active_ratio_percent",
            "Percentage of time active during cycles",
            Number::Fraction(per(active_ns as f64 * 100.0, total_ns)),
        );
        self.gauge(
            "_avg_cycle_time_ms",
            "Average cycle time in milliseconds",
            Number::Fraction(per(total_ns as f64 / 1e6, cycles)),
        );
        self.gauge(
            "_avg_active_time_ms",
            "Average active time in milliseconds",
            Number::Fraction(per(active_ns as f64 / 1e6, active_cycles)),
        );
    }

    fn counter(&mut self, ending: &str, help: &str, value: u64) {
        let name = self.name(ending);
        self.collector.counter(&Series { name: &name, unit: "", help }, Number::Whole(value));
    }

    fn gauge(&mut self, ending: &str, help: &str, value: Number) {
        let name = self.name(ending);
        self.collector.gauge(&Series { name: &name, unit: "", help }, value);
    }

    fn name(&self, ending: &str) -> String {
        let descriptor = &self.metric.descriptor;
        legacy(self.prefix, &descriptor.stem, descriptor.kind) + ending
    }
}
