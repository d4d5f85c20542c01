import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WalError } from '@flashstrike/wal-recovery/errors'
import { defineEvent, i64, u8, u32, u64 } from '@flashstrike/wal-recovery/schema'

export const PACKAGE = new URL('../../dist/index.js', import.meta.url).href

/** The event type of the programs below. */
export const Order = defineEvent(
  'Order',
  { time: u64, price: i64, quantity: u64, user: u32, side: u8 },
  { size: 64 },
)
export const order = { time: 1_700_000_000_000_000, price: -5, quantity: 3, user: 7, side: 1 }
/** One segment takes all that a test appends. Those of the usual size would take gigabytes for all tests together. */
export const roomy = { segmentBytes: 1 << 20, event: Order }

/** Longer than anything here takes, also on a machine that is ten times slower and busy. */
export const PATIENCE_MS = 120_000

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !holds(); await sleep(1)) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`)
  }
}

/** The files that this process has open whose path begins so; one that is closed meanwhile is none. */
export function openFiles(prefix: string): string[] {
  const paths = readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
  return paths.filter(path => path.startsWith(prefix))
}

/** Goes on in the next segment as soon as it is ready. */
export function rotate(wal: { rotate(): void }): Promise<void> {
  return until(() => {
    try {
      wal.rotate()
      return true
    } catch (error) {
      if ((error as WalError).code !== 'WAL_BACKPRESSURE') throw error
      return false
    }
  }, 'room for the next segment')
}

/** A directory for the logs of one test file, and its removal. */
export function scratch(): { directory(): string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'wal-recorder-test-'))
  let logs = 0
  return {
    directory: () => join(root, `log-${logs++}`),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** The head of every program below: the package, an event type and an event of it, the directory of the log as `dir`. */
function prelude(dir: string): string {
  return `
    import { Recorder, defineEvent, i64, u8, u32, u64 } from ${JSON.stringify(PACKAGE)}
    const dir = ${JSON.stringify(dir)}
    const Order = defineEvent('Order', { time: u64, price: i64, quantity: u64, user: u32, side: u8 }, { size: 64 })
    const order = ${JSON.stringify(order)}
  `
}

/** Starts a program of its own on this Node. Its code sees `Recorder`, `Order`, `order` and `dir`. */
export function start(
  dir: string,
  code: string,
  flags: readonly string[] = [],
  under: readonly string[] = [],
): ChildProcess {
  const node = [process.execPath, ...flags, '--input-type=module', '-e', prelude(dir) + code]
  const [program = '', ...args] = [...under, ...node]
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The same program for a worker of this process. */
export function workerProgram(dir: string, code: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(prelude(dir) + code)}`)
}

/** How a program has ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly errors: string
}

/** Waits for the end of a program. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let [output, errors] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', text => {
    output += text
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    errors += text
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, output, errors }
}
