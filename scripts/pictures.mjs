// npm run pictures: draws anew what docs/telemetry.md shows of `flashstrike-telemetry`, from a log that is written to
// meanwhile. The report needs Debian's chromium.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { bootstrap } from './bootstrap.mjs'
import { root, run } from './lib.mjs'

const COLUMNS = 110
const ROWS = 30
const SECONDS = 8
const pictures = join(root, 'docs/pictures')
const program = join(root, 'packages/telemetry/bin/flashstrike-telemetry.js')

/** Appends, rotates, compresses and removes, at a rate that rises and falls. */
const ENGINE = `
  const { Recorder } = await import(${JSON.stringify(pathToFileURL(join(root, 'packages/wal-recorder/dist/index.js')).href)})
  const [dir, file] = process.argv.slice(1)
  const wal = await Recorder.open({
    dir, telemetry: { file }, segmentBytes: 8 << 20,
    retention: { hotSegments: 4, coldSegments: 12 }, compression: { level: 1 },
  })
  const event = new Uint8Array(64).fill(7)
  for (let turn = 0; ; turn += 1) {
    const events = 2000 + 1500 * Math.sin(turn / 12)
    for (let i = 0; i < events; i += 1) {
      event[i & 63] = i
      try { wal.append(event) } catch { await wal.drain() }
    }
    if (turn % 3 === 0) wal.durable()
    await new Promise(resolve => setTimeout(resolve, 10))
  }
`

await run(async () => {
  await bootstrap({ forTests: false })
  const home = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pictures-'))
  const page = join(home, 'page')
  const engine = spawn(
    process.execPath,
    ['--input-type=module', '-e', ENGINE, '--', join(home, 'orders'), page],
    {
      stdio: 'inherit',
    },
  )
  try {
    await sleep(1000)
    writeFileSync(join(pictures, 'watch.svg'), await watch(page))
    const html = join(home, 'report.html')
    writeFileSync(html, tool('report', page, '--seconds', '4'))
    for (const [theme, scheme] of [
      ['light', 1],
      ['dark', 0],
    ])
      shoot(html, theme, scheme)
  } finally {
    engine.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  return 0
})

function tool(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0) throw new Error(`flashstrike-telemetry ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** The last of several screens, without colours, as it stands on a terminal. */
async function watch(page) {
  const { screen } = await import('../packages/telemetry/dist/cli/watch/screen.js')
  const { History } = await import('../packages/telemetry/dist/cli/watch/history.js')
  const { Page } = await import('../packages/telemetry/dist/cli/page.js')
  const watched = new Page(page)
  const history = new History()
  let shown
  for (let look = 0; look < SECONDS * 4; look += 1) {
    const { snapshot, title, told } = watched.look()
    shown = { title, state: told, isLive: true, lately: history.add(snapshot) }
    await sleep(250)
  }
  watched.source.close()
  const styles = { bold: mark('b'), dim: mark('d'), green: mark('g'), red: mark('r'), yellow: mark('y') }
  return terminal(screen([shown], [], { columns: COLUMNS, rows: ROWS, colours: styles }))
}

/** What picocolors does, with marks that are read again below instead of what commands a terminal. */
function mark(style) {
  return text => `\u0001${style}${text}\u0002`
}

/** Lines as a picture, in the colours of a terminal, light or dark as the reader prefers. */
function terminal(lines) {
  const [width, line] = [8.4, 18]
  const escaped = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const styled = text =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the marks above
    escaped(text).replaceAll(/\u0001(\w)([^\u0002]*)\u0002/g, '<tspan class="$1">$2</tspan>')
  const rows = lines.map(
    (text, i) => `<text x="12" y="${(i + 1.4) * line}" xml:space="preserve">${styled(text)}</text>`,
  )
  const [w, h] = [Math.ceil(COLUMNS * width) + 24, Math.ceil((lines.length + 1) * line)]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}">
<title>flashstrike-telemetry watch</title>
<style>
  rect { fill: #f6f8f9 } text { font: 14px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #1d2327 }
  .b { font-weight: bold } .d { fill: #5f6b73 } .g { fill: #1a7f37 } .r { fill: #b42318 } .y { fill: #9a6700 }
  @media (prefers-color-scheme: dark) {
    rect { fill: #14181b } text { fill: #e4e8eb }
    .d { fill: #9aa6ae } .g { fill: #4ac26b } .r { fill: #ff7b72 } .y { fill: #d29922 }
  }
</style>
<rect width="100%" height="100%" rx="8"/>
${rows.join('\n')}
</svg>
`
}

function shoot(html, theme, scheme) {
  const { status, stderr, error } = spawnSync(
    'chromium',
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--window-size=1000,1150',
      `--blink-settings=preferredColorScheme=${scheme}`,
      `--screenshot=${join(pictures, `report-${theme}.png`)}`,
      pathToFileURL(html).href,
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`chromium: ${error?.message ?? stderr}`)
}
