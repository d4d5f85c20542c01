/** What became of sources, live, closed and dead, as it is told wherever metrics go. */
import { join } from 'node:path'
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test, { type ExecutionContext } from 'ava'
import { activity } from '#src/activity/activity.js'
import { type MetricsSource, TelemetryPage, walMetrics } from '#src/index.js'
import { end, engineWith } from './command-line.js'
import { startReceiver } from './otlp-receiver.js'
import { type Found, hasPrometheus, startPrometheus } from './prometheus-process.js'
import { ofLog, receivedValues } from './received-series.js'
import { sdkVersions } from './sdks.js'
import { temporaryDirectory } from './support.js'

const NAME = 'wal.recorder.source.state'

/** The pages of a process that lives, one that has closed its recorder and one that was killed. */
async function pages(t: ExecutionContext) {
  const engines = await Promise.all([engineWith(t, 1), engineWith(t, 2), engineWith(t, 3)])
  const [live, closed, dead] = engines
  await end(closed.child, 'SIGTERM')
  await end(dead.child, 'SIGKILL')
  const sources = engines.map(({ page }) => TelemetryPage.attach(page))
  t.teardown(() => {
    for (const page of sources) page.close()
  })
  return { metrics: walMetrics(...sources), kill: () => end(live.child, 'SIGKILL') }
}

/** In which state each source is, by its label `source`: where it is 1, and 0 in all others. */
function told(points: readonly (readonly [Readonly<Record<string, string>>, number])[]) {
  const states: Record<string, string> = {}
  for (const [{ source = 'first', state = '' }, value] of points) {
    if (value === 1) states[source] = source in states ? 'several' : state
    else if (value !== 0) states[source] = `${state} ${value}`
  }
  return { states, points: points.length }
}

const BEFORE = { states: { first: 'live', 1: 'closed', 2: 'dead' }, points: 9 }
const AFTER = { states: { first: 'dead', 1: 'closed', 2: 'dead' }, points: 9 }

function ofSource(source: MetricsSource): string[] {
  const [snapshot] = walMetrics(source).snapshot().sources
  const states = snapshot?.metrics.filter(({ name }) => name.endsWith('.source.state')) ?? []
  return states.flatMap(({ attributes, value }) => (value === 1 ? [attributes['state'] ?? ''] : []))
}

test('a source of this process is live until it is closed', async t => {
  const dir = join(temporaryDirectory(t), 'orders')
  const recorder = await Recorder.open({ dir })
  const recovery = await Recovery.open({ dir })
  for (const source of [recorder, recovery]) {
    t.deepEqual(ofSource(source), ['live'])
    await source.close()
    t.deepEqual(ofSource(source), ['closed'])
  }
})

test('what watch and report say in words they do not show as numbers too', async t => {
  const { page } = await engineWith(t, 1)
  using source = TelemetryPage.attach(page)
  const [snapshot] = walMetrics(source).snapshot().sources
  const levels = snapshot === undefined ? [] : activity(snapshot).levels
  t.deepEqual(
    levels.map(({ name }) => name).filter(name => name.startsWith('state')),
    [],
  )
  t.true(levels.some(({ name }) => name === 'queue depth'))
})

test.serial('Prometheus is told, in text for people and under the flat names too', async t => {
  const { metrics, kill } = await pages(t)
  const text = () => metrics.prometheus().match(/^wal_recorder_source_state\{.*1$/gm)
  const labels = 'system="wal_recorder",subsystem="source"'
  const [closed, dead] = [
    `wal_recorder_source_state{log="tmp",source="1",${labels},state="closed"} 1`,
    `wal_recorder_source_state{log="tmp",source="2",${labels},state="dead"} 1`,
  ]
  t.deepEqual(text(), [`wal_recorder_source_state{log="tmp",${labels},state="live"} 1`, closed, dead])
  const legacy = () => metrics.prometheus({ legacyNames: true }).match(/^mc_wal_source_state_dead\{.*1$/gm)
  t.is(legacy()?.length, 1)
  t.regex(metrics.dump(), /^\[Recorder Source Metrics, log=tmp\] Snapshot:\n-+\n State:\n {2}- Live {3}: 1$/m)
  await kill()
  t.deepEqual(text(), [`wal_recorder_source_state{log="tmp",${labels},state="dead"} 1`, closed, dead])
  t.is(legacy()?.length, 2)
})

for (const options of [[], ['--enable-feature=native-histograms']]) {
  const format = options.length > 0 ? 'protobuf' : 'text'
  test.serial(`a real Prometheus that scrapes ${format} hears of a death`, async t => {
    if (!hasPrometheus(t)) return
    const { metrics, kill } = await pages(t)
    const server = await metrics.serve({ port: 0 })
    t.teardown(() => server.close())
    const prometheus = await startPrometheus(t, { wal: server.url }, ...options)
    const points = (found: readonly Found[]) =>
      told(found.map(({ metric, value }) => [metric, Number(value?.[1])]))
    const until = async (expected: typeof BEFORE) => {
      const isSo = (found: readonly Found[]) =>
        JSON.stringify(points(found).states) === JSON.stringify(expected.states)
      t.deepEqual(points(await prometheus.until('wal_recorder_source_state', isSo)), expected)
    }
    await until(BEFORE)
    await kill()
    await until(AFTER)
  })
}

for (const { version, sdk, exporter } of sdkVersions()) {
  test.serial(`a receiver of OTLP hears of a death from SDK ${version}`, async t => {
    const { metrics, kill } = await pages(t)
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const reader = new sdk.PeriodicExportingMetricReader({
      exporter: exporter('proto', receiver.httpUrl),
      exportIntervalMillis: 2 ** 31 - 1,
      // A gauge is what it is.
      metricProducers: [metrics.producer({ temporality: 'delta' })],
    })
    const provider = new sdk.MeterProvider({ readers: [reader] })
    t.teardown(() => provider.shutdown())
    const exported = async () => {
      await reader.forceFlush()
      const values = receivedValues(ofLog(await receiver.next()).metrics)
      const points = Array.from(values, ([key, value]) => {
        const [name, attributes] = JSON.parse(key) as [string, [string, string][]]
        return { name, attributes: Object.fromEntries(attributes), value }
      })
      const states = points.filter(({ name }) => name === NAME)
      return told(states.map(({ attributes, value }) => [attributes, Number(value)]))
    }
    t.deepEqual(await exported(), BEFORE)
    await kill()
    t.deepEqual(await exported(), AFTER)
  })
}
