import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PACKAGE = new URL('../../dist/index.js', import.meta.url).href

/** A directory for the logs of one test file, and its removal. */
export function scratch(): { directory(): string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'wal-recorder-test-'))
  let logs = 0
  return {
    directory: () => join(root, `log-${logs++}`),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** The head of every program below: the package, an event type, the directory of the log as `dir`. */
function prelude(dir: string): string {
  return `
    import { Recorder, defineEvent, i64, u8, u32, u64 } from ${JSON.stringify(PACKAGE)}
    const dir = ${JSON.stringify(dir)}
    const Order = defineEvent('Order', { time: u64, price: i64, quantity: u64, user: u32, side: u8 }, { size: 64 })
  `
}

/** Starts a program of its own on this Node. Its code sees `Recorder`, `Order` and `dir`. */
export function start(dir: string, code: string, flags: readonly string[] = []): ChildProcess {
  const args = [...flags, '--input-type=module', '-e', prelude(dir) + code]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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
