import { MetricsError } from './errors.js'
import { loadAddon } from './native.js'
import type { CollectionResult, MetricProducer } from './opentelemetry/metric-data.js'
import { Producer, type ProducerOptions } from './opentelemetry/producer.js'
import type { SourceSeries } from './series.js'
import type { MetricsSnapshot, SourceSnapshot } from './snapshot.js'
import { bytesOf, type MetricsSource, type ReadBytes } from './source.js'

const addon = await loadAddon()

/**
 * Metrics of one or more sources. Each call copies what they hold at that moment.
 *
 * It goes into `metricProducers` of any metric reader of OpenTelemetry's SDKs 1.30, 2 and 3 as it is; so does what
 * `producer()` gives.
 */
export interface WalMetrics extends MetricProducer {
  /** What every source holds now. Never throws: a source that cannot be read is in `errors` instead. */
  snapshot(): MetricsSnapshot
  /** The same for people to read, with a line for each source that cannot be read. Never throws. */
  dump(): string
  /** A producer of its own for one more reader, with options. One that gives deltas serves one reader only. */
  producer(options?: ProducerOptions): MetricProducer
  /**
   * One more source.
   *
   * @throws MetricsError `WAL_METRICS` if it is none
   */
  add(source: MetricsSource): void
  /** Leaves a source out from now on, such as one that was closed; `false`: it was not there. */
  remove(source: MetricsSource): boolean
}

/**
 * The metrics of recorders and recoveries.
 *
 * @param sources anything with a function under `Symbol.for('flashstrike.metrics')` that gives bytes
 * @throws MetricsError `WAL_METRICS` if one of them is no source
 *
 * @example
 * const metrics = walMetrics(recorder, recovery)
 * console.log(metrics.dump())
 * new PeriodicExportingMetricReader({ exporter, metricProducers: [metrics] })
 */
export function walMetrics(...sources: readonly MetricsSource[]): WalMetrics {
  return new Metrics(sources)
}

class Metrics implements WalMetrics {
  readonly #sources: { source: MetricsSource; place: number; read: ReadBytes }[] = []
  readonly #producer = this.producer()
  #places = 0

  constructor(sources: readonly MetricsSource[]) {
    for (const source of sources) this.add(source)
  }

  add(source: MetricsSource): void {
    const place = this.#places
    this.#sources.push({ source, place, read: bytesOf(source, place) })
    this.#places += 1
  }

  remove(source: MetricsSource): boolean {
    const at = this.#sources.findIndex(known => known.source === source)
    if (at >= 0) this.#sources.splice(at, 1)
    return at >= 0
  }

  snapshot(): MetricsSnapshot {
    const { read, errors } = this.#readEach(bytes => JSON.parse(addon.snapshotJson(bytes)) as SourceSnapshot)
    return { sources: read.map(({ result }) => result), errors }
  }

  dump(): string {
    const { read, errors } = this.#readEach(bytes => addon.dump(bytes))
    const failures = errors.map(({ code, message }) => `[Metrics missing] ${code}: ${message}\n`)
    return [...read.map(({ result }) => result), ...failures].join('\n')
  }

  collect(): Promise<CollectionResult> {
    return this.#producer.collect()
  }

  producer(options?: ProducerOptions): MetricProducer {
    return new Producer(() => {
      const { read, errors } = this.#readEach(bytes => JSON.parse(addon.seriesJson(bytes)) as SourceSeries)
      return { sources: read.map(({ place, result }) => ({ place, read: result })), errors }
    }, options)
  }

  #readEach<Result>(use: (bytes: Uint8Array) => Result) {
    const read: { place: number; result: Result }[] = []
    const errors: MetricsError[] = []
    for (const { place, read: bytes } of this.#sources) {
      try {
        read.push({ place, result: use(bytes()) })
      } catch (thrown) {
        errors.push(thrown instanceof MetricsError ? thrown : MetricsError.of(thrown, place))
      }
    }
    return { read, errors }
  }
}
