import { join } from 'node:path'
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import {
  type DataPoint,
  type ExponentialHistogram,
  type MetricData,
  type MetricProducer,
  type MetricsSource,
  metricsSymbol,
  walMetrics,
} from '#src/index.js'
import { movedBytes } from './moved-source.js'
import { coded, goldenBytes, sourceOf, temporaryDirectory } from './support.js'

const golden = sourceOf(goldenBytes)
const EVENTS = 'wal.recorder.manager.events'
const BLOCKS = 'wal.recorder.segment_writer.write_block.duration'
const DURABLE = 'wal.recorder.manager.durable_event_id'

async function collected(producer: MetricProducer) {
  const { resourceMetrics, errors } = await producer.collect()
  return { metrics: resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics), errors }
}

function find(metrics: readonly MetricData[], name: string): MetricData {
  const [metric, ...others] = metrics.filter(({ descriptor }) => descriptor.name === name)
  if (metric === undefined || others.length > 0) throw new Error(`${others.length} of ${name}`)
  return metric
}

function only<T>(all: readonly T[]): T {
  const [one, ...others] = all
  if (one === undefined || others.length > 0) throw new Error(`${all.length} instead of one`)
  return one
}

async function number(producer: MetricProducer, name: string): Promise<DataPoint<number>> {
  const metric = find((await collected(producer)).metrics, name)
  if (metric.dataPointType === 1) throw new Error(`${name} is a histogram`)
  return only(metric.dataPoints)
}

async function histogram(producer: MetricProducer, name: string): Promise<DataPoint<ExponentialHistogram>> {
  const metric = find((await collected(producer)).metrics, name)
  if (metric.dataPointType !== 1) throw new Error(`${name} is no histogram`)
  return only(metric.dataPoints)
}

function nanoseconds([seconds, rest]: readonly [number, number]): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest)
}

async function appended(wal: Recorder, events: number): Promise<void> {
  for (let i = 0; i < events; i += 1) wal.append('event')
  wal.flush()
  await wal.durable()
}

test('where the clock was put back after a source had begun, none of its points ends before it begins', async t => {
  const taken = 24
  const source = sourceOf(() => {
    const bytes = goldenBytes()
    const view = new DataView(bytes.buffer)
    view.setBigUint64(taken, view.getBigUint64(taken + 8, true) - 3_600_000_000_000n, true)
    return bytes
  })
  for (const temporality of ['cumulative', 'delta'] as const) {
    const { metrics } = await collected(walMetrics(source).producer({ temporality }))
    const points = metrics.flatMap(({ dataPoints }) => dataPoints as readonly DataPoint<unknown>[])
    t.true(points.length > 20, `${points.length}`)
    for (const { startTime, endTime } of points) t.true(nanoseconds(endTime) >= nanoseconds(startTime))
  }
})

test('metrics are a producer themselves, of what was since the source began', async t => {
  const wal = await Recorder.open({ dir: join(temporaryDirectory(t), 'orders') })
  const metrics = walMetrics(wal)
  await appended(wal, 10)
  const first = await number(metrics, EVENTS)
  t.is(first.value, 10)
  t.like(first.attributes, { log: 'orders', system: 'wal_recorder', subsystem: 'manager' })
  await appended(wal, 5)
  const second = await number(metrics, EVENTS)
  t.is(second.value, 15)
  t.deepEqual(second.startTime, first.startTime)
  t.true(nanoseconds(second.endTime) > nanoseconds(first.endTime))
  await wal.close()
  t.is((await number(metrics, EVENTS)).value, 15, 'a closed one says what it held in the end')
})

test('deltas are what came since the collection before, of each producer by itself', async t => {
  const wal = await Recorder.open({ dir: temporaryDirectory(t) })
  const metrics = walMetrics(wal)
  const deltas = metrics.producer({ temporality: 'delta' })
  const others = metrics.producer({ temporality: 'delta' })
  await appended(wal, 10)
  const { metrics: all } = await collected(deltas)
  const first = find(all, EVENTS)
  if (first.dataPointType !== 3) throw new Error('no sum')
  t.is(first.aggregationTemporality, 0)
  t.is(only(first.dataPoints).value, 10)
  const before = await histogram(metrics, BLOCKS)
  await appended(wal, 5)
  const now = await histogram(metrics, BLOCKS)
  const { metrics: more } = await collected(deltas)
  const second = find(more, EVENTS)
  if (second.dataPointType !== 3) throw new Error('no sum')
  t.is(only(second.dataPoints).value, 5)
  t.deepEqual(only(second.dataPoints).startTime, only(first.dataPoints).endTime)
  const blocks = find(more, BLOCKS)
  if (blocks.dataPointType !== 1) throw new Error('no histogram')
  const { value } = only(blocks.dataPoints)
  t.is(value.count, now.value.count - before.value.count)
  t.is(
    value.positive.bucketCounts.reduce((sum, count) => sum + count, 0),
    value.count,
  )
  t.is(value.sum, now.value.sum - before.value.sum)
  t.is(value.min, undefined)
  t.is((await number(deltas, DURABLE)).value, 15, 'a gauge is what it is')
  t.is((await number(deltas, EVENTS)).value, 0)
  t.is((await number(others, EVENTS)).value, 15)
  await wal.close()
})

