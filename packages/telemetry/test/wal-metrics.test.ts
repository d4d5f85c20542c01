import { join } from 'node:path'
import { inspect } from 'node:util'
import { Recorder } from '@flashstrike/wal-recorder'
import test from 'ava'
import {
  type MetricKind,
  MetricsError,
  type MetricsSnapshot,
  type MetricValues,
  metricsSymbol,
  type SourceSnapshot,
  walMetrics,
} from '#src/index.js'
import { coded, goldenBytes, sourceOf, temporaryDirectory } from './support.js'

const golden = sourceOf(goldenBytes)

function only(snapshot: MetricsSnapshot): SourceSnapshot {
  const [source, ...others] = snapshot.sources
  if (source === undefined || others.length > 0) throw new Error(`${snapshot.sources.length} sources`)
  return source
}

function find<Kind extends MetricKind>(
  source: SourceSnapshot,
  kind: Kind,
  name: string,
  attributes: Record<string, string> = {},
): MetricValues[Kind] {
  const found = source.metrics.filter(
    metric =>
      metric.name === name &&
      Object.entries(attributes).every(([key, value]) => metric.attributes[key] === value),
  )
  const [metric] = found
  if (metric === undefined || found.length > 1) throw new Error(`${found.length} of ${name}`)
  if (metric.kind !== kind) throw new Error(`${name} is a ${metric.kind}`)
  return metric.value as MetricValues[Kind]
}

test('the symbol is the one that recorders and recoveries use', t => {
  t.true(Object.is(metricsSymbol, Symbol.for('flashstrike.metrics')))
})

test('a snapshot says whose it is and since when it counts', t => {
  const { labels, processId, startTime, time } = only(walMetrics(golden).snapshot())
  t.deepEqual(labels, { log: 'orders' })
  t.true(processId > 0)
  for (const [seconds, nanoseconds] of [startTime, time]) {
    t.true(Number.isSafeInteger(seconds) && seconds > 1_700_000_000)
    t.true(Number.isSafeInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9)
  }
})

test('every kind of metric has its value in its unit', t => {
  const source = only(walMetrics(golden).snapshot())
  const opened = find(source, 'operation', 'wal.recorder.segment_writer.open_new_segment')
  t.like(opened, { ok: 4, failed: 0 })
  t.like(opened.duration, { count: 4, sum: 192e-6, min: 44e-6, max: 60e-6, mean: 48e-6, scale: 3 })
  t.deepEqual([opened.duration.offset, opened.duration.bucketCounts], [-116, [3, 0, 0, 1]])
  t.true(Math.abs((opened.duration.quantiles?.p50 ?? 0) / 44e-6 - 1) < 0.045)
  t.like(find(source, 'operation', 'wal.recorder.segment_writer.close_segment'), { ok: 0, failed: 1 })
  t.like(find(source, 'duration', 'wal.recorder.segment_writer.write_block'), { count: 1, sum: 850e-9 })
  t.like(find(source, 'distribution', 'wal.recorder.segment_writer.block_fill'), { count: 1, max: 256 })
  t.is(find(source, 'counter', 'wal.recorder.manager.events'), 1_000_000)
  t.is(find(source, 'gauge', 'wal.recorder.manager.durable_event_id'), 999_999)
  t.is(find(source, 'constant_gauge', 'wal.recorder.segment_maintainer.max_hot_segments'), 8)
  t.deepEqual(find(source, 'life_cycle', 'wal.recorder.meta_coordinator.loop'), {
    activeCycles: 1,
    idleCycles: 0,
    activeSeconds: 1,
    idleSeconds: 2,
  })
  const failures = 'wal.recorder.segment_writer.integrity.failures'
  t.is(find(source, 'counter', failures, { kind: 'block', system: 'wal_recorder' }), 1)
  t.is(find(source, 'counter', failures, { kind: 'header', subsystem: 'segment_writer' }), 0)
})

test('what was never recorded has no figures', t => {
  const source = only(walMetrics(golden).snapshot())
  t.deepEqual(find(source, 'duration', 'wal.recorder.manager.segment_rotation'), {
    count: 0,
    sum: 0,
    scale: 3,
    offset: 0,
    bucketCounts: [],
  })
})

