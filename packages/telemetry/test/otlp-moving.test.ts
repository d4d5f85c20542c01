/** Every metric as it moves at a receiver of OTLP: cumulative and as deltas, of several logs at once. */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import type { HistogramValue, SourceSnapshot } from '#src/index.js'
import { seriesKey } from './expected-series.js'
import { LogsAtWork } from './logs-at-work.js'
import { startReceiver } from './otlp-receiver.js'
import {
  checkReceived,
  type ExpectedPoint,
  expectedPoints,
  ofLog,
  receivedValues,
} from './received-series.js'
import { protocols, sdkVersions } from './sdks.js'

type Points = ReadonlyMap<string, ExpectedPoint>

const RESOURCE = { 'service.name': 'matching engine', 'service.instance.id': 'eu-1' }
/** Every name of the catalogue, as a test of it has them. */
const NAMES = readFileSync(
  new URL('../../../../crates/telemetry/tests/names/open_telemetry.txt', import.meta.url),
  'utf8',
)

interface Series {
  readonly name: string
  readonly log: string | undefined
  readonly attributes: Readonly<Record<string, string>>
}

/** A series' name and attributes, as they were before {@link seriesKey}. */
function seriesOf(key: string): Series {
  const [name, pairs] = JSON.parse(key) as [string, [string, string][]]
  const attributes = Object.fromEntries(pairs)
  return { name, attributes, log: attributes['log'] }
}

/** Where nothing fails; that appends are refused is made to happen. These are seen moving in sources that are made to. */
function movesInHealth(key: string): boolean {
  const { name, attributes } = seriesOf(key)
  const isFailure = name.endsWith('.failures') || attributes['outcome'] === 'failed'
  const isState = name.endsWith('.source.state')
  return !isState && (!isFailure || name === 'wal.recorder.manager.append_event.operations')
}

/** Of these the one or the other is done when a log is opened. */
function movesByOpening(key: string): boolean {
  return /\.open_(new|existing)_segment\./.test(seriesOf(key).name)
}

/** What the sources hold now, with the time at which they were looked at. */
function heldBy(sources: readonly SourceSnapshot[]): Points {
  const all = sources.flatMap(source =>
    Array.from(expectedPoints([source]), ([key, point]) => [key, { ...point, at: source.time }] as const),
  )
  return new Map(all)
}

/** What came between two of them. */
function between(before: Points, now: Points): Points {
  return new Map(
    Array.from(now, ([key, point]): [string, ExpectedPoint] => {
      const old = before.get(key)
      const hasGoneOn = old?.at !== undefined && isDeepStrictEqual(old.since, point.since)
      if (point.type === 'gauge' || !hasGoneOn) return [key, point]
      return [key, { ...point, since: old.at, value: gain(old.value, point.value) }]
    }),
  )
}

function gain(before: ExpectedPoint['value'], now: ExpectedPoint['value']): ExpectedPoint['value'] {
  if (typeof before === 'number' || typeof now === 'number') return Number(now) - Number(before)
  const old = countsOf(before)
  const counts = Array.from(
    countsOf(now),
    ([index, count]) => [index, count - (old.get(index) ?? 0)] as const,
  )
  const gained = new Map(counts.filter(([, count]) => count !== 0))
  const [from, to] = [Math.min(...gained.keys()), Math.max(...gained.keys())]
  return {
    count: now.count - before.count,
    sum: now.sum - before.sum,
    scale: now.scale,
    offset: gained.size > 0 ? from : 0,
    bucketCounts:
      gained.size > 0 ? Array.from({ length: to - from + 1 }, (_, i) => gained.get(from + i) ?? 0) : [],
  }
}

function countsOf({ offset, bucketCounts }: HistogramValue): Map<number, number> {
  return new Map(bucketCounts.map((count, i) => [offset + i, count]))
}

for (const { version, sdk, exporter, resource } of sdkVersions()) {
  test.serial(`SDK ${version} brings every metric to a receiver as it moves, over each protocol`, async t => {
    const logs = await LogsAtWork.open(t)
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const temporalities = ['cumulative', 'delta'] as const
    const roads = protocols.flatMap(protocol => temporalities.map(temporality => ({ protocol, temporality })))
    const readers = roads.map(({ protocol, temporality }) => {
      const reader = new sdk.PeriodicExportingMetricReader({
        exporter: exporter(protocol, protocol === 'grpc' ? receiver.grpcUrl : receiver.httpUrl),
        exportIntervalMillis: 2 ** 31 - 1,
        metricProducers: [logs.metrics.producer({ temporality })],
      })
      return { reader, temporality }
    })
    const provider = new sdk.MeterProvider({
      readers: readers.map(({ reader }) => reader),
      resource: resource(RESOURCE),
    })
    t.teardown(() => provider.shutdown())

    const seen: Map<string, unknown>[] = []
    let before: Points = new Map()
    /** Exports on all roads, and compares what arrives with what the sources hold. */
    const exportAll = async () => {
      const held = heldBy(logs.sources)
      for (const { reader, temporality } of readers) {
        await reader.forceFlush()
        const received = await receiver.next()
        const { metrics } = ofLog(received)
        checkReceived(t, metrics, temporality === 'delta' ? between(before, held) : held, temporality)
        checkResource(t, received.resourceMetrics[0]?.resource.attributes)
        if (temporality === 'cumulative') seen.push(receivedValues(metrics))
      }
      before = held
    }
    await exportAll()
    await logs.goOn(key => movesInHealth(key) && !movesByOpening(key))
    await exportAll()
    await logs.openAnew()
    await exportAll()
    checkMoved(t, seen)
  })
}

function checkResource(
  t: ExecutionContext,
  attributes: readonly { key: string; value: { stringValue?: string } }[] = [],
): void {
  const found = Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]))
  t.like(found, RESOURCE)
}

/** Every metric of the catalogue has arrived with one value and then with another. */
function checkMoved(t: ExecutionContext, seen: readonly Map<string, unknown>[]): void {
  const [first = new Map<string, unknown>(), ...later] = seen
  const keys = [...first.keys()]
  const stood = keys.filter(key => later.every(values => isDeepStrictEqual(values.get(key), first.get(key))))
  const of = (log: string, all: readonly string[]) => all.filter(key => seriesOf(key).log === log)
  t.deepEqual(of('moved', stood), [])
  const names = new Set(of('moved', keys).map(key => seriesOf(key).name))
  t.deepEqual([...names].sort(), NAMES.trim().split('\n').sort())
  const isFirstReader = (key: string) => {
    const { system, source } = seriesOf(key).attributes
    return system === 'wal_recovery' && source === undefined
  }
  const atWork = [...of('orders', keys), ...of('trades', keys).filter(isFirstReader)]
  t.deepEqual(
    atWork.filter(key => movesInHealth(key) && stood.includes(key)),
    [],
    'of logs at work, nothing stands still but what only failures move',
  )
}
