/** Compares what a receiver of OTLP got with what sources hold. */
import type { ExecutionContext } from 'ava'
import type { HistogramValue, SourceSnapshot, Time } from '#src/index.js'
import { expectedSeries, seriesKey } from './expected-series.js'
import type { ReceivedExport, ReceivedMetric, ReceivedPoint } from './otlp-receiver.js'

function unixNano([seconds, nanoseconds]: Time): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}

/** The log's metrics of an export, and the names of whatever else is in it. */
export function ofLog(received: ReceivedExport): { metrics: readonly ReceivedMetric[]; others: string[] } {
  // Long numbers and messages of protobuf become plain this way.
  const { resourceMetrics } = JSON.parse(JSON.stringify(received)) as ReceivedExport
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

/** Every point that arrived is what the sources hold, and everything that they hold has arrived, once. */
export function checkReceived(
  t: ExecutionContext,
  metrics: readonly ReceivedMetric[],
  sources: readonly SourceSnapshot[],
): void {
  const expected = expectedSeries(sources)
  t.true(expected.size > 20, `${expected.size} series`)
  for (const metric of metrics) {
    const { type, data, points: all } = points(metric)
    t.not(metric.description, '')
    for (const point of all) {
      const key = seriesKey(metric.name, attributes(point))
      const series = expected.get(key)
      t.true(expected.delete(key), `${key} is there once, and expected`)
      t.is(type, series?.type as typeof type, key)
      t.is(metric.unit, series?.unit ?? '', key)
      const source = sources.find(({ metrics }) => {
        return metrics[0]?.attributes['system'] === attributes(point)['system']
      })
      t.is(BigInt(point.startTimeUnixNano), unixNano(source?.startTime ?? [0, 0]), key)
      if (typeof series?.value === 'object') t.deepEqual(histogram(point), asReceived(series.value), key)
      else t.is(Number(point.asInt ?? point.asDouble), series?.value ?? Number.NaN, key)
      if (type !== 'gauge')
        t.true([2, 'AGGREGATION_TEMPORALITY_CUMULATIVE'].includes(data?.aggregationTemporality ?? 0))
      if (type === 'sum') t.true(data?.isMonotonic)
    }
  }
  t.deepEqual([...expected.keys()], [])
}

/** The only point of a metric: its number, and since when it counts. */
export function pointOf(metrics: readonly ReceivedMetric[], name: string): { value: number; start: bigint } {
  const metric = metrics.find(metric => metric.name === name)
  const [point, ...more] = metric === undefined ? [] : points(metric).points
  if (point === undefined || more.length > 0) throw new Error(`${name} has ${more.length + 1} points`)
  return { value: Number(point.asInt ?? point.asDouble), start: BigInt(point.startTimeUnixNano) }
}
