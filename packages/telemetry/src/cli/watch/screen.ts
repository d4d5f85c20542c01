/** What `watch` shows, as lines: made of what sources did, and of nothing else. */
import type pc from 'picocolors'
import type { Count, Level, Spread } from '../../activity/activity.js'
import { figure, measured, percent, rate } from '../../figures.js'
import { greatest, onLogAxis, quantile } from '../../histogram.js'
import { safe } from '../text.js'
import { bars } from './bars.js'
import { type Cell, grid, gridWidth } from './grid.js'
import type { Lately } from './history.js'
import { beginning, widthOf } from './width.js'

/** One source as it is drawn. */
export interface Shown {
  /** What it is: its labels, its system. */
  readonly title: string
  /** How it stands with its process. */
  readonly state: string
  /** Whether what is shown still changes. */
  readonly isLive: boolean
  readonly lately: Lately
}

/** How much room there is, and what it may be coloured with. */
export interface Room {
  readonly columns: number
  readonly rows: number
  readonly colours: ReturnType<typeof pc.createColors>
}

/** Times are drawn from the one to the other, so that all pictures can be compared. */
const SHORTEST = 1e-7
const LONGEST = 10
const LEAST_PICTURE = 12
const MOST_PICTURE = 48
const WIDE = 100
/** What stands left of a line's words, and between two of them. */
const MARGIN = 7
const GAP = '   '

/** The lines of the screen, none longer and no more than there is room for. */
export function screen(sources: readonly Shown[], notes: readonly string[], room: Room): string[] {
  const { yellow, dim } = room.colours
  const said = notes.map(note => yellow(clipped(safe(note), room.columns)))
  const each = Math.max(8, Math.floor((room.rows - said.length) / Math.max(sources.length, 1)))
  const lines = [...said, ...sources.flatMap(source => block(source, { ...room, rows: each }))]
  if (lines.length <= room.rows) return lines
  const hidden = lines.length - room.rows + 1
  return [
    ...lines.slice(0, room.rows - 1),
    dim(clipped(`… ${hidden} more lines: make the terminal higher`, room.columns)),
  ]
}

function block({ title, state, isLive, lately }: Shown, room: Room): string[] {
  const { red } = room.colours
  const { now, window } = lately
  const head = [
    ...name(title, state, isLive, room),
    '',
    ...(now.seconds === undefined
      ? line('all', now.counts.map(total), room)
      : line('rate', now.counts.map(perSecond), room)),
    ...course(lately.course, room),
    ...line('ids', now.watermarks.map(watermark(now.watermarks[0])), room),
    ...line('now', [...now.levels, ...now.limits].map(level), room),
    ...line(
      'busy',
      now.loops.map(({ part, busy }) => `${part} ${percent(busy)}`),
      room,
    ),
    ...line('fails', failures(now.failures, window.latencies), room, red),
    '',
  ]
  return [...head, ...spreads(lately, { ...room, rows: room.rows - head.length - 1 }), '']
}

/** What it is and how it stands, in two lines where one is too short. */
function name(title: string, state: string, isLive: boolean, { columns, colours }: Room): string[] {
  const { bold, green, red } = colours
  const colour = isLive ? green : red
  const [named, told] = [safe(title), safe(state)]
  return widthOf(named) + 2 + widthOf(told) <= columns
    ? [`${bold(named)}  ${colour(told)}`]
    : [bold(clipped(named, columns)), colour(clipped(told, columns))]
}

/** What things are, behind a word that says what they have in common; in as many lines as it takes. */
function line(
  word: string,
  things: readonly string[],
  room: Room,
  colour = (text: string) => text,
): string[] {
  const { dim } = room.colours
  if (things.length === 0) return word === 'fails' ? [`${dim(word.padEnd(MARGIN))}none`] : []
  const lines: string[] = []
  for (const thing of things) {
    const last = lines.at(-1)
    const longer = last === undefined ? thing : `${last}${GAP}${thing}`
    if (last !== undefined && MARGIN + widthOf(longer) <= room.columns) lines[lines.length - 1] = longer
    else lines.push(clipped(thing, room.columns - MARGIN))
  }
  return lines.map((text, i) => dim((i === 0 ? word : '').padEnd(MARGIN)) + colour(text))
}

/** How many events a second there were, look by look. */
function course(rates: readonly number[], { columns, colours: { dim } }: Room): string[] {
  if (rates.every(rate => rate === 0)) return []
  return [dim(`${'events'.padEnd(MARGIN)}${bars(rates.slice(-(columns - MARGIN)))}`)]
}

