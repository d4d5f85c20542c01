import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Acknowledgement } from './acknowledgement.js'
import type { RecordingResult, RecordingTask } from './recording-task.js'

const PROGRAM = fileURLToPath(new URL('./recording-process.js', import.meta.url))
/** How often the parent looks whether the moment of the kill has come, in milliseconds. */
const POLL_MS = 1

/** When a recording process is killed. */
export interface Moment {
  /** Not before it has acknowledged this event … */
  readonly eventId: number
  /** … and so much later, in milliseconds. */
  readonly delayMs: number
}

/**
 * Records in a process of its own and kills it with SIGKILL.
 *
 * @returns the last event id that it had acknowledged
 */
export async function recordAndKill(
  task: RecordingTask,
  acknowledged: Acknowledgement,
  moment: Moment,
): Promise<number> {
  acknowledged.write(-1)
  const child = start(task)
  const errors = collect(child.stderr)
  const ended = once(child, 'close')
  while (acknowledged.read() < moment.eventId && child.exitCode === null) await sleep(POLL_MS)
  if (moment.delayMs > 0) await sleep(moment.delayMs)
  child.kill('SIGKILL')
  await ended
  if (child.signalCode !== 'SIGKILL') throw failed(child, await errors)
  return acknowledged.read()
}

/** Records what is left, in a process of its own that ends by itself. */
export async function recordTheRest(task: RecordingTask): Promise<RecordingResult> {
  const child = start(task)
  const [output, errors] = [collect(child.stdout), collect(child.stderr)]
  await once(child, 'close')
  if (child.exitCode !== 0) throw failed(child, await errors)
  return JSON.parse(await output) as RecordingResult
}

function start(task: RecordingTask): ChildProcess {
  return spawn(process.execPath, [PROGRAM, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += String(chunk)
  return text
}

function failed(child: ChildProcess, errors: string): Error {
  const how = child.exitCode === null ? `signal ${child.signalCode}` : `exit code ${child.exitCode}`
  return new Error(`the recording process failed (${how}):\n${errors.trim()}`)
}