test('a source that cannot be read for a while counts nothing twice in deltas', async t => {
  const wal = await Recorder.open({ dir: temporaryDirectory(t) })
  t.teardown(() => wal.close())
  let isBroken = false
  const source = {
    [metricsSymbol](): Uint8Array {
      if (isBroken) throw coded('WAL_METRICS', 'cannot')
      return (wal as unknown as Record<symbol, () => Uint8Array>)[metricsSymbol]?.() ?? new Uint8Array()
    },
  }
  const deltas = walMetrics(source).producer({ temporality: 'delta' })
  await appended(wal, 10)
  t.is((await number(deltas, EVENTS)).value, 10)
  isBroken = true
  await appended(wal, 3)
  t.is((await collected(deltas)).metrics.length, 0)
  isBroken = false
  t.is((await number(deltas, EVENTS)).value, 3)
})

test('a log that was opened anew counts from zero, with a start of its own', async t => {
  const dir = temporaryDirectory(t)
  let wal = await Recorder.open({ dir })
  const source: MetricsSource = {
    [metricsSymbol]: () => (wal as unknown as Record<symbol, () => Uint8Array>)[metricsSymbol]?.(),
  }
  const [cumulative, deltas] = [walMetrics(source), walMetrics(source).producer({ temporality: 'delta' })]
  await appended(wal, 10)
  const before = await number(cumulative, EVENTS)
  t.is((await number(deltas, EVENTS)).value, 10)
  await wal.close()
  wal = await Recorder.open({ dir })
  await appended(wal, 4)
  const after = await number(cumulative, EVENTS)
  t.is(after.value, 4)
  t.notDeepEqual(after.startTime, before.startTime)
  const delta = await number(deltas, EVENTS)
  t.is(delta.value, 4)
  t.deepEqual(delta.startTime, after.startTime)
  await wal.close()
})

test('recorders and recoveries stand side by side, and readers of one log are told apart', async t => {
  const dir = temporaryDirectory(t)
  const [orders, trades] = await Promise.all(
    ['orders', 'trades'].map(name => Recorder.open({ dir: join(dir, name) })),
  )
  if (orders === undefined || trades === undefined) throw new Error('not opened')
  await appended(orders, 1)
  await appended(trades, 2)
  const open = () => Recovery.open({ dir: join(dir, 'orders') })
  const readers = [await open(), await open()] as const
  const metrics = walMetrics(orders, trades, ...readers)
  const { metrics: all, errors } = await collected(metrics)
  t.deepEqual(errors, [])
  const events = find(all, EVENTS)
  if (events.dataPointType !== 3) throw new Error('no sum')
  t.deepEqual(
    events.dataPoints.map(({ attributes, value }) => [attributes['log'], value]),
    [
      ['orders', 1],
      ['trades', 2],
    ],
  )
  // No two points of a metric have the same attributes.
  for (const { descriptor, dataPoints } of all) {
    const keys = dataPoints.map(({ attributes }) => JSON.stringify(Object.entries(attributes).sort()))
    t.is(new Set(keys).size, keys.length, descriptor.name)
  }
  const sourcesOf = async () => {
    const read = find((await collected(metrics)).metrics, 'wal.recovery.manager.events')
    return read.dataPoints.map(({ attributes }) => attributes['source'])
  }
  t.deepEqual(await sourcesOf(), [undefined, '3'])
  t.true(metrics.remove(readers[0]))
  t.false(metrics.remove(readers[0]))
  t.deepEqual(await sourcesOf(), ['3'], 'a series keeps its name when another one goes')
  metrics.add(readers[0])
  t.deepEqual(await sourcesOf(), ['3', undefined], 'and what that one had goes to the next new one')
  t.throws(() => metrics.add({}), { code: 'WAL_METRICS' })
  for (const log of [orders, trades, ...readers]) await log.close()
})

test('a source that was taken away and came back counts nothing twice in deltas', async t => {
  const wal = await Recorder.open({ dir: temporaryDirectory(t) })
  t.teardown(() => wal.close())
  const metrics = walMetrics(wal)
  const deltas = metrics.producer({ temporality: 'delta' })
  await appended(wal, 10)
  t.is((await number(deltas, EVENTS)).value, 10)
  for (const isMissed of [false, true]) {
    t.true(metrics.remove(wal))
    if (isMissed) t.deepEqual((await collected(deltas)).metrics, [])
    await appended(wal, 3)
    metrics.add(wal)
    t.is((await number(deltas, EVENTS)).value, 3)
  }
  t.is((await number(metrics, EVENTS)).value, 16)
})

