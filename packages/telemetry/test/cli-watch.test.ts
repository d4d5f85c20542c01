/** The live view, on a terminal and without one. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { end, engineWith, type Outcome, outcome, program, run, terminal } from './command-line.js'
import { temporaryDirectory } from './support.js'

test('watch draws rates and latencies again and again, and plain text without a terminal', async t => {
  const { page } = await engineWith(t, 300)
  const { code, stdout, stderr } = await run(['watch', page, '--interval', '0.05', '--times', '3'])
  t.is(code, 0, stderr)
  t.is(stdout.match(/^tmp · recorder {2}live, process \d+$/gm)?.length, 3)
  t.regex(stdout, /^ids +last 300 {3}written 300/m)
  t.regex(stdout, /^append event +/m)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what commands a terminal
  t.notRegex(stdout, /\u001b/)
})

const CTRL_C = '\u0003'

/**
 * Runs the program on a terminal of so many columns and 40 rows. Once `expected` is shown, `then` is typed, a signal of
 * this name sent, or the terminal closed (`HANGUP`); or it is stopped by Ctrl-Z and goes on (`STOP`).
 */
function onTerminal(
  columns: number,
  expected: string,
  then: string,
  args: readonly string[],
): Promise<Outcome> {
  const { NO_COLOR: _, ...env } = process.env
  const all = [terminal, String(columns), expected, then, process.execPath, program, ...args]
  return outcome(
    spawn('python3', all, { env: { ...env, TERM: 'xterm-256color' }, stdio: ['ignore', 'pipe', 'pipe'] }),
  )
}

/** What was shown on its own screen, of which nothing is left. */
function screensOf(t: ExecutionContext, { code, stdout }: Outcome): string {
  t.is(code, 0, JSON.stringify(stdout))
  const [before = '', rest = ''] = stdout.split('\u001b[?1049h')
  const [screens = '', after] = rest.split('\u001b[?1049l')
  t.is(before, '', 'nothing is written beside its own screen')
  t.is(after?.replaceAll(/\^[CZ]/g, ''), '', JSON.stringify(after))
  t.true(stdout.lastIndexOf('\u001b[?25h') > stdout.lastIndexOf('\u001b[?25l'), 'the cursor is there')
  return screens
}

for (const columns of [80, 200]) {
  test(`watch keeps to a terminal of ${columns} columns, and Ctrl-C gives it back`, async t => {
    const { page } = await engineWith(t, 300)
    const watched = await onTerminal(columns, 'last 10 s', CTRL_C, ['watch', page, '--interval', '0.05'])
    const screens = screensOf(t, watched)
    t.true(screens.includes('\u001b[1m'), 'it has colours')
    const lines = stripVTControlCharacters(screens).split(/\r?\n/)
    t.true(lines.some(line => line.startsWith('write block')))
    for (const line of lines) t.true(line.length <= columns, JSON.stringify(line))
  })
}

test('watch is drawn anew when the terminal becomes narrower or wider, and not only at the next look', async t => {
  const { page } = await engineWith(t, 300)
  for (const [before, after] of [
    [120, 60],
    [60, 120],
  ] as const) {
    const args = ['watch', page, '--interval', '1000000']
    const watched = await onTerminal(before, 'since it began', `COLUMNS=${after}`, args)
    const screens = screensOf(t, watched).split('\u001b[1;1H').slice(1)
    t.true(screens.length >= 2, `${screens.length} screens`)
    for (const [screen, columns] of [
      [screens[0], before],
      [screens.at(-1), after],
    ] as const) {
      const lines = stripVTControlCharacters(screen ?? '').split(/\r?\n/)
      const longest = Math.max(...lines.map(line => line.length))
      t.true(longest <= columns && longest > 50, `${longest} of ${columns}`)
      t.is(longest > 60, columns === 120, 'what there is room for is used')
    }
  }
})

test('Ctrl-Z leaves the terminal to the shell as it was, and watch is drawn anew when it goes on', async t => {
  const { page } = await engineWith(t, 300)
  // The next look is far off: whatever is drawn is drawn because of that.
  const args = ['watch', page, '--interval', '1000000']
  const { code, stdout } = await onTerminal(80, 'since it began', 'STOP', args)
  const [before = '', after, ...more] = stdout.split('\nSTOPPED\n')
  t.deepEqual(more, [])
  t.truthy(after, JSON.stringify(stdout))
  const first = screensOf(t, { code, stdout: before, stderr: '' })
  const second = screensOf(t, { code, stdout: after ?? '', stderr: '' })
  for (const screens of [first, second]) t.regex(stripVTControlCharacters(screens), /^append event +/m)
})

test('a supervisor and a terminal that hangs up end watch as Ctrl-C does', async t => {
  const { page } = await engineWith(t, 300)
  for (const signal of ['SIGTERM', 'SIGHUP'])
    screensOf(t, await onTerminal(80, 'last 10 s', signal, ['watch', page, '--interval', '0.05']))
  const { code } = await onTerminal(80, 'last 10 s', 'HANGUP', ['watch', page, '--interval', '0.05'])
  t.not(code, null, 'it has ended')
})

test('of a page that nobody records in any more there are no rates, however late it is looked at', async t => {
  const { page, child } = await engineWith(t, 300)
  await end(child, 'SIGKILL')
  const { stdout } = await run(['watch', page, '-i', '0.05', '-n', '3'])
  const [first = '', ...others] = stdout.split(/^(?=tmp · recorder)/m)
  t.is(others.length, 2, stdout)
  for (const other of others) t.is(other, first, 'nothing of it changes')
  t.regex(first, /^all +events 300 /m)
  t.notRegex(first, /\d\/s/)
  t.notRegex((await run(['report', page])).stdout, /\d\/s|on average/)
})

test('errors are broken between words where the terminal is narrow', async t => {
  const missing = join(temporaryDirectory(t), 'missing')
  const { code, stdout } = await onTerminal(30, '', '', ['dump', missing])
  t.is(code, 2)
  const lines = stripVTControlCharacters(stdout).split(/\r?\n/)
  for (const line of lines) t.true(line.length <= 30, JSON.stringify(line))
  t.regex(lines.join(' '), /is the recorder running that was told to make it\?/)
})
