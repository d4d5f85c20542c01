/**
 * What OpenTelemetry's readers and exporters take, as plain objects. Nothing of OpenTelemetry is imported, so one build
 * serves its SDKs 1.30, 2 and 3; the numbers are those of their enums, and the types fit those of each.
 */

/** `AggregationTemporality` */
export const DELTA = 0
export const CUMULATIVE = 1
/** `DataPointType` */
export const EXPONENTIAL_HISTOGRAM = 1
export const GAUGE = 2
export const SUM = 3
/** `ValueType` */
export const INT = 0
export const DOUBLE = 1

/** Whether points say what was since the last collection, or since the source began. */
export type AggregationTemporality = typeof DELTA | typeof CUMULATIVE

/** What a metric is. */
export interface MetricDescriptor {
  name: string
  description: string
  unit: string
  valueType: typeof INT | typeof DOUBLE
  /** Only SDK 1 has it, as a type of its own. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of SDK 1 cannot be written down without it
  type: any
}

/** What a metric held, from one moment to another. */
export interface DataPoint<T> {
  /** Seconds since 1970, and nanoseconds. */
  startTime: [number, number]
  endTime: [number, number]
  attributes: Record<string, string>
  value: T
}

/** Counts of consecutive buckets; the first one has the index `offset`. */
export interface Buckets {
  offset: number
  /** Plain numbers: exporters write typed arrays as objects, and choke on bigints. */
  bucketCounts: number[]
}

/** How values are spread. */
export interface ExponentialHistogram {
  count: number
  sum: number
  min?: number
  max?: number
  scale: number
  zeroCount: number
  positive: Buckets
  negative: Buckets
}

/** A number that only grows. */
export interface SumData {
  descriptor: MetricDescriptor
  aggregationTemporality: AggregationTemporality
  dataPointType: typeof SUM
  isMonotonic: boolean
  dataPoints: DataPoint<number>[]
}

/** A number that goes up and down. */
export interface GaugeData {
  descriptor: MetricDescriptor
  aggregationTemporality: AggregationTemporality
  dataPointType: typeof GAUGE
  dataPoints: DataPoint<number>[]
}

/** Values in exponential buckets. */
export interface HistogramData {
  descriptor: MetricDescriptor
  aggregationTemporality: AggregationTemporality
  dataPointType: typeof EXPONENTIAL_HISTOGRAM
  dataPoints: DataPoint<ExponentialHistogram>[]
}

/** A metric with its points. */
export type MetricData = SumData | GaugeData | HistogramData

/** What a collection gives. */
export interface CollectionResult {
  resourceMetrics: {
    // biome-ignore lint/suspicious/noExplicitAny: each SDK has a type of its own for it, and none looks at ours
    resource: any
    scopeMetrics: { scope: { name: string; version: string }; metrics: MetricData[] }[]
  }
  errors: unknown[]
}

/** What goes into `metricProducers` of any of OpenTelemetry's metric readers. */
export interface MetricProducer {
  /** What all sources hold now. Never rejects, and waits for nothing. */
  collect(): Promise<CollectionResult>
}
