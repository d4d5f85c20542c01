/** The lines of the project's README that Prometheus scrapes and OpenTelemetry is pushed by, as they stand there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { SourceSnapshot } from '#src/index.js'
import { checkSamples } from './checked-samples.js'
import { classic } from './expected-samples.js'
import { startReceiver } from './otlp-receiver.js'
import { hasPrometheus, startPrometheus } from './prometheus-process.js'
import { checkReceived, expectedPoints, ofLog } from './received-series.js'
import { sdkVersions } from './sdks.js'
import { freePort, temporaryDirectory } from './support.js'

const root = new URL('../../../../', import.meta.url)

/** The block of code that is both scraped and pushed. */
function lines(): string {
  const page = readFileSync(new URL('README.md', root), 'utf8')
  const blocks = Array.from(page.matchAll(/^```js run\n([\s\S]*?)^```$/gm), ([, code = '']) => code)
  const [found, ...more] = blocks.filter(code => code.includes('.serve(') && code.includes('MeterProvider'))
  if (found === undefined || more.length > 0) throw new Error('the README has no such block, or several')
  return found
}

/**
 * What a program of its own does behind them: it works, pushes, tells what there is, and stays until nobody listens. It
 * closes the log before, so that nothing moves meanwhile; a closed one goes on saying what it held.
 */
const BEHIND = `
await wal.appendAll(Array.from({ length: 5000 }, (_, i) => 'event ' + i))
await wal.durable()
await wal.close()
await reader.forceFlush()
console.log(JSON.stringify(metrics.snapshot()))
process.stdin.resume()
await new Promise(resolve => process.stdin.once('end', resolve))
`

/** A folder with these packages installed, and the program in it. */
function installed(t: ExecutionContext, sdkFolder: URL, code: string): string {
  const home = temporaryDirectory(t)
  mkdirSync(join(home, 'node_modules/@flashstrike'), { recursive: true })
  for (const name of ['wal-recorder', 'telemetry']) {
    const target = fileURLToPath(new URL(`packages/${name}`, root))
    symlinkSync(target, join(home, 'node_modules/@flashstrike', name), 'junction')
  }
  const ofSdk = fileURLToPath(new URL('node_modules/@opentelemetry', sdkFolder))
  symlinkSync(ofSdk, join(home, 'node_modules/@opentelemetry'), 'junction')
  writeFileSync(join(home, 'main.mjs'), code + BEHIND)
  return home
}

for (const { version, folder } of sdkVersions()) {
  test.serial(
    `what the README's lines are scraped for and push with SDK ${version} is what the log holds`,
    async t => {
      const receiver = await startReceiver()
      t.teardown(() => receiver.close())
      const port = String(await freePort())
      const given = lines()
      const code = given.replaceAll('9464', port).replaceAll('http://localhost:4318', receiver.httpUrl)
      const home = installed(t, folder, code)
      const child = spawn(process.execPath, ['main.mjs'], { cwd: home, stdio: ['pipe', 'pipe', 'inherit'] })
      t.teardown(() => child.kill('SIGKILL'))
      const ended = once(child, 'exit')
      const [said] = await Promise.race([once(createInterface(child.stdout), 'line'), ended])
      const { sources, errors } = JSON.parse(String(said)) as { sources: SourceSnapshot[]; errors: unknown[] }
      t.is(sources.length, 1)
      t.deepEqual(errors, [])
      const { metrics, others } = ofLog(await receiver.next())
      t.deepEqual(others, [])
      checkReceived(t, metrics, expectedPoints(sources))
      if (!hasPrometheus(t)) return
      const [, url = ''] = /(http:\S+\/metrics)$/m.exec(code) ?? []
      t.is(new URL(url).port, port, 'the README says where it is scraped')
      const prometheus = await startPrometheus(t, { wal: url })
      await checkSamples(t, prometheus, 'wal', sources, classic)
      child.stdin.end()
      t.deepEqual(await ended, [0, null], 'nothing keeps a program that has done its work')
    },
  )
}