test('a snapshot is plain data: it survives JSON, also where counts and sums are as great as they get', t => {
  const bytes = goldenBytes()
  bytes.fill(0xff, new DataView(bytes.buffer).getUint32(44, true))
  const { sources, errors } = walMetrics(sourceOf(() => bytes)).snapshot()
  t.deepEqual(errors, [])
  t.deepEqual(JSON.parse(JSON.stringify(sources)), sources)
  t.is(find(sources[0] as SourceSnapshot, 'counter', 'wal.recorder.manager.events'), 2 ** 64)
})

test('dump has the layout of the log, one block a component', t => {
  const text = walMetrics(golden).dump()
  t.true(text.startsWith('[Recorder Manager Metrics, log=orders] Snapshot:\n'))
  t.true(
    text.includes(
      [
        '[Segment Writer Metrics, log=orders] Snapshot:',
        '-----------------------------------------------------------------',
        ' Open new segment      : 4 calls, 0 failed · avg 48.0 µs · p50 45.1 µs · p90 58.4 µs · p99 58.4 µs · p99.9 58.4 µs · max 60.0 µs',
        ' Open existing segment : 0 calls, 0 failed',
      ].join('\n'),
    ),
    text,
  )
})

test('each call reads the source anew', t => {
  let calls = 0
  const metrics = walMetrics(
    sourceOf(() => {
      calls += 1
      return goldenBytes()
    }),
  )
  t.is(calls, 0)
  metrics.snapshot()
  metrics.dump()
  t.is(calls, 2)
})

test('the function of a source is called on the source', t => {
  class Source {
    readonly #bytes = goldenBytes();
    [metricsSymbol](): Uint8Array {
      return this.#bytes
    }
  }
  t.deepEqual(walMetrics(new Source()).snapshot().errors, [])
})

test('a source that fails is reported and fails no other', t => {
  const closed = sourceOf(() => {
    throw coded('WAL_CLOSED', 'this Recorder was closed')
  })
  const broken = sourceOf(() => {
    throw new TypeError('cannot')
  })
  const odd = sourceOf(() => {
    throw Object.create(null)
  })
  const objects = sourceOf(() => {
    throw new URL('http://localhost/')
  })
  const textual = sourceOf(() => 'no bytes')
  const nothing = sourceOf(() => null)
  const metrics = walMetrics(closed, golden, broken, odd, textual, nothing, golden, objects)
  const { sources, errors } = metrics.snapshot()
  t.is(sources.length, 2)
  t.true(errors.every(error => error instanceof MetricsError && error.name === 'MetricsError'))
  t.deepEqual(
    errors.map(({ source, code }) => [source, code]),
    [
      [0, 'WAL_CLOSED'],
      [2, 'WAL_METRICS'],
      [3, 'WAL_METRICS'],
      [4, 'WAL_METRICS'],
      [5, 'WAL_METRICS'],
      [7, 'WAL_METRICS'],
    ],
  )
  for (const { message } of errors) t.notRegex(message, /\n/, 'a line each')
  t.is(errors[0]?.message, 'source 0: this Recorder was closed')
  t.true(errors[1]?.cause instanceof TypeError)
  t.is(errors[3]?.message, 'source 4: gave string instead of a Uint8Array')
  const text = metrics.dump()
  t.is(text.match(/^\[Segment Writer Metrics, log=orders\]/gm)?.length, 2)
  t.true(text.includes('\n[Metrics missing] WAL_CLOSED: source 0: this Recorder was closed\n'), text)
})

