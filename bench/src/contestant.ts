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
type NativeProgram = 'native' | 'unrecorded'

/** A program of peers: in Rust, and in Java, of which there is a file with the arguments for `java`. */
type PeerProgram = 'native-peer' | 'java-peer'

/** Where the programs are that were built. */
export type NativePrograms = Readonly<Partial<Record<NativeProgram | PeerProgram, string>>>

/** Who takes part: a contest, and which program knows it. */
export interface Entrant {
  readonly program: 'node' | 'peer' | NativeProgram | PeerProgram
  readonly contest: Contest
  /** What differs in the round that is not timed. */
  readonly warmUp?: Readonly<Record<string, number>>
  /** The package of a peer. One that fails does not keep the others from taking part. */
  readonly peer?: string
  /** Whether it is told where the logs are that benchmarks share. */
  readonly onLogs?: boolean
  /** Whether it is told where the program of the Rust contestants is, which writes for it. */
  readonly withNative?: boolean
  /**
   * Whether it is kept on one processor, another one in each round. Only for contestants of which one thread works:
   * where the disk interrupts one processor, a sync on any other takes a quarter longer, and a round without a fixed
   * place would measure where the system has put it.
   */
  readonly pinned?: boolean
}

const scripts = {
  node: fileURLToPath(new URL('contests/main.js', import.meta.url)),
  peer: fileURLToPath(new URL('../peers/main.mjs', import.meta.url)),
}

/** A round of a peer that takes longer will never end, or keeps the others waiting for too long. */
const PEER_LIMIT_MS = 120_000

/** Where and how a round is run. */
export interface RoundPlace {
  readonly programs: NativePrograms
  /** The contestant's directory: the same in every round, empty in the first. */
  readonly dir: string
  /** Where the logs are that benchmarks share. */
  readonly logs: string
  /** The processor for a contestant that is kept on one. */
  readonly cpu: number
  /** Whether it is the round that is not timed. */
  readonly warmUp: boolean
}

/**
 * Runs one round in a process of its own: code that was optimized for another round's log, or for another
 * contestant, would be slower than what an application sees, which opens its log once.
 */
export async function runRound(entrant: Entrant, place: RoundPlace): Promise<RoundFigures> {
  const { contest } = entrant.contest
  const given = {
    ...entrant.contest,
    ...(place.warmUp ? entrant.warmUp : {}),
    ...(entrant.onLogs === true ? { logs: place.logs } : {}),
    ...(entrant.withNative === true ? { native: place.programs.native } : {}),
    dir: place.dir,
  }
  const program = programOf(entrant.program, place.programs)
  const pin = entrant.pinned === true && canPin() ? ['taskset', '--cpu-list', String(place.cpu)] : []
  const [command = '', ...args] = [...pin, ...program, JSON.stringify(given)]
  const limit = entrant.peer === undefined ? {} : { timeout: PEER_LIMIT_MS, killSignal: 'SIGKILL' as const }
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...limit })
  const ended = once(child, 'close')
  const answer = await text(child.stdout)
  const [code, signal] = await ended
  if (code === 0) return JSON.parse(answer) as RoundFigures
  throw new Error(
    `the contestant ${contest} has ended with ${signal ?? `code ${code}`}; what it said stands above`,
  )
}

function programOf(program: Entrant['program'], programs: NativePrograms): string[] {
  if (program === 'node' || program === 'peer') return [process.execPath, '--expose-gc', scripts[program]]
  const path = programs[program]
  if (path === undefined) throw new Error(`the program ${program} was not built`)
  return program === 'java-peer' ? ['java', `@${path}`] : [path]
}

let pins: boolean | undefined

function canPin(): boolean {
  pins ??= spawnSync('taskset', ['--version']).status === 0
  return pins
}
