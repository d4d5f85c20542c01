/** Runs the command line, on pages of processes of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { temporaryDirectory } from './support.js'

export const program = fileURLToPath(new URL('../../bin/flashstrike-telemetry.js', import.meta.url))
// The one that the log's own tools are tried on.
export const terminal = fileURLToPath(new URL('../../../wal-recovery/test/terminal.py', import.meta.url))
const engine = fileURLToPath(new URL('./page-engine.js', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export function outcome(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const said = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text
      })
    }
    child.on('error', reject)
    child.on('close', code => resolve({ code, ...said }))
  })
}

export const run = (args: readonly string[], env?: Readonly<Record<string, string>>) =>
  outcome(start(args, env))

/** A process that has appended so many events and shows it on a page; a `busy` one has done more. */
export async function engineWith(
  t: ExecutionContext,
  events: number,
  ...how: readonly 'busy'[]
): Promise<{ page: string; child: ChildProcess }> {
  const home = temporaryDirectory(t)
  const page = join(home, 'page')
  const child = spawn(process.execPath, [engine, home, page, String(events), ...how], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (line === 'ready') return { page, child }
  }
  throw new Error('the engine has ended')
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(child, 'close')
  if (signal === 'SIGKILL') child.kill(signal)
  // It closes its recorder when nobody listens any more.
  else child.stdin?.end()
  await closed
}

/** A collector that does with what it is sent as it is told; gives its URL. */
export async function collector(t: ExecutionContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
