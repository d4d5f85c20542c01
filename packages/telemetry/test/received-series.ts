/** Compares what a receiver of OTLP got with what sources hold. */
import type { ExecutionContext } from 'ava'
import type { HistogramValue, SourceSnapshot, Time } from '#src/index.js'
import { type Expected, expectedSeries, seriesKey } from './expected-series.js'
import type { ReceivedExport, ReceivedMetric, ReceivedPoint } from './otlp-receiver.js'

function unixNano([seconds, nanoseconds]: Time): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}

/** A whole number that comes in two halves, as over gRPC, as a text; anything else as it is. */
function whole(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('high' in value && 'low' in value)) return value
  return String(
    (BigInt.asUintN(32, BigInt(Number(value.high))) << 32n) | BigInt.asUintN(32, BigInt(Number(value.low))),
  )
}

/** The log's metrics of an export, and the names of whatever else is in it. */
export function ofLog(received: ReceivedExport): { metrics: readonly ReceivedMetric[]; others: string[] } {
  // Messages of protobuf become plain this way.
  const { resourceMetrics } = JSON.parse(JSON.stringify(received), whole) as ReceivedExport
  const scopes = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics)
  const isOurs = ({ scope }: { scope: { name: string } }) => scope.name === '@flashstrike/telemetry'
  return {
    metrics: scopes.filter(isOurs).flatMap(({ metrics }) => metrics),
    others: scopes.filter(scope => !isOurs(scope)).flatMap(({ metrics }) => metrics.map(({ name }) => name)),
  }
}

function points(metric: ReceivedMetric) {
  const type = (['sum', 'gauge', 'exponentialHistogram'] as const).find(type => metric[type] !== undefined)
  if (type === undefined) throw new Error(`${metric.name} is of no known type`)
  const data = metric[type]
  return {
    type: type === 'exponentialHistogram' ? 'histogram' : type,
    data,
    points: data?.dataPoints ?? [],
  } as const
}

function attributes(point: ReceivedPoint): Record<string, string> {
  return Object.fromEntries(point.attributes.map(({ key, value }) => [key, value.stringValue ?? '']))
}

function histogram(point: ReceivedPoint) {
  const bucketCounts = (point.positive?.bucketCounts ?? []).map(Number)
  return {
    count: Number(point.count ?? 0),
    sum: point.sum ?? 0,
    min: point.min,
    max: point.max,
    scale: point.scale ?? 0,
    zeroCount: Number(point.zeroCount ?? 0),
    // Of no buckets it says nothing.
    offset: bucketCounts.length > 0 ? (point.positive?.offset ?? 0) : 0,
    bucketCounts,
  }
}

function asReceived({ count, sum, min, max, scale, offset, bucketCounts }: HistogramValue) {
  return { count, sum, min, max, scale, zeroCount: 0, offset, bucketCounts: [...bucketCounts] }
}

/** What a point has to be. */
export interface ExpectedPoint extends Expected {
  /** Since when it counts. */
  readonly since: Time
  /** Of when it is; not looked at if not known. */
  readonly at?: Time
}

/** Every point of these sources, by name and attributes as {@link seriesKey} writes them. */
export function expectedPoints(sources: readonly SourceSnapshot[]): Map<string, ExpectedPoint> {
  const ofSource = (source: SourceSnapshot) =>
    Array.from(expectedSeries([source]), ([key, series]): [string, ExpectedPoint] => [
      key,
      { ...series, since: source.startTime },
    ])
  return new Map(sources.flatMap(ofSource))
}

function valueOfPoint(type: Expected['type'], point: ReceivedPoint) {
  return type === 'histogram' ? histogram(point) : Number(point.asInt ?? point.asDouble)
}

/** What arrived, by name and attributes. */
export function receivedValues(metrics: readonly ReceivedMetric[]): Map<string, unknown> {
  const ofMetric = (metric: ReceivedMetric) => {
    const { type, points: all } = points(metric)
    return all.map(point => [seriesKey(metric.name, attributes(point)), valueOfPoint(type, point)] as const)
  }
  return new Map(metrics.flatMap(ofMetric))
}

const TEMPORALITIES = {
  delta: [1, 'AGGREGATION_TEMPORALITY_DELTA'],
  cumulative: [2, 'AGGREGATION_TEMPORALITY_CUMULATIVE'],
} as const

/** Every point that arrived is one of those that are expected, and each of these has arrived, once. */
export function checkReceived(
  t: ExecutionContext,
  metrics: readonly ReceivedMetric[],
  expected: ReadonlyMap<string, ExpectedPoint>,
  temporality: keyof typeof TEMPORALITIES = 'cumulative',
): void {
  const missing = new Map(expected)
  t.true(missing.size > 20, `${missing.size} series`)
  t.is(new Set(metrics.map(({ name }) => name)).size, metrics.length, 'a metric is there once')
  for (const metric of metrics) {
    const { type, data, points: all } = points(metric)
    t.not(metric.description, '')
    if (type !== 'gauge')
      t.true(TEMPORALITIES[temporality].some(known => known === data?.aggregationTemporality))
    if (type === 'sum') t.true(data?.isMonotonic)
    for (const point of all) {
      const key = seriesKey(metric.name, attributes(point))
      const series = missing.get(key)
      t.true(missing.delete(key), `${key} is there once, and expected`)
      t.is(type, series?.type as typeof type, key)
      t.is(metric.unit, series?.unit ?? '', key)
      t.is(BigInt(point.startTimeUnixNano), unixNano(series?.since ?? [0, 0]), key)
      if (series?.at !== undefined) t.is(BigInt(point.timeUnixNano), unixNano(series.at), key)
      const value = series?.value ?? Number.NaN
      t.deepEqual(valueOfPoint(type, point), typeof value === 'object' ? asReceived(value) : value, key)
    }
  }
  t.deepEqual([...missing.keys()], [])
}
