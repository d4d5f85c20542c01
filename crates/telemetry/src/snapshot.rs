//! A copy of metrics: what everything that reads them works on.

use std::borrow::Cow;
use std::fmt;

use crate::catalogue::{Descriptor, Section};
use crate::collect::Collector;
use crate::page::PageState;
use crate::{Value, clock, collect, dump, source};

/// One metric and what it held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// What it is: borrowed from the catalogue, or owned if it came as bytes.
    pub descriptor: Cow<'static, Descriptor>,
    /// What it held.
    pub value: Value,
}

/// The metrics of one recorder or one recovery at one moment.
///
/// Printing it (it is [`fmt::Display`]) writes the dump of every component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) taken_unix_ns: u64,
    pub(crate) started_unix_ns: u64,
    pub(crate) process_id: u32,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) metrics: Vec<Metric>,
}

impl Snapshot {
    /// A snapshot of nothing, for [`Component::copy_to`](crate::Component::copy_to) to append to.
    pub fn empty() -> Self {
        Self::started_at(0, &[])
    }

    pub(crate) fn started_at(started_unix_ns: u64, labels: &[(String, String)]) -> Self {
        Self {
            taken_unix_ns: clock::unix_ns(),
            started_unix_ns,
            process_id: std::process::id(),
            labels: labels.to_vec(),
            metrics: Vec::new(),
        }
    }

    /// Adds a label that tells this source from others of its kind, such as `log` = `orders`.
    #[must_use]
    pub fn with_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Says by how much what is durable lags behind what is written.
    pub(crate) fn with_durable_lag(mut self) -> Self {
        let (written, durable) = (self.gauge("written_event_id"), self.gauge("durable_event_id"));
        let since = written.zip(durable).map(|(written, durable)| written.saturating_sub(durable));
        let lag = self.metrics.iter_mut().find(|metric| metric.descriptor.name == "durable_lag");
        if let (Some(since), Some(Metric { value: Value::Gauge(lag), .. })) = (since, lag) {
            *lag = since;
        }
        self
    }

    /// Says what became of whoever measured it.
    pub(crate) fn with_state(mut self, state: PageState) -> Self {
        let side = self.metrics.first().map_or("", |metric| &metric.descriptor.section.side);
        let catalogue = source::catalogue(side);
        self.metrics.extend(source::metrics(catalogue, state));
        self
    }

    fn gauge(&self, name: &str) -> Option<u64> {
        self.metrics.iter().find_map(|metric| match metric.value {
            Value::Gauge(value) if metric.descriptor.name == name => Some(value),
            _ => None,
        })
    }

    /// When it was taken: wall time in nanoseconds since 1970.
    pub fn taken_unix_ns(&self) -> u64 {
        self.taken_unix_ns
    }

    /// Since when its metrics count: wall time in nanoseconds since 1970, 0 if unknown.
    pub fn started_unix_ns(&self) -> u64 {
        self.started_unix_ns
    }

    /// The process whose metrics these are.
    pub fn process_id(&self) -> u32 {
        self.process_id
    }

    /// What tells this source from others, see [`with_label`](Self::with_label).
    pub fn labels(&self) -> &[(String, String)] {
        &self.labels
    }

    /// Every metric, components one after the other, each in the order of its catalogue.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The metrics by component.
    pub fn sections(&self) -> impl Iterator<Item = (&Section, &[Metric])> {
        self.metrics
            .chunk_by(|a, b| a.descriptor.section == b.descriptor.section)
            .map(|metrics| (&metrics[0].descriptor.section, metrics))
    }

    /// Writes every component for people to read.
    pub fn dump(&self, out: &mut impl fmt::Write) -> fmt::Result {
        dump::snapshot(self, out)
    }

    /// Hands every metric to a collector, in the dialect that it asks for.
    pub fn collect(&self, collector: &mut impl Collector) {
        collect::snapshot(self, collector);
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dump(formatter)
    }
}
