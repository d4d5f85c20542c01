// What the code of a page finds where it runs: a collector, a free port, a place in memory, and the logs and metrics that
// it reads and another program has made.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../lib.mjs'

const COLLECTOR = 'http://localhost:4318'
const PORT = '9464'
/** Other ports that programs of the pages listen on. */
const OTHER_PORTS = ['8080']
const MEMORY = '/dev/shm/'
const ELSEWHERE = '/backup/'
/** How long a push that has ended may be on its way to who looks for it here; only a failure takes it all. */
const LOST_MS = 300_000

/** Something of everything that the pages speak of. */
const MAKERS = {
  trades: `import { Recorder, defineEvent, i64, u32, u8 } from '@flashstrike/wal-recorder'
const Trade = defineEvent('Trade', { price: i64, quantity: u32, side: u8 })
const wal = await Recorder.open({ dir: './trades', event: Trade })
for (let i = 1; i <= 1000; i++) wal.append({ price: 10_000 + i, quantity: i, side: i % 2 })
await wal.close()`,
  messages: `import { Recorder } from '@flashstrike/wal-recorder'
const wal = await Recorder.open({ dir: './messages' })
wal.appendBatch(['one', 'two'])
await wal.close()`,
  orders: `import { Recorder } from '@flashstrike/wal-recorder'
const wal = await Recorder.open({ dir: './orders' })
wal.appendBatch(['one', 'two'])
await wal.close()`,
  fills: `import { Recorder, defineEvent, i64, u32, u8 } from '@flashstrike/wal-recorder'
const Fill = defineEvent('Fill', { account: u32, price: i64, quantity: u32, isBuy: u8 })
const wal = await Recorder.open({ dir: './fills', event: Fill })
for (let i = 1; i <= 1000; i++) wal.append({ account: i % 9, price: 100, quantity: i, isBuy: i % 2 })
await wal.close()`,
  'orders.page': `import { Recorder } from '@flashstrike/wal-recorder'
const wal = await Recorder.open({ dir: './measured-orders', telemetry: { file: '${MEMORY}orders.page' } })
wal.appendBatch(['one', 'two'])
await wal.close()`,
}

/** A failed request is a failure, and says why. */
const CURL = 'fail\nsilent\nshow-error\n'

export class World {
  /** What programs find in their environment. */
  env
  /** What cannot be looked at here. */
  skips = []
  #receiver
  #arriving
  #ports
  #memory
  #elsewhere

  /** @param root of the repository @param folder for what is written */
  static async make(root, folder) {
    const world = new World()
    // The one that the packages' own tests push to.
    const { startReceiver } = await import(join(root, 'packages/telemetry/test/dist/otlp-receiver.js'))
    world.#receiver = await startReceiver()
    world.#ports = new Map()
    for (const port of [PORT, ...OTHER_PORTS]) world.#ports.set(port, String(await freePort()))
    world.#memory = existsSync(MEMORY) ? mkdtempSync(join(MEMORY, 'flashstrike-docs-')) : undefined
    world.#elsewhere = mkdtempSync(join(folder, 'elsewhere-'))
    writeFileSync(join(world.#elsewhere, '.curlrc'), CURL)
    world.env = { CURL_HOME: world.#elsewhere }
    if (!isHere('promtool')) world.skips.push('no promtool to read with what is scraped')
    return world
  }

  get #scrape() {
    return join(this.#elsewhere, 'scrape.txt')
  }

  /** What the code needs and this machine does not have; undefined if it has everything. */
  lacking(code) {
    if (this.#memory === undefined && code.includes(MEMORY)) return `there is no ${MEMORY} here`
    if (/^curl /m.test(code) && !isHere('curl')) return 'there is no curl here'
    return undefined
  }

  /** The code as it is here. */
  here(code) {
    const [...ports] = this.#ports
    return ports
      .reduce((text, [port, here]) => text.replaceAll(port, here), code)
      .replaceAll(COLLECTOR, this.#receiver.httpUrl)
      .replaceAll(MEMORY, `${this.#memory}/`)
      .replaceAll(ELSEWHERE, `${this.#elsewhere}/`)
  }

  /** Programs that make what the code reads and is not there yet. */
  makers(code, directory) {
    const read = [
      ...code.matchAll(/Recovery\.open(?:<\w+>)?\(\{ dir: '\.\/(\w+)'/g),
      ...code.matchAll(/npx flashstrike-\S+ \S+ \S*\/([\w.]+)/g),
      ...code.matchAll(/node main\.mjs \.\/(fills)/g),
    ]
    return [...new Set(read.map(([, name]) => name))]
      .filter(name => name in MAKERS && !existsSync(join(directory, name)))
      .map(name => this.here(MAKERS[name]))
  }

  /** What a program says in the end of that which it was written for. */
  epilogue(code) {
    const pushed = code.includes('new PeriodicExportingMetricReader') ? 'await reader.forceFlush()\n' : ''
    const scraped = code.includes(`port: ${PORT}`)
      ? `const scrape = await (await fetch('http://127.0.0.1:${this.#ports.get(PORT)}/metrics')).text()
if (!scrape.includes('wal_recorder_manager_events_total')) throw new Error(scrape)
const { writeFileSync: keep } = await import('node:fs')
keep(${JSON.stringify(this.#scrape)}, scrape)\n`
      : ''
    return pushed + scraped
  }

  /** What Prometheus' own tool has against what was scraped; undefined if nothing was, or it is content. */
  unreadable() {
    if (!existsSync(this.#scrape)) return undefined
    const input = readFileSync(this.#scrape)
    rmSync(this.#scrape)
    if (this.skips.length > 0) return undefined
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    })
    const said = stdout + stderr
    return status === 0 && said === '' ? undefined : `promtool has ended with ${status}:\n${said}`
  }

  /** Why nothing of what it pushes has arrived; undefined if it has, or pushes nothing. */
  async unpushed(code) {
    if (!code.includes(COLLECTOR)) return undefined
    // One that is waited for in vain would take what comes for the next block.
    this.#arriving ??= this.#receiver.next()
    const lost = new AbortController()
    const timer = setTimeout(() => lost.abort(), LOST_MS)
    const arrived = await Promise.race([this.#arriving, once(lost.signal, 'abort')])
    clearTimeout(timer)
    const { resourceMetrics } = arrived
    if (resourceMetrics === undefined) return 'nothing has arrived at the collector'
    this.#arriving = undefined
    const metrics = resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics),
    )
    return metrics.some(({ name }) => name.startsWith('wal.'))
      ? undefined
      : 'what has arrived is not of a log'
  }

  async close() {
    await this.#receiver.close()
    for (const directory of [this.#memory, this.#elsewhere])
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }
}

/** Whether this machine has a command that knows `--version`. */
export function isHere(tool) {
  return spawnSync(tool, ['--version']).status === 0
}
