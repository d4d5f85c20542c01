import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test, { type ExecutionContext } from 'ava'
import { type HistogramValue, type WalMetrics, walMetrics } from '#src/index.js'
import { CONTENT_TYPES } from '#src/prometheus/format.js'
import {
  classic,
  expectedSamples,
  foundSamples,
  type Histograms,
  native,
  type Samples,
} from './expected-samples.js'
import { movedBytes } from './moved-source.js'
import {
  checkMetrics,
  hasPrometheus,
  type Prometheus,
  startPrometheus,
  timeOf,
} from './prometheus-process.js'
import { bytesFrom, sourceOf, temporaryDirectory } from './support.js'

/** Everything that a label may hold and a format has to escape, and one that is none. */
const HOSTILE = { log: 'moved', 'data.center': 'a\\b"c\nd\\n} 1\r\t\u0001\u0000ü😀', empty: '' }

/** A recorder and its reader at work, and others like them whose every metric moves from step to step. */
async function everything(t: ExecutionContext) {
  const home = temporaryDirectory(t)
  const recorder = await Recorder.open({ dir: join(home, 'orders') })
  t.teardown(() => recorder.close())
  const work = async () => {
    for (let event = 0; event < 5_000; event += 1) recorder.append(`event ${event}`)
    await recorder.durable()
    // Where no segment is ready yet, it waits for one.
    const rotate = () => recorder.rotate()
    await Promise.resolve()
      .then(rotate)
      .catch(() => recorder.drain().then(rotate))
  }
  await work()
  const recovery = await Recovery.open({ dir: join(home, 'orders') })
  t.teardown(() => recovery.close())
  let step = 1
  const moving = (source: object) => sourceOf(() => movedBytes(bytesFrom(source), step, HOSTILE))
  const broken = sourceOf(() => {
    throw new Error('it cannot be read')
  })
  return {
    // The last one is in all labels as the one before.
    metrics: walMetrics(recorder, recovery, broken, moving(recorder), moving(recovery), moving(recovery)),
    async goOn() {
      await work()
      let events = 0
      for (const _ of recovery.replay({ to: 5_000 })) events += 1
      t.is(events, 5_000)
      // The workers of an open log go on counting their turns.
      await recorder.close()
      await recovery.close()
      step = 2
    },
  }
}

function expectedOf(metrics: WalMetrics, histograms: Histograms): Map<string, unknown> {
  const { sources } = metrics.snapshot()
  const numbered = sources.map((snapshot, at) => ({ snapshot, source: at === 4 ? '5' : undefined }))
  return expectedSamples(numbered, histograms)
    .set('["wal_telemetry_sources",[]]', 5)
    .set('["wal_telemetry_source_errors",[]]', 1)
}

/** Only what the sources hold that move with each step. */
function ofMoving(samples: Samples): Map<string, unknown> {
  return new Map(Array.from(samples).filter(([series]) => series.includes('["log","moved"]')))
}

/** Waits until Prometheus has what is expected, and says what differs if it never has. Gives the time when it had. */
async function agree(
  t: ExecutionContext,
  prometheus: Prometheus,
  job: string,
  expected: Samples,
  part: (samples: Samples) => Samples = samples => samples,
): Promise<number> {
  const results = await prometheus.until(
    `{job="${job}"}`,
    results => differences(part(foundSamples(results)), expected).length === 0,
  )
  t.deepEqual(differences(part(foundSamples(results)), expected), [], job)
  return timeOf(results)
}

/** The series that differ, with what is there and what should be. */
function differences(found: Samples, expected: Samples): [string, unknown, unknown][] {
  return [...new Set([...found.keys(), ...expected.keys()])]
    .map(series => [series, found.get(series), expected.get(series)] as [string, unknown, unknown])
    .filter(([, is, should]) => !isDeepStrictEqual(is, should))
}

/**
 * Prometheus has seen every series of the moving sources at one value and then at another. Gives a time when it had all
 * that the sources hold in the end.
 */
async function everySeriesMoves(
  t: ExecutionContext,
  prometheus: Prometheus,
  jobs: readonly string[],
  { metrics, goOn }: Awaited<ReturnType<typeof everything>>,
  histograms: Histograms,
): Promise<number> {
  const first = ofMoving(expectedOf(metrics, histograms))
  for (const job of jobs) await agree(t, prometheus, job, first, ofMoving)
  await goOn()
  const last = expectedOf(metrics, histograms)
  let time = 0
  for (const job of jobs) time = await agree(t, prometheus, job, last)
  const still = Array.from(first).filter(([series, value]) => isDeepStrictEqual(value, last.get(series)))
  // Where nothing is below a bound, nothing can move.
  t.deepEqual(
    still.filter(([series, value]) => value !== 0 || !series.includes('_bucket')),
    [],
  )
  t.true(first.size > 100, `${first.size} series`)
  return time
}

