import { directory, start } from '@flashstrike/example-testing'
import test from 'ava'
// The one that the packages' own tests push to.
import { startReceiver } from '../../../packages/telemetry/test/dist/otlp-receiver.js'

test('Prometheus and OpenTelemetry are told of every event, up to the last one', async t => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const running = start(t, new URL('../main.mjs', import.meta.url), [`${directory(t)}/watched`], {
    METRICS_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.httpUrl,
    // So that what is received is the last push.
    OTEL_METRIC_EXPORT_INTERVAL: '1000000',
  })
  const { value: url } = await running.lines.next()
  const scraped = await (await fetch(url)).text()
  const [, counted] = /^wal_recorder_manager_events_total\{log="watched",.*\} (\d+)$/m.exec(scraped) ?? []
  t.true(Number(counted) >= 1000, counted)

  running.child.kill('SIGTERM')
  const received = await receiver.next()
  const metrics = received.resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics),
  )
  const [point] = metrics.find(({ name }) => name === 'wal.recorder.manager.events')?.sum?.dataPoints ?? []
  t.true(Number(point?.asInt ?? point?.asDouble) >= Number(counted))
  t.true(metrics.some(({ name }) => name === 'wal.recorder.committer.sync.duration'))
  t.is(await running.ended(), 0)
})
