import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import {
  type Benchmark,
  type BenchmarkResult,
  type Chart,
  type ChartResult,
  type Figure,
  type FigureResult,
  isMet,
  type Measure,
  type Median,
  type Plot,
  type PlotResult,
  targetText,
} from './benchmark.js'
import {
  type Entrant,
  type NativePrograms,
  type RoundFigures,
  type RoundPlace,
  runRound,
} from './contestant.js'
import { median } from './statistics.js'

/** What is there of the peers: the version of each that is, and why each other one is not. */
export interface Peers {
  readonly versions: Readonly<Record<string, string>>
  readonly missing: Readonly<Record<string, string>>
}

/** How a benchmark is run. */
export interface RunOptions {
  /** Timed rounds of each contestant. */
  readonly rounds: number
  /** Whether one more comes first that is not timed. */
  readonly warmUp: boolean
  /** Where the contestants write; each gets a directory of its own below it. */
  readonly dir: string
  /** Where the logs are that benchmarks share. */
  readonly logs: string
  readonly programs: NativePrograms
  readonly peers: Peers
  /** Told before every round. */
  readonly onRound: (text: string) => void
}

interface Contestant {
  readonly key: string
  readonly entrant: Entrant
  readonly dir: string
  readonly rounds: RoundFigures[]
  /** Why it takes part no longer. */
  failure?: string
}

type Contestants = ReadonlyMap<string, Contestant>

/**
 * Runs a benchmark: all contestants once without looking at the clock, since memory that the machine has to fetch
 * from its host first costs several times as much as warm memory, and then round by round in turns.
 */
export async function runBenchmark(benchmark: Benchmark, options: RunOptions): Promise<BenchmarkResult> {
  const before = load()
  const dir = join(options.dir, benchmark.name)
  mkdirSync(dir, { recursive: true })
  const contestants = Object.entries(benchmark.contestants).map(([key, entrant]) => {
    const failure = options.peers.missing[entrant.peer ?? '']
    const contestant: Contestant = { key, entrant, dir: join(dir, key), rounds: [] }
    return failure === undefined ? contestant : { ...contestant, failure }
  })
  for (const contestant of contestants) mkdirSync(contestant.dir)
  try {
    await runRounds(benchmark, contestants, dir, options)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  return { ...evaluate(benchmark, contestants, options.peers), load: [before, load()] }
}

async function runRounds(
  benchmark: Benchmark,
  contestants: readonly Contestant[],
  dir: string,
  options: RunOptions,
): Promise<void> {
  const place = { programs: options.programs, logs: options.logs, cpu: 0, warmUp: false }
  for (const entrant of benchmark.prepare ?? []) {
    options.onRound(`${benchmark.name} · preparing · ${entrant.contest.contest}`)
    await runRound(entrant, { ...place, dir })
  }
  const last = benchmark.once ? 1 : options.rounds * (benchmark.moreRounds ?? 1)
  for (let round = benchmark.once || !options.warmUp ? 1 : 0; round <= last; round++) {
    // Whoever comes first differs from round to round: none always has the same one before it.
    const first = round % contestants.length
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      if (contestant.failure !== undefined) continue
      const what = round === 0 ? 'warm-up' : `round ${round} of ${last}`
      options.onRound(`${benchmark.name} · ${what} · ${contestant.key}`)
      quietDisk()
      const cpu = round % availableParallelism()
      await timeRound(contestant, { ...place, dir: contestant.dir, cpu, warmUp: round === 0 })
    }
  }
}

async function timeRound(contestant: Contestant, place: RoundPlace): Promise<void> {
  try {
    const figures = await runRound(contestant.entrant, place)
    if (!place.warmUp) contestant.rounds.push(figures)
  } catch (error) {
    if (contestant.entrant.peer === undefined) throw error
    contestant.failure = (error as Error).message
  }
}

/** What the contestant before has left to be written back must not be written during the next one's round. */
function quietDisk(): void {
  spawnSync('sync')
}

function load(): number {
  return loadavg()[0] ?? 0
}

function evaluate(
  benchmark: Benchmark,
  contestants: readonly Contestant[],
  { versions }: Peers,
): Omit<BenchmarkResult, 'load'> {
  const byKey: Contestants = new Map(contestants.map(contestant => [contestant.key, contestant]))
  const failureOf = ({ contestant }: Measure) => byKey.get(contestant)?.failure
  const titleOf = ({ title, contestant }: Measure & { title: string }) =>
    title.replace(' {version}', () => {
      const version = versions[byKey.get(contestant)?.entrant.peer ?? '']
      return version === undefined ? '' : ` ${version}`
    })
  const absent = benchmark.figures.flatMap(({ reference }) => {
    const reason = failureOf(reference)
    return reason === undefined ? [] : [{ title: titleOf(reference), reason }]
  })
  const present = benchmark.figures.filter(({ reference }) => failureOf(reference) === undefined)
  const value: Median = measure => median(measured(measure, byKey))
  const figures = present.map(figure => evaluateFigure(figure, byKey, titleOf))
  return {
    benchmark,
    figures,
    absent,
    remarks: benchmark.remarks?.(value) ?? [],
    plot: benchmark.plot === undefined ? null : evaluatePlot(benchmark.plot, value),
    chart: benchmark.chart === undefined ? null : evaluateChart(benchmark.chart, figures),
  }
}

function evaluatePlot(plot: Plot, value: Median): PlotResult {
  const series = plot.series.map(({ title, points }) => ({
    title,
    points: points.map(point => ({ x: point.x, y: value(point.value) })),
  }))
  return { ...plot, series }
}

function evaluateChart(chart: Chart, figures: readonly FigureResult[]): ChartResult {
  const shown = figures.filter(({ unit }) => unit === chart.unit)
  const ours = shown.map(({ title, value }) => ({ title, value, ours: true }))
  const theirs = shown.map(({ reference, referenceValue }) => ({
    title: reference,
    value: referenceValue,
    ours: false,
  }))
  // One that stands beside several is shown once; one of ours is one of ours there too.
  const rows = [...new Map([...ours, ...theirs, ...ours].map(row => [row.title, row])).values()]
  if (chart.best !== undefined) {
    const sign = chart.best === 'low' ? 1 : -1
    rows.sort((one, other) => sign * (one.value - other.value))
  }
  return { ...chart, rows }
}

function evaluateFigure(
  { name, title, unit, value, reference, target, why }: Figure,
  contestants: Contestants,
  titleOf: (reference: Measure & { title: string }) => string,
): FigureResult {
  const values = measured(value, contestants)
  const referenceValues = measured(reference, contestants)
  const middle = median(values)
  const inEachRound = (compare: (value: number, reference: number) => number) =>
    median(values.map((value, round) => compare(value, referenceValues[round] ?? Number.NaN)))
  const ratio = inEachRound((value, reference) => value / reference)
  const difference = inEachRound((value, reference) => value - reference)
  const met = target === undefined ? null : isMet(target, middle, ratio, difference)
  return {
    name,
    title,
    unit,
    value: middle,
    values,
    reference: titleOf(reference),
    referenceValue: median(referenceValues),
    referenceValues,
    ratio,
    target: target === undefined ? null : targetText(target, unit),
    met,
    why: met === false ? (why ?? null) : null,
  }
}

function measured({ contestant, figure, scale = 1 }: Measure, contestants: Contestants): number[] {
  return (contestants.get(contestant)?.rounds ?? []).map(round => {
    const number = round[figure]
    if (number === undefined) throw new Error(`${contestant} gave no figure ${figure}`)
    return number * scale
  })
}
