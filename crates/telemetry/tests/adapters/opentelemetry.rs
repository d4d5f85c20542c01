//! What reaches an exporter of OpenTelemetry's SDK.

use std::collections::HashMap;
use std::sync::Arc;

use flashstrike_telemetry::RecorderTelemetry;
use flashstrike_telemetry::adapters::opentelemetry::Publisher;
use flashstrike_telemetry::catalogue::Dialect;
use flashstrike_telemetry::clock::now_ns;
use flashstrike_telemetry::kinds::ConstantGauge;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, HistogramDataPoint, Metric, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider, Temporality,
};

use super::{Expected, some};

type Key = (String, Vec<(String, String)>);

/// One point as it was exported.
#[derive(Clone, Debug, PartialEq)]
enum Point {
    Sum(f64),
    Gauge(f64),
    Histogram { count: u64, sum: f64, least: f64, greatest: f64, bounds: Vec<f64>, buckets: Vec<u64> },
}

struct Sdk {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    temporality: Temporality,
}

/// The points of one export, and unit and description of each metric.
#[derive(Default)]
struct Exported {
    points: HashMap<Key, Point>,
    described: HashMap<String, (String, String)>,
}

impl Sdk {
    fn new(temporality: Temporality) -> Self {
        let exporter = InMemoryMetricExporterBuilder::new().with_temporality(temporality).build();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { provider, exporter, temporality }
    }

    fn publisher(&self) -> Publisher {
        Publisher::new(self.provider.meter("flashstrike"))
    }

    fn export(&self) -> Exported {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut exported = Exported::default();
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for metric in resource.scope_metrics().flat_map(|scope| scope.metrics().collect::<Vec<_>>()) {
                let description = (metric.unit().to_owned(), metric.description().to_owned());
                assert!(exported.described.insert(metric.name().to_owned(), description).is_none());
                self.take(metric, &mut exported.points);
            }
        }
        exported
    }

    fn take(&self, metric: &Metric, points: &mut HashMap<Key, Point>) {
        let mut put = |attributes: Vec<&KeyValue>, point| {
            let pair = |pair: &KeyValue| (pair.key.to_string(), pair.value.to_string());
            let mut labels: Vec<_> = attributes.into_iter().map(pair).collect();
            labels.sort_unstable();
            assert!(points.insert((metric.name().to_owned(), labels), point).is_none());
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                assert_eq!((sum.temporality(), sum.is_monotonic()), (self.temporality, true));
                for point in sum.data_points() {
                    put(point.attributes().collect(), Point::Sum(point.value() as f64));
                }
            }
            AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                assert_eq!((sum.temporality(), sum.is_monotonic()), (self.temporality, true));
                for point in sum.data_points() {
                    put(point.attributes().collect(), Point::Sum(point.value()));
                }
            }
            AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                for point in gauge.data_points() {
                    put(point.attributes().collect(), Point::Gauge(point.value() as f64));
                }
            }
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                assert_eq!(histogram.temporality(), self.temporality);
                for point in histogram.data_points() {
                    put(point.attributes().collect(), spread(point));
                }
            }
            other => panic!("{}: {other:?}", metric.name()),
        }
    }
}

fn spread(point: &HistogramDataPoint<f64>) -> Point {
    Point::Histogram {
        count: point.count(),
        sum: point.sum(),
        least: point.min().unwrap(),
        greatest: point.max().unwrap(),
        bounds: point.bounds().collect(),
        buckets: point.bucket_counts().collect(),
    }
}

fn sorted((name, labels): &Key) -> Key {
    let mut labels = labels.clone();
    labels.sort_unstable();
    (name.clone(), labels)
}

impl Exported {
    /// The only number of this name.
    fn number(&self, ending: &str) -> Option<f64> {
        let mut found = self.points.iter().filter(|((name, _), _)| name.ends_with(ending));
        let (_, point) = found.next()?;
        assert!(found.next().is_none(), "{ending} more than once");
        Some(match point {
            Point::Sum(value) | Point::Gauge(value) => *value,
            Point::Histogram { count, .. } => *count as f64,
        })
    }
}

/// Every series of a snapshot is there, and no other.
fn check(exported: &Exported, expected: &Expected) {
    let mut rest = exported.points.clone();
    let mut take = |key: &Key| rest.remove(&sorted(key)).unwrap_or_else(|| panic!("no {key:?}"));
    for (key, number) in &expected.numbers {
        let number = number.as_f64();
        let point = if expected.counters.contains(key) { Point::Sum(number) } else { Point::Gauge(number) };
        assert_eq!(take(key), point, "{key:?}");
    }
    for (key, held) in expected.histograms.iter().filter(|(_, held)| held.count() > 0) {
        let Point::Histogram { count, sum, least, greatest, bounds, buckets } = take(key) else {
            panic!("{key:?} is no histogram")
        };
        let own = held.buckets();
        let per_unit = f64::from(own.recorded_per_unit);
        assert_eq!(count, held.count(), "{key:?}");
        let true_sum = held.sum() as f64 / per_unit;
        assert!((sum - true_sum).abs() <= true_sum * 0.045, "{key:?}: {sum} of {true_sum}");
        let range = [held.min(), held.max()].map(|value| value.unwrap() as f64 / per_unit);
        assert!(range[0] <= least && greatest <= range[1], "{key:?}: {least} … {greatest} of {range:?}");
        // Up to each bound exactly what the log's own buckets hold.
        let mut counted = 0;
        for (bound, bucket) in bounds.iter().zip(&buckets) {
            counted += bucket;
            let upper = |index: i32| f64::from(index + 1) / f64::from(1_u32 << own.scale);
            let up_to = held.counts().iter().zip(own.min_index..);
            let true_count: u64 =
                up_to.filter(|(_, index)| upper(*index) <= bound.log2() + 1e-9).map(|(count, _)| count).sum();
            assert_eq!(counted, true_count, "{key:?} up to {bound}");
        }
        assert_eq!(bounds.len(), if expected.described[&key.0].0 == "s" { 55 } else { 33 }, "{key:?}");
    }
    assert_eq!(rest, HashMap::new());
    for (name, described) in &exported.described {
        assert_eq!(described, &expected.described[name], "{name}");
    }
}

