import { bucketEnd, gained } from '../histogram.js'
import type { HistogramValue, Metric, MetricKind, MetricOf, SourceSnapshot } from '../snapshot.js'
import { goesOn, secondsBetween } from '../time.js'

/** What every metric has. */
interface Named {
  /** Without its component, which is `part`. */
  readonly name: string
  /** The component that it belongs to, such as `segment writer`. */
  readonly part: string
  /** In UCUM: `s`, `By`, or what is counted in braces. */
  readonly unit: string
}

/** Something that takes time or has a size. */
export interface Spread extends Named {
  /** How it was spread in the time looked at. */
  readonly values: HistogramValue
  /** How often it happened in that time; more than there are values where only some are measured. */
  readonly times: number
  /** How often a second; `undefined`: it is not known in how many. */
  readonly perSecond: number | undefined
  /** How often it has failed since the source began; `undefined`: it cannot fail. */
  readonly failed?: number
}

/** A number that only grows. */
export interface Count extends Named {
  readonly total: number
  /** `undefined`: it is not known in how many seconds. */
  readonly perSecond: number | undefined
}

/** A number that goes up and down, or a limit. */
export interface Level extends Named {
  readonly value: number
}

/** An id up to which something has come. */
export interface Watermark extends Level {
  /** How many ids it is behind the last event; 0 if none. */
  readonly behind: number
}

/** Something that has failed. */
export interface Failure {
  /** What it is; of an operation also its component. */
  readonly name: string
  /** How often since the source began. */
  readonly total: number
}

/** The loop of a worker. */
export interface Loop {
  /** The worker. */
  readonly part: string
  /** The share of its time in which it worked, 0 to 1. */
  readonly busy: number
}

/** What a source did in some time, by what people look for. Everything that the catalogue has is in it but what became of it. */
export interface Activity {
  /** How long that was; `undefined`: nobody knows. */
  readonly seconds: number | undefined
  /** Operations and durations, in seconds. */
  readonly latencies: readonly Spread[]
  /** Everything else that is spread, such as events a block. */
  readonly sizes: readonly Spread[]
  readonly counts: readonly Count[]
  /** Nothing that has never failed. */
  readonly failures: readonly Failure[]
  /** The last event, the last one that is written, the last one that is durable. */
  readonly watermarks: readonly Watermark[]
  readonly levels: readonly Level[]
  /** Those that were set; there is no limit that was not. */
  readonly limits: readonly Level[]
  readonly loops: readonly Loop[]
}

const EVENT_ID = '{event_id}'
const FAILURE = '{failure}'
const SOURCE = '{source}'

/**
 * What happened between two snapshots of a source; without the first one, or if the source began anew, since it began.
 */
export function activity(now: SourceSnapshot, earlier?: SourceSnapshot): Activity {
  const before = goesOn(earlier, now) ? earlier : undefined
  const elapsed = secondsBetween(before?.time ?? now.startTime, now.time)
  return activityIn(Math.max(elapsed, 1e-3), now, before)
}

/** What a source did until its process ended: there are no rates, because its page does not say when that was. */
export function lastActivity(now: SourceSnapshot): Activity {
  return activityIn(undefined, now)
}

function activityIn(elapsed: number | undefined, now: SourceSnapshot, before?: SourceSnapshot): Activity {
  const old = new Map(before?.metrics.map(metric => [key(metric), metric]))
  const changes = now.metrics.map(metric => new Change(metric, old.get(key(metric)), elapsed))
  const latencies = changes.flatMap(change => change.latency())
  const counts = changes.flatMap(change => change.count())
  const gauges = changes.flatMap(change => change.level('gauge'))
  return {
    seconds: elapsed,
    latencies,
    sizes: changes.flatMap(change => change.size()),
    counts: counts.filter(({ unit }) => unit !== FAILURE),
    failures: [...counts.flatMap(counted), ...latencies.map(failed)].filter(({ total }) => total > 0),
    watermarks: watermarks(gauges.filter(({ unit }) => unit === EVENT_ID)),
    levels: gauges.filter(({ unit }) => unit !== EVENT_ID && unit !== SOURCE),
    limits: changes.flatMap(change => change.level('constant_gauge')),
    loops: changes.flatMap(change => change.loop()),
  }
}

function counted({ name, total, unit }: Count): Failure[] {
  return unit === FAILURE ? [{ name, total }] : []
}

function failed({ part, name, failed = 0 }: Spread): Failure {
  return { name: `${part}: ${name} failed`, total: failed }
}

