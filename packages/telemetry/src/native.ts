import { loadAddon as load } from '@flashstrike/native-addon'
import type { PrometheusFormat } from './prometheus/format.js'

/** What the addon exports. All throw an error with a code for bytes that they cannot read. */
interface TelemetryBinding {
  /** A source's bytes as the JSON text of a `SourceSnapshot`. */
  snapshotJson(bytes: Uint8Array): string
  /** A source's bytes for people to read. */
  dump(bytes: Uint8Array): string
  /** A value in the unit of a metric as `dump` writes it. */
  figure(value: number, unit: string): string
  readonly NativeExposition: new () => NativeExposition
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

/**
 * Writes what exporters take, and keeps sources apart that say the same of themselves, such as two readers of one log:
 * exporters refuse or mix up series of the same name and attributes. The first one stays as it is, others get an attribute
 * `source`, the same in every format and for good, so that a series never changes its name because another one came or
 * went.
 */
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
  /** The bytes of the source with this number as the JSON text of a `SourceSeries`. */
  seriesJson(bytes: Uint8Array, place: number): string
  /**
   * Only the sources with these numbers are left. The next new one like one that was taken away goes on in its series, or
   * it itself if it comes back before that.
   */
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
