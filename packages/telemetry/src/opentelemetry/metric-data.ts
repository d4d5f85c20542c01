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
  /** Such as `wal.recorder.committer.sync`. */
  name: string
  /** What it counts or measures. */
  description: string
  /** In the notation of UCUM. */
  unit: string
  /** Whether its numbers are whole. */
  valueType: typeof INT | typeof DOUBLE
  /** Only SDK 1 has it, as a type of its own. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of SDK 1 cannot be written down without it
  type: any
}

/** What a metric held, from one moment to another. */
export interface DataPoint<T> {
  /** Seconds since 1970, and nanoseconds. */
  startTime: [number, number]
  /** Of the collection; as `startTime`. */
  endTime: [number, number]
  /** What tells the points of a metric apart. */
  attributes: Record<string, string>
  /** What was counted or measured. */
  value: T
}

/** Counts of consecutive buckets; the first one has the index `offset`. */
export interface Buckets {
  /** Index of the first bucket. */
  offset: number
  /** Plain numbers: exporters write typed arrays as objects, and choke on bigints. */
  bucketCounts: number[]
}

/** How values are spread. */
export interface ExponentialHistogram {
  /** Number of values. */
  count: number
  /** Of all values. */
  sum: number
  /** The least value; none where there are no values. */
  min?: number
  /** The greatest value; none where there are no values. */
  max?: number
  /** Bucket `i` ends at 2 to the power of `(i + 1) / 2^scale`. */
  scale: number
  /** Values of 0. */
  zeroCount: number
  /** Values above 0. */
  positive: Buckets
  /** Empty: nothing here is below 0. */
  negative: Buckets
}

/** A number that only grows. */
export interface SumData {
  /** What the metric is. */
  descriptor: MetricDescriptor
  /** What its points say. */
  aggregationTemporality: AggregationTemporality
  /** What its points are. */
  dataPointType: typeof SUM
  /** Whether it never goes down. */
  isMonotonic: boolean
  /** One for each set of attributes. */
  dataPoints: DataPoint<number>[]
}

/** A number that goes up and down. */
export interface GaugeData {
  /** What the metric is. */
  descriptor: MetricDescriptor
  /** What its points say. */
  aggregationTemporality: AggregationTemporality
  /** What its points are. */
  dataPointType: typeof GAUGE
  /** One for each set of attributes. */
  dataPoints: DataPoint<number>[]
}

/** Values in exponential buckets. */
export interface HistogramData {
  /** What the metric is. */
  descriptor: MetricDescriptor
  /** What its points say. */
  aggregationTemporality: AggregationTemporality
  /** What its points are. */
  dataPointType: typeof EXPONENTIAL_HISTOGRAM
  /** One for each set of attributes. */
  dataPoints: DataPoint<ExponentialHistogram>[]
}

/** A metric with its points. */
export type MetricData = SumData | GaugeData | HistogramData

/** What a collection gives. */
export interface CollectionResult {
  /** The metrics of this program, as one resource. */
  resourceMetrics: {
    // biome-ignore lint/suspicious/noExplicitAny: each SDK has a type of its own for it, and none looks at ours
    resource: any
    scopeMetrics: { scope: { name: string; version: string }; metrics: MetricData[] }[]
  }
  /** Why sources are missing. */
  errors: unknown[]
}

/** What goes into `metricProducers` of any of OpenTelemetry's metric readers. */
export interface MetricProducer {
  /** What all sources hold now. Never rejects, and waits for nothing. */
  collect(): Promise<CollectionResult>
}
