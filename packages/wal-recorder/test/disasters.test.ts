/** The five disasters of docs/recovery.md: each is brought about, and what the document shows is played. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { Recorder } from '#src/index.js'
import { mounted } from './machine.js'
import { documented, play, run, scenery } from './scenes.js'
import { trades } from './trades.js'

const transcripts = documented('recovery')
const STAMP = /\d{8}T\d{6}Z/

function begin(place: string) {
  return { place, log: join(place, 'trades') }
}

function trading(log: string, fate: string): ChildProcess {
  return fork(new URL('trading.js', import.meta.url), [log, fate])
}

async function traded(
  t: ExecutionContext,
  log: string,
  fate: string,
  ending: number | 'SIGKILL',
): Promise<void> {
  const [code, signal] = await once(trading(log, fate), 'close')
  t.is(signal ?? code, ending)
}

/**
 * Runs the command of docs/recovery.md that puts a kept piece of a segment back, in a copy of the log; gives the copy.
 * The pieces are named with the time of their repair, and the document has that of another.
 */
function putBack(t: ExecutionContext, log: string, piece: string): string {
  const copy = join(scenery(t), 'copy')
  cpSync(log, copy, { recursive: true })
  const kept = readdirSync(join(copy, 'quarantine')).filter(name => name.startsWith(`${piece}.`))
  const [stamp = ''] = kept.flatMap(name => STAMP.exec(name) ?? [])
  const [shown = '', ...others] = transcripts
    .commandsOf('Putting bytes back')
    .filter(command => command.includes(`quarantine/${piece}.`))
  t.deepEqual(others, [])
  const command = shown.replace(STAMP, stamp)
  const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: copy, encoding: 'utf8' })
  t.is(status, 0, stderr)
  const note = readFileSync(join(copy, 'quarantine', `${piece}.${stamp}.json`), 'utf8')
  t.true(JSON.parse(note).restore.endsWith(`: ${command}`), note)
  const named = transcripts.membersOf('Quarantine')
  t.deepEqual(
    Object.keys(JSON.parse(note)).filter(key => !named.has(key)),
    [],
  )
  return copy
}

test('no other section shows what a command prints', t => {
  const played = ['Killed', 'Power cut', 'A flipped bit', 'A missing segment', 'Full disk']
  t.deepEqual(transcripts.sections, played)
  t.is(transcripts.commandsOf('Putting bytes back').length, 2)
})

test('killed', async t => {
  const scene = begin(scenery(t))
  await traded(t, scene.log, 'killed', 'SIGKILL')
  const reopen = async () => {
    const wal = await Recorder.open({ dir: scene.log, ...trades })
    const named = [...transcripts.membersOf('The report').keys()]
    t.deepEqual(Object.keys(wal.report).sort(), named.sort())
    await wal.close()
  }
  await play(t, transcripts, 'Killed', { ...scene, before: new Map([[1, reopen]]) })
})

test('power cut', async t => {
  const scene = begin(scenery(t))
  await traded(t, scene.log, 'power-cut', 'SIGKILL')
  // The machine has another boot id now, and a page that no sync had covered was not written.
  const staging = join(scene.log, 'wal.staging')
  const bytes = readFileSync(staging)
  bytes.fill(7, 24, 40)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  writeFileSync(staging, bytes)
  change(join(scene.log, '00000003.wal'), bytes => bytes.fill(0, 24_576, 28_672))
  const before = readFileSync(join(scene.log, '00000003.wal'))
  await play(t, transcripts, 'Power cut', scene)
  t.notDeepEqual(readFileSync(join(scene.log, '00000003.wal')), before)
  const copy = putBack(t, scene.log, '00000003.wal.16960')
  t.deepEqual(readFileSync(join(copy, '00000003.wal')), before)
})

test('a flipped bit', async t => {
  const scene = begin(scenery(t))
  await traded(t, scene.log, 'closed', 0)
  change(join(scene.log, '00000001.wal'), bytes => bytes.writeUInt8((bytes[100_000] ?? 0) ^ 1, 100_000))
  const before = readFileSync(join(scene.log, '00000003.wal'))
  const repaired = () => {
    const command = 'flashstrike-wal repair trades --mode point-in-time --yes'
    t.is(run(command, scene).code, 0)
    t.false(existsSync(join(scene.log, '00000003.wal')))
    const copy = putBack(t, scene.log, '00000003.wal.0')
    t.deepEqual(readFileSync(join(copy, '00000003.wal')), before)
  }
  await play(t, transcripts, 'A flipped bit', { ...scene, before: new Map([[2, repaired]]) })
  t.like(run('flashstrike-wal verify trades', scene), { code: 1 })
})

test('a missing segment', async t => {
  const scene = begin(scenery(t))
  await traded(t, scene.log, 'closed', 0)
  renameSync(join(scene.log, '00000001.wal'), join(scene.place, '00000001.wal'))
  const refused = async () => {
    const error = await t.throwsAsync(Recorder.open({ dir: scene.log, ...trades }))
    return `${(error as Error & { code: string }).code}: ${error?.message}`
  }
  const putBack = () => renameSync(join(scene.place, '00000001.wal'), join(scene.log, '00000001.wal'))
  await play(t, transcripts, 'A missing segment', {
    ...scene,
    messages: new Map([[1, refused]]),
    others: new Map([['mv ~/lost/00000001.wal trades/', putBack]]),
  })
})

test('full disk', async t => {
  const disk = mounted(t, join(scenery(t), 'srv'), '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs')
  if (disk === undefined) return
  const scene = begin(disk)
  const exchange = trading(scene.log, 'full')
  t.teardown(() => exchange.kill('SIGKILL'))
  const [{ code, message }] = (await once(exchange, 'message')) as [{ code: string; message: string }]
  const resumed = async () => {
    exchange.send('go on')
    t.like((await once(exchange, 'message'))[0], { resumed: true })
  }
  await play(t, transcripts, 'Full disk', {
    ...scene,
    before: new Map([[2, resumed]]),
    messages: new Map([[0, () => `${code}: ${message}`]]),
    isByChance: true,
  })
})

function change(path: string, how: (bytes: Buffer) => unknown): void {
  const bytes = readFileSync(path)
  how(bytes)
  writeFileSync(path, bytes)
}