#[test]
fn an_exporter_gets_what_a_snapshot_holds() {
    let sdk = Sdk::new(Temporality::Cumulative);
    let telemetry = some();
    let mut publisher = sdk.publisher();
    publisher.publish(&telemetry.snapshot());
    check(&sdk.export(), &Expected::of(&telemetry.snapshot(), Dialect::OpenTelemetry));
    telemetry.segment_writer_updater().on_write_block(now_ns().saturating_sub(1_000_000));
    telemetry.manager_updater().on_append_block(7, 70);
    publisher.publish(&telemetry.snapshot());
    publisher.publish(&telemetry.snapshot());
    let expected = Expected::of(&telemetry.snapshot(), Dialect::OpenTelemetry);
    check(&sdk.export(), &expected);
    check(&sdk.export(), &expected);
}

#[test]
fn an_exporter_of_deltas_gets_what_came_since_the_export_before() {
    let sdk = Sdk::new(Temporality::Delta);
    let telemetry = some();
    let mut publisher = sdk.publisher();
    let mut publish = |events: u64, blocks: u64| {
        for _ in 0..blocks {
            telemetry.segment_writer_updater().on_block_fill(9);
        }
        telemetry.manager_updater().on_append_block(events, 70);
        publisher.publish(&telemetry.snapshot());
    };
    publish(0, 0);
    assert_eq!(sdk.export().number(".manager.events"), Some(300.0));
    publish(7, 2);
    publish(5, 3);
    let exported = sdk.export();
    assert_eq!(exported.number(".manager.events"), Some(12.0));
    assert_eq!(exported.number(".block_fill"), Some(5.0));
    publish(0, 0);
    let exported = sdk.export();
    assert_eq!((exported.number(".manager.events"), exported.number(".block_fill")), (Some(0.0), None));
}

#[test]
fn sources_that_differ_in_a_label_are_told_apart() {
    let sdk = Sdk::new(Temporality::Cumulative);
    let mut publisher = sdk.publisher();
    let logs = ["orders", "trades"].map(|log| RecorderTelemetry::labelled(vec![("log".into(), log.into())]));
    for (log, events) in logs.iter().zip([3, 40]) {
        log.manager_updater().on_append_block(events, 70);
        for _ in 0..events {
            log.segment_writer_updater().on_block_fill(1);
        }
        publisher.publish(&log.snapshot());
    }
    let exported = sdk.export();
    let of = |log: &str, ending: &str| {
        let is_of = |pair: &(String, String)| pair.0 == "log" && pair.1 == log;
        let points = exported.points.iter();
        let found = points.filter(|((name, labels), _)| name.ends_with(ending) && labels.iter().any(is_of));
        found.map(|(_, point)| point.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("orders", ".manager.events"), of("trades", ".manager.events")),
        (vec![Point::Sum(3.0)], vec![Point::Sum(40.0)])
    );
    for (log, expected) in [("orders", 3), ("trades", 40)] {
        let [Point::Histogram { count, .. }] = of(log, ".block_fill")[..] else { panic!("{log}") };
        assert_eq!(count, expected);
    }
}

#[test]
fn a_log_that_was_opened_anew_goes_on_whether_it_has_counted_less_or_more() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let sdk = Sdk::new(temporality);
        let mut publisher = sdk.publisher();
        let mut publish = |telemetry: &Arc<RecorderTelemetry>, blocks: u64| {
            for _ in 0..blocks {
                telemetry.manager_updater().on_append_block(10, 100);
                telemetry.segment_writer_updater().on_block_fill(10);
            }
            publisher.publish(&telemetry.snapshot());
            let exported = sdk.export();
            (exported.number(".manager.events").unwrap(), exported.number(".block_fill").unwrap_or(0.0))
        };
        let logs = [(); 3].map(|()| RecorderTelemetry::new());
        let steps = [(0, 5), (0, 1), (1, 2), (2, 3), (2, 0)];
        let mut sum = 0;
        for (log, blocks) in steps {
            sum += blocks;
            let expected = if temporality == Temporality::Delta { blocks } else { sum };
            assert_eq!(publish(&logs[log], blocks), (expected as f64 * 10.0, expected as f64));
        }
    }
}

#[test]
fn a_limit_that_was_lifted_and_a_publisher_that_is_gone_are_not_exported() {
    let sdk = Sdk::new(Temporality::Cumulative);
    let telemetry = some();
    let mut publisher = sdk.publisher();
    let mut limit = |limit: u64| {
        telemetry.segment_maintainer_updater().set_max_segments(limit);
        publisher.publish(&telemetry.snapshot());
        sdk.export().number(".max_hot_segments")
    };
    assert_eq!([8, ConstantGauge::NO_LIMIT, 4].map(&mut limit), [Some(8.0), None, Some(4.0)]);
    drop(publisher);
    let exported = sdk.export();
    assert_eq!(exported.number(".last_event_id"), None);
}
