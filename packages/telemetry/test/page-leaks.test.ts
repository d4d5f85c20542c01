/** What attaching to pages leaves behind in a process: nothing. */
import { spawn } from 'node:child_process'
import test from 'ava'
import { end, engineWith, outcome } from './command-line.js'

/** A process of its own, because whatever else a test does opens files too: how much it has of everything, before and after. */
const ATTACHING = `
  import { readdirSync, readFileSync } from 'node:fs'
  const [, telemetry, file, times] = process.argv
  const { TelemetryPage, walMetrics } = await import(telemetry)
  const attach = n => {
    for (let i = 0; i < n; i += 1) {
      const page = TelemetryPage.attach(file)
      if (i % 100 === 0 && walMetrics(page).snapshot().sources.length !== 1) throw new Error('it cannot be read')
      page.close()
    }
  }
  const look = () => {
    const maps = readFileSync('/proc/self/maps', 'utf8').split('\\n')
    return {
      descriptors: readdirSync('/proc/self/fd').length,
      threads: readdirSync('/proc/self/task').length,
      mappings: maps.filter(line => line.endsWith(file)).length,
      shared: maps.filter(line => /^\\S+ ...s /.test(line)).length,
    }
  }
  // What is opened at the first time and kept is not counted.
  attach(10)
  const before = look()
  attach(Number(times))
  console.log(JSON.stringify({ before, after: look() }))
`

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux(
  'ten thousand pages that were attached and closed leave no file open, nothing mapped and no thread',
  async t => {
    const { page, child } = await engineWith(t, 300)
    const telemetry = new URL('../../dist/index.js', import.meta.url).href
    const attaching = () =>
      outcome(
        spawn(process.execPath, ['--input-type=module', '-e', ATTACHING, '--', telemetry, page, '10000'], {
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      )
    for (const how of ['live', 'closed'] as const) {
      if (how === 'closed') await end(child, 'SIGTERM')
      const { code, stdout, stderr } = await attaching()
      t.is(code, 0, stderr)
      const { before, after } = JSON.parse(stdout)
      // One of Node's own may have ended meanwhile.
      t.true(after.threads <= before.threads, `${how}: ${after.threads} threads, ${before.threads} before`)
      t.deepEqual({ ...after, threads: 0 }, { ...before, threads: 0 }, how)
      t.is(before.mappings, 0)
    }
  },
)
