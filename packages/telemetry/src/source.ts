import { types } from 'node:util'
import { MetricsError } from './errors.js'

/**
 * Under this symbol a source has a function that gives its metrics as bytes: `[Symbol.for('flashstrike.metrics')]()`.
 * Recorders and recoveries have it. The bytes describe themselves, so that the packages need not be of one version.
 */
export const metricsSymbol: unique symbol = Symbol.for('flashstrike.metrics')

/** Something that has metrics: a recorder, a recovery, or whatever else has a function under {@link metricsSymbol}. */
// The classes of the other packages have it under a computed name, which their types do not show; so any object
// passes here, and whether it is one is found out when it is given.
export type MetricsSource = object

/** Reads the bytes of a source, again each time. */
export type ReadBytes = () => Uint8Array

/**
 * The function of a source that gives its bytes.
 *
 * @throws MetricsError `WAL_METRICS` if it has none
 */
export function bytesOf(source: MetricsSource, place: number): ReadBytes {
  const read = readerOf(source)
  if (read === undefined) {
    const message =
      `source ${place} has no metrics: pass a Recorder, a Recovery, or an object with a function under ` +
      "Symbol.for('flashstrike.metrics')"
    throw new MetricsError('WAL_METRICS', message, place)
  }
  return () => checked(read.call(source), place)
}

function readerOf(source: unknown): ((this: unknown) => unknown) | undefined {
  if (source === null || (typeof source !== 'object' && typeof source !== 'function')) return undefined
  const read = (source as { readonly [metricsSymbol]?: unknown })[metricsSymbol]
  return typeof read === 'function' ? (read as (this: unknown) => unknown) : undefined
}

function checked(bytes: unknown, place: number): Uint8Array {
  if (types.isUint8Array(bytes)) {
    // What another thread may change while the addon reads it is no memory to read in Rust.
    return types.isSharedArrayBuffer(bytes.buffer) ? new Uint8Array(bytes) : bytes
  }
  // What it rejects with would end the process, since nobody else hears of it.
  if (types.isPromise(bytes)) bytes.catch(() => {})
  const kind = bytes === null ? 'null' : types.isPromise(bytes) ? 'a promise' : typeof bytes
  throw new MetricsError('WAL_METRICS', `source ${place}: gave ${kind} instead of a Uint8Array`, place)
}
