/**
 * The five disasters of docs/recovery.md: each is brought about, and what the document shows has to be what is printed.
 * With `UPDATE_DOCS=1` the document gets what is printed instead.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { Recorder } from '#src/index.js'
import { mounted } from './machine.js'
import { trades } from './trades.js'
import { Transcripts, withoutChance } from './transcripts.js'

const transcripts = new Transcripts(new URL('../../../../docs/recovery.md', import.meta.url))
const program = fileURLToPath(new URL('../../../wal-recovery/bin/flashstrike-wal.js', import.meta.url))
const isUpdate = process.env['UPDATE_DOCS'] !== undefined
/** Where the document has its log. */
const SHOWN_AT = '/srv'

interface Scene {
  readonly place: string
  readonly log: string
  /** What is done before the block with this number, the first is 0. */
  readonly before: ReadonlyMap<number, () => unknown>
  /** The message that a block without commands shows. */
  readonly messages?: ReadonlyMap<number, () => Promise<string> | string>
  /** Figures depend on when the log got how far. */
  readonly isByChance?: boolean
}

function place(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'disaster-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return made
}

function begin(place: string) {
  return { place, log: join(place, 'trades'), before: new Map() }
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

/** Runs a command of the document and gives what it prints. */
function run(command: string, { place, log }: Scene, lastCode: number): { output: string; code: number } {
  if (command === 'echo $?') return { output: `${lastCode}\n`, code: 0 }
  if (command === 'mv ~/lost/00000001.wal trades/') {
    renameSync(join(place, '00000001.wal'), join(log, '00000001.wal'))
    return { output: '', code: 0 }
  }
  const [name, ...args] = command.split(' ')
  if (name !== 'flashstrike-wal') throw new Error(`unknown: ${command}`)
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...args], {
    cwd: place,
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: undefined, FORCE_COLOR: undefined },
  })
  return { output: `${stdout}${stderr}`.replaceAll(place, SHOWN_AT), code: status ?? -1 }
}

async function play(t: ExecutionContext, section: string, scene: Scene): Promise<void> {
  const blocks = transcripts.of(section)
  t.true(blocks.length > 0, `${section} shows something`)
  for (const [number, block] of blocks.entries()) {
    await scene.before.get(number)?.()
    let text = ''
    let code = 0
    for (const { command } of block.shown) {
      const ran = run(command, scene, code)
      code = ran.code
      text += `$ ${command}\n${ran.output}`
    }
    const message = await scene.messages?.get(number)?.()
    if (message !== undefined) text = message.replaceAll(scene.place, SHOWN_AT)
    const comparable = (shown: string) => {
      const same = withoutChance(shown)
      return scene.isByChance ? same.replaceAll(/\d[\d,.]*( KiB| MiB)?/g, 'N') : same
    }
    if (!isUpdate) t.is(comparable(block.text), comparable(text), `${section}, block ${number}`)
    else if (comparable(block.text) !== comparable(text)) transcripts.replace(block, wrapped(text))
  }
}

/** A message of one line as the document shows it. */
function wrapped(text: string): string {
  return text.startsWith('$') ? text : `${text.replaceAll(/(.{1,120})( |$)/g, '$1\n').trimEnd()}\n`
}

test('killed', async t => {
  const scene = begin(place(t))
  await traded(t, scene.log, 'killed', 'SIGKILL')
  const reopen = async () => (await Recorder.open({ dir: scene.log, ...trades })).close()
  await play(t, 'Killed', { ...scene, before: new Map([[1, reopen]]) })
})

test('power cut', async t => {
  const scene = begin(place(t))
  await traded(t, scene.log, 'power-cut', 'SIGKILL')
  // The machine has another boot id now, and a page that no sync had covered was not written.
  const staging = join(scene.log, 'wal.staging')
  const bytes = readFileSync(staging)
  bytes.fill(7, 24, 40)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  writeFileSync(staging, bytes)
  change(join(scene.log, '00000003.wal'), bytes => bytes.fill(0, 24_576, 28_672))
  await play(t, 'Power cut', scene)
})

test('a flipped bit', async t => {
  const scene = begin(place(t))
  await traded(t, scene.log, 'closed', 0)
  change(join(scene.log, '00000001.wal'), bytes => bytes.writeUInt8((bytes[100_000] ?? 0) ^ 1, 100_000))
  const repaired = () => {
    const command = 'flashstrike-wal repair trades --mode point-in-time --yes'
    t.is(run(command, scene, 0).code, 0)
  }
  await play(t, 'A flipped bit', { ...scene, before: new Map([[2, repaired]]) })
  t.like(run('flashstrike-wal verify trades', scene, 0), { code: 1 })
})

test('a missing segment', async t => {
  const scene = begin(place(t))
  await traded(t, scene.log, 'closed', 0)
  renameSync(join(scene.log, '00000001.wal'), join(scene.place, '00000001.wal'))
  const refused = async () => {
    const error = await t.throwsAsync(Recorder.open({ dir: scene.log, ...trades }))
    return `${(error as Error & { code: string }).code}: ${error?.message}`
  }
  await play(t, 'A missing segment', { ...scene, messages: new Map([[1, refused]]) })
})

test('full disk', async t => {
  const disk = mounted(t, join(place(t), 'srv'), '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs')
  if (disk === undefined) return
  const scene = begin(disk)
  const exchange = trading(scene.log, 'full')
  t.teardown(() => exchange.kill('SIGKILL'))
  const [{ code, message }] = (await once(exchange, 'message')) as [{ code: string; message: string }]
  const resumed = async () => {
    exchange.send('go on')
    t.like((await once(exchange, 'message'))[0], { resumed: true })
  }
  await play(t, 'Full disk', {
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
