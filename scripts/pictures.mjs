// npm run pictures: draws anew what docs/telemetry.md shows, from a log that is written to and read meanwhile. It takes
// three minutes, port 9464, and Debian's chromium and prometheus.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { bootstrap } from './bootstrap.mjs'
import { root, run } from './lib.mjs'
import { alerts } from './pictures/alerts.mjs'
import { shoot } from './pictures/browser.mjs'
import { dashboard, SECONDS } from './pictures/dashboard.mjs'
import { program } from './pictures/place.mjs'
import { serve, startPrometheus } from './pictures/prometheus.mjs'
import { watch } from './pictures/watch.mjs'

await run(async () => {
  await bootstrap({ forTests: false })
  const home = mkdtempSync(join(tmpdir(), 'pictures-'))
  const pages = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pictures-'))
  const children = []
  try {
    await draw(home, pages, children)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    for (const place of [home, pages]) rmSync(place, { recursive: true, force: true })
  }
  return 0
})

async function draw(home, pages, children) {
  const engine = spawn(process.execPath, [join(root, 'scripts/pictures/engine.mjs'), home, pages], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(engine)
  await once(engine.stdout, 'data')
  const page = name => join(pages, name)
  const server = await serve([page('recorder'), page('recovery')])
  children.push(server)
  const { prometheus, url } = await startPrometheus(home)
  children.push(prometheus)
  await Promise.all([watch(page('recorder')), sleep((SECONDS + 5) * 1000)])
  await dashboard(url)
  const report = join(home, 'report.html')
  writeFileSync(report, tool('report', page('recorder'), '--seconds', '4'))
  shoot(home, report, 'report', { desk: 1150, phone: 1000 })
  engine.stdin.write('read what is damaged\n')
  await once(engine.stdout, 'data')
  server.kill()
  await once(server, 'exit')
  children.push(await serve(['recorder', 'recovery', 'restored'].map(page)))
  await alerts(home, url)
}

function tool(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0) throw new Error(`flashstrike-telemetry ${args.join(' ')}: ${stderr}`)
  return stdout
}
