//! The log's metrics in other libraries: the numbers are those of the snapshot.
#![cfg(not(any(loom, feature = "unrecorded")))]

#[cfg(feature = "opentelemetry")]
mod opentelemetry;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use flashstrike_telemetry::{
    Collector, HistogramSnapshot, Number, RecorderTelemetry, Series, Snapshot, clock::now_ns,
};

fn some() -> Arc<RecorderTelemetry> {
    let telemetry = RecorderTelemetry::labelled(vec![("log".to_owned(), "orders".to_owned())]);
    let writer = telemetry.segment_writer_updater();
    for latency_ns in (0..200_u64).map(|step| step.pow(4)) {
        writer.on_write_block(now_ns().saturating_sub(latency_ns));
        writer.on_close_segment(now_ns().saturating_sub(latency_ns), latency_ns % 3 == 0);
        writer.on_block_fill(latency_ns % 300);
    }
    telemetry.manager_updater().on_append_block(300, 9_000);
    telemetry.meta_coordinator_updater().on_loop(true, now_ns().saturating_sub(5_000), 1_000);
    telemetry
}

/// Every number of a snapshot by name and labels.
#[derive(Default)]
struct Expected {
    dialect: flashstrike_telemetry::catalogue::Dialect,
    labels: Vec<(String, String)>,
    numbers: HashMap<(String, Vec<(String, String)>), Number>,
    /// Which of the numbers only grow.
    counters: HashSet<(String, Vec<(String, String)>)>,
    histograms: HashMap<(String, Vec<(String, String)>), HistogramSnapshot>,
    /// Unit and help of each name.
    described: HashMap<String, (String, String)>,
}

impl Expected {
    fn of(snapshot: &Snapshot, dialect: flashstrike_telemetry::catalogue::Dialect) -> Self {
        let mut expected = Self { dialect, ..Self::default() };
        snapshot.collect(&mut expected);
        assert!(expected.numbers.len() > 30 && expected.histograms.len() > 10);
        expected
    }

    fn key(&mut self, series: &Series<'_>) -> (String, Vec<(String, String)>) {
        let described = (series.unit.to_owned(), series.help.to_owned());
        self.described.insert(series.name.to_owned(), described);
        (series.name.to_owned(), self.labels.clone())
    }
}

impl Collector for Expected {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        let key = self.key(series);
        self.counters.insert(key);
        self.gauge(series, value);
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        let key = self.key(series);
        assert!(self.numbers.insert(key, value).is_none());
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        let key = self.key(series);
        assert!(self.histograms.insert(key, histogram.clone()).is_none());
    }

    fn dialect(&self) -> flashstrike_telemetry::catalogue::Dialect {
        self.dialect
    }
}

#[track_caller]
fn is_count(told: f64, count: u64) {
    assert_eq!(told.to_bits(), (count as f64).to_bits(), "{told} is not {count}");
}

#[cfg(feature = "prometheus-client")]
#[test]
fn a_registry_scrapes_what_a_snapshot_holds() {
    use flashstrike_telemetry::adapters::prometheus_client::WalCollector;
    use flashstrike_telemetry::catalogue::Dialect;
    use prometheus_client::{encoding::text::encode, registry::Registry};

    let telemetry = some();
    let snapshot = telemetry.snapshot();
    let mut registry = Registry::default();
    // The second is the same in all labels, and must not spoil the scrape.
    registry.register_collector(Box::new(WalCollector::new({
        let snapshot = snapshot.clone();
        move || vec![snapshot.clone(), snapshot.clone()]
    })));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();

    let mut scraped: HashMap<&str, f64> = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(scraped.insert(series, value.parse().unwrap()).is_none(), "{series} is there twice");
    }
    let types: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let mut different = types.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), types.len(), "a name is described twice");

    let expected = Expected::of(&snapshot, Dialect::Prometheus);
    let braces = |labels: &[(String, String)]| {
        labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(",")
    };
    for ((name, labels), number) in &expected.numbers {
        let series = format!("{name}{{{}}}", braces(labels));
        assert_eq!(scraped.get(series.as_str()), Some(&number.as_f64()), "{series}\n{text}");
    }
    for ((name, labels), histogram) in &expected.histograms {
        let value = |ending: &str, bound: &str| {
            let series = format!("{name}{ending}{{{bound}{}}}", braces(labels));
            *scraped.get(series.as_str()).unwrap_or_else(|| panic!("no {series}"))
        };
        is_count(value("_count", ""), histogram.count());
        let sum = histogram.sum() as f64 / f64::from(histogram.buckets().recorded_per_unit);
        assert!((value("_sum", "") - sum).abs() <= sum * 1e-12);
        is_count(value("_bucket", "le=\"+Inf\","), histogram.count());
        // A bound of all lists, against the buckets up to it.
        let up_to = histogram.counts().iter().zip(histogram.buckets().min_index..);
        let counted: u64 = up_to.filter(|(_, index)| *index < 16).map(|(count, _)| count).sum();
        is_count(value("_bucket", "le=\"4.0\","), counted);
    }
}

#[cfg(feature = "metrics")]
mod facade {
    use std::sync::atomic::Ordering;

