import { loadAddon } from '@flashstrike/native-addon'
import { WalError } from '@flashstrike/wal-recovery/errors'
import type { NativeTelemetryOptions } from '@flashstrike/wal-recovery/telemetry-options'
import type { RetentionLimits } from './options.js'

/** The values of `open` as the addon takes them; what is left out has the default of the recorder. */
export interface NativeOpenOptions {
  readonly dir: string
  readonly schema?: string
  readonly blockBytes?: number
  readonly segmentBytes?: number
  readonly preparedSegments?: number
  readonly smallSyncs?: boolean
  readonly syncIntervalMs?: number
  readonly syncBytes?: number
  readonly spinUs?: number
  readonly retention?: RetentionLimits
  readonly compressionLevel?: number
  readonly fileMode?: number
  readonly allowFileSystem?: string[]
  readonly mode?: string
  readonly telemetry?: NativeTelemetryOptions
}

/** What `onEvent` is told: the first argument. The other ones depend on it. */
export const NativeEvent = {
  /** Durable up to a + b · 2³². */
  durable: 1,
  /** Nothing can be appended any more; the text is the error. */
  poisoned: 2,
  /** Appending goes on in segment a. */
  rotated: 3,
  /** Segment a is sealed. */
  sealed: 4,
  /** Segment a is compressed. */
  compressed: 5,
  /** Segment a is removed. */
  deleted: 6,
  /** The next segment is ready, after an append had been refused for want of it. */
  room: 7,
  /** A worker has failed and goes on; the text is the error. */
  failed: 8,
} as const

/** Hears what other threads did. */
export type NativeListener = (kind: number, a: number, b: number, text: string) => void

/**
 * The calls that happen while appending; each gives 0, or an error's number below 0. The two that sync give 1 if they
 * have published a block and there is no room for the next one.
 */
export interface HotCalls {
  /** Publishes what is staged, and makes sure that there is room for another block. */
  publish(): number
  /** Asks for a sync that covers an event, which is published if it is staged; never waits. */
  requestSync(idLow: number, idHigh: number): number
  /** Syncs on this thread, so that an event is durable; it is published before if it is staged. */
  durableSync(idLow: number, idHigh: number): number
  /** Records how long one append took. */
  appendTook(ns: number): number
}

/** An open recorder. */
export interface NativeRecorder {
  staging(): ArrayBuffer
  reportJson(): string
  hot(): HotCalls
  lastErrorJson(): string
  /** Counts an append that was refused because `publish` had made no room for it. */
  appendRefused(): void
  /** Publishes a block of its own, laid out as in a segment. */
  appendLarge(payload: Uint8Array, count: number, firstId: number, lastId: number): number
  rotate(): number
  setRetention(limits: RetentionLimits): number
  truncateBefore(eventId: number): number
  drainSync(timeoutMs: number): number
  metrics(): Uint8Array
  ref(): void
  unref(): void
  close(): void
}

/** What the addon exports. */
export interface RecorderBinding {
  open(options: NativeOpenOptions, onEvent: NativeListener): NativeRecorder
}

/**
 * Loads the addon.
 *
 * @throws WalError `WAL_UNSUPPORTED` where none runs on this machine
 */
export function loadBinding(): RecorderBinding {
  return loadAddon<RecorderBinding>({
    packageName: '@flashstrike/wal-recorder',
    from: import.meta.url,
    error: (message, options) => new WalError('WAL_UNSUPPORTED', message, {}, options),
  })
}