test('sources are told apart as in a scrape, also by labels that look like ours', async t => {
  const labelled = (labels: Record<string, string>) => sourceOf(() => movedBytes(goldenBytes(), 1, labels))
  const metrics = walMetrics(
    labelled({ log: 'x', zone: 'a' }),
    labelled({ zone: 'a', log: 'x' }),
    labelled({ log: 'x', zone: 'a', source: '1' }),
  )
  const { dataPoints } = find((await collected(metrics)).metrics, EVENTS)
  const told = dataPoints.map(({ attributes }) => attributes['source'])
  t.deepEqual(told, [undefined, '1', '2'])
  const scraped = metrics.prometheus().match(/^wal_recorder_manager_events_total\{.*$/gm) ?? []
  t.deepEqual(
    scraped.map(line => /source="([^"]*)"/.exec(line)?.[1]),
    told,
  )
})

/** The attribute `source` of each point of `EVENTS`. */
async function toldApart(producer: MetricProducer): Promise<unknown[]> {
  const { dataPoints } = find((await collected(producer)).metrics, EVENTS)
  return dataPoints.map(({ attributes }) => attributes['source'])
}

test('a source is called the same by every producer and in every scrape, whenever they were made', async t => {
  const sources = [0, 1, 2].map(() => sourceOf(goldenBytes))
  const [first = {}, second = {}, third = {}] = sources
  const metrics = walMetrics(first, second)
  const scraped = () => {
    const lines = metrics.prometheus().match(/^wal_recorder_manager_events_total\{.*$/gm) ?? []
    return lines.map(line => /source="([^"]*)"/.exec(line)?.[1])
  }
  const everywhere = async () => {
    const all = [scraped(), await toldApart(metrics), await toldApart(metrics.producer())]
    for (const told of all) t.deepEqual(told, all[0])
    return all[0]
  }
  t.deepEqual(await toldApart(metrics), [undefined, '1'])
  metrics.remove(first)
  t.deepEqual(await everywhere(), ['1'])
  metrics.add(third)
  t.deepEqual(await everywhere(), ['1', undefined])
  for (const source of [second, third]) metrics.remove(source)
  t.deepEqual(scraped(), [])
  for (const source of [third, second]) metrics.add(source)
  t.deepEqual(await everywhere(), [undefined, '1'], 'who comes back is called as before')
  metrics.add(first)
  t.deepEqual(await everywhere(), [undefined, '1', '0'], 'and another name where that is taken')
})

test('no two points are the same where sources differ in what the log says itself', async t => {
  const labelled = (kind: string) => sourceOf(() => movedBytes(goldenBytes(), 1, { log: 'x', kind }))
  const { metrics } = await collected(walMetrics(labelled('a'), labelled('b')))
  for (const { descriptor, dataPoints } of metrics) {
    const keys = dataPoints.map(({ attributes }) => JSON.stringify(Object.entries(attributes).sort()))
    t.is(new Set(keys).size, keys.length, descriptor.name)
  }
})

test('whatever its sources do, a producer gives what it can, and says what it cannot', async t => {
  const thrown = sourceOf(() => {
    throw coded('WAL_CLOSED', 'gone')
  })
  const { metrics, errors } = await collected(
    walMetrics(
      thrown,
      golden,
      sourceOf(() => 7),
    ),
  )
  t.true(metrics.length > 0)
  t.deepEqual(
    errors.map(error => (error as { code?: string }).code),
    ['WAL_CLOSED', 'WAL_METRICS'],
  )
  t.deepEqual((await walMetrics().collect()).errors, [])
})

test('options of a producer that do not exist or are wrong are refused with what there is', t => {
  const metrics = walMetrics(golden)
  for (const [options, told] of [
    [{ temporality: 'Delta' }, "got 'Delta' for temporality: it takes 'cumulative' or 'delta'"],
    [{ temporalty: 'delta' }, 'has no option temporalty: it takes temporality'],
    [null, 'got null: it takes an object with temporality'],
    [new Date(0), 'got 1970-01-01T00:00:00.000Z: it takes an object with temporality'],
    [new URL('delta:'), 'got delta:: it takes an object with temporality'],
    [Promise.resolve({}), 'got Promise { {} }: it takes an object with temporality'],
  ] as const) {
    const message = `producer() ${told}`
    t.throws(() => metrics.producer(options as object), { code: 'WAL_UNSUPPORTED', message })
  }
})

test('a collection is plain: numbers, texts and arrays, nothing that an exporter would mangle', async t => {
  const result = await walMetrics(golden).collect()
  t.deepEqual(JSON.parse(JSON.stringify(result)), result)
})