test('what a real Prometheus reads as text is what the sources hold, and every metric moves', async t => {
  if (!hasPrometheus(t)) return
  const sources = await everything(t)
  const { metrics } = sources
  const server = await metrics.serve({ port: 0 })
  t.teardown(() => server.close())
  // A scrape asks for OpenMetrics before it asks for classic text.
  const plain = createServer((_, response) => {
    response.setHeader('Content-Type', CONTENT_TYPES.text).end(metrics.prometheus())
  }).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => plain.close().closeAllConnections())
  const { port } = plain.address() as AddressInfo
  const legacy = await metrics.serve({ port: 0, legacyNames: true })
  t.teardown(() => legacy.close())
  const jobs = { open: server.url, text: `http://127.0.0.1:${port}/metrics`, legacy: legacy.url }
  const prometheus = await startPrometheus(t, jobs)
  await everySeriesMoves(t, prometheus, ['open', 'text'], sources, classic)
  const query = 'count by (job) ({__name__=~".+_created"})'
  const created = await prometheus.until(query, found => found.length > 0)
  t.deepEqual(
    created.map(({ metric }) => metric['job']),
    ['open'],
    'OpenMetrics was read',
  )
  const appended = metrics.snapshot().sources[0]?.metrics.find(({ name }) => name.endsWith('.append_event'))
  const flat = 'mc_wal_manager_append_event_samples_total{log="orders"}'
  const found = await prometheus.until(flat, ([series]) => series?.value?.[1] === '10000')
  t.is(Number(found[0]?.value?.[1]), appended?.kind === 'operation' ? appended.value.ok : Number.NaN)
})

test('what a real Prometheus reads as native histograms is what the sources hold', async t => {
  if (!hasPrometheus(t)) return
  const sources = await everything(t)
  const { metrics } = sources
  const server = await metrics.serve({ port: 0 })
  t.teardown(() => server.close())
  const prometheus = await startPrometheus(t, { wal: server.url }, '--enable-feature=native-histograms')
  const time = await everySeriesMoves(t, prometheus, ['wal'], sources, native)
  // Each quantile lies in the bucket in which the log has it.
  const expected = expectedOf(metrics, (name, labels, value) => [[JSON.stringify([name, labels]), value]])
  for (const [series, held] of expected) {
    if (typeof held !== 'object') continue
    for (const q of [0.5, 0.99]) await checkQuantile(t, prometheus, time, series, held as HistogramValue, q)
  }
})

async function checkQuantile(
  t: ExecutionContext,
  prometheus: Prometheus,
  time: number,
  series: string,
  { count, offset, bucketCounts }: HistogramValue,
  q: number,
): Promise<void> {
  const [name, labels] = JSON.parse(series) as [string, Record<string, string>]
  const matchers = Object.entries({ source: '', ...labels }).map(
    ([label, value]) => `${label}=${JSON.stringify(value)}`,
  )
  const [found] = await prometheus.query(`histogram_quantile(${q}, ${name}{${matchers.join()}})`, time)
  const value = Number(found?.value?.[1])
  const bucket = offset + bucketOf(Math.max(1, Math.ceil(q * count)), bucketCounts)
  const [lower, upper] = [2 ** (bucket / 8), 2 ** ((bucket + 1) / 8)]
  const isInside = value >= lower * (1 - 1e-9) && value <= upper * (1 + 1e-9)
  t.true(count === 0 ? Number.isNaN(value) : isInside, `${series}: ${lower} ${value} ${upper}`)
}

/** Which bucket holds the record of this rank. */
function bucketOf(rank: number, counts: readonly number[]): number {
  let seen = 0
  return counts.findIndex(count => {
    seen += count
    return seen >= rank
  })
}

test('promtool finds nothing to complain of', async t => {
  if (!hasPrometheus(t)) return
  const { metrics, goOn } = await everything(t)
  await goOn()
  t.deepEqual(checkMetrics(metrics.prometheus()), { code: 0, output: '' })
  t.deepEqual(checkMetrics(walMetrics().prometheus()), { code: 0, output: '' })
})
