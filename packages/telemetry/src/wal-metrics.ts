import { MetricsError } from './errors.js'
import { loadAddon } from './native.js'
import type { MetricsSnapshot, SourceSnapshot } from './snapshot.js'
import { bytesOf, type MetricsSource, type ReadBytes } from './source.js'

const addon = await loadAddon()

/** Metrics of one or more sources. Nothing is kept: each call copies what they hold at that moment. */
export interface WalMetrics {
  /** What every source holds now. Never throws: a source that cannot be read is in `errors` instead. */
  snapshot(): MetricsSnapshot
  /** The same for people to read, with a line for each source that cannot be read. Never throws. */
  dump(): string
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
 */
export function walMetrics(...sources: readonly MetricsSource[]): WalMetrics {
  return new Metrics(sources.map(bytesOf))
}

class Metrics implements WalMetrics {
  readonly #sources: readonly ReadBytes[]

  constructor(sources: readonly ReadBytes[]) {
    this.#sources = sources
  }

  snapshot(): MetricsSnapshot {
    const { read, errors } = this.#readEach(bytes => JSON.parse(addon.snapshotJson(bytes)) as SourceSnapshot)
    return { sources: read, errors }
  }

  dump(): string {
    const { read, errors } = this.#readEach(bytes => addon.dump(bytes))
    const failures = errors.map(({ code, message }) => `[Metrics missing] ${code}: ${message}\n`)
    return [...read, ...failures].join('\n')
  }

  #readEach<Result>(use: (bytes: Uint8Array) => Result): { read: Result[]; errors: MetricsError[] } {
    const read: Result[] = []
    const errors: MetricsError[] = []
    for (const [place, bytes] of this.#sources.entries()) {
      try {
        read.push(use(bytes()))
      } catch (thrown) {
        errors.push(thrown instanceof MetricsError ? thrown : MetricsError.of(thrown, place))
      }
    }
    return { read, errors }
  }
}
