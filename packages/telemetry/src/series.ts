import type { HistogramValue, Time } from './snapshot.js'

/** What a source held, as exporters take it: one series after the other. */
export interface SourceSeries {
  /** The attribute `source` of every series, which tells it from another source that is the same in all others. */
  readonly source: string | null
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
