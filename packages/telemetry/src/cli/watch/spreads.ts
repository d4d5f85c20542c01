/** The rows of latencies and sizes, in as many columns as there is room for. */
import type { Spread } from '../../activity/activity.js'
import { measured, rate } from '../../figures.js'
import { greatest, onLogAxis, quantile } from '../../histogram.js'
import { bars } from './bars.js'
import { type Cell, grid, gridWidth } from './grid.js'
import type { Lately } from './history.js'
import type { Room } from './room.js'

/** Times are drawn from the one to the other, so that all pictures can be compared. */
const SHORTEST = 1e-7
const LONGEST = 10
const LEAST_PICTURE = 12
const MOST_PICTURE = 48
const WIDE = 100

/** What stands in a column: above it, and of each row. */
interface Column {
  readonly head: Cell
  cell(spread: Spread): Cell
}

/** One row for whatever happened in the last ten seconds; then, as far as there is room, what has not. */
export function spreads({ window: { latencies, sizes }, isSinceBegin }: Lately, room: Room): string[] {
  const { bold, dim } = room.colours
  const all = [...latencies, ...sizes]
  const rows = [...all.filter(happened), ...all.filter(row => !happened(row))]
  const fit = Math.max(1, room.rows - 1)
  const shown = rows.slice(0, rows.length > fit ? fit - 1 : fit)
  const name = nameColumn(all, isSinceBegin ? 'since it began' : 'last 10 s')
  const [first = '', ...lines] = grid(fitting(choices(name, room.columns), shown, room.columns), room.columns)
  const rest = rows.length - shown.length
  return [
    bold(first),
    ...lines.map((line, i) => (happened(shown[i] as Spread) ? line : dim(line))),
    ...(rest > 0 ? [dim(`… ${rest} more`)] : []),
  ]
}

function happened({ times }: Spread): boolean {
  return times > 0
}

/** With the component where several have one of that name. */
function nameColumn(all: readonly Spread[], head: string): Column {
  const ambiguous = new Set(
    all.filter(({ name }, i) => all.findIndex(row => row.name === name) !== i).map(({ name }) => name),
  )
  return { head, cell: ({ name, part }) => (ambiguous.has(name) ? `${part}: ${name}` : name) }
}

/** What may stand in a line of this width, the fullest first. */
function choices(name: Column, width: number): Column[][] {
  const isWide = width >= WIDE
  const course = picture(Math.min(MOST_PICTURE, Math.max(LEAST_PICTURE, width - (isWide ? 100 : 68))))
  const [p50, p90, p99, p999] = [at('p50', 0.5), at('p90', 0.9), at('p99', 0.99), at('p99.9', 0.999)]
  return [
    ...(isWide ? [[name, often, p50, p90, p99, p999, longest, course]] : []),
    [name, often, p50, p99, longest, course],
    [name, often, p50, p99, longest],
    [name, often, p50, p99],
    [name, p50, p99],
  ]
}

const often: Column = {
  head: { right: 'rate' },
  cell: spread => ({ right: happened(spread) ? rate(spread.perSecond, '') : '–' }),
}

const longest: Column = {
  head: { right: 'max' },
  cell: ({ values, unit }) => ({ right: measured(greatest(values), unit) }),
}

function at(label: string, q: number): Column {
  return {
    head: { right: label },
    cell: ({ values, unit }) => ({ right: measured(quantile(values, q), unit) }),
  }
}

/** How times are spread. */
function picture(width: number): Column {
  return {
    head: axis(width),
    cell: ({ values, unit }) => (unit === 's' ? bars(onLogAxis(values, SHORTEST, LONGEST, width)) : ''),
  }
}

/** The axis of the pictures: where 1 µs, 1 ms and 1 s are. */
function axis(width: number): string {
  const place = (time: number) =>
    Math.floor((Math.log10(time / SHORTEST) / Math.log10(LONGEST / SHORTEST)) * width)
  let text = ''
  for (const [time, label] of [
    [1e-6, '1µs'],
    [1e-3, '1ms'],
    [1, '1s'],
  ] as const) {
    if (place(time) >= text.length) text = `${text.padEnd(place(time))}${label}`
  }
  return text.slice(0, width)
}

/** The rows with the first of these choices of columns that the width holds, else the last: half a number misleads. */
function fitting(choices: readonly Column[][], spreads: readonly Spread[], width: number): Cell[][] {
  const all = choices.map(columns => [
    columns.map(({ head }) => head),
    ...spreads.map(spread => columns.map(({ cell }) => cell(spread))),
  ])
  return all.find(rows => gridWidth(rows) <= width) ?? all.at(-1) ?? []
}