test('a source that throws what throws when it is looked at fails no other', async t => {
  const fault = () => {
    throw new Error('looked at')
  }
  for (const thrown of [
    Object.defineProperty(new Error(), 'message', { get: fault }),
    Object.defineProperty(new Error(), 'code', { get: fault }),
    Object.assign(new Error(), { message: Symbol('none') }),
    new Proxy({}, { getPrototypeOf: fault }),
    { [inspect.custom]: fault },
  ]) {
    const hostile = sourceOf(() => {
      throw thrown
    })
    const metrics = walMetrics(hostile, golden)
    const { sources, errors } = metrics.snapshot()
    t.is(sources.length, 1)
    t.like(errors, { length: 1, 0: { code: 'WAL_METRICS', source: 0 } })
    t.true(metrics.dump().includes('[Metrics missing] WAL_METRICS: source 0: '))
    t.true(metrics.prometheus().includes('wal_telemetry_source_errors 1'))
    const { resourceMetrics } = await metrics.collect()
    t.true(resourceMetrics.scopeMetrics.some(scope => scope.metrics.length > 0))
  }
})

test('a source that promises its bytes is told, and what it rejects with ends nothing', async t => {
  const metrics = walMetrics(
    sourceOf(() => Promise.reject(new Error('later'))),
    golden,
  )
  const { sources, errors } = metrics.snapshot()
  t.is(sources.length, 1)
  t.is(errors[0]?.message, 'source 0: gave a promise instead of a Uint8Array')
  // A rejection that nobody has heard of would be told by then, and fail this file.
  await new Promise(resolve => setImmediate(resolve))
})

test('bytes that are no snapshot are told from those of a newer version', t => {
  const damaged = goldenBytes().subarray(0, 1000)
  const newer = goldenBytes()
  newer[8] = 9
  const sources = [new Uint8Array(0), new Uint8Array(64), damaged, newer].map(bytes => sourceOf(() => bytes))
  const { errors } = walMetrics(...sources).snapshot()
  t.deepEqual(
    errors.map(({ code }) => code),
    ['WAL_METRICS', 'WAL_METRICS', 'WAL_METRICS', 'WAL_UNSUPPORTED'],
  )
  t.regex(errors[0]?.message ?? '', /^source 0: these 0 bytes are no metrics snapshot .*; pass what/)
  t.regex(errors[2]?.message ?? '', /says that it has \d+ bytes and has 1000; /)
  t.regex(errors[3]?.message ?? '', /has version 9, this reader knows 1; update/)
})

test('no source is fine, something that is none is refused at once', t => {
  t.deepEqual(walMetrics().snapshot(), { sources: [], errors: [] })
  t.is(walMetrics().dump(), '')
  for (const wrong of [{}, null, undefined, 'orders', 7, { [metricsSymbol]: 'bytes' }]) {
    const error = t.throws(() => walMetrics(golden, wrong as object), { instanceOf: MetricsError })
    t.is(error?.code, 'WAL_METRICS')
    t.is(error?.source, 1)
    t.regex(error?.message ?? '', /pass a Recorder, a Recovery, or an object with a function under/)
  }
})

test('a recorder is a source', async t => {
  const recorder = await Recorder.open({ dir: join(temporaryDirectory(t), 'log') })
  t.teardown(() => recorder.close())
  for (let event = 1; event <= 1_000; event += 1) recorder.append(`event ${event}`)
  await recorder.durable()
  const metrics = walMetrics(recorder)
  const source = only(metrics.snapshot())
  t.is(find(source, 'gauge', 'wal.recorder.manager.last_event_id'), 1_000)
  t.is(find(source, 'gauge', 'wal.recorder.manager.durable_event_id'), 1_000)
  t.true(find(source, 'operation', 'wal.recorder.committer.sync').ok >= 1)
  t.regex(metrics.dump(), /^ Durable event id +: 1000$/m)
})

test('a source that takes itself away while it is read is read, and so are those behind it', t => {
  const leaving: object = sourceOf(() => {
    metrics.remove(leaving)
    return goldenBytes()
  })
  const metrics = walMetrics(leaving, sourceOf(goldenBytes))
  t.regex(metrics.prometheus(), /^wal_recorder_manager_events_total\{log="orders",source="1",/m)
  metrics.add(sourceOf(goldenBytes))
  const { sources } = metrics.snapshot()
  t.is(sources.length, 2)
  t.regex(
    metrics.prometheus(),
    /^wal_recorder_manager_events_total\{log="orders",system/m,
    'nor does it keep its name',
  )
})
