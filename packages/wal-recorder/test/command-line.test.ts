/** The command line beside a recorder that appends, rotates, compresses and removes. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { defineEvent, Recovery, u64 } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'

const Count = defineEvent('Count', { value: u64 })
const program = fileURLToPath(new URL('../../../wal-recovery/bin/flashstrike-wal.js', import.meta.url))
const place = mkdtempSync(join(tmpdir(), 'flashstrike-copy-'))
const small = {
  event: Count,
  segmentBytes: 65_536,
  retention: { hotSegments: 2, coldSegments: 4 },
} as const
test.after.always(() => rmSync(place, { recursive: true, force: true }))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

function start(...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, ...output }))
  })
  return { child, ended, output }
}

/** Appends until what is waited for has happened, so that there is always something going on. */
async function appendUntil<T>(wal: Recorder<typeof Count>, happening: Promise<T>): Promise<T> {
  const over: { result?: T; isOver: boolean } = { isOver: false }
  const watched = happening.finally(() => {
    over.isOver = true
  })
  while (!over.isOver) {
    for (let i = 0; i < 200; i++) await append(wal)
    await turn()
  }
  return watched
}

async function append(wal: Recorder<typeof Count>): Promise<void> {
  try {
    wal.append({ value: wal.lastEventId + 1 })
  } catch {
    await wal.drain()
  }
}

test.serial('a copy of a log that is written to holds a prefix of it, and opens', async t => {
  const dir = join(place, 'live')
  const wal = await Recorder.open({ ...small, dir })
  for (let i = 0; i < 20_000; i++) await append(wal)
  for (const name of ['first', 'second']) {
    const to = join(place, name)
    const before = wal.writtenEventId
    const { code, stdout, stderr } = await appendUntil(wal, start('copy', dir, to, '--json').ended)
    t.is(code, 0, stderr)
    const said = JSON.parse(stdout)
    t.is(said.state, 'clean')
    t.true(said.lastId >= before && said.lastId <= wal.lastEventId, `${said.lastId}`)
    const log = await Recovery.open({ dir: to, event: Count })
    const summary = await log.verify()
    t.is(summary.state, 'clean')
    t.is(summary.lastId, said.lastId)
    t.is(summary.durableEventId, said.lastId)
    let expected = summary.firstId
    for (const event of log.replay()) {
      if (event.event_id !== expected || event.value !== expected) t.fail(`${event.event_id}: ${expected}`)
      expected += 1
    }
    t.is(expected - 1, said.lastId)
    const again = await Recorder.open({ dir: to, event: Count, segmentBytes: 65_536 })
    t.is(again.report.state, 'clean')
    while (again.lastEventId === said.lastId) await append(again)
    t.is(again.lastEventId, said.lastId + 1)
    await again.close()
  }
  t.deepEqual(cursorsOf(dir), [])
  await wal.close()
})

test.serial(
  'a copy that is killed leaves no log that lost something, and the next one no cursor',
  async t => {
    const dir = join(place, 'killed')
    const wal = await Recorder.open({ ...small, dir })
    for (let i = 0; i < 20_000; i++) await append(wal)
    const to = join(place, 'unfinished')
    const before = wal.writtenEventId
    const { child, ended } = start('copy', dir, to)
    const unfinished = () => readdirSync(place).filter(name => name.includes('unfinished'))
    const isBegun = () => unfinished().some(name => count(join(place, name)) > 2)
    while (!isBegun() && child.exitCode === null) await appendUntil(wal, turn())
    child.kill('SIGKILL')
    await ended
    for (const name of unfinished()) {
      const { stdout } = await start('verify', join(place, name), '--json').ended
      // What calls itself clean is whole.
      const { state, lastId } = JSON.parse(stdout || '{}')
      if (state === 'clean') t.true(lastId >= before, `${name} ends with ${lastId}, and not with ${before}`)
      else t.true(name.startsWith('.'), `${name} is ${state}`)
      rmSync(join(place, name), { recursive: true })
    }
    const next = await appendUntil(wal, start('copy', dir, to).ended)
    t.is(next.code, 0, next.stderr)
    t.deepEqual(cursorsOf(dir), [])
    await wal.close()
  },
)

/** Names in a directory; none if it has been renamed just now. */
function count(path: string): number {
  try {
    return readdirSync(path).length
  } catch {
    return 0
  }
}

function cursorsOf(dir: string): string[] {
  const cursors = join(dir, 'cursors')
  if (!existsSync(cursors)) return []
  return readdirSync(cursors).filter(name => name.endsWith('.cursor'))
}

test.serial('a log that is open for appending is not repaired, and no repair of it undone', async t => {
  const dir = join(place, 'appended')
  const wal = await Recorder.open({ ...small, dir })
  t.is(wal.append({ value: 1 }), 1)
  for (const args of [
    ['repair', dir, '--yes'],
    ['repair', dir, '--undo', '--yes'],
  ]) {
    const { code, stderr } = await start(...args, '--json').ended
    t.is(code, 2)
    t.is(JSON.parse(stderr).code, 'WAL_LOCKED')
  }
  await wal.close()
})

test.serial('dump follows what is written, until it is interrupted', async t => {
  const dir = join(place, 'followed')
  const wal = await Recorder.open({ ...small, dir })
  for (let i = 0; i < 10; i++) await append(wal)
  wal.flush()
  const { child, ended, output } = start('dump', dir, '--follow', '--format', 'jsonl', '--fields', 'event_id')
  const lines = () => output.stdout.split('\n').length - 1
  while (lines() < 10 && child.exitCode === null) await turn()
  for (let i = 0; i < 10; i++) await append(wal)
  wal.flush()
  while (lines() < 20 && child.exitCode === null) await turn()
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  t.is(code, 0, stderr)
  const ids = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).event_id)
  t.deepEqual(
    ids,
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
  const limited = await start('dump', dir, '--follow', '--limit', '3', '--json').ended
  t.is(limited.code, 0, limited.stderr)
  t.is(limited.stdout.trimEnd().split('\n').length, 3)
  await wal.close()
})

test('the last events up to a time are those that were written by then', async t => {
  const dir = join(place, 'last')
  const wal = await Recorder.open({ dir, event: Count })
  const times: string[] = []
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) await append(wal)
    wal.flush()
    // A clock has to go on, and be past the millisecond that a time is cut to.
    await delay(5)
    times.push(new Date().toISOString())
    await delay(5)
  }
  // More than were asked for come beside a recorder that goes on only to whoever follows.
  const beside = start('dump', dir, '--format', 'csv', '--fields', 'event_id', '--last', '3')
  const { stdout } = await appendUntil(wal, beside.ended)
  t.is(stdout.trimEnd().split('\n').length, 4)
  await wal.close()
  const last = async (...args: string[]) => {
    const { stdout } = await start('dump', dir, '--format', 'csv', '--fields', 'event_id', ...args).ended
    return stdout.trimEnd().split('\n').slice(1).map(Number)
  }
  t.deepEqual(await last('--last', '3', '--until', times[1] as string), [8, 9, 10])
  t.deepEqual(await last('--last', '7', '--until', times[0] as string), [1, 2, 3, 4, 5])
  t.deepEqual(await last('--last', '2', '--until', times[2] as string), [14, 15])
})
