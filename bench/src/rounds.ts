import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import {
  type Benchmark,
  type BenchmarkResult,
  type Figure,
  type FigureResult,
  isMet,
  type Measure,
  targetText,
} from './benchmark.js'
import { type NativePrograms, type RoundFigures, runRound } from './contestant.js'
import { median } from './statistics.js'

/** How a benchmark is run. */
export interface RunOptions {
  /** Timed rounds of each contestant; one more comes first that is not timed. */
  readonly rounds: number
  /** Where the contestants write; each gets a directory of its own below it. */
  readonly dir: string
  readonly nativePrograms: NativePrograms
  /** Told before every round. */
  readonly onRound: (text: string) => void
}

type Rounds = ReadonlyMap<string, readonly RoundFigures[]>

/**
 * Runs a benchmark: all contestants once without looking at the clock, since memory that the machine has to fetch
 * from its host first costs several times as much as warm memory, and then round by round in turns.
 */
export async function runBenchmark(benchmark: Benchmark, options: RunOptions): Promise<BenchmarkResult> {
  const before = load()
  const dir = join(options.dir, benchmark.name)
  mkdirSync(dir, { recursive: true })
  const contestants = Object.entries(benchmark.contestants).map(([key, entrant]) => {
    return { key, entrant, dir: join(dir, key), rounds: [] as RoundFigures[] }
  })
  for (const contestant of contestants) mkdirSync(contestant.dir)
  const last = options.rounds * (benchmark.moreRounds ?? 1)
  try {
    for (let round = 0; round <= last; round++) {
      // Whoever comes first differs from round to round: none always has the same one before it.
      const first = round % contestants.length
      for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
        const what = round === 0 ? 'warm-up' : `round ${round} of ${last}`
        options.onRound(`${benchmark.name} · ${what} · ${contestant.key}`)
        quietDisk()
        const figures = await runRound(
          contestant.entrant,
          options.nativePrograms,
          contestant.dir,
          round % availableParallelism(),
        )
        if (round > 0) contestant.rounds.push(figures)
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  const rounds = new Map(contestants.map(contestant => [contestant.key, contestant.rounds]))
  const figures = benchmark.figures.map(figure => evaluate(figure, rounds))
  return { benchmark, figures, load: [before, load()] }
}

/** What the contestant before has left to be written back must not be written during the next one's round. */
function quietDisk(): void {
  spawnSync('sync')
}

function load(): number {
  return loadavg()[0] ?? 0
}

function evaluate({ name, title, unit, value, reference, target }: Figure, rounds: Rounds): FigureResult {
  const values = measured(value, rounds)
  const referenceValues = reference === undefined ? [] : measured(reference, rounds)
  const middle = median(values)
  const ratios = values.map((value, round) => value / (referenceValues[round] ?? Number.NaN))
  const ratio = reference === undefined ? null : median(ratios)
  return {
    name,
    title,
    unit,
    value: middle,
    values,
    reference: reference?.title ?? null,
    referenceValue: reference === undefined ? null : median(referenceValues),
    referenceValues,
    ratio,
    target: target === undefined ? null : targetText(target, unit),
    met: target === undefined ? null : isMet(target, middle, ratio),
  }
}

function measured({ contestant, figure, scale = 1 }: Measure, rounds: Rounds): number[] {
  return (rounds.get(contestant) ?? []).map(round => {
    const number = round[figure]
    if (number === undefined) throw new Error(`${contestant} gave no figure ${figure}`)
    return number * scale
  })
}
