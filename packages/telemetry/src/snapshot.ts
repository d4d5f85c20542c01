import type { MetricsError } from './errors.js'

/** A moment: seconds since 1970 and nanoseconds within the second, as OpenTelemetry has it. */
export type Time = readonly [seconds: number, nanoseconds: number]

/** What all sources held, and which of them could not be read. */
export interface MetricsSnapshot {
  /** The sources that could be read, in the order in which they were given. */
  readonly sources: readonly SourceSnapshot[]
  /** One error for each source that could not; it keeps none of the others from being read. */
  readonly errors: readonly MetricsError[]
}

/** What one source held: plain objects and numbers, safe to send as JSON. */
export interface SourceSnapshot {
  /** Since when it counts; `[0, 0]` if unknown. */
  readonly startTime: Time
  /** When the snapshot was taken. */
  readonly time: Time
  /** The process that it belongs to. */
  readonly processId: number
  /** What tells it from other sources of its kind, if it was given anything. */
  readonly labels: Readonly<Record<string, string>>
  /** Every metric, component by component. */
  readonly metrics: readonly Metric[]
}

/** What a metric of each kind holds. */
export interface MetricValues {
  /** Calls of something that can fail. */
  readonly operation: OperationValue
  /** How long something took. */
  readonly duration: HistogramValue
  /** A number that only grows. */
  readonly counter: number
  /** A number that goes up and down. */
  readonly gauge: number
  /** A limit that somebody has set; one that nobody has is not among the metrics. */
  readonly constant_gauge: number
  /** The loop of a worker. */
  readonly life_cycle: LifeCycleValue
  /** How plain values are spread, such as events a block. */
  readonly distribution: HistogramValue
}

/** The kinds of metric. */
export type MetricKind = keyof MetricValues

/** One metric; `kind` says what its value is. */
export type Metric = { [Kind in MetricKind]: MetricOf<Kind> }[MetricKind]

/** A metric of one kind. */
export interface MetricOf<Kind extends MetricKind> {
  /** Its name, e.g. `wal.recorder.segment_writer.write_block`. Several metrics may share it, told apart by attributes. */
  readonly name: string
  /** What it holds. */
  readonly kind: Kind
  /** The unit of its value in UCUM: `s`, `By`, or what is counted in braces, e.g. `{event}`. */
  readonly unit: string
  /** One sentence that says what it is. */
  readonly help: string
  /** `system`, `subsystem` and, where several metrics share a name, what tells them apart. */
  readonly attributes: Readonly<Record<string, string>>
  /** What it held. Counts above 2⁵³ are rounded, as numbers are. */
  readonly value: MetricValues[Kind]
}

/** Calls of something that can fail. */
export interface OperationValue {
  /** Calls that went well. */
  readonly ok: number
  /** Calls that did not. */
  readonly failed: number
  /** How long they took, in seconds. Fewer than calls where only some are timed. */
  readonly duration: HistogramValue
}

/** How values are spread, in the metric's unit. What nothing was recorded for is absent. */
export interface HistogramValue {
  /** Number of recorded values: the sum of `bucketCounts`. */
  readonly count: number
  /** Sum of the recorded values. */
  readonly sum: number
  /** The least of them. */
  readonly min?: number
  /** The greatest of them. */
  readonly max?: number
  /** Their mean. */
  readonly mean?: number
  /** What a share of them does not exceed, within 4.5 %. */
  readonly quantiles?: QuantileValues
  /** 2^scale buckets an octave, as in an OpenTelemetry exponential histogram: bucket i ends at 2^((i + 1) / 2^scale). */
  readonly scale: number
  /** Index of the first bucket that is not empty. */
  readonly offset: number
  /** Counts of the buckets from there to the last one that is not empty. */
  readonly bucketCounts: readonly number[]
}

/** Values that 50, 90, 99 and 99.9 % do not exceed. */
export interface QuantileValues {
  /** Half of the values are at most this. */
  readonly p50: number
  /** Nine of ten values are at most this. */
  readonly p90: number
  /** 99 of 100 values are at most this. */
  readonly p99: number
  /** 999 of 1 000 values are at most this. */
  readonly p999: number
}

/** The loop of a worker. */
export interface LifeCycleValue {
  /** Turns that found work. */
  readonly activeCycles: number
  /** Turns that found none. */
  readonly idleCycles: number
  /** Seconds spent working. */
  readonly activeSeconds: number
  /** Seconds spent sleeping or finding nothing to do. */
  readonly idleSeconds: number
}
