//! Metrics as Prometheus scrapes them: classic text, OpenMetrics text, and protobuf with native histograms.
//!
//! ```
//! use flashstrike_telemetry::RecorderTelemetry;
//! use flashstrike_telemetry::exposition::{Exposition, Format};
//!
//! let recorder = RecorderTelemetry::new().snapshot().with_label("log", "orders");
//! let mut exposition = Exposition::new();
//! let bytes = exposition.write(Format::Text, &[(0, &recorder)], &[]);
//! let text = String::from_utf8(bytes).unwrap();
//! assert!(text.contains("# TYPE wal_recorder_manager_events_total counter\n"));
//! assert!(text.contains("wal_recorder_manager_events_total{log=\"orders\",system=\"wal_recorder\",subsystem=\"manager\"} 0\n"));
//! ```
//!
//! # Families
//!
//! A format that says what a metric is before its samples wants to hear it once, whatever the number of sources. So
//! samples are gathered by family over all sources, each written as soon as it is collected, and put behind their
//! headers in the end. The first source to have a family says what it is; a series that calls itself something else
//! under the same name (of a source of another version) is left out, and so is a family with a name that samples of
//! another one have (`x_count` beside a histogram `x`), because one such line costs the whole scrape.
//!
//! # Labels
//!
//! Values are free, and written as each format escapes them. Names are made safe:
//!
//! - What may not stand in a name becomes `_`, and a digit at the beginning gets one before it.
//! - `__` at the beginning belongs to Prometheus: one `_` remains of it.
//! - A source's label with the name of one of the log's own (`system`, `subsystem`, `outcome`, `kind`, `le` …) gets
//!   `exported_` before it, as Prometheus itself does on a conflict.
//! - Two names that become the same share one label, their values joined by `;`.
//! - An empty value is no label at all: Prometheus makes no difference between the two.
//!
//! Sources that are the same in all labels of their own get one more, `source`, from the second on: [`Exposition`] remembers
//! who was first. What a label says that has the name of one of the log's own makes no difference.
//!
//! # Histograms
//!
//! [Classic bounds](crate::histogram::classic_bounds) are the same for every histogram of a unit and never left out for
//! being empty. Native histograms are the log's own buckets as they are.

mod bounds;
mod identities;
mod number;
mod protobuf;
mod text;

use crate::catalogue::Dialect;
use crate::collect::{Collector, Number, Series};
use crate::families::{Encoding, Families, Family};
use crate::snapshot::Snapshot;

use identities::Identities;
use protobuf::Protobuf;
use text::Text;

#[doc(hidden)]
pub use protobuf::messages;

/// One way to put samples together.
trait Scrape: Encoding {
    fn finish(&self, families: Vec<(Family, Self::Samples)>, missing: &[String]) -> Vec<u8>;
}

