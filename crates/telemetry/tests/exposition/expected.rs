//! What a scrape has to say, by the rules of the documentation and in the simplest way.

use std::collections::BTreeMap;

use flashstrike_telemetry::catalogue::Dialect;
use flashstrike_telemetry::histogram::upper_bound;
use flashstrike_telemetry::{Collector, HistogramSnapshot, Number, Series, Snapshot};

/// A name and its labels.
pub(crate) type Key = (String, BTreeMap<String, String>);

/// What a series has to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Histogram(HistogramSnapshot),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) kind: &'static str,
    pub(crate) unit: String,
    pub(crate) help: String,
    pub(crate) value: Value,
    pub(crate) started_unix_ns: u64,
}

/// Every series of these sources, numbered as they stand here.
pub(crate) fn expected(sources: &[Snapshot], dialect: Dialect) -> BTreeMap<Key, Expected> {
    let mut all = BTreeMap::new();
    let mut first = Vec::new();
    for (place, snapshot) in sources.iter().enumerate() {
        let mut labels: BTreeMap<_, _> = snapshot.labels().iter().cloned().collect();
        labels.retain(|_, value| !value.is_empty());
        let who = (snapshot.metrics()[0].descriptor.section.side.clone(), labels.clone());
        if first.contains(&who) {
            labels.insert("source".to_owned(), place.to_string());
        } else {
            first.push(who);
        }
        let mut walk = Walk {
            labels: Vec::new(),
            own: labels,
            dialect,
            started_unix_ns: snapshot.started_unix_ns(),
            all: &mut all,
        };
        snapshot.collect(&mut walk);
    }
    let (root, own) = match dialect {
        Dialect::Legacy => ("mc_wal", BTreeMap::new()),
        _ => ("wal", BTreeMap::new()),
    };
    for (name, value) in [("sources", sources.len() as f64), ("source_errors", 0.0)] {
        let key = (format!("{root}_telemetry_{name}"), own.clone());
        all.insert(
            key,
            Expected {
                kind: "gauge",
                unit: String::new(),
                help: String::new(),
                value: Value::Number(value),
                started_unix_ns: 0,
            },
        );
    }
    all
}

struct Walk<'a> {
    labels: Vec<(String, String)>,
    own: BTreeMap<String, String>,
    dialect: Dialect,
    started_unix_ns: u64,
    all: &'a mut BTreeMap<Key, Expected>,
}

impl Walk<'_> {
    fn add(&mut self, kind: &'static str, series: &Series<'_>, value: Value) {
        let mut labels = self.own.clone();
        labels.extend(self.labels.iter().filter(|(_, value)| !value.is_empty()).cloned());
        let expected = Expected {
            kind,
            unit: series.unit.to_owned(),
            help: series.help.to_owned(),
            value,
            started_unix_ns: self.started_unix_ns,
        };
        let before = self.all.insert((series.name.to_owned(), labels), expected);
        assert_eq!(before, None, "{} is there once", series.name);
    }
}

impl Collector for Walk<'_> {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }
    fn pop_label(&mut self) {
        self.labels.pop();
    }
    fn counter(&mut self, series: &Series<'_>, value: Number) {
        self.add("counter", series, Value::Number(value.as_f64()));
    }
    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        self.add("gauge", series, Value::Number(value.as_f64()));
    }
    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        self.add("histogram", series, Value::Histogram(histogram.clone()));
    }
    fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// The upper bounds of classic buckets, without the last one.
pub(crate) fn classic_bounds(unit: &str) -> Vec<f64> {
    if unit == "s" {
        (-48..=6).map(|half| (f64::from(half) / 2.0).exp2()).collect()
    } else {
        (0..=32).map(|exponent| f64::from(exponent).exp2()).collect()
    }
}

/// How many are in buckets that end at a bound or before.
pub(crate) fn count_up_to(histogram: &HistogramSnapshot, bound: f64) -> u64 {
    let (scale, first) = (histogram.buckets().scale, histogram.buckets().min_index);
    let ends_before =
        |slot: usize| upper_bound(scale, first + i32::try_from(slot).unwrap()) <= bound * (1.0 + 1e-9);
    histogram.counts().iter().enumerate().filter(|(slot, _)| ends_before(*slot)).map(|(_, count)| count).sum()
}

/// In the unit of the metric.
pub(crate) fn sum(histogram: &HistogramSnapshot) -> f64 {
    histogram.sum() as f64 / f64::from(histogram.buckets().recorded_per_unit)
}