    use flashstrike_telemetry::RecorderTelemetry;
    use flashstrike_telemetry::adapters::metrics::Publisher;
    use flashstrike_telemetry::catalogue::Dialect;
    use flashstrike_telemetry::kinds::ConstantGauge;
    use metrics::atomics::AtomicU64;
    use metrics::{
        Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
        with_local_recorder,
    };

    use super::{Arc, Expected, HashMap, Mutex, Number, now_ns, some};

    /// What a metric was told. The number is the facade's own counter and gauge.
    #[derive(Default)]
    struct Cell {
        number: Arc<AtomicU64>,
        values: Mutex<Vec<(f64, usize)>>,
    }

    impl Cell {
        fn count(&self) -> u64 {
            self.number.load(Ordering::Relaxed)
        }

        fn gauge(&self) -> f64 {
            f64::from_bits(self.count())
        }

        fn recorded(&self) -> usize {
            self.values.lock().unwrap().iter().map(|(_, count)| count).sum()
        }
    }

    impl HistogramFn for Cell {
        fn record(&self, value: f64) {
            self.record_many(value, 1);
        }
        fn record_many(&self, value: f64, count: usize) {
            self.values.lock().unwrap().push((value, count));
        }
    }

    #[derive(Default)]
    struct Installed(Mutex<HashMap<Key, Arc<Cell>>>);

    impl Installed {
        fn cell(&self, key: &Key) -> Arc<Cell> {
            Arc::clone(self.0.lock().unwrap().entry(key.clone()).or_default())
        }
    }

    impl Recorder for Installed {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::clone(&self.cell(key).number))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::clone(&self.cell(key).number))
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.cell(key))
        }
    }

    #[test]
    fn a_recorder_is_told_what_a_snapshot_holds_and_of_histograms_what_is_new() {
        let telemetry = some();
        let installed = Installed::default();
        let mut publisher = Publisher::new();
        with_local_recorder(&installed, || {
            publisher.publish(&telemetry.snapshot());
            telemetry.segment_writer_updater().on_write_block(now_ns().saturating_sub(1_000_000));
            telemetry.manager_updater().on_append_block(7, 70);
            publisher.publish(&telemetry.snapshot());
            publisher.publish(&telemetry.snapshot());
        });
        let expected = Expected::of(&telemetry.snapshot(), Dialect::OpenTelemetry);
        let cell = |(name, labels): &(String, Vec<(String, String)>)| {
            installed.cell(&Key::from_parts(name.clone(), labels))
        };
        for (key, number) in &expected.numbers {
            let (cell, is_counter) = (cell(key), expected.counters.contains(key));
            match number {
                Number::Whole(count) if is_counter => assert_eq!(cell.count(), *count, "{key:?}"),
                _ => assert_eq!(cell.gauge().to_bits(), number.as_f64().to_bits(), "{key:?}"),
            }
        }
        for (key, histogram) in &expected.histograms {
            let cell = cell(key);
            let values = cell.values.lock().unwrap();
            let count: usize = values.iter().map(|(_, count)| count).sum();
            assert_eq!(count as u64, histogram.count(), "{key:?}");
            let sum: f64 = values.iter().map(|(value, count)| value * *count as f64).sum();
            let own = histogram.sum() as f64 / f64::from(histogram.buckets().recorded_per_unit);
            assert!((sum - own).abs() <= own * 0.045, "{key:?}: {sum} of {own}");
        }
    }

    #[test]
    fn a_recorder_is_told_all_of_a_log_that_was_opened_anew_whether_it_has_counted_less_or_more() {
        let installed = Installed::default();
        let mut publisher = Publisher::new();
        let mut publish = |telemetry: &Arc<RecorderTelemetry>, blocks: u64| {
            for _ in 0..blocks {
                telemetry.manager_updater().on_append_block(10, 100);
                telemetry.segment_writer_updater().on_write_block(now_ns());
            }
            with_local_recorder(&installed, || publisher.publish(&telemetry.snapshot()));
            let cells = installed.0.lock().unwrap();
            let of = |name: &str| cells.iter().find(|(key, _)| key.name().ends_with(name)).unwrap().1;
            (of(".manager.events").count(), of(".write_block.duration").recorded())
        };
        let logs = [(); 3].map(|()| RecorderTelemetry::new());
        assert_eq!(publish(&logs[0], 5), (50, 5));
        assert_eq!(publish(&logs[0], 1), (60, 6));
        assert_eq!(publish(&logs[1], 2), (80, 8));
        assert_eq!(publish(&logs[2], 3), (110, 11));
        assert_eq!(publish(&logs[2], 0), (110, 11));
    }

    #[test]
    fn a_limit_that_was_lifted_is_infinite_and_not_the_one_before() {
        let telemetry = some();
        let installed = Installed::default();
        let mut publisher = Publisher::new();
        let limit = |limit: u64| {
            telemetry.segment_maintainer_updater().set_max_segments(limit);
            with_local_recorder(&installed, || publisher.publish(&telemetry.snapshot()));
            let cells = installed.0.lock().unwrap();
            let (_, cell) = cells.iter().find(|(key, _)| key.name().ends_with(".max_hot_segments")).unwrap();
            cell.gauge().to_bits()
        };
        let told = [8, ConstantGauge::NO_LIMIT].map(limit);
        assert_eq!(told, [8_f64.to_bits(), f64::INFINITY.to_bits()]);
    }
}
