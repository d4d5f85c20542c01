import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { Finding } from '#src/proof.js'
import { run } from '#src/run.js'
import { textReport } from '#src/text-report.js'

/** An independent reader of the format, which the project does not carry. */
const REFERENCE = join(
  process.env['FLASHSTRIKE_VECTORS'] ??
    fileURLToPath(new URL('../../../../../shared/vectors', import.meta.url)),
  'walref.py',
)

interface ReferenceReport {
  readonly state: string
  readonly events: number
  readonly staged: number
}

function referenceReads(dir: string): ReferenceReport | undefined {
  if (!existsSync(REFERENCE)) return undefined
  try {
    execFileSync('python3', ['-c', 'import xxhash, zstandard'], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return JSON.parse(execFileSync('python3', [REFERENCE, 'verify', '--json', dir], { encoding: 'utf8' }))
}

test('an order flow comes through kills whole, and an independent reader agrees after each', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'order-flow-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const findings: Finding[] = []
  let compared = 0
  const outcome = await run(
    { events: 60_000, kills: 4, seed: 7, dir: join(dir, 'log'), json: false },
    {
      flow: () => {},
      killed: (_kill, finding) => {
        findings.push(finding)
        const reference = referenceReads(join(dir, 'log'))
        if (reference === undefined) return
        compared += 1
        t.is(reference.state, 'clean')
        t.is(reference.events, finding.recovered)
        t.is(reference.staged, finding.fromStaging)
      },
    },
  )
  if (compared === 0) t.log('SKIPPED: no reference implementation (FLASHSTRIKE_VECTORS) to compare with')
  t.is(findings.length, 4)
  // Each kill met a process that had something left to record.
  findings.forEach(({ acknowledged }, kill) => {
    t.true(acknowledged >= kill * 12_000 && acknowledged <= (kill + 1) * 12_000, `${acknowledged}`)
  })
  t.is(outcome.lost, 0)
  t.is(outcome.replayed.events, 60_000)
  t.true(outcome.booksEqual)
  const text = textReport(outcome, false)
  for (const shown of [
    '[Segment Writer Metrics, log=log]',
    '[Segment Preparer Metrics, log=log]',
    '[Segment Preloader Metrics, log=log]',
  ]) {
    t.true(text.includes(shown), shown)
  }
})

test('a program whose reader goes away ends quietly and leaves nothing behind', async t => {
  const scratch = mkdtempSync(join(tmpdir(), 'order-flow-test-'))
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
  const child = spawn(process.execPath, [main, '--events', '20000'], {
    env: { ...process.env, TMPDIR: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    errors += text
  })
  child.stdout.once('data', () => child.stdout.destroy())
  await once(child, 'close')
  t.is(errors, '')
  t.deepEqual(readdirSync(scratch), [])
})
