import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Acknowledgement } from './acknowledgement.js'
import { writeFlow } from './flow-file.js'
import { generateFlow } from './generator.js'
import { InputError } from './input-error.js'
import { readLobster } from './lobster.js'
import { planKills } from './moments.js'
import { DEFAULT_EVENTS, type Options } from './options.js'
import type { OrderBook } from './order-book.js'
import type { OrderFlow } from './order-flow.js'
import { bookOf, examine, type Finding, type Replayed, replay } from './proof.js'
import { Random } from './random.js'
import { recordAndKill, recordTheRest } from './recording.js'
import type { RecordingResult, RecordingTask } from './recording-task.js'

/** Hears how the run goes on, while it does. */
export interface Listener {
  flow(events: number, from: string): void
  killed(kill: number, finding: Finding): void
}

/** All that a run has shown. */
export interface Outcome {
  readonly events: number
  readonly findings: readonly Finding[]
  /** Acknowledged events that were missing after some kill. */
  readonly lost: number
  /** What the last process, which was not killed, has measured. */
  readonly recording: RecordingResult
  readonly replayed: Replayed
  /** The book built without the log. */
  readonly expected: OrderBook
  readonly booksEqual: boolean
  /** Where the log is kept; undefined: it was removed. */
  readonly dir: string | undefined
}

/** The flow that is asked for: from the file, or made. */
async function flowOf({ input, events, seed }: Options): Promise<OrderFlow> {
  return input === undefined ? generateFlow(events ?? DEFAULT_EVENTS, seed) : readLobster(input, events)
}

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new InputError(`--dir ${dir} cannot be made: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** Records the flow through all kills, and proves what the log holds. */
export async function run(options: Options, listener: Listener): Promise<Outcome> {
  const flow = await flowOf(options)
  listener.flow(flow.length, options.input ?? `seed ${options.seed}`)
  if (options.dir !== undefined) makeDirectory(options.dir)
  const scratch = mkdtempSync(join(tmpdir(), 'order-flow-'))
  try {
    const dir = options.dir ?? join(scratch, 'log')
    const task = { dir, flow: join(scratch, 'flow'), acknowledgements: join(scratch, 'acknowledged') }
    writeFlow(flow, task.flow)
    const findings = await recordThroughKills(task, flow, options, listener)
    const recording = await recordTheRest({ ...task, closelyFrom: Number.MAX_SAFE_INTEGER })
    const replayed = await replay(dir)
    const expected = bookOf(flow)
    return {
      events: flow.length,
      findings,
      lost: findings.reduce((sum, finding) => sum + finding.lost, flow.length - replayed.events),
      recording,
      replayed,
      expected,
      booksEqual: replayed.book.digest() === expected.digest(),
      dir: options.dir,
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Records, kills and examines as often as asked, or until something is lost. */
async function recordThroughKills(
  task: Pick<RecordingTask, 'dir' | 'flow' | 'acknowledgements'>,
  flow: OrderFlow,
  { kills, seed }: Options,
  listener: Listener,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const acknowledged = Acknowledgement.create(task.acknowledgements)
  try {
    for (const { moment, ...how } of planKills(kills, flow.length, new Random(seed))) {
      const last = await recordAndKill({ ...task, ...how }, acknowledged, moment)
      const finding = await examine(task.dir, flow, last)
      findings.push(finding)
      listener.killed(findings.length, finding)
      if (finding.lost > 0) break
    }
  } finally {
    acknowledged.close()
  }
  return findings
}
