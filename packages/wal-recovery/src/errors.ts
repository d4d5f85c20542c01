/** Every code a {@link WalError} can carry; what each means stands in docs/operations.md under its own heading. */
export type WalErrorCode =
  | 'WAL_LOCKED'
  | 'WAL_CORRUPT'
  | 'WAL_TORN'
  | 'WAL_FULL'
  | 'WAL_BACKPRESSURE'
  | 'WAL_POISONED'
  | 'WAL_EVENT_TOO_LARGE'
  | 'WAL_EVENT_ID'
  | 'WAL_SCHEMA'
  | 'WAL_CLOSED'
  | 'WAL_NOT_FOUND'
  | 'WAL_GONE'
  | 'WAL_CURSOR_AHEAD'
  | 'WAL_IO'
  | 'WAL_UNSUPPORTED'

/** Where in the log an error belongs to; each part is there where it applies. */
export interface WalErrorPlace {
  /** Index of the segment. */
  readonly segment?: number | undefined
  /** Byte offset inside the segment; of a cold segment inside its uncompressed bytes. */
  readonly offset?: number | undefined
  /** The event that was refused, lost or asked for: never another one that the message may name. */
  readonly eventId?: number | undefined
  /** The file or directory. */
  readonly path?: string | undefined
}

/** The members of an error that a native addon throws or reports as JSON. */
interface NativeErrorLike extends WalErrorPlace {
  readonly code: string
  readonly message: string
}

const BRAND = Symbol.for('flashstrike.WalError')

/**
 * What goes wrong with a log. `code` is stable, the message says what happened, where, and what to do.
 *
 * `instanceof WalError` also holds between two copies of this package in one program.
 */
export class WalError extends Error implements WalErrorPlace {
  /** Stable name of the kind of error. */
  readonly code: WalErrorCode
  // Declared only: a place that does not apply is no member at all.
  declare readonly segment?: number
  declare readonly offset?: number
  declare readonly eventId?: number
  declare readonly path?: string

  constructor(code: WalErrorCode, message: string, place: WalErrorPlace = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    const { segment, offset, eventId, path } = place
    if (segment !== undefined) this.segment = segment
    if (offset !== undefined) this.offset = offset
    if (eventId !== undefined) this.eventId = eventId
    if (path !== undefined) this.path = path
  }

  /** Turns what the native side threw into a WalError; anything that carries no code of ours comes back as it is. */
  static from(thrown: unknown): unknown {
    if (!isNativeError(thrown)) return thrown
    const { code, message } = thrown
    return new WalError(code as WalErrorCode, message, thrown)
  }

  /** Builds the error that the native side described as JSON. */
  static fromJson(json: string): WalError {
    const parsed = JSON.parse(json) as NativeErrorLike
    return new WalError(parsed.code as WalErrorCode, parsed.message, parsed)
  }
}

Object.defineProperty(WalError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    // A subclass inherits this method, and only its own instances are instances of it.
    if (this !== WalError) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && BRAND in value
  },
})
// On the prototype, so that neither shows among an error's own members when it is printed.
Object.defineProperty(WalError.prototype, 'name', { value: 'WalError', configurable: true, writable: true })
Object.defineProperty(WalError.prototype, BRAND, { value: true })

function isNativeError(thrown: unknown): thrown is NativeErrorLike {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof WalError) return false
  const { code } = thrown as Partial<NativeErrorLike>
  return typeof code === 'string' && code.startsWith('WAL_')
}

/** Runs a call into the native side; what it throws leaves as a WalError. */
export function translating<T>(call: () => T): T {
  try {
    return call()
  } catch (thrown) {
    throw WalError.from(thrown)
  }
}

/** Waits for a call into the native side; what it throws or rejects with leaves as a WalError. */
export async function translatingLater<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    throw WalError.from(thrown)
  }
}
