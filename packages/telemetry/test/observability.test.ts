import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test, { type ExecutionContext } from 'ava'
import { walMetrics } from '#src/index.js'
import { movedBytes } from './moved-source.js'
import { type Found, hasPrometheus, type Prometheus, startPrometheus, timeOf } from './prometheus-process.js'
import { bytesFrom, sourceOf, temporaryDirectory } from './support.js'

const folder = fileURLToPath(new URL('../../observability', import.meta.url))

interface Panel {
  readonly title: string
  readonly panels?: readonly Panel[]
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] }
}

const dashboard = JSON.parse(readFileSync(join(folder, 'grafana-dashboard.json'), 'utf8')) as Dashboard

/** A recorder and a recovery whose every metric grows from scrape to scrape, and one that cannot be read. */
async function growing(t: ExecutionContext) {
  const home = temporaryDirectory(t)
  const recorder = await Recorder.open({ dir: join(home, 'orders') })
  recorder.append('an event')
  await recorder.close()
  const recovery = await Recovery.open({ dir: join(home, 'orders') })
  await recovery.close()
  const sources = [recorder, recovery].map(source => {
    let step = 0
    return sourceOf(() => {
      step += 1
      return movedBytes(bytesFrom(source), step, { log: 'orders' })
    })
  })
  const broken = sourceOf(() => {
    throw new Error('it cannot be read')
  })
  const server = await walMetrics(...sources, broken).serve({ port: 0 })
  t.teardown(() => server.close())
  return server
}

/** As Grafana asks it. */
function filled(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'wal').replaceAll('$log', '.*')
}

const hasFigures = (found: readonly Found[]) =>
  found.length > 0 && found.every(({ value }) => Number.isFinite(Number(value?.[1])))

async function checkQueries(t: ExecutionContext, prometheus: Prometheus): Promise<void> {
  // Rates need two scrapes.
  const events = 'rate(wal_recovery_manager_events_total[1m]) > 0 and wal_recovery_manager_events_total'
  const time = timeOf(await prometheus.until(events, hasFigures))
  const panels = dashboard.panels.flatMap(panel => [panel, ...(panel.panels ?? [])])
  const targets = panels.flatMap(({ title, targets = [] }) => targets.map(target => ({ title, ...target })))
  t.true(targets.length > 80, `${targets.length} queries`)
  for (const { title, expr, legendFormat } of targets) {
    const found = await prometheus.query(filled(expr), time)
    t.true(hasFigures(found), `${title}: ${expr}: ${JSON.stringify(found)}`)
    // Series that the legend cannot tell apart would be one line.
    const legends = found.map(({ metric }) =>
      legendFormat.replaceAll(/{{(\w+)}}/g, (_, label) => metric[label] ?? ''),
    )
    t.is(new Set(legends).size, legends.length, `${title}: ${legends}`)
  }
  for (const { query } of dashboard.templating.list) {
    if (typeof query === 'string') continue
    const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query.query) ?? []
    const values = await prometheus.query(`count by (${label}) (${filled(selector)})`, time)
    t.deepEqual(
      values.map(({ metric }) => metric[label]),
      [label === 'job' ? 'wal' : 'orders'],
    )
  }
  await checkAlerts(t, prometheus, time)
}

/** Where every failure goes on, every alert would fire but those of a state that is not there. */
async function checkAlerts(t: ExecutionContext, prometheus: Prometheus, time: number): Promise<void> {
  const rules = readFileSync(join(folder, 'prometheus-alerts.yml'), 'utf8')
  const alerts = [...rules.matchAll(/- alert: (\w+)\n {8}expr: (?:'(.*)'|"(.*)")\n/g)]
  t.is(alerts.length, rules.split('- alert: ').length - 1)
  const silent = []
  for (const [, name = '', single, double] of alerts) {
    const found = await prometheus.query(single ?? double ?? '', time)
    if (!hasFigures(found)) silent.push(name)
  }
  t.deepEqual(silent, ['WalSegmentsRunOut', 'WalNotDurable', 'WalTargetDown'])
}

test('every query of the dashboard and every alert finds something, with classic histograms', async t => {
  if (!hasPrometheus(t)) return
  const server = await growing(t)
  await checkQueries(t, await startPrometheus(t, { wal: server.url }))
})

test('every query of the dashboard and every alert finds something, with native histograms', async t => {
  if (!hasPrometheus(t)) return
  const server = await growing(t)
  const prometheus = await startPrometheus(t, { wal: server.url }, '--enable-feature=native-histograms')
  await checkQueries(t, prometheus)
  t.deepEqual(await prometheus.query('{__name__=~".+_bucket"}'), [])
})

test('a target that is gone is told of if it has served metrics of a log, and not if it has served others', async t => {
  if (!hasPrometheus(t)) return
  const server = await growing(t)
  const without = await walMetrics().serve({ port: 0 })
  const prometheus = await startPrometheus(t, { wal: server.url, other: without.url })
  await prometheus.until('wal_recorder_source_state and on () up{job="other"} == 1', hasFigures)
  await Promise.all([server.close(), without.close()])
  const gone = await prometheus.until('up == 0', found => found.length === 2)
  const rules = readFileSync(join(folder, 'prometheus-alerts.yml'), 'utf8')
  const [, expression = ''] = /alert: WalTargetDown\n {8}expr: "(.*)"\n/.exec(rules) ?? []
  const found = await prometheus.query(expression, timeOf(gone))
  t.deepEqual(
    found.map(({ metric }) => metric['job']),
    ['wal'],
  )
})

test('every alert fires when it should and not before, and the configuration is one', t => {
  if (!hasPrometheus(t)) return
  const promtool = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' })
    t.is(status, 0, stdout + stderr)
  }
  promtool('test', 'rules', 'prometheus-alerts.test.yml')
  promtool('check', 'config', 'prometheus.yml')
  const rules = readFileSync(join(folder, 'prometheus-alerts.yml'), 'utf8')
  const tests = readFileSync(join(folder, 'prometheus-alerts.test.yml'), 'utf8')
  for (const [, alert = ''] of rules.matchAll(/- alert: (\w+)/g)) t.true(tests.includes(`- name: ${alert}\n`))
})
