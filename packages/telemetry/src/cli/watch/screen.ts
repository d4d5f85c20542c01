/** What `watch` shows, as lines: made of what sources did, and of nothing else. */
import type { Count, Failure, Level, Watermark } from '../../activity/activity.js'
import type { Heading } from '../../activity/heading.js'
import { figure, percent, rate } from '../../figures.js'
import { safe } from '../text.js'
import { bars } from './bars.js'
import type { Lately } from './history.js'
import type { Room } from './room.js'
import { spreads } from './spreads.js'
import { clipped, widthOf } from './width.js'

/** One source as it is drawn. */
export interface Shown extends Heading {
  readonly lately: Lately
}

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

function block({ lately, ...heading }: Shown, room: Room): string[] {
  const { red } = room.colours
  const { now } = lately
  const head = [
    ...name(heading, room),
    '',
    ...(now.seconds === undefined
      ? line('all', now.counts.map(total), room)
      : line('rate', now.counts.map(perSecond), room)),
    ...course(lately.course, room),
    ...line('ids', now.watermarks.map(watermark), room),
    ...line('now', [...now.levels, ...now.limits].map(level), room),
    ...line(
      'busy',
      now.loops.map(({ part, busy }) => `${part} ${percent(busy)}`),
      room,
    ),
    ...line('fails', now.failures.map(failure), room, red),
    '',
  ]
  return [...head, ...spreads(lately, { ...room, rows: room.rows - head.length - 1 }), '']
}

/** What it is and how it stands, in two lines where one is too short. */
function name({ title, told, isLive }: Heading, { columns, colours }: Room): string[] {
  const { bold, green, red } = colours
  const colour = isLive ? green : red
  const [named, state] = [safe(title), safe(told)]
  return widthOf(named) + 2 + widthOf(state) <= columns
    ? [`${bold(named)}  ${colour(state)}`]
    : [bold(clipped(named, columns)), colour(clipped(state, columns))]
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

function watermark({ name, unit, value, behind }: Watermark): string {
  const lag = behind > 0 ? ` (${figure(behind, '')} behind)` : ''
  return `${name.replace(' event id', '')} ${figure(value, unit)}${lag}`
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

function failure({ name, total }: Failure): string {
  return `${name} ${figure(total, '')}`
}