/** The first one of each catalogue is that of the last event. */
function watermarks(ids: readonly Level[]): Watermark[] {
  const last = ids[0]?.value ?? 0
  return ids.map(id => ({ ...id, behind: Math.max(last - id.value, 0) }))
}

/** One metric, and what it was. */
class Change {
  readonly #now: Metric
  readonly #before: Metric | undefined
  readonly #seconds: number | undefined

  constructor(now: Metric, before: Metric | undefined, seconds: number | undefined) {
    this.#now = now
    this.#before = before
    this.#seconds = seconds
  }

  latency(): Spread[] {
    const operation = this.#as('operation')
    if (operation !== undefined) {
      const { value } = operation
      const was = this.#was('operation')?.value
      const times = value.ok + value.failed - (was === undefined ? 0 : was.ok + was.failed)
      return [this.#spread(value.duration, was?.duration, times, value.failed)]
    }
    const duration = this.#as('duration')
    return duration === undefined ? [] : [this.#spread(duration.value, this.#was('duration')?.value)]
  }

  size(): Spread[] {
    const sizes = this.#as('distribution')
    return sizes === undefined ? [] : [this.#spread(sizes.value, this.#was('distribution')?.value)]
  }

  count(): Count[] {
    const counter = this.#as('counter')
    if (counter === undefined) return []
    const since = counter.value - (this.#was('counter')?.value ?? 0)
    return [{ ...this.#named(), total: counter.value, perSecond: this.#perSecond(since) }]
  }

  level(kind: 'gauge' | 'constant_gauge'): Level[] {
    const gauge = this.#as(kind)
    return gauge === undefined ? [] : [{ ...this.#named(), value: gauge.value }]
  }

  loop(): Loop[] {
    const loop = this.#as('life_cycle')?.value
    if (loop === undefined) return []
    const was = this.#was('life_cycle')?.value
    const active = loop.activeSeconds - (was?.activeSeconds ?? 0)
    const all = active + loop.idleSeconds - (was?.idleSeconds ?? 0)
    return [{ part: component(this.#now), busy: all > 0 ? active / all : 0 }]
  }

  #spread(now: HistogramValue, before?: HistogramValue, times?: number, failed?: number): Spread {
    const values = before === undefined ? now : bounded(gained(now, before), now)
    const happened = Math.max(times ?? values.count, 0)
    const spread = { ...this.#named(), values, times: happened, perSecond: this.#perSecond(happened) }
    return failed === undefined ? spread : { ...spread, failed }
  }

  #perSecond(times: number): number | undefined {
    return this.#seconds === undefined ? undefined : Math.max(times, 0) / this.#seconds
  }

  #named(): Named {
    return { name: shortName(this.#now), part: component(this.#now), unit: this.#now.unit }
  }

  #as<Kind extends MetricKind>(kind: Kind): MetricOf<Kind> | undefined {
    return of(this.#now, kind)
  }

  #was<Kind extends MetricKind>(kind: Kind): MetricOf<Kind> | undefined {
    return this.#before === undefined ? undefined : of(this.#before, kind)
  }
}

/** Of a part of a histogram: its greatest value is no greater than that of all, and its least no less. */
function bounded(
  part: HistogramValue,
  { min = 0, max = Number.POSITIVE_INFINITY }: HistogramValue,
): HistogramValue {
  const end = bucketEnd(part, part.bucketCounts.length - 1)
  return part.count === 0
    ? part
    : { ...part, min: Math.max(min, bucketEnd(part, -1)), max: Math.min(max, end) }
}

function of<Kind extends MetricKind>(metric: Metric, kind: Kind): MetricOf<Kind> | undefined {
  return metric.kind === kind ? (metric as unknown as MetricOf<Kind>) : undefined
}

function key({ name, attributes }: Metric): string {
  return JSON.stringify([name, attributes])
}

/** Its name without what its component says, and what tells it from others of that name. */
function shortName({ name, attributes }: Metric): string {
  const { system, subsystem, ...own } = attributes
  const prefix = subsystem === undefined ? undefined : `.${subsystem}.`
  const at = prefix === undefined ? -1 : name.indexOf(prefix)
  const short = at < 0 ? name : name.slice(at + (prefix?.length ?? 0))
  const kinds = Object.values(own).join(', ')
  const words = short.replaceAll(/[._]/g, ' ')
  return kinds === '' ? words : `${words} (${kinds})`
}

function component({ name, attributes }: Metric): string {
  return (attributes['subsystem'] ?? name).replaceAll('_', ' ')
}
