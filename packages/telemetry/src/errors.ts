import { shown } from './shown.js'

/** Every code a {@link MetricsError} can carry; what each means stands in the README. */
export type MetricsErrorCode =
  | 'WAL_CLOSED'
  | 'WAL_IO'
  | 'WAL_LISTEN'
  | 'WAL_METRICS'
  | 'WAL_NOT_FOUND'
  | 'WAL_UNSUPPORTED'

/** Whether a source may give a code. */
const IS_OF_SOURCES: Readonly<Record<MetricsErrorCode, boolean>> = {
  WAL_CLOSED: true,
  WAL_IO: true,
  WAL_LISTEN: false,
  WAL_METRICS: true,
  WAL_NOT_FOUND: true,
  WAL_UNSUPPORTED: true,
}

/** Why metrics could not be had or served. `code` is stable, the message says what happened and what to do. */
export class MetricsError extends Error {
  /** Stable name of the kind of error. */
  readonly code: MetricsErrorCode
  /** Which source it is about, if one: its place among those that were given, the first is 0. */
  readonly source: number | undefined

  constructor(code: MetricsErrorCode, message: string, source?: number, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.source = source
  }

  /** What reading a source threw, as an error that says which source it was. */
  static of(thrown: unknown, source: number): MetricsError {
    try {
      if (thrown instanceof MetricsError) return thrown
      const { code, message } = describe(thrown)
      return new MetricsError(code, `source ${source}: ${message}`, source, { cause: thrown })
    } catch {
      // What is thrown may throw itself when it is looked at.
      return new MetricsError('WAL_METRICS', `source ${source}: threw what cannot be looked at`, source)
    }
  }
}

// On the prototype, so that it does not show among an error's own members when it is printed.
Object.defineProperty(MetricsError.prototype, 'name', {
  value: 'MetricsError',
  configurable: true,
  writable: true,
})

/** What looking at a page threw. */
export function pageError(thrown: unknown): MetricsError {
  const { code, message } = describe(thrown)
  return new MetricsError(code, message, undefined, { cause: thrown })
}

function describe(thrown: unknown): { code: MetricsErrorCode; message: string } {
  if (!(thrown instanceof Error)) return { code: 'WAL_METRICS', message: `threw ${shown(thrown)}` }
  const { code } = thrown as { code?: unknown }
  return { code: isOurs(code) ? code : 'WAL_METRICS', message: String(thrown.message) }
}

function isOurs(code: unknown): code is MetricsErrorCode {
  return (
    typeof code === 'string' && Object.hasOwn(IS_OF_SOURCES, code) && IS_OF_SOURCES[code as MetricsErrorCode]
  )
}
