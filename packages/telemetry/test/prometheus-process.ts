/** Prometheus itself, as a child process that goes with its test. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { freePort, temporaryDirectory } from './support.js'

/** One series of a query's answer. */
export interface Found {
  readonly metric: Readonly<Record<string, string>>
  readonly value?: readonly [time: number, value: string]
  readonly histogram?: readonly [time: number, histogram: FoundHistogram]
}

export interface FoundHistogram {
  readonly count: string
  readonly sum: string
  readonly buckets?: readonly (readonly [boundaries: number, lower: string, upper: string, count: string])[]
}

export interface Prometheus {
  /**
   * What an instant query gives: now, or as of the time that {@link timeOf} another answer tells. A scrape that comes too
   * late, as on a busy machine, takes all series away until the next one; at a time when they were there they still are.
   */
  query(expression: string, time?: number): Promise<readonly Found[]>
  /** Asks until `isEnough` is content; once that takes far too long, it gives what there was last. */
  until(expression: string, isEnough: (found: readonly Found[]) => boolean): Promise<readonly Found[]>
}

/** When an answer was made, in seconds since 1970. */
export function timeOf([first]: readonly Found[]): number {
  return first?.value?.[0] ?? first?.histogram?.[0] ?? Number.NaN
}

/** Whether Prometheus and promtool are there; loudly if not. In CI, which installs them, that is a failure. */
export function hasPrometheus(t: ExecutionContext): boolean {
  const missing = ['prometheus', 'promtool'].filter(
    name => spawnSync(name, ['--version']).error !== undefined,
  )
  if (missing.length === 0) return true
  if (process.env['CI'] === 'true') t.fail(`cannot be skipped in CI: no ${missing.join(' and no ')}`)
  console.warn(`SKIPPED: no ${missing.join(' and no ')}; Debian's package prometheus has both`)
  t.pass()
  return false
}

/** What `promtool check metrics` has to say of a text, and its exit code. */
export function checkMetrics(text: string): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  return { code: status, output: stdout + stderr }
}

/** Starts Prometheus with a job for each URL. */
export async function startPrometheus(
  t: ExecutionContext,
  jobs: Readonly<Record<string, string>>,
  ...options: readonly string[]
): Promise<Prometheus> {
  const home = temporaryDirectory(t)
  const scrapes = Object.entries(jobs).map(([name, url]) => {
    const { host, pathname } = new URL(url)
    return { job_name: name, metrics_path: pathname, static_configs: [{ targets: [host] }] }
  })
  // Every JSON is YAML.
  const config = { global: { scrape_interval: '2s', scrape_timeout: '2s' }, scrape_configs: scrapes }
  writeFileSync(join(home, 'prometheus.yml'), JSON.stringify(config))
  for (let tries = 1; ; tries += 1) {
    const started = await start(t, home, options)
    if (typeof started !== 'string') return started
    // Its port is looked for before it takes it, so that another process may have been faster.
    if (tries === 3 || !started.includes('address already in use')) throw new Error(started)
  }
}

async function start(
  t: ExecutionContext,
  home: string,
  options: readonly string[],
): Promise<Prometheus | string> {
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(home, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(home, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
      ...options,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let output = ''
  child.stderr.setEncoding('utf8').on('data', text => (output += text))
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for (;;) {
    if (child.exitCode !== null) return output
    const isReady = await fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return new Running(address)
    await sleep(50)
  }
}

class Running implements Prometheus {
  readonly #address: string

  constructor(address: string) {
    this.#address = address
  }

  async query(expression: string, time?: number): Promise<readonly Found[]> {
    const response = await fetch(`http://${this.#address}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expression, ...(time === undefined ? {} : { time: String(time) }) }),
    })
    const answer = (await response.json()) as { status: string; error?: string; data: { result: Found[] } }
    if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`)
    return answer.data.result
  }

  async until(expression: string, isEnough: (found: readonly Found[]) => boolean): Promise<readonly Found[]> {
    const giveUp = performance.now() + 120_000
    for (;;) {
      const found = await this.query(expression)
      if (isEnough(found) || performance.now() > giveUp) return found
      await sleep(500)
    }
  }
}
