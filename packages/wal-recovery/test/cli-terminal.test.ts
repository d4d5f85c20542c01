/** The command line on a real terminal, which it gives back as it was. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { goldenLog, temporaryDirectory, testOfVectors } from './command-line.js'

const program = fileURLToPath(new URL('../../bin/flashstrike-wal.js', import.meta.url))
const terminal = fileURLToPath(new URL('../terminal.py', import.meta.url))
const hasTerminal = spawnSync('python3', ['-c', 'import os, pty, fcntl, termios']).status === 0
if (!hasTerminal) console.log('SKIPPED: no python3 to make a terminal with')
const testOnTerminal = hasTerminal ? test : test.skip
const testOfVectorsOnTerminal = hasTerminal ? testOfVectors : test.skip

/** Longer than any of these takes on any machine: what has not ended by then hangs. */
const PATIENCE = 60_000

interface Shown {
  code: number | null
  text: string
}

/** Runs the program on a terminal of so many columns, and types `keys` once `expected` is shown. */
function onTerminal(columns: number, args: readonly string[], expected = '', keys = ''): Promise<Shown> {
  const { NO_COLOR: _, ...env } = process.env
  return new Promise((resolve, reject) => {
    const all = [terminal, String(columns), expected, keys, process.execPath, program, ...args]
    const child = spawn('python3', all, {
      env: { ...env, TERM: 'xterm-256color' },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: PATIENCE,
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code, text }))
  })
}

/** What stays on the terminal: lines that were erased or written over are gone. */
function screenOf(text: string): string[] {
  return text.split('\r\n').map(line => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
    const drawn = line.split(/\u001b\[1?G|\r/)
    return stripVTControlCharacters(drawn.at(-1) ?? '').trimEnd()
  })
}

function check(t: ExecutionContext, { text }: Shown, columns: number, what: string): void {
  const screen = screenOf(text)
  for (const line of screen) t.true(line.length <= columns, `${what}: ${line}`)
  t.false(
    screen.some(line => line.includes('====')),
    `${what}: a bar is left: ${JSON.stringify(text)}`,
  )
  const last = (shown: string, hidden: string) => text.lastIndexOf(shown) >= text.lastIndexOf(hidden)
  t.true(last('\u001b[?25h', '\u001b[?25l'), `${what}: the cursor is hidden: ${JSON.stringify(text)}`)
  t.true(last('\u001b[?7h', '\u001b[?7l'), `${what}: lines do not wrap: ${JSON.stringify(text)}`)
}

testOfVectorsOnTerminal(
  'what has no room on a terminal is told, and a problem stands below its row',
  async t => {
    const log = goldenLog(t, 'fixed-rotated')
    mkdirSync(join(log, 'cursors'), { recursive: true })
    const name = 'cursor-without-room-for-its-problem'
    writeFileSync(join(log, 'cursors', `${name}.cursor`), 'nothing that a cursor says')
    const shown = await onTerminal(80, ['inspect', log])
    check(t, shown, 80, 'inspect')
    const screen = screenOf(shown.text).join('\n')
    t.regex(screen, /No room for [A-Z]/)
    t.regex(screen, /^ {4}Problem: \S/m)
    t.notRegex(screenOf((await onTerminal(400, ['inspect', log])).text).join('\n'), /No room for/)
  },
)

testOfVectorsOnTerminal(
  'every screen fits its terminal, has colours, and the terminal is given back',
  async t => {
    for (const columns of [80, 200]) {
      for (const name of ['fixed-active', 'torn-rotated']) {
        const log = goldenLog(t, name)
        const state = name === 'fixed-active' ? 0 : 1
        const commands: (readonly [number, ...string[]])[] = [
          [state, 'inspect', log],
          [state, 'stat', log],
          [state, 'verify', log],
          [state, 'dump', log],
          [state, 'repair', log, '--dry-run'],
          [0, 'copy', log, join(temporaryDirectory(t), 'copy')],
        ]
        for (const [code, ...args] of commands) {
          const shown = await onTerminal(columns, args)
          const what = `${columns} columns: ${args[0]} ${name}`
          t.is(shown.code, code, `${what}: ${JSON.stringify(shown.text)}`)
          check(t, shown, columns, what)
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
          if (args[0] !== 'copy') t.regex(shown.text, /\u001b\[\d+m/, what)
        }
      }
    }
  },
)

testOfVectorsOnTerminal('a plan that leaves the beginning of a segment fits a narrow terminal', async t => {
  const log = goldenLog(t, 'corrupt-hole')
  const shown = await onTerminal(70, ['repair', log, '--mode', 'point-in-time', '--dry-run'])
  check(t, shown, 70, 'repair')
  t.regex(shown.text, /only its good beginning stays/)
})

testOnTerminal('what is wrong fits the terminal too, broken between words', async t => {
  const place = temporaryDirectory(t)
  for (const args of [['verify', place], ['frob'], ['verify', place, '--frob']]) {
    const shown = await onTerminal(60, args)
    t.is(shown.code, 2)
    check(t, shown, 60, args.join(' '))
    t.true(screenOf(shown.text).length > 2, shown.text)
  }
})

testOfVectorsOnTerminal('Ctrl-C at the question and while following gives the terminal back', async t => {
  const log = goldenLog(t, 'torn-rotated')
  const asked = await onTerminal(80, ['repair', log], '[y/N]', '\u0003')
  t.is(asked.code, 130, JSON.stringify(asked.text))
  check(t, asked, 80, 'repair')
  const verified = await onTerminal(80, ['verify', log])
  t.is(verified.code, 1, 'nothing was repaired')
  const whole = goldenLog(t, 'fixed-active')
  const followed = await onTerminal(80, ['dump', whole, '--follow'], 'event_id', '\u0003')
  t.true(followed.code === 0 || followed.code === 130, JSON.stringify(followed))
  check(t, followed, 80, 'dump --follow')
})
