import type { Entrant } from './contestant.js'

/** What has to be reached: a bound of the ratio to the reference, or of the value itself. */
export interface Target {
  readonly of: 'ratio' | 'value'
  readonly bound: 'at most' | 'at least'
  readonly limit: number
}

/** One number of a contestant. */
export interface Measure {
  /** Key of the contestant in its benchmark. */
  readonly contestant: string
  /** Which of its figures. */
  readonly figure: string
  /** What turns it into the unit of the table. */
  readonly scale?: number
}

/** One line of the tables. */
export interface Figure {
  /** The benchmark's name, and what tells its figures apart. */
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly value: Measure
  /** What it is compared with; none where the target is one of the value alone. */
  readonly reference?: Measure & { readonly title: string }
  /** None for a figure that is only shown. */
  readonly target?: Target
}

/** Contestants that take turns, and what is made of their figures. */
export interface Benchmark {
  readonly name: string
  readonly title: string
  /** How it is measured, for the documentation: one paragraph. */
  readonly method: string
  readonly contestants: Readonly<Record<string, Entrant>>
  /** How many times the usual number of rounds; default 1. */
  readonly moreRounds?: number
  readonly figures: readonly Figure[]
}

/** What came of a figure. */
export interface FigureResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  /** The median of all rounds. */
  readonly value: number
  readonly values: readonly number[]
  readonly reference: string | null
  readonly referenceValue: number | null
  readonly referenceValues: readonly number[]
  /** Value by reference in each round, the median of all. */
  readonly ratio: number | null
  readonly target: string | null
  readonly met: boolean | null
}

/** What came of a benchmark. */
export interface BenchmarkResult {
  readonly benchmark: Benchmark
  readonly figures: readonly FigureResult[]
  /** Load average of the last minute when it began and when it ended. */
  readonly load: readonly [before: number, after: number]
}

/** The target as people write it. */
export function targetText({ of, bound, limit }: Target, unit: string): string {
  const sign = bound === 'at most' ? '≤' : '≥'
  return of === 'ratio' ? `${sign} ${limit.toFixed(2)} ×` : `${sign} ${limit} ${unit}`
}

/** Whether the target is met. */
export function isMet({ of, bound, limit }: Target, value: number, ratio: number | null): boolean {
  const reached = of === 'ratio' ? (ratio ?? Number.NaN) : value
  return bound === 'at most' ? reached <= limit : reached >= limit
}
