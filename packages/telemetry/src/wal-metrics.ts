import { MetricsError } from './errors.js'
import { loadAddon } from './native.js'
import type { CollectionResult, MetricProducer } from './opentelemetry/metric-data.js'
import { Producer, type ProducerOptions } from './opentelemetry/producer.js'
import type { PrometheusFormat } from './prometheus/format.js'
import {
  checkPrometheusOptions,
  checkServeOptions,
  type PrometheusOptions,
  type ServeOptions,
} from './prometheus/options.js'
import { listen, type MetricsServer } from './prometheus/server.js'
import { textOf } from './prometheus/text.js'
import type { SourceSeries } from './series.js'
import type { MetricsSnapshot, SourceSnapshot } from './snapshot.js'
import { bytesOf, type MetricsSource, type ReadBytes } from './source.js'

const addon = loadAddon()

/**
 * Metrics of one or more sources. Each call copies what they hold at that moment.
 *
 * It goes into `metricProducers` of any metric reader of OpenTelemetry's SDKs 1.30, 2 and 3 as it is; so does what
 * `producer()` gives. Prometheus scrapes what `serve()` listens on.
 */
export interface WalMetrics extends MetricProducer {
  /** What every source holds now. Never throws: a source that cannot be read is in `errors` instead. */
  snapshot(): MetricsSnapshot
  /** The same for people to read, with a line for each source that cannot be read. Never throws. */
  dump(): string
  /**
   * What every source holds now as Prometheus reads it: text, or bytes for `protobuf`. No source makes it throw: one that
   * cannot be read is left out and counted in `wal_telemetry_source_errors`.
   *
   * @throws MetricsError `WAL_UNSUPPORTED` for options that do not exist or do not go together, and for a text longer than
   * a string can be: that of some 3 000 sources
   */
  prometheus(options: PrometheusOptions & { readonly format: 'protobuf' }): Uint8Array
  /** The same as text, which is the default. */
  prometheus(options?: PrometheusOptions & { readonly format?: 'text' | 'openmetrics' | undefined }): string
  /** The same for a format that is known at run time only. */
  prometheus(options?: PrometheusOptions): string | Uint8Array
  /**
   * Serves it over HTTP, each scrape in the format that it asks for, native histograms included. It is read-only, knows no
   * other path but `/-/healthy`, and does not keep the process alive.
   *
   * @throws MetricsError `WAL_LISTEN` if it cannot listen, `WAL_UNSUPPORTED` for options that do not exist
   */
  serve(options: ServeOptions): Promise<MetricsServer>
  /**
   * A producer of its own for one more reader, with options. One that gives deltas serves one reader only.
   *
   * @throws MetricsError `WAL_UNSUPPORTED` for options that do not exist
   */
  producer(options?: ProducerOptions): MetricProducer
  /**
   * One more source.
   *
   * @throws MetricsError `WAL_METRICS` if it is none
   */
  add(source: MetricsSource): void
  /**
   * Leaves a source out from now on, such as one that was closed; the next new one that is added with the same labels, such
   * as the same log opened anew, goes on in its series, or it itself if it is added again before that. `false`: it was not
   * there.
   */
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
 * await metrics.serve({ port: 9464 })
 */
export function walMetrics(...sources: readonly MetricsSource[]): WalMetrics {
  return new Metrics(sources)
}

/** A source, which is the same one when it is taken away and comes back. */
interface Entry {
  /** Its number, which no other one has. */
  readonly place: number
  readonly source: MetricsSource
  readonly read: ReadBytes
}

class Metrics implements WalMetrics {
  readonly #sources: Entry[] = []
  /** Of sources that were taken away, so that one that comes back is known. */
  readonly #removed = new WeakMap<MetricsSource, Entry[]>()
  readonly #producer = this.producer()
  readonly #exposition = new addon.NativeExposition()
  #places = 0

  constructor(sources: readonly MetricsSource[]) {
    for (const source of sources) this.add(source)
  }

  add(source: MetricsSource): void {
    const place = this.#places
    const read = bytesOf(source, place)
    const known = this.#removed.get(source)?.pop()
    this.#sources.push(known ?? { source, place, read })
    if (known === undefined) this.#places += 1
  }

  remove(source: MetricsSource): boolean {
    const at = this.#sources.findIndex(known => known.source === source)
    const [removed] = at >= 0 ? this.#sources.splice(at, 1) : []
    if (removed === undefined) return false
    this.#removed.set(source, [...(this.#removed.get(source) ?? []), removed])
    return true
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

  prometheus(options: PrometheusOptions & { readonly format: 'protobuf' }): Uint8Array
  prometheus(options?: PrometheusOptions & { readonly format?: 'text' | 'openmetrics' | undefined }): string
  prometheus(options: PrometheusOptions = {}): string | Uint8Array {
    checkPrometheusOptions(options)
    const { format = 'text', legacyNames } = options
    const bytes = this.#write(legacyNames === true ? 'legacy' : format)
    return format === 'protobuf' ? bytes : textOf(bytes)
  }

  async serve(options: ServeOptions): Promise<MetricsServer> {
    checkServeOptions(options)
    return listen(format => this.#write(options.legacyNames === true ? 'legacy' : format), options)
  }

  collect(): Promise<CollectionResult> {
    return this.#producer.collect()
  }

  producer(options?: ProducerOptions): MetricProducer {
    const read = (bytes: Uint8Array, place: number) =>
      JSON.parse(this.#exposition.seriesJson(bytes, place)) as SourceSeries
    return new Producer(() => this.#readEach(read), options)
  }

  #write(format: PrometheusFormat | 'legacy'): Buffer {
    const { read, errors } = this.#readEach(bytes => bytes)
    const messages = errors.map(({ message }) => message)
    const sources = read.map(({ result }) => result)
    const places = read.map(({ entry }) => entry.place)
    return this.#exposition.write(format, sources, places, messages)
  }

  #readEach<Result>(use: (bytes: Uint8Array, place: number) => Result) {
    const read: { entry: Entry; result: Result }[] = []
    const errors: MetricsError[] = []
    this.#exposition.keep(this.#sources.map(({ place }) => place))
    // A source that is read may run code of the caller's that takes one away.
    for (const entry of [...this.#sources]) {
      try {
        read.push({ entry, result: use(entry.read(), entry.place) })
      } catch (thrown) {
        errors.push(MetricsError.of(thrown, entry.place))
      }
    }
    return { read, errors }
  }
}
