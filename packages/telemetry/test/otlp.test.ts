import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type HistogramValue, type Time, walMetrics } from '#src/index.js'
import { expectedSeries, seriesKey } from './expected-series.js'
import {
  type ReceivedExport,
  type ReceivedMetric,
  type ReceivedPoint,
  startReceiver,
} from './otlp-receiver.js'
import { protocols, sdkVersions } from './sdks.js'
import { coded, goldenBytes, sourceOf } from './support.js'

const golden = sourceOf(goldenBytes)
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

function unixNano([seconds, nanoseconds]: Time): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}

/** The log's metrics of an export, and the names of whatever else is in it. */
function ofLog(received: ReceivedExport): { metrics: readonly ReceivedMetric[]; others: string[] } {
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

function checkAgainstSnapshot(t: ExecutionContext, metrics: readonly ReceivedMetric[]): void {
  const { sources } = walMetrics(golden).snapshot()
  const [source] = sources
  if (source === undefined) throw new Error('no source')
  const expected = expectedSeries(sources)
  t.true(expected.size > 60, `${expected.size} series`)
  for (const metric of metrics) {
    const { type, data, points: all } = points(metric)
    t.not(metric.description, '')
    for (const point of all) {
      const key = seriesKey(metric.name, attributes(point))
      const series = expected.get(key)
      t.true(expected.delete(key), `${key} is there once, and expected`)
      t.is(type, series?.type as typeof type, key)
      t.is(metric.unit, series?.unit ?? '', key)
      t.is(BigInt(point.startTimeUnixNano), unixNano(source.startTime), key)
      t.is(BigInt(point.timeUnixNano), unixNano(source.time), key)
      if (typeof series?.value === 'object') t.deepEqual(histogram(point), asReceived(series.value), key)
      else t.is(Number(point.asInt ?? point.asDouble), series?.value ?? Number.NaN, key)
      if (type !== 'gauge')
        t.true([2, 'AGGREGATION_TEMPORALITY_CUMULATIVE'].includes(data?.aggregationTemporality ?? 0))
      if (type === 'sum') t.true(data?.isMonotonic)
    }
  }
  t.deepEqual([...expected.keys()], [])
}

for (const { version: sdkVersion, sdk, exporter } of sdkVersions()) {
  for (const protocol of protocols) {
    test(`SDK ${sdkVersion} brings every number to a receiver over OTLP: ${protocol}`, async t => {
      const receiver = await startReceiver()
      t.teardown(() => receiver.close())
      const broken = sourceOf(() => {
        throw coded('WAL_METRICS', 'cannot')
      })
      const reader = new sdk.PeriodicExportingMetricReader({
        exporter: exporter(protocol, protocol === 'grpc' ? receiver.grpcUrl : receiver.httpUrl),
        exportIntervalMillis: 2 ** 31 - 1,
        metricProducers: [walMetrics(broken, golden)],
      })
      const provider = new sdk.MeterProvider({ readers: [reader] })
      provider.getMeter('application').createCounter('orders').add(1)
      await reader.forceFlush()
      const received = await receiver.next()
      const { metrics, others } = ofLog(received)
      t.deepEqual(others, ['orders'], "the application's own metrics go with them")
      checkAgainstSnapshot(t, metrics)
      const [resourceMetrics] = received.resourceMetrics
      const names = resourceMetrics?.resource.attributes.map(({ key }) => key) ?? []
      t.true(names.includes('telemetry.sdk.version'), 'the resource is the one of the SDK')
      const scopes = resourceMetrics?.scopeMetrics.map(({ scope }) => scope) ?? []
      t.is(scopes.find(({ name }) => name === '@flashstrike/telemetry')?.version, version)
      await provider.shutdown()
    })
  }
}

test('the types fit those of each SDK', async t => {
  const typescript = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const checked = ['1', '2', '3'].map(async sdkVersion => {
    const folder = new URL(`../../../../scripts/opentelemetry/sdk-${sdkVersion}/`, import.meta.url)
    const args = [typescript, '--project', fileURLToPath(folder)]
    const said = await new Promise<string>(resolve => {
      execFile(process.execPath, args, (error, stdout) => resolve(error === null ? '' : stdout))
    })
    t.is(said, '', `SDK ${sdkVersion}`)
  })
  await Promise.all(checked)
})
