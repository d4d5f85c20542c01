import { VERSION } from '@flashstrike/native-addon'
import type { MetricsError } from '../errors.js'
import { check, type Rule } from '../options.js'
import type { Series, SourceSeries } from '../series.js'
import type { HistogramValue, Time } from '../snapshot.js'
import { latest } from '../time.js'
import { Deltas } from './deltas.js'
import {
  type AggregationTemporality,
  type CollectionResult,
  CUMULATIVE,
  type DataPoint,
  DELTA,
  DOUBLE,
  EXPONENTIAL_HISTOGRAM,
  type ExponentialHistogram,
  GAUGE,
  INT,
  type MetricData,
  type MetricProducer,
  SUM,
} from './metric-data.js'

/** Options of `producer`. */
export interface ProducerOptions {
  /**
   * `cumulative`: points say what came since the source began. `delta`: since the collection before, for a backend that
   * takes nothing else. What the reader's exporter prefers does not reach producers.
   * @default 'cumulative'
   */
  readonly temporality?: 'cumulative' | 'delta'
}

/** What sources hold, and which of them could not be read. */
interface ReadSeries {
  /** Each with what it is known by: always the same object. */
  readonly read: readonly { readonly entry: object; readonly result: SourceSeries }[]
  readonly errors: readonly MetricsError[]
}

const OPTIONS: Record<keyof ProducerOptions, Rule> = {
  temporality: {
    takes: "'cumulative' or 'delta'",
    accepts: value => value === 'cumulative' || value === 'delta',
  },
}

const SCOPE = { name: '@flashstrike/telemetry', version: VERSION }

/** Hands what `read` gives to a reader of OpenTelemetry's. */
export class Producer implements MetricProducer {
  readonly #read: () => ReadSeries
  readonly #deltas: Deltas | undefined

  /** @throws MetricsError `WAL_UNSUPPORTED` for options that do not exist */
  constructor(read: () => ReadSeries, options: ProducerOptions = {}) {
    check('producer()', options, OPTIONS)
    this.#read = read
    this.#deltas = options.temporality === 'delta' ? new Deltas() : undefined
  }

  // One producer that throws, or never answers, ends the metrics of the whole process: this one does neither.
  collect(): Promise<CollectionResult> {
    try {
      return Promise.resolve(this.#collect())
    } catch (error) {
      return Promise.resolve(result([], [error]))
    }
  }

  #collect(): CollectionResult {
    const { read, errors } = this.#read()
    const metrics = new Map<string, MetricData>()
    for (const { entry, result: held } of read) {
      const delta = this.#deltas?.of(entry, held)
      for (const unnamed of delta?.series ?? held.series) {
        const series = withSource(unnamed, held.source)
        const metric = metrics.get(series.name) ?? empty(series, delta === undefined ? CUMULATIVE : DELTA)
        metrics.set(series.name, metric)
        const counted = series.type === 'gauge' ? undefined : delta
        const since = counted?.since ?? held.startTime
        // No point ends before it begins, also where the machine's clock was put back.
        add(metric, series, since, latest(counted?.until ?? held.time, since))
      }
    }
    return result([...metrics.values()], [...errors])
  }
}

function withSource(series: Series, source: string | null): Series {
  return source === null ? series : { ...series, attributes: { ...series.attributes, source } }
}

function result(metrics: MetricData[], errors: unknown[]): CollectionResult {
  // Readers put their own resource in the place of this one.
  const resource = { attributes: {} }
  return { resourceMetrics: { resource, scopeMetrics: [{ scope: SCOPE, metrics }] }, errors }
}

function empty(
  { type, name, help, unit }: Series,
  aggregationTemporality: AggregationTemporality,
): MetricData {
  const valueType: typeof INT | typeof DOUBLE = type !== 'histogram' && unit !== 's' ? INT : DOUBLE
  const descriptor = { name, description: help, unit, valueType }
  switch (type) {
    case 'sum':
      return {
        descriptor: { ...descriptor, type: 'COUNTER' },
        aggregationTemporality,
        dataPointType: SUM,
        isMonotonic: true,
        dataPoints: [],
      }
    case 'gauge':
      return {
        descriptor: { ...descriptor, type: 'GAUGE' },
        // Without a meaning for gauges; a point's value is the one of its time.
        aggregationTemporality: CUMULATIVE,
        dataPointType: GAUGE,
        dataPoints: [],
      }
    case 'histogram':
      return {
        descriptor: { ...descriptor, type: 'HISTOGRAM' },
        aggregationTemporality,
        dataPointType: EXPONENTIAL_HISTOGRAM,
        dataPoints: [],
      }
  }
}

function add(metric: MetricData, series: Series, since: Time, time: Time): void {
  if (metric.dataPointType === EXPONENTIAL_HISTOGRAM) {
    if (series.type === 'histogram') {
      metric.dataPoints.push(point(since, time, series, exponential(series.value)))
    }
  } else if (series.type !== 'histogram') {
    metric.dataPoints.push(point(since, time, series, series.value))
  }
}

function point<T>(since: Time, time: Time, { attributes }: Series, value: T): DataPoint<T> {
  return { startTime: [...since], endTime: [...time], attributes: { ...attributes }, value }
}

function exponential({
  count,
  sum,
  min,
  max,
  scale,
  offset,
  bucketCounts,
}: HistogramValue): ExponentialHistogram {
  return {
    count,
    sum,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    scale,
    // What took no time at all is in the first bucket.
    zeroCount: 0,
    positive: { offset, bucketCounts: [...bucketCounts] },
    negative: { offset: 0, bucketCounts: [] },
  }
}
