/** What zsh and fish offer behind a line, asked of these shells themselves. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { run, temporaryDirectory } from './command-line.js'

const program = fileURLToPath(new URL('../../bin/flashstrike-wal.js', import.meta.url))
const offers = fileURLToPath(new URL('../offers.zsh', import.meta.url))

/** Longer than any of these takes on any machine: what has not ended by then hangs. */
const PATIENCE = 60_000

const COMMANDS = ['completion', 'copy', 'dump', 'inspect', 'repair', 'stat', 'verify']

/** What is typed behind the name of the program, and what is offered then. */
const LINES: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ['', COMMANDS],
  ['ver', ['verify']],
  ['dump x --la', ['--last']],
  ['dump x --format ', ['csv', 'jsonl', 'table']],
  ['completion ', ['bash', 'fish', 'zsh']],
  ['verify ', ['orders', 'trades']],
  ['verify o', ['orders']],
  ['copy orders t', ['trades']],
]

/** A directory with two logs and a file, the script of a shell, and the program in the PATH. */
async function placeFor(t: ExecutionContext, shell: string) {
  const root = temporaryDirectory(t)
  const [bin, place] = [join(root, 'bin'), join(root, 'place')]
  for (const path of [bin, place, join(place, 'orders'), join(place, 'trades')]) mkdirSync(path)
  writeFileSync(join(place, 'order.txt'), '')
  const command = join(bin, 'flashstrike-wal')
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  chmodSync(command, 0o755)
  const script = join(root, `script.${shell}`)
  writeFileSync(script, (await run(['completion', shell])).stdout)
  const env = { ...process.env, HOME: root, PATH: `${bin}:${process.env['PATH']}`, TERM: 'dumb' }
  return { place, script, env }
}

for (const [shell, commandFor] of [
  ['zsh', (script: string, place: string, line: string) => ['-f', offers, script, place, line]],
  [
    'fish',
    (script: string, place: string, line: string) => [
      ...['--no-config', '-c', 'source $argv[1]; cd $argv[2]; complete -C $argv[3]'],
      ...[script, place, line],
    ],
  ],
] as const) {
  const isThere = spawnSync(shell, ['--version']).status === 0
  if (!isThere) console.log(`SKIPPED: no ${shell} to complete commands in`)

  const testIfThere = isThere ? test : test.skip
  testIfThere(`${shell} completes commands, options, their values and directories`, async t => {
    const { place, script, env } = await placeFor(t, shell)
    for (const [typed, expected] of LINES) {
      const args = commandFor(script, place, `flashstrike-wal ${typed}`)
      const { status, stdout, stderr } = spawnSync(shell, args, { env, timeout: PATIENCE, encoding: 'utf8' })
      t.is(status, 0, `${typed}: ${stderr}`)
      const words = stdout.split('\n').filter(line => line !== '')
      // fish tells what each is for, and ends directories with a slash.
      const offered = words.map(line => line.split('\t')[0]?.replace(/\/$/, ''))
      t.deepEqual([...new Set(offered)].sort(), [...expected], `${typed}: ${stderr}`)
    }
  })
}
