/** Numbers and times as people read them. */
import { loadAddon } from './native.js'

const addon = loadAddon()

/** A value of a metric in its unit, as `dump()` writes it: `48.1 µs`, `16.0 KiB`, `1,234,567`. */
export function figure(value: number, unit: string): string {
  return addon.figure(value, unit)
}

/** One of many values that were recorded, where there were any. Only whole numbers of events and bytes are. */
export function measured(value: number | undefined, unit: string): string {
  return maybe(value === undefined || unit === 's' ? value : Math.round(value), unit)
}

/** A value of a metric that may not be there: `–` where it is not. */
export function maybe(value: number | undefined, unit: string): string {
  return value === undefined ? '–' : figure(value, unit)
}

/** So many of a unit each second: `36,912,345/s`, `2.20 GiB/s`, `0.4/s`; `–` where that is not known. */
export function rate(perSecond: number | undefined, unit: string): string {
  if (perSecond === undefined) return '–'
  const shown = unit === 'By' ? unit : ''
  return `${figure(perSecond >= 10 ? Math.round(perSecond) : Math.round(perSecond * 10) / 10, shown)}/s`
}

/** A moment, to the second: `2026-07-27 10:00:00 UTC`. */
export function utc(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** A share of a whole: `12 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}