/** With how far it is behind the first one. */
function watermark(first: Level | undefined) {
  return ({ name, unit, value }: Level) => {
    const behind = (first?.value ?? value) - value
    const lag = behind > 0 ? ` (${figure(behind, '')} behind)` : ''
    return `${name.replace(' event id', '')} ${figure(value, unit)}${lag}`
  }
}

function perSecond({ name, unit, perSecond }: Count): string {
  return `${name} ${rate(perSecond, unit)}`
}

function total({ name, unit, total }: Count): string {
  return `${name} ${figure(total, unit)}`
}

function level({ name, unit, value }: Level): string {
  return `${name} ${figure(value, unit)}`
}

function failures(failures: readonly Count[], latencies: readonly Spread[]): string[] {
  const counted = failures.filter(({ total }) => total > 0)
  const failed = latencies.filter(({ failed = 0 }) => failed > 0)
  return [
    ...counted.map(({ name, total }) => `${name} ${figure(total, '')}`),
    ...failed.map(({ part, name, failed = 0 }) => `${part}: ${name} failed ${figure(failed, '')}`),
  ]
}

function clipped(text: string, length: number): string {
  return widthOf(text) <= length ? text : `${beginning(text, Math.max(length - 1, 1))}…`
}

/** One row for whatever happened in the last ten seconds; then, as far as there is room, what has not. */
function spreads({ window: { latencies, sizes }, isSinceBegin }: Lately, room: Room): string[] {
  const happened = ({ times }: Spread) => times > 0
  const rows = [...latencies, ...sizes]
  const shown = [...rows.filter(happened), ...rows.filter(row => !happened(row))]
  const fit = Math.max(1, room.rows - 1)
  const some = shown.slice(0, shown.length > fit ? fit - 1 : fit)
  const { bold, dim } = room.colours
  const isWide = room.columns >= WIDE
  const picture = Math.min(MOST_PICTURE, Math.max(LEAST_PICTURE, room.columns - (isWide ? 100 : 68)))
  const ambiguous = new Set(
    rows.filter(({ name }, i) => rows.findIndex(row => row.name === name) !== i).map(({ name }) => name),
  )
  const at = (label: string, q: number): Column => ({
    head: { right: label },
    cell: ({ values, unit }) => ({ right: measured(quantile(values, q), unit) }),
  })
  const name: Column = {
    head: isSinceBegin ? 'since it began' : 'last 10 s',
    cell: ({ name, part }) => (ambiguous.has(name) ? `${part}: ${name}` : name),
  }
  const often: Column = {
    head: { right: 'rate' },
    cell: spread => ({ right: happened(spread) ? rate(spread.perSecond, '') : '–' }),
  }
  const longest: Column = {
    head: { right: 'max' },
    cell: ({ values, unit }) => ({ right: measured(greatest(values), unit) }),
  }
  const course: Column = {
    head: axis(picture),
    cell: ({ values, unit }) => (unit === 's' ? bars(onLogAxis(values, SHORTEST, LONGEST, picture)) : ''),
  }
  const [p50, p90, p99, p999] = [at('p50', 0.5), at('p90', 0.9), at('p99', 0.99), at('p99.9', 0.999)]
  const choices = [
    ...(isWide ? [[name, often, p50, p90, p99, p999, longest, course]] : []),
    [name, often, p50, p99, longest, course],
    [name, often, p50, p99, longest],
    [name, often, p50, p99],
    [name, p50, p99],
  ]
  const [first = '', ...lines] = grid(fitting(choices, some, room.columns), room.columns)
  const rest = shown.length - some.length
  return [
    bold(first),
    ...lines.map((line, i) => (happened(some[i] as Spread) ? line : dim(line))),
    ...(rest > 0 ? [dim(`… ${rest} more`)] : []),
  ]
}

/** What stands in a column: above it, and of each row. */
interface Column {
  readonly head: Cell
  cell(spread: Spread): Cell
}

/** The rows with the first of these choices of columns that the width holds, else the last: half a number misleads. */
function fitting(choices: readonly Column[][], spreads: readonly Spread[], width: number): Cell[][] {
  const all = choices.map(columns => [
    columns.map(({ head }) => head),
    ...spreads.map(spread => columns.map(({ cell }) => cell(spread))),
  ])
  return all.find(rows => gridWidth(rows) <= width) ?? all.at(-1) ?? []
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
