//! For programs whose metrics go through OpenTelemetry's Rust SDK.
//!
//! ```
//! use flashstrike_telemetry::RecorderTelemetry;
//! use flashstrike_telemetry::adapters::opentelemetry::Publisher;
//!
//! let telemetry = RecorderTelemetry::new(); // `recorder.telemetry()`
//! let mut publisher = Publisher::new(opentelemetry::global::meter("flashstrike"));
//! // More often than the reader exports, and before the provider is shut down:
//! publisher.publish(&telemetry.snapshot());
//! ```
//!
//! The SDK has had no `MetricProducer` since 0.26, and nothing in it takes a whole histogram. So counters and gauges are
//! observable instruments, which give what was published last, and of a histogram what is new since the last call is
//! recorded, each value as the middle of its bucket, at most 4.5 % off. The counts of buckets are exact all the same: the
//! instrument advises bounds that are bounds of the log's own buckets, two an octave for times and one for everything else.
//! A view may choose an exponential histogram; at scale 3 its buckets are the log's.
//!
//! The SDK takes values one by one, about 0.1 µs each as measured with its version 0.33: to publish costs that for every
//! value that came since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, AsyncInstrumentBuilder, Histogram, Meter};

use super::told::Told;
use crate::histogram::{classic_bounds, whole};
use crate::{Collector, HistogramSnapshot, Number, Series, Snapshot};

type Labels = Vec<(String, String)>;

/// Hands snapshots to the instruments of a meter. One for all sources that differ in a label.
///
/// A log that was opened anew goes on in the instruments of the one before. Counters and gauges are exported until the
/// publisher is dropped.
#[derive(Debug)]
pub struct Publisher {
    meter: Meter,
    points: HashMap<String, Arc<Points>>,
    histograms: HashMap<String, Histogram<f64>>,
    /// What of each counter and histogram was handed over already.
    told: HashMap<(String, Labels), Told>,
}

/// What an observable instrument gives. Times are in nanoseconds.
#[derive(Debug, Default)]
struct Points(Mutex<HashMap<Labels, Point>>);

#[derive(Debug)]
struct Point {
    attributes: Vec<KeyValue>,
    number: u64,
}

impl Points {
    fn lock(&self) -> MutexGuard<'_, HashMap<Labels, Point>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which instrument it becomes.
#[derive(Clone, Copy)]
enum Instrument {
    Counter,
    /// A counter of nanoseconds that is told in seconds.
    Seconds,
    Gauge,
}

impl Publisher {
    /// Nothing published so far. Instruments are made when they are first needed.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        let (points, histograms, told) = Default::default();
        Self { meter, points, histograms, told }
    }

    /// Sets every gauge, and adds to counters and histograms what came since the last call.
    ///
    /// Of a source that counts from 0 again, as one that was opened anew, all it has counted since then is added.
    pub fn publish(&mut self, snapshot: &Snapshot) {
        let started_unix_ns = snapshot.started_unix_ns();
        snapshot.collect(&mut Publishing { publisher: self, labels: Vec::new(), started_unix_ns });
    }

    fn points(&mut self, series: &Series<'_>, instrument: Instrument) -> &Points {
        let meter = &self.meter;
        self.points.entry(series.name.to_owned()).or_insert_with(|| {
            let points = Arc::default();
            let name = series.name.to_owned();
            let weak = Arc::downgrade(&points);
            match instrument {
                Instrument::Counter => {
                    described(meter.u64_observable_counter(name), series, weak, |count| count).build();
                }
                Instrument::Seconds => {
                    described(meter.f64_observable_counter(name), series, weak, |ns| ns as f64 / 1e9).build();
                }
                Instrument::Gauge => {
                    described(meter.u64_observable_gauge(name), series, weak, |value| value).build();
                }
            }
            points
        })
    }
}

fn described<'m, I, M: 'static>(
    builder: AsyncInstrumentBuilder<'m, I, M>,
    series: &Series<'_>,
    points: Weak<Points>,
    value: fn(u64) -> M,
) -> AsyncInstrumentBuilder<'m, I, M> {
    let observe = move |observer: &dyn AsyncInstrument<M>| {
        // The SDK keeps the callback for good: without its publisher it has nothing to say.
        let Some(points) = points.upgrade() else { return };
        for Point { attributes, number } in points.lock().values() {
            observer.observe(value(*number), attributes);
        }
    };
    builder.with_unit(series.unit.to_owned()).with_description(series.help.to_owned()).with_callback(observe)
}

struct Publishing<'a> {
    publisher: &'a mut Publisher,
    labels: Labels,
    started_unix_ns: u64,
}

impl Publishing<'_> {
    fn attributes(&self) -> Vec<KeyValue> {
        self.labels.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone())).collect()
    }

    fn told(&mut self, series: &Series<'_>) -> &mut Told {
        self.publisher.told.entry((series.name.to_owned(), self.labels.clone())).or_default()
    }

    fn set(&mut self, series: &Series<'_>, instrument: Instrument, change: impl FnOnce(u64) -> u64) {
        let (labels, attributes) = (self.labels.clone(), self.attributes());
        let mut points = self.publisher.points(series, instrument).lock();
        let point = points.entry(labels).or_insert(Point { attributes, number: 0 });
        point.number = change(point.number);
    }
}

impl Collector for Publishing<'_> {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        let (instrument, count) = match value {
            Number::Whole(count) => (Instrument::Counter, count),
            // Counters are fractions only where they are times, which are kept in whole nanoseconds.
            Number::Fraction(seconds) => (Instrument::Seconds, whole((seconds * 1e9).round())),
        };
        let started_unix_ns = self.started_unix_ns;
        // The sum of an observable counter must not go back where a source counts anew.
        let gained = self.told(series).gained(started_unix_ns, count);
        self.set(series, instrument, |sum| sum.saturating_add(gained));
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        let value = match value {
            Number::Whole(value) => value,
            Number::Fraction(value) => whole(value),
        };
        self.set(series, Instrument::Gauge, |_| value);
    }

    fn no_limit(&mut self, series: &Series<'_>) {
        if let Some(points) = self.publisher.points.get(series.name) {
            points.lock().remove(&self.labels);
        }
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        let Publisher { meter, histograms, .. } = &mut *self.publisher;
        let instrument = histograms.entry(series.name.to_owned()).or_insert_with(|| {
            let bounds = classic_bounds(series.unit).collect();
            let builder = meter.f64_histogram(series.name.to_owned()).with_boundaries(bounds);
            builder.with_unit(series.unit.to_owned()).with_description(series.help.to_owned()).build()
        });
        let instrument = instrument.clone();
        let (attributes, started_unix_ns) = (self.attributes(), self.started_unix_ns);
        self.told(series).values(started_unix_ns, histogram, |value, times| {
            for _ in 0..times {
                instrument.record(value, &attributes);
            }
        });
    }
}
