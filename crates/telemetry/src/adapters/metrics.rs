//! For programs that use the `metrics` facade.
//!
//! ```
//! use flashstrike_telemetry::RecorderTelemetry;
//! use flashstrike_telemetry::adapters::metrics::Publisher;
//!
//! let telemetry = RecorderTelemetry::new(); // `recorder.telemetry()`
//! let mut publisher = Publisher::new();
//! // Every few seconds, or when the exporter is about to be read:
//! publisher.publish(&telemetry.snapshot());
//! ```
//!
//! Names are in OpenTelemetry's way, such as `wal.recorder.segment_writer.write_block.duration`, times in seconds.
//!
//! A limit that nobody has set is infinite, because a gauge cannot be taken back.
//!
//! The facade knows whole counters and histograms that values are recorded into one by one. So the seconds that loops
//! have been busy and idle are gauges, and of a histogram that what is new since the last call is recorded, each value as
//! the middle of its bucket, at most 4.5 % off.

use std::collections::HashMap;

use metrics::{Key, Label, Level, Metadata, with_recorder};

use super::told::Told;
use crate::{Collector, HistogramSnapshot, Number, Series, Snapshot};

const METADATA: Metadata<'static> =
    Metadata::new("flashstrike_telemetry", Level::INFO, Some("flashstrike_telemetry"));

/// Hands snapshots to the recorder that the program has installed. One for all sources that differ in a label.
#[derive(Debug, Default)]
pub struct Publisher {
    /// What of each counter and histogram the recorder was told already.
    told: HashMap<Key, Told>,
}

impl Publisher {
    /// Nothing published so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets every gauge, and adds to the counters and histograms what came since the last call.
    ///
    /// Of a source that counts from 0 again, as one that was opened anew, all it has counted since then is added.
    pub fn publish(&mut self, snapshot: &Snapshot) {
        let started_unix_ns = snapshot.started_unix_ns();
        snapshot.collect(&mut Publishing { labels: Vec::new(), started_unix_ns, told: &mut self.told });
    }
}

struct Publishing<'a> {
    labels: Vec<Label>,
    started_unix_ns: u64,
    told: &'a mut HashMap<Key, Told>,
}

impl Publishing<'_> {
    fn key(&self, series: &Series<'_>) -> Key {
        Key::from_parts(series.name.to_owned(), self.labels.clone())
    }
}

impl Collector for Publishing<'_> {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push(Label::new(name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        match value {
            Number::Whole(count) => {
                let key = self.key(series);
                let handle = with_recorder(|recorder| recorder.register_counter(&key, &METADATA));
                // Recorders keep the greatest value that a counter was set to, which one that counts anew has to outgrow.
                handle.increment(self.told.entry(key).or_default().gained(self.started_unix_ns, count));
            }
            Number::Fraction(_) => self.gauge(series, value),
        }
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        with_recorder(|recorder| recorder.register_gauge(&self.key(series), &METADATA).set(value.as_f64()));
    }

    fn no_limit(&mut self, series: &Series<'_>) {
        // The recorder has kept the limit that there was.
        self.gauge(series, Number::Fraction(f64::INFINITY));
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        let key = self.key(series);
        let handle = with_recorder(|recorder| recorder.register_histogram(&key, &METADATA));
        self.told.entry(key).or_default().values(self.started_unix_ns, histogram, |value, times| {
            handle.record_many(value, usize::try_from(times).unwrap_or(usize::MAX));
        });
    }
}
