import type { HistogramValue, Time } from './snapshot.js'

/** What a source held, as exporters take it: one series after the other. */
export interface SourceSeries {
  /** Since when it counts; `[0, 0]` if unknown. */
  readonly startTime: Time
  /** When it was read. */
  readonly time: Time
  readonly series: readonly Series[]
}

/** A number that only grows, one that goes up and down, or how values are spread. */
export type Series =
  | SeriesOf<'sum', number>
  | SeriesOf<'gauge', number>
  | SeriesOf<'histogram', HistogramValue>

interface SeriesOf<Type extends string, Value> {
  readonly type: Type
  /** In OpenTelemetry's way, e.g. `wal.recorder.segment_writer.write_block.duration`. */
  readonly name: string
  /** In UCUM. */
  readonly unit: string
  readonly help: string
  /** What tells it from others of its name, the labels of its source among it. */
  readonly attributes: Readonly<Record<string, string>>
  readonly value: Value
}

/**
 * Keeps sources apart that say the same of themselves, such as two readers of one log: exporters refuse or mix up
 * series of the same name and attributes. The first one stays as it is, others get an attribute `source`, for good, so
 * that a series never changes its name because another one came or went. What one had that was taken away goes to the
 * next new one: a log that is opened anew goes on in its own series.
 */
export class Identities {
  readonly #owners = new Map<string, number>()
  readonly #others = new Map<number, Set<string>>()

  /** The series of the source at this place, none of which another place has. */
  of(place: number, { series }: SourceSeries): readonly Series[] {
    // All series of a source have its labels, and the first ones of two sources of a kind nothing else that differs.
    const key = JSON.stringify(series[0]?.attributes)
    if (this.#isOwner(place, key)) return series
    const source = String(place)
    return series.map(one => ({ ...one, attributes: { ...one.attributes, source } }))
  }

  /** Only sources at these places are left. */
  keep(places: ReadonlySet<number>): void {
    for (const [key, place] of this.#owners) if (!places.has(place)) this.#owners.delete(key)
    for (const place of this.#others.keys()) if (!places.has(place)) this.#others.delete(place)
  }

  #isOwner(place: number, key: string): boolean {
    const others = this.#others.get(place) ?? new Set()
    if (others.has(key)) return false
    const owner = this.#owners.get(key) ?? place
    this.#owners.set(key, owner)
    if (owner === place) return true
    this.#others.set(place, others.add(key))
    return false
  }
}
