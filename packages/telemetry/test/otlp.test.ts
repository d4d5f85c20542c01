import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { walMetrics } from '#src/index.js'
import { startReceiver } from './otlp-receiver.js'
import { checkReceived, expectedPoints, ofLog } from './received-series.js'
import { protocols, sdkVersions } from './sdks.js'
import { coded, goldenBytes, sourceOf } from './support.js'

const golden = sourceOf(goldenBytes)
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

for (const { version: sdkVersion, sdk, exporter } of sdkVersions()) {
  for (const protocol of protocols) {
    test.serial(`SDK ${sdkVersion} brings every number to a receiver over OTLP: ${protocol}`, async t => {
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
      checkReceived(t, metrics, expectedPoints(walMetrics(golden).snapshot().sources))
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
