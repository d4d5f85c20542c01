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
//! under the same name (of a source of another version) is left out, because one such line costs the whole scrape.
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
mod families;
mod identities;
mod labels;
mod number;
mod protobuf;
mod text;

use crate::catalogue::Dialect;
use crate::snapshot::Snapshot;

use families::{Encoding, Families};
use identities::Identities;
use protobuf::Protobuf;
use text::Text;

#[doc(hidden)]
pub use protobuf::messages;

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
            Format::Text => self.write_as(Text::CLASSIC, Dialect::Prometheus, sources, missing),
            Format::OpenMetrics => self.write_as(Text::OPEN_METRICS, Dialect::Prometheus, sources, missing),
            Format::Protobuf => self.write_as(Protobuf, Dialect::Prometheus, sources, missing),
            Format::LegacyText => self.write_as(Text::CLASSIC, Dialect::Legacy, sources, missing),
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

    fn write_as<E: Encoding>(
        &mut self,
        encoding: E,
        dialect: Dialect,
        sources: &[(usize, &Snapshot)],
        missing: &[String],
    ) -> Vec<u8> {
        let mut families = Families::new(encoding, dialect);
        for &(place, snapshot) in sources {
            families.source(snapshot, &self.identities.labels_of(place, snapshot));
        }
        families.sources(sources.len(), missing.len());
        families.finish(missing)
    }
}