/// How metrics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus' classic text, version 0.0.4.
    #[default]
    Text,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily` messages, each behind its length, with native histograms and the classic
    /// buckets beside them.
    Protobuf,
    /// Classic text with the flat names of the original, times in nanoseconds and without histograms.
    LegacyText,
}

impl Format {
    /// What an HTTP response of this format says that it is.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text | Self::LegacyText => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// Writes scrapes, and remembers from one to the next what each source is called.
#[derive(Debug, Default)]
pub struct Exposition {
    identities: Identities,
}

impl Exposition {
    /// One that has seen no source yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The metrics of all sources, each with a number of its own that it keeps from scrape to scrape.
    ///
    /// `missing` says of each source that could not be read why: they are counted in
    /// `wal_telemetry_source_errors`, and classic text has the reasons in comments.
    pub fn write(&mut self, format: Format, sources: &[(usize, &Snapshot)], missing: &[String]) -> Vec<u8> {
        match format {
            Format::Text => self.write_as(&Text::CLASSIC, Dialect::Prometheus, sources, missing),
            Format::OpenMetrics => self.write_as(&Text::OPEN_METRICS, Dialect::Prometheus, sources, missing),
            Format::Protobuf => self.write_as(&Protobuf, Dialect::Prometheus, sources, missing),
            Format::LegacyText => self.write_as(&Text::CLASSIC, Dialect::Legacy, sources, missing),
        }
    }

    /// The label `source` that the source with this number has in what is written, if it has one: for an exporter with a
    /// format of its own.
    pub fn source_of(&mut self, place: usize, snapshot: &Snapshot) -> Option<&str> {
        self.identities.source_of(place, snapshot)
    }

    /// Only the sources with these numbers are left; others were taken away, such as a log that was closed. The next new
    /// one with the labels of such a one goes on in its series, or it itself if it comes back before that. A source that
    /// cannot be read for a while is to stay among these.
    pub fn keep(&mut self, places: &[usize]) {
        self.identities.keep(places);
    }

    fn write_as<S: Scrape>(
        &mut self,
        encoding: &S,
        dialect: Dialect,
        sources: &[(usize, &Snapshot)],
        missing: &[String],
    ) -> Vec<u8> {
        let mut families = Families::new(encoding, dialect);
        for &(place, snapshot) in sources {
            families.source(snapshot, &self.identities.labels_of(place, snapshot));
        }
        count_sources(&mut families, sources.len(), missing.len());
        encoding.finish(families.finish().collect(), missing)
    }
}

/// How many sources were read and how many were not.
fn count_sources(collector: &mut impl Collector, read: usize, missing: usize) {
    let root = if collector.dialect() == Dialect::Legacy { "mc_wal" } else { "wal" };
    for (name, help, value) in [
        ("sources", "Sources of metrics that are in this scrape.", read),
        (
            "source_errors",
            "Sources of metrics that could not be read for this scrape and are not in it.",
            missing,
        ),
    ] {
        let name = format!("{root}_telemetry_{name}");
        collector.gauge(&Series { name: &name, unit: "", help }, Number::Whole(value as u64));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::borrow::Cow;
    use std::collections::{HashMap, HashSet};

    use super::{Exposition, Format};
    use crate::snapshot::Metric;
    use crate::{RecorderTelemetry, Snapshot, Value};

    /// A recorder that has one more metric, which is like that of the events in a block but for what `change` says; in
    /// front of the others or behind them.
    fn with(is_first: bool, change: impl FnOnce(&mut Metric)) -> Snapshot {
        let mut snapshot = RecorderTelemetry::new().snapshot();
        let of_blocks = |metric: &&Metric| metric.descriptor.name == "block_fill";
        let mut metric = snapshot.metrics.iter().find(of_blocks).expect("every recorder has it").clone();
        change(&mut metric);
        let at = if is_first { 0 } else { snapshot.metrics.len() };
        snapshot.metrics.insert(at, metric);
        snapshot
    }

    fn written(format: Format, snapshot: &Snapshot) -> String {
        String::from_utf8(Exposition::new().write(format, &[(0, snapshot)], &[])).unwrap()
    }

    /// Fails if two families have a name in common.
    fn check(text: &str, what: &str) {
        let mut family = "";
        let (mut titles, mut owners) = (HashSet::new(), HashMap::new());
        for line in text.lines() {
            if let Some((title, _)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
                assert!(titles.insert(title), "{title} is described twice, with {what}");
                family = title;
            } else if let Some((name, _)) = line.split_once(['{', ' ']).filter(|_| !line.starts_with('#')) {
                assert_eq!(*owners.entry(name).or_insert(family), family, "{name}, with {what}");
            }
        }
        for title in titles {
            assert!(owners.get(title).is_none_or(|owner| *owner == title), "{title}, with {what}");
        }
    }

    #[test]
    fn no_two_families_have_a_name_in_common_whatever_metrics_are_called() {
        let names = ["", "_count", "_sum", "_bucket", "_created"].map(|ending| format!("block_fill{ending}"));
        let of_counters = ["integrity.failures", "integrity.failures.created", "integrity.failures_total"];
        for name in names.iter().map(String::as_str).chain(of_counters) {
            for value in [Value::Gauge(7), Value::Counter(7)] {
                for is_first in [false, true] {
                    let snapshot = with(is_first, |metric| {
                        let descriptor = metric.descriptor.to_mut();
                        descriptor.name = Cow::Owned(name.to_owned());
                        descriptor.kind = value.kind();
                        metric.value = value.clone();
                    });
                    for format in [Format::Text, Format::OpenMetrics] {
                        check(&written(format, &snapshot), &format!("{name} {value:?} {is_first}"));
                    }
                }
            }
        }
    }

    #[test]
    fn an_attribute_with_the_name_of_the_buckets_label_gets_another() {
        let snapshot = with(false, |metric| {
            metric.descriptor.to_mut().attributes = vec![("le".into(), "7".into())].into();
        });
        let text = written(Format::Text, &snapshot);
        assert!(text.contains("subsystem=\"segment_writer\",exported_le=\"7\",le=\"1.0\"} 0\n"), "{text}");
    }
}
