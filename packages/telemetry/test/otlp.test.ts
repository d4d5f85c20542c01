import { execFile } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
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

const EXPORTERS = protocols.map(protocol => `exporter-metrics-otlp-${protocol}`)

for (const sdkVersion of ['1', '2', '3']) {
  test(`the types fit those of SDK ${sdkVersion}, also together with each of its exporters`, async t => {
    await checkTypes(t, sdkVersion, 'tsconfig.json', ['sdk-metrics'])
    await checkTypes(t, sdkVersion, 'tsconfig.exporters.json', ['sdk-metrics', ...EXPORTERS])
  })
}

/** Compiles, and looks whether the types of these packages are those that this SDK's folder depends on, and no others. */
async function checkTypes(
  t: ExecutionContext,
  sdkVersion: string,
  project: string,
  packages: readonly string[],
): Promise<void> {
  const folder = fileURLToPath(
    new URL(`../../../../scripts/opentelemetry/sdk-${sdkVersion}/`, import.meta.url),
  )
  const typescript = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const said = await new Promise<string>(resolve => {
    execFile(process.execPath, [typescript, '--project', join(folder, project), '--listFiles'], (_, stdout) =>
      resolve(stdout),
    )
  })
  const isFile = (line: string) => isAbsolute(line) && existsSync(line)
  const lines = said.split('\n').filter(line => line !== '')
  t.deepEqual(
    lines.filter(line => !isFile(line)),
    [],
    `SDK ${sdkVersion}`,
  )
  const files = lines.filter(isFile)
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const name of packages.map(name => `@opentelemetry/${name}`)) {
    const home = realpathSync(join(folder, 'node_modules', name))
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    t.is(version, dependencies[name])
    t.true(
      files.some(file => file.startsWith(home + sep)),
      `${name} of SDK ${sdkVersion} was looked at`,
    )
    const others = files.filter(file => file.includes(`${name}${sep}`) && !file.startsWith(home + sep))
    t.deepEqual(others, [], `no other ${name} beside that of SDK ${sdkVersion}`)
  }
}
