/** What docs/cli.md shows, played on the two logs that it speaks of. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEvent, i64, Recovery, u8, u32 } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { until } from './programs.js'
import { documented, hasTerminal, play, program, run, scenery } from './scenes.js'

const Trade = defineEvent('Trade', { price: i64, quantity: u32, side: u8 }, { size: 24 })
const [EVENTS, AT_ONCE] = [30_000, 300]
/** With the first one as many segments as the trades fill. */
const AHEAD = 2

/** Sections that show what is printed on a terminal, and how wide that is. */
const ON_TERMINAL = new Map([['inspect', 104]])

/** What every object has. */
const COMMON = ['state', 'bad', 'events', 'firstEventId', 'lastEventId', 'durableEventId']

const transcripts = documented('cli')

/** The trades of a while in three segments, the first of them compressed, and a consumer that lags behind. */
async function recordOrders(dir: string): Promise<void> {
  const isThere = (name: string) => existsSync(join(dir, name))
  const wal = await Recorder.open({
    dir,
    event: Trade,
    segmentBytes: 256 << 10,
    preparedSegments: AHEAD,
    retention: { hotSegments: 2 },
  })
  await until(() => isThere(`0000000${AHEAD}.wal`), 'segments are ready')
  for (let id = 1; id <= EVENTS; id += 1) {
    wal.append({ price: 10_000 + (((id - 1) * 7) % 100), quantity: 1 + ((id - 1) % 9), side: (id - 1) % 2 })
    if (id % AT_ONCE === 0) await sleep(5)
  }
  await wal.durable()
  await until(() => !isThere('00000000.wal') && isThere('00000004.wal'), 'all is compressed and prepared')
  await wal.close()
  const log = await Recovery.open({ dir })
  const cursor = await log.cursor('risk-engine', { create: 'start' })
  await cursor.commit(29_000)
  await cursor.close()
  await log.close()
}

async function recordMessages(dir: string): Promise<void> {
  const wal = await Recorder.open({ dir, segmentBytes: 256 << 10 })
  const login = JSON.stringify({ type: 'login', user: 7 })
  wal.appendBatch(['hello', login, Uint8Array.of(0xff, 0, 0x1b, 0x5b), 'two\nlines'])
  await wal.close()
}

/** An object as `--json` gives it. */
type Members = Record<string, unknown>

/** The members of an object that is a value, or of the objects in a list. */
function keysIn(value: unknown): string[] {
  const objects = Array.isArray(value) ? value : [value]
  const isObject = (one: unknown) => typeof one === 'object' && one !== null
  return [...new Set(objects.filter(isObject).flatMap(one => Object.keys(one)))]
}

test('--json gives the members that docs/cli.md names, and no others', async t => {
  const place = scenery(t)
  await recordOrders(join(place, 'orders'))
  const common = transcripts.membersOf('What holds for every command')
  t.deepEqual([...common.keys()].filter(name => COMMON.includes(name)).sort(), [...COMMON].sort())
  for (const [section, command] of [
    ['inspect', 'inspect orders'],
    ['verify', 'verify orders'],
    ['stat', 'stat orders'],
    ['copy', 'copy orders backup'],
  ] as const) {
    const { output } = run(`flashstrike-wal ${command} --json`, { place })
    const given = JSON.parse(output) as Members
    const own = transcripts.membersOf(section)
    const named = new Set([...own.keys(), ...COMMON])
    t.deepEqual(Object.keys(given).sort(), [...named].sort(), section)
    for (const [name, inner] of own) {
      const unknown = keysIn(given[name]).filter(key => inner.length > 0 && !inner.includes(key))
      t.deepEqual(unknown, [], `${section}: ${name}`)
    }
  }
})

test('every command prints what docs/cli.md shows', async t => {
  const place = scenery(t)
  await recordOrders(join(place, 'orders'))
  await recordMessages(join(place, 'messages'))
  t.deepEqual(transcripts.sections, [
    'What holds for every command',
    'inspect',
    'verify',
    'dump',
    'stat',
    'copy',
  ])
  for (const section of transcripts.sections) {
    const columns = ON_TERMINAL.get(section)
    if (columns === undefined || hasTerminal) await play(t, transcripts, section, { place, columns })
    else t.log(`SKIPPED: ${section}: no python3 to make a terminal with`)
  }
})

const testOnUnix = process.platform === 'win32' ? test.skip : test
testOnUnix('the commands of docs/cli.md put a script for each shell where it looks for it', t => {
  const home = scenery(t)
  const bin = join(home, 'bin')
  mkdirSync(bin)
  const command = join(bin, 'flashstrike-wal')
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  chmodSync(command, 0o755)
  const env = { HOME: home, PATH: `${bin}:${process.env['PATH']}` }
  const commands = transcripts.commandsOf('completion')
  t.is(commands.length, 4)
  execFileSync('sh', ['-e', '-c', commands.join('\n')], { env })
  for (const [file, says] of [
    ['.bashrc', 'complete '],
    ['.zshrc', 'compdef '],
    ['.config/fish/completions/flashstrike-wal.fish', 'complete '],
  ] as const)
    t.true(readFileSync(join(home, file), 'utf8').includes(says), file)
})
