import type { Entrant } from './contestant.js'

/** What has to be reached: a bound of the ratio to the reference, of what the value is above it, or of the value itself. */
export interface Target {
  readonly of: 'ratio' | 'difference' | 'value'
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
  /** What it is compared with. */
  readonly reference: Measure & { readonly title: string }
  /** None for a figure that is only shown. */
  readonly target?: Target
  /** What stands in the way where the target is missed, as far as it was measured. */
  readonly why?: string
}

/** Gives the median of a figure over all rounds. */
export type Median = (measure: Measure) => number

/** Figures as lines over named places. */
export interface Plot {
  /** Name of its files, without the theme and the ending. */
  readonly file: string
  readonly title: string
  /** What the two axes show; the vertical one is logarithmic, and what it shows stands below the title. */
  readonly x: string
  readonly y: string
  readonly series: readonly {
    readonly title: string
    readonly points: readonly { readonly x: string; readonly value: Measure }[]
  }[]
}

/** Figures of a benchmark in one unit, and what they are compared with, a row each. */
export interface Chart {
  /** Name of its files, without the theme and the ending. */
  readonly file: string
  readonly title: string
  /** The unit of the figures it shows. */
  readonly unit: string
  /** Which end of the list is the better one; without it the rows stand as the figures do. */
  readonly best?: 'low' | 'high'
}

/** Contestants that take turns, and what is made of their figures. */
export interface Benchmark {
  readonly name: string
  readonly title: string
  /** How it is measured, for the documentation: one paragraph. */
  readonly method: string
  readonly contestants: Readonly<Record<string, Entrant>>
  /** What is made before the rounds, for all contestants; no figure comes of it. */
  readonly prepare?: readonly Entrant[]
  /** How many times the usual number of rounds; default 1. */
  readonly moreRounds?: number
  /** Whether there is one round and none before it. */
  readonly once?: boolean
  readonly figures: readonly Figure[]
  /** What else there is to say, a paragraph each. */
  readonly remarks?: (value: Median) => readonly string[]
  readonly plot?: Plot
  readonly chart?: Chart
}

/** What came of a figure. */
export interface FigureResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  /** The median of all rounds. */
  readonly value: number
  readonly values: readonly number[]
  readonly reference: string
  readonly referenceValue: number
  readonly referenceValues: readonly number[]
  /** Value by reference in each round, the median of all. */
  readonly ratio: number
  readonly target: string | null
  readonly met: boolean | null
  /** What stands in the way of a target that is missed. */
  readonly why: string | null
}

/** A plot with its numbers. */
export interface PlotResult extends Omit<Plot, 'series'> {
  readonly series: readonly {
    readonly title: string
    readonly points: readonly { readonly x: string; readonly y: number }[]
  }[]
}

/** A chart with its numbers. */
export interface ChartResult extends Chart {
  readonly rows: readonly { readonly title: string; readonly value: number; readonly ours: boolean }[]
}

/** A peer that did not take part, and why. */
export interface Absent {
  readonly title: string
  readonly reason: string
}

/** What came of a benchmark. */
export interface BenchmarkResult {
  readonly benchmark: Benchmark
  readonly figures: readonly FigureResult[]
  readonly absent: readonly Absent[]
  readonly remarks: readonly string[]
  readonly plot: PlotResult | null
  readonly chart: ChartResult | null
  /** Load average of the last minute when it began and when it ended. */
  readonly load: readonly [before: number, after: number]
}

/** The target as people write it. */
export function targetText({ of, bound, limit }: Target, unit: string): string {
  const sign = bound === 'at most' ? '≤' : '≥'
  if (of === 'ratio') return `${sign} ${limit.toFixed(2)} ×`
  return of === 'value' ? `${sign} ${limit} ${unit}` : `${sign} reference + ${limit} ${unit}`
}

/** Whether the target is met. */
export function isMet(
  { of, bound, limit }: Target,
  value: number,
  ratio: number,
  difference: number,
): boolean {
  const reached = { value, ratio, difference }[of]
  return bound === 'at most' ? reached <= limit : reached >= limit
}
