import { gained } from '../histogram.js'
import type { Series, SourceSeries } from '../series.js'
import type { Time } from '../snapshot.js'
import { goesOn, latest } from '../time.js'

/** What the series of a source held at a collection. */
interface Held {
  /** Since when the source counts. */
  readonly startTime: Time
  readonly at: Time
  readonly values: ReadonlyMap<string, Series>
}

/** Makes of what sources have counted since they began what they counted since the collection before. */
export class Deltas {
  /** One that could not be read, or was taken away for a while, keeps what it held, so that nothing counts twice. */
  readonly #held = new WeakMap<object, Held>()

  /** What came since the last time; all of it for a source that is new or began anew. Gauges stay as they are. */
  of(source: object, now: SourceSeries): { since: Time; until: Time; series: Series[] } {
    const held = this.#held.get(source)
    const before = goesOn(held, now) ? held : undefined
    const values = new Map(now.series.map(one => [key(one), one]))
    const since = before?.at ?? now.startTime
    // Where the machine's clock was put back, what was told of already is not told of again.
    const until = latest(now.time, since)
    this.#held.set(source, { startTime: now.startTime, at: until, values })
    return {
      since,
      until,
      series: Array.from(values, ([key, one]) => difference(one, before?.values.get(key)?.value)),
    }
  }
}

function key({ name, attributes }: Series): string {
  return JSON.stringify([name, attributes])
}

function difference(now: Series, before: Series['value'] | undefined): Series {
  if (now.type === 'sum' && typeof before === 'number')
    return { ...now, value: Math.max(now.value - before, 0) }
  if (now.type === 'histogram' && typeof before === 'object') {
    return { ...now, value: gained(now.value, before) }
  }
  return now
}
