import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** The figures of one round, by names that end with the unit. */
export type RoundFigures = Readonly<Record<string, number>>

/** What a contestant does: the name of the contest, and how much of it. */
export interface Contest {
  readonly contest: string
  readonly [option: string]: string | number | boolean
}

/** The Rust contestants: as they ship, and built without telemetry. */
export type NativeProgram = 'native' | 'unrecorded'

/** Where the programs of the Rust contestants are, those that were built. */
export type NativePrograms = Readonly<Partial<Record<NativeProgram, string>>>

/** Who takes part: a contest, and which program knows it. */
export interface Entrant {
  readonly program: 'node' | NativeProgram
  readonly contest: Contest
  /**
   * Whether it is kept on one processor, another one in each round. Only for contestants of which one thread works:
   * where the disk interrupts one processor, a sync on any other takes a quarter longer, and a round without a fixed
   * place would measure where the system has put it.
   */
  readonly pinned?: boolean
}

const script = fileURLToPath(new URL('contests/main.js', import.meta.url))

/**
 * Runs one round in a process of its own: code that was optimized for another round's log, or for another
 * contestant, would be slower than what an application sees, which opens its log once.
 *
 * @param dir the contestant's directory: the same in every round, empty in the first
 * @param cpu the processor for a contestant that is kept on one
 */
export async function runRound(
  entrant: Entrant,
  nativePrograms: NativePrograms,
  dir: string,
  cpu: number,
): Promise<RoundFigures> {
  const { contest } = entrant.contest
  const program =
    entrant.program === 'node'
      ? [process.execPath, '--expose-gc', script]
      : [nativePrograms[entrant.program] ?? `the program ${entrant.program}, which was not built`]
  const pin = entrant.pinned === true && canPin() ? ['taskset', '--cpu-list', String(cpu)] : []
  const [command = '', ...args] = [...pin, ...program, JSON.stringify({ ...entrant.contest, dir })]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const answer = await text(child.stdout)
  const [code, signal] = await ended
  if (code === 0) return JSON.parse(answer) as RoundFigures
  throw new Error(
    `the contestant ${contest} has ended with ${signal ?? `code ${code}`}; what it said stands above`,
  )
}

let pins: boolean | undefined

function canPin(): boolean {
  pins ??= spawnSync('taskset', ['--version']).status === 0
  return pins
}
