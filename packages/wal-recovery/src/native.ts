import { loadAddon } from '@flashstrike/native-addon'
import { WalError } from './errors.js'
import type { NativeTelemetryOptions } from './telemetry-options.js'

/** The options of `open` as the addon takes them. */
export interface NativeOpenOptions {
  readonly dir: string
  readonly mode?: string
  readonly schema?: string
  readonly eventSize?: number
  readonly preloadSegments?: number
  readonly telemetry?: NativeTelemetryOptions
}

/**
 * A source of runs: consecutive verified blocks, each 64 bytes of header and a payload padded to 64, as on disk.
 * A run stays as it is until the next call of `next`.
 */
export interface NativeRuns {
  /** Bytes of the next run; 0 at the end, {@link GAP_RUN} for a gap, an error's number below 0. */
  next(): number
  /** The memory that holds the current run. */
  window(): ArrayBuffer
  /** Its name, which no other window of this process has or gets. */
  windowId(): number
  /** Where the current run begins in the window. */
  start(): number
  /** Where it ends. */
  end(): number
  /** The gap that `next` announced, as JSON. */
  gapJson(): string
  /** The error that `next` announced, as JSON. */
  lastErrorJson(): string
  close(): void
}

/** A source without a run. */
export const NO_RUNS: NativeRuns = {
  next: () => 0,
  window: () => new ArrayBuffer(0),
  windowId: () => 0,
  start: () => 0,
  end: () => 0,
  gapJson: () => '{}',
  lastErrorJson: () => '{}',
  close() {},
}

/** A live tail: `next` gives 0 where nothing is there yet. */
export interface NativeFollower extends NativeRuns {
  /**
   * Has the listener called once `next` has something to give; until then the process does not end. It is the one of the
   * first call that is called, always, and the follower keeps it from then on.
   */
  wait(listener: () => void): void
  /** What was waited for has come. */
  unref(): void
  /** The first event of the current run that was not given before. */
  from(): number
}

/** An open log, for reading. */
export interface NativeRecovery {
  reportJson(): string
  /** `{}` for a log of bytes; null as long as nothing was ever published, which it looks for. */
  schemaJson(): string | null
  eventSize(): number
  firstId(): number
  lastId(): number
  /** From 0: the first event. */
  replay(from: number, to: number, reverse: boolean): NativeRuns
  /** Throws where a replay from this event on would not begin. */
  seekEvent(eventId: number): void
  /** Id of the first event that was written at this time, ms since the Unix epoch, or later; 0: there is none. */
  seekTime(unixMs: number): number
  /** From 0: the first event; -1: behind the last one. */
  follow(from: number, durableOnly: boolean, spinUs: number): NativeFollower
  verify(onProgress: (segments: number, ofSegments: number, bytes: number) => void): Promise<string>
  /** Null: the event that it is put at is not durable yet. */
  cursor(name: string, options: NativeCursorOptions): Promise<NativeCursor | null>
  /** As JSON. */
  cursors(): Promise<string>
  removeCursor(name: string): Promise<void>
  metrics(): Uint8Array
  close(): void
}

/** The options of `cursor` as the addon takes them. */
interface NativeCursorOptions {
  readonly create?: number | string
  readonly reset?: number | string
  readonly fileMode?: number
}

/** A held cursor. */
export interface NativeCursor {
  position(): number
  durableId(): number
  /** False: the event is not durable yet. */
  commit(eventId: number): Promise<boolean>
  reset(to: number | string): Promise<boolean>
  close(): void
}

/** What the addon exports. */
interface RecoveryBinding {
  open(options: NativeOpenOptions): Promise<NativeRecovery>
}

/** `next` gives this for a gap; a run is never so short. */
export const GAP_RUN = 1

/**
 * Loads the addon, which also has what the command line asks for.
 *
 * @throws WalError `WAL_UNSUPPORTED` where none runs on this machine
 */
export function loadBinding<Binding = RecoveryBinding>(): Binding {
  return loadAddon<Binding>({
    packageName: '@flashstrike/wal-recovery',
    from: import.meta.url,
    error: (message, options) => new WalError('WAL_UNSUPPORTED', message, {}, options),
  })
}
