import { loadAddon as load } from '@flashstrike/native-addon'
import type { PrometheusFormat } from './prometheus/format.js'

/** What the addon exports. All throw an error with a code for bytes that they cannot read. */
export interface TelemetryBinding {
  /** A source's bytes as the JSON text of a `SourceSnapshot`. */
  snapshotJson(bytes: Uint8Array): string
  /** A source's bytes as the JSON text of a `SourceSeries`. */
  seriesJson(bytes: Uint8Array): string
  /** A source's bytes for people to read. */
  dump(bytes: Uint8Array): string
  /** A value in the unit of a metric as `dump` writes it. */
  figure(value: number, unit: string): string
  readonly NativeExposition: new () => NativeExposition
  readonly NativeIdentities: new () => NativeIdentities
  /** Opens the page of another process. */
  attachPage(file: string): NativePage
}

/** An attached page. */
export interface NativePage {
  /** Its metrics as bytes. */
  metrics(): Uint8Array
  /** The JSON text of a `PageLook`. */
  lookJson(): string
  close(): void
}

/** Writes scrapes for Prometheus, and remembers which of several like sources was the first. */
export interface NativeExposition {
  /**
   * The metrics of all sources: their bytes, and the number of each, the same every time. One whose bytes cannot be read
   * counts as missing, as do those in `missing`, which says why.
   */
  write(
    format: PrometheusFormat | 'legacy',
    sources: readonly Uint8Array[],
    places: readonly number[],
    missing: readonly string[],
  ): Buffer
  /** The source with this number was taken away: the next new one like it goes on in its series. */
  remove(place: number): void
}

/**
 * Keeps sources apart that say the same of themselves, such as two readers of one log: exporters refuse or mix up
 * series of the same name and attributes. The first one stays as it is, others get an attribute `source`, for good, so
 * that a series never changes its name because another one came or went. What one had that was taken away goes to the
 * next new one: a log that is opened anew goes on in its own series.
 */
export interface NativeIdentities {
  /** The attribute `source` of each that needs one, of sources with a number that each keeps, and with what they have. */
  sources(
    places: readonly number[],
    attributes: readonly Readonly<Record<string, string>>[],
  ): readonly (string | null)[]
  /** Only the sources with these numbers are left. */
  keep(places: readonly number[]): void
}

/** Thrown when no native binary fits this machine. */
export class AddonMissingError extends Error {
  /** The same code that the log's packages give for what this machine does not support. */
  readonly code = 'WAL_UNSUPPORTED'
  /** As every error has it. */
  override readonly name = 'AddonMissingError'
}

/**
 * Loads the native addon.
 *
 * @throws AddonMissingError naming the platform, the package that was looked for, and the way out
 */
export function loadAddon(): TelemetryBinding {
  return load<TelemetryBinding>({
    packageName: '@flashstrike/telemetry',
    from: import.meta.url,
    error: (message, options) => new AddonMissingError(message, options),
  })
}
