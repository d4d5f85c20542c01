import type { MetricsError } from '../errors.js'
import { loadAddon } from '../native.js'
import { check, type Rule } from '../options.js'
import type { Series, SourceSeries } from '../series.js'
import type { HistogramValue, Time } from '../snapshot.js'
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

/** A source, as it is known by. */
export interface KnownSource {
  /** Its number, which no other one has. */
  readonly place: number
}

/** What sources hold, and which of them could not be read. */
export interface ReadSeries {
  /** Of all sources there are, also those that could not be read. */
  readonly places: readonly number[]
  readonly sources: readonly { readonly known: KnownSource; readonly read: SourceSeries }[]
  readonly errors: readonly MetricsError[]
}

const OPTIONS: Record<keyof ProducerOptions, Rule> = {
  temporality: {
    takes: "'cumulative' or 'delta'",
    accepts: value => value === 'cumulative' || value === 'delta',
  },
}

const addon = loadAddon()
const SCOPE = { name: '@flashstrike/telemetry', version: '0.1.0' }

/** Hands what `read` gives to a reader of OpenTelemetry's. */
export class Producer implements MetricProducer {
  readonly #read: () => ReadSeries
  readonly #identities = new addon.NativeIdentities()
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
    const { places, sources, errors } = this.#read()
    this.#identities.keep(places)
    const names = this.#identities.sources(
      sources.map(({ known }) => known.place),
      // All series of a source have its labels, and the first ones of two sources of a kind nothing else that differs.
      sources.map(({ read }) => read.series[0]?.attributes ?? {}),
    )
    const metrics = new Map<string, MetricData>()
    for (const [at, { known, read }] of sources.entries()) {
      const delta = this.#deltas?.of(known, read)
      for (const unnamed of delta?.series ?? read.series) {
        const series = withSource(unnamed, names[at])
        const metric = metrics.get(series.name) ?? empty(series, delta === undefined ? CUMULATIVE : DELTA)
        metrics.set(series.name, metric)
        const counted = series.type === 'gauge' ? undefined : delta
        add(metric, series, counted?.since ?? read.startTime, counted?.until ?? read.time)
      }
    }
    return result([...metrics.values()], [...errors])
  }
}

function withSource(series: Series, source: string | null | undefined): Series {
  return typeof source === 'string' ? { ...series, attributes: { ...series.attributes, source } } : series
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
