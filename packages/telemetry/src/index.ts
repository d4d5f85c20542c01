/**
 * Metrics of FlashStrike's write-ahead log.
 *
 * @packageDocumentation
 */
export { MetricsError, type MetricsErrorCode } from './errors.js'
export { AddonMissingError } from './native.js'
export type {
  AggregationTemporality,
  Buckets,
  CollectionResult,
  DataPoint,
  ExponentialHistogram,
  GaugeData,
  HistogramData,
  MetricData,
  MetricDescriptor,
  MetricProducer,
  SumData,
} from './opentelemetry/metric-data.js'
export type { ProducerOptions } from './opentelemetry/producer.js'
export { type PageState, TelemetryPage } from './page.js'
export type { PrometheusFormat } from './prometheus/format.js'
export type { PrometheusOptions, ServeOptions } from './prometheus/options.js'
export type { MetricsServer } from './prometheus/server.js'
export type {
  HistogramValue,
  LifeCycleValue,
  Metric,
  MetricKind,
  MetricOf,
  MetricsSnapshot,
  MetricValues,
  OperationValue,
  QuantileValues,
  SourceSnapshot,
  Time,
} from './snapshot.js'
export { type MetricsSource, metricsSymbol } from './source.js'
export { type WalMetrics, walMetrics } from './wal-metrics.js'
