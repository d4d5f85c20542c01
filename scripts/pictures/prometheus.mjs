// Prometheus itself, with the configuration and the alerts that the telemetry package brings, and what it says.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../lib.mjs'
import { observability, program } from './place.mjs'

/** Seconds between two scrapes: two minutes have to make a picture. */
export const SCRAPE = 1

/** Serves pages where the configuration looks for them, until the child that is given is ended. */
export async function serve(pages) {
  const server = spawn(process.execPath, [program, 'serve', ...pages], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await Promise.race([once(server.stdout, 'data'), once(server, 'exit')])
  if (!String(said).startsWith('http:')) throw new Error('the pages cannot be served')
  return server
}

/** Starts a Prometheus that keeps its own things in `home`; gives it, and its URL. */
export async function startPrometheus(home) {
  const given = readFileSync(join(observability, 'prometheus.yml'), 'utf8')
  const config = given.replace(
    /scrape_interval: \S+/,
    `scrape_interval: ${SCRAPE}s\n  evaluation_interval: ${SCRAPE}s`,
  )
  writeFileSync(join(home, 'prometheus.yml'), config)
  copyFileSync(join(observability, 'prometheus-alerts.yml'), join(home, 'prometheus-alerts.yml'))
  const address = `127.0.0.1:${await freePort()}`
  const options = [
    '--config.file=prometheus.yml',
    `--storage.tsdb.path=${join(home, 'data')}`,
    `--web.listen-address=${address}`,
    '--enable-feature=native-histograms',
    '--log.level=warn',
  ]
  // Its page shows where the rules stand, as seen from there.
  const prometheus = spawn('prometheus', options, { cwd: home, stdio: 'inherit' })
  const url = `http://${address}`
  await until(() => {
    if (prometheus.exitCode !== null) throw new Error('Prometheus has ended')
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return { prometheus, url }
}

/** What a query gives over the seconds before `end`, step by step. */
export async function queryRange(url, query, { end, seconds, step }) {
  const asked = new URLSearchParams({ query, start: end - seconds, end, step })
  const response = await fetch(`${url}/api/v1/query_range`, { method: 'POST', body: asked })
  const { status, error, data } = await response.json()
  if (status !== 'success') throw new Error(`${query}: ${error}`)
  return data.result
}

/** Resolves once these alerts are firing. */
export async function untilFiring(url, names) {
  await until(async () => {
    const { data } = await (await fetch(`${url}/api/v1/alerts`)).json()
    const firing = new Set(data.alerts.map(({ labels }) => labels.alertname))
    return names.every(name => firing.has(name))
  })
}

async function until(isSo) {
  while (!(await isSo())) await sleep(100)
}
