/** What the tests of the command line share: golden logs, and the program as a child process. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'

/** What the oracle says of a golden log. */
export interface Expected {
  readonly boot_id: string
  readonly state: 'clean' | 'torn' | 'corrupt'
  readonly bad: { readonly segment: number | null; readonly offset: number } | null
  readonly first_id: number
  readonly last_id: number
  readonly events: number
  readonly staged: number
}

export interface Outcome {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const program = fileURLToPath(new URL('../../bin/flashstrike-wal.js', import.meta.url))
const root = vectorsDirectory()

/** The golden logs by name; none, and loudly so, where they are not there. */
export const vectors: ReadonlyMap<string, Expected> = new Map(
  root === undefined
    ? []
    : Object.entries(
        JSON.parse(readFileSync(join(root, 'expected.json'), 'utf8')) as Record<string, Expected>,
      ),
)

function vectorsDirectory(): string | undefined {
  const found =
    process.env['FLASHSTRIKE_VECTORS'] ??
    fileURLToPath(new URL('../../../../../shared/vectors', import.meta.url))
  if (existsSync(join(found, 'expected.json'))) return found
  console.log(`SKIPPED: no golden logs in ${found}; set FLASHSTRIKE_VECTORS`)
  return undefined
}

/** For what is tried on golden logs; without them it counts as skipped. */
export const testOfVectors = root === undefined ? test.skip : test

/** A directory that goes with its test. */
export function temporaryDirectory(t: ExecutionContext): string {
  const place = mkdtempSync(join(tmpdir(), 'flashstrike-cli-'))
  t.teardown(() => rmSync(place, { recursive: true, force: true }))
  return place
}

/** A fresh copy of a golden log, as if it had been written since this machine was booted. */
export function goldenLog(t: ExecutionContext, name: string): string {
  if (root === undefined) throw new Error(`no golden log ${name}: this test is one of testOfVectors`)
  const place = join(temporaryDirectory(t), name)
  cpSync(join(root, name), place, { recursive: true })
  for (const path of [place, ...readdirSync(place).map(file => join(place, file))]) chmodSync(path, 0o700)
  adoptStaging(join(place, 'wal.staging'), vectors.get(name)?.boot_id ?? '')
  return place
}

/** Staging of the boot that the oracle takes for the present one becomes staging of the present one. */
function adoptStaging(path: string, boot: string): void {
  if (!existsSync(path) || !existsSync(BOOT_ID)) return
  const bytes = readFileSync(path)
  const isWhole = bytes.length >= 64 && bytes.readUInt32LE(60) === crc32(bytes.subarray(0, 60))
  const uuid = (text: string) => Buffer.from(text.trim().replaceAll('-', ''), 'hex')
  if (!isWhole || !bytes.subarray(24, 40).equals(uuid(boot))) return
  bytes.set(uuid(readFileSync(BOOT_ID, 'utf8')), 24)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  writeFileSync(path, bytes)
}

/** Runs the program to its end. A process takes a while, so what is tried on every log is asked of the addon instead. */
export function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
}

/** Runs a line of a shell in which `wal` is the program. */
export function shell(line: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const text = `wal() { '${process.execPath}' '${program}' "$@"; }; set -o pipefail; ${line}`
    const child = spawn('bash', ['-c', text], { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      output.stdout += part
    })
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      output.stderr += part
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
}

/** Every file below a directory with its bytes, the lock and the quarantine apart. */
export function filesOf(place: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of readdirSync(place)) {
    const path = join(place, name)
    if (name !== 'wal.lock' && statSync(path).isFile()) found.set(name, readFileSync(path, 'latin1'))
  }
  return found
}

/** Whether text could command a terminal. */
export function commandsTerminal(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text)
}
