/** Numbers, sizes and times as people read them, the same in every language of the terminal. */
import { UsageError } from './failure.js'

const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const SPANS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]
const RELATIVE: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** `1,234,567` */
export function count(value: number): string {
  return counts.format(value)
}

/** `1 event`, `2 events` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `64.0 MiB` */
export function bytes(value: number): string {
  let unit = 0
  let left = value
  while (left >= 1024 && unit < BYTE_UNITS.length - 1) {
    left /= 1024
    unit += 1
  }
  return `${unit === 0 ? left : left.toFixed(1)} ${BYTE_UNITS[unit]}`
}

/** ISO 8601 in UTC, to the second; `-` for a time that is not known. */
export function time(ms: number): string {
  if (!(ms > 0) || ms > 8.64e15) return '-'
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** `2 d 3 h`, the two greatest units. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const at = SPANS.findIndex(([, length]) => ms >= length)
  const [unit, length] = SPANS[at] as (typeof SPANS)[number]
  const whole = Math.floor(ms / length)
  const next = SPANS[at + 1]
  if (next === undefined) return `${(ms / length).toFixed(1)} ${unit}`
  const rest = Math.floor((ms - whole * length) / next[1])
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next[0]}`
}

/** A segment as its files are named. */
export function segmentName(index: number): string {
  return String(index).padStart(8, '0')
}

/** Where to begin or end: an event's id, or a time. */
export type Bound = { readonly id: number } | { readonly ms: number }

/**
 * An event id, a time in ISO 8601 (UTC unless it says otherwise), or how long ago: `10m`, `2h`, `3d`.
 *
 * @throws UsageError for anything else
 */
export function bound(option: string, text: string, now = Date.now()): Bound {
  if (/^\d+$/.test(text)) {
    const id = Number(text)
    if (Number.isSafeInteger(id)) return { id }
    throw new UsageError(`--${option} ${text}: an event id is at most ${Number.MAX_SAFE_INTEGER}`)
  }
  const [, ago, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d|w)$/.exec(text) ?? []
  if (ago !== undefined && unit !== undefined) return { ms: now - Number(ago) * (RELATIVE[unit] ?? 0) }
  const ms = isoMs(text)
  if (ms !== undefined) return { ms }
  throw new UsageError(
    `--${option} ${JSON.stringify(text)} is none of: an event id (1000), a time (2026-07-27T10:15:00Z), ` +
      'how long ago (10m, 2h, 3d)',
  )
}

function isoMs(text: string): number | undefined {
  const [, date, clock, zone] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(Z|[+-]\d\d:?\d\d)?$/i.exec(text) ?? []
  if (date === undefined) return undefined
  const ms = Date.parse(`${date}T${clock ?? '00:00'}${(zone ?? 'Z').toUpperCase()}`)
  return Number.isNaN(ms) ? undefined : ms
}
