/** A report in a real browser: as wide as a phone and as a desk, light and dark. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type SourceSnapshot, walMetrics } from '#src/index.js'
import { report } from '#src/report/report.js'
import { goldenBytes, sourceOf, temporaryDirectory } from './support.js'

const golden = walMetrics(sourceOf(goldenBytes)).snapshot().sources[0] as SourceSnapshot

/** What the browser says of a page. */
interface Seen {
  readonly width: number
  /** How far the page is wider than the window. */
  readonly overflow: number
  readonly charts: number
  /** Charts that take no room. */
  readonly flat: number
  /** Red, green and blue of the page and of its text. */
  readonly back: readonly number[]
  readonly text: readonly number[]
}

/** Looks, once the page is there, and leaves what it saw where the test finds it. */
const LOOK = `<script>addEventListener('load', () => {
  const colour = (of, what) => getComputedStyle(of)[what].match(/\\d+/g).map(Number)
  const charts = [...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect())
  const seen = {
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth,
    charts: charts.length,
    flat: charts.filter(({ width, height }) => width < 100 || height < 20).length,
    back: colour(document.body, 'backgroundColor'),
    text: colour(document.querySelector('h1'), 'color'),
  }
  document.body.dataset.seen = JSON.stringify(seen)
})</script>`

/** Whether there is a browser; loudly if not. In CI, which installs it, that is a failure. */
function hasBrowser(t: ExecutionContext): boolean {
  if (spawnSync('chromium', ['--version']).error === undefined) return true
  if (process.env['CI'] === 'true') t.fail('cannot be skipped in CI: no chromium')
  console.warn("SKIPPED: no chromium; Debian's package of this name has it")
  t.pass()
  return false
}

function look(t: ExecutionContext, html: string, width: number, isDark: boolean): Seen {
  const home = temporaryDirectory(t)
  const file = join(home, 'report.html')
  // In a frame, since no window is as narrow as a phone.
  writeFileSync(
    join(home, 'framed.html'),
    html.replace('</body>', () => `${LOOK}</body>`),
  )
  writeFileSync(
    file,
    `<!doctype html><iframe src="framed.html" style="width:${width}px;height:900px;border:0"></iframe>
<script>addEventListener('load', () => setTimeout(() => {
  document.title = document.querySelector('iframe').contentDocument.body.dataset.seen
}, 50))</script>`,
  )
  const scheme = `--blink-settings=preferredColorScheme=${isDark ? 0 : 1}`
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--allow-file-access-from-files',
    '--virtual-time-budget=5000',
    `--user-data-dir=${join(home, 'profile')}`,
    '--window-size=1600,1000',
    scheme,
    '--dump-dom',
    pathToFileURL(file).href,
  ]
  const { stdout, stderr } = spawnSync('chromium', args, { encoding: 'utf8', timeout: 120_000 })
  const [, found] = /<title>(.*?)<\/title>/.exec(stdout) ?? []
  t.truthy(found, `${stdout}\n${stderr}`)
  return JSON.parse((found ?? '{}').replaceAll('&quot;', '"')) as Seen
}

const brightness = (colour: readonly number[]) => colour.slice(0, 3).reduce((sum, part) => sum + part, 0) / 3

test('a report fits a phone and a desk, light and dark', t => {
  if (!hasBrowser(t)) return
  const later = { ...golden, time: [golden.time[0] + 1, 0] as const }
  const html = report(
    [
      { title: 'orders', told: 'dead', isLive: false, snapshots: [golden] },
      {
        title: 'a-name-without-a-place-to-break-'.repeat(8),
        told: 'live',
        isLive: true,
        snapshots: [golden, later, later],
      },
    ],
    new Date(),
  )
  for (const width of [360, 1280]) {
    for (const isDark of [false, true]) {
      const what = `${width} pixels, ${isDark ? 'dark' : 'light'}`
      const seen = look(t, html, width, isDark)
      t.is(seen.width, width, what)
      t.true(seen.overflow <= 0, `${what}: wider than the window by ${seen.overflow}`)
      t.is(seen.charts, html.match(/<svg/g)?.length ?? 0, what)
      t.is(seen.flat, 0, what)
      const contrast = brightness(seen.text) - brightness(seen.back)
      t.true(isDark ? contrast > 120 : contrast < -120, `${what}: ${JSON.stringify(seen)}`)
    }
  }
})
