import type { RecoveryMode } from '@flashstrike/wal-recovery'
import {
  anything,
  fileMode,
  flag,
  number,
  type OptionRule,
  oneOf,
  path,
  type RulesOf,
  texts,
  whole,
} from '@flashstrike/wal-recovery/option-check'
import type { EventType } from '@flashstrike/wal-recovery/schema'
import { type TelemetryOptions, telemetryRule } from '@flashstrike/wal-recovery/telemetry-options'

/**
 * Options of `Recorder.open`. Everything but the directory has a default. `RecorderOptions` alone are those of a log of
 * bytes, `RecorderOptions<typeof Order>` those of a log of such events.
 */
export interface RecorderOptions<E extends EventType | undefined = undefined> {
  /** The directory of the log. It is made if it is missing (0700); its parent has to exist. */
  readonly dir: string
  /**
   * The event type, from `defineEvent`. Without it the log takes bytes and strings of any length.
   * @default a log of bytes
   */
  readonly event?: E
  /**
   * Bytes of events that make a full block, 64 … 1 048 576.
   * @default 8192
   */
  readonly blockBytes?: number
  /**
   * Bytes of a new segment: a multiple of 4 096, at most 2 147 483 648.
   * @default 67108864 (64 MiB)
   */
  readonly segmentBytes?: number
  /**
   * Segments kept ready ahead, 1 … 64; up to four times as many, and no more than 64, while segments fill up almost as
   * fast as they are made. More of them bridge longer stalls of the disk.
   * @default 2
   */
  readonly preparedSegments?: number
  /**
   * Prepares segments so that a sync of few bytes writes few bytes. For logs that are synced every few events;
   * preparing then takes longer and writes twice the bytes.
   * @default false
   */
  readonly smallSyncs?: boolean
  /**
   * Starts a sync this many milliseconds after an event was written, at least 1, without being asked.
   * @default off: durability is what `durable()`, rotation and `close()` give
   */
  readonly syncIntervalMs?: number
  /**
   * Starts a sync when so many bytes were written since the last one, at least 1.
   * @default off
   */
  readonly syncBytes?: number
  /**
   * Microseconds to look for the next request, or for the end of a sync, before going to sleep, 0 … 1 000. Being woken
   * costs 20 to 40 µs on a virtual machine, twice for an event that is awaited by `durable()`. What it takes is
   * processor time: up to so long after every sync on a thread of the log's own, and while somebody waits for
   * `durable()` on this one, where the event loop goes round meanwhile and everything else in it is served.
   * @default 0: both sleep at once
   */
  readonly spinUs?: number
  /**
   * How much of the log is kept, and how much of that uncompressed; `setRetention` changes it.
   * @default no limit: everything is kept as it was written
   */
  readonly retention?: RetentionLimits
  /**
   * How segments are compressed where `retention` says that they are.
   * @default level 3
   */
  readonly compression?: CompressionOptions
  /**
   * Permission bits of new files; the owner always reads and writes. Nothing on Windows, where files have the permissions
   * that the log's directory hands down.
   * @default 0o600
   */
  readonly fileMode?: number
  /**
   * Names of further file systems to append on, e.g. `['nfs']`, at your own risk.
   * @default []
   */
  readonly allowFileSystem?: readonly string[]
  /**
   * What is done about a damaged log; `diagnostic` is for reading only.
   * @default 'tail'
   */
  readonly mode?: Exclude<RecoveryMode, 'diagnostic'>
  /**
   * What the metrics are called, and a file in which other processes can read them.
   * @default the label `log`, and no file
   */
  readonly telemetry?: TelemetryOptions
}

/**
 * How much of a log is kept. All limits hold at once, and what is left out is no limit. Only sealed segments, all of
 * whose events are durable, are compressed or removed, the oldest first; never one with an event that
 * `truncateBefore` or a cursor still holds.
 */
export interface RetentionLimits {
  /**
   * Most segments that are not compressed, the one that is appended to included: 1 or more. Older ones are compressed,
   * or removed if `coldSegments` is 0.
   */
  readonly hotSegments?: number
  /** Most compressed segments, 0 or more. With more the oldest is removed. */
  readonly coldSegments?: number
  /**
   * Most bytes that the segments take on disk, at least two of `segmentBytes`. With more the oldest is removed.
   * Segments prepared ahead come on top.
   */
  readonly bytes?: number
  /** A segment is removed so many milliseconds after it was sealed, by the wall clock; 1 or more. */
  readonly ageMs?: number
}

/** How segments are compressed: zstd, in frames that are read one by one. */
export interface CompressionOptions {
  /**
   * zstd's level, 1 (fast) … 19 (small). `close()` waits for the mebibyte that is being compressed: milliseconds at low
   * levels, more than half a second at the highest.
   * @default 3
   */
  readonly level?: number
}

/** Options of `drain`. */
export interface DrainOptions {
  /** Ends the waiting: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
}

/** The most that the addon takes. */
const MOST_OF_32_BITS = 0xffff_ffff
const MULTIPLE_OF_SEGMENTS = 4096
const MOST_OF_A_SEGMENT = 2_147_483_648

/** What the options of `Recorder.open` take. */
export const recorderRules: RulesOf<RecorderOptions> = {
  dir: path("the path of the log's directory as text, without NUL"),
  event: anything,
  blockBytes: whole('a number of bytes, 64 … 1 048 576', 64, 1_048_576),
  segmentBytes: {
    takes: 'a number of bytes, a multiple of 4 096, at most 2 147 483 648',
    accepts: value =>
      Number.isInteger(value) &&
      Number(value) % MULTIPLE_OF_SEGMENTS === 0 &&
      Number(value) >= MULTIPLE_OF_SEGMENTS &&
      Number(value) <= MOST_OF_A_SEGMENT,
  },
  preparedSegments: whole('a number of segments, 1 … 64', 1, 64),
  smallSyncs: flag,
  syncIntervalMs: whole('a number of milliseconds, 1 … 4 294 967 295', 1, MOST_OF_32_BITS),
  syncBytes: whole('a number of bytes, 1 … 4 294 967 295', 1, MOST_OF_32_BITS),
  spinUs: whole('a number of microseconds, 0 … 1 000', 0, 1000),
  retention: anything,
  compression: anything,
  fileMode,
  allowFileSystem: texts("an array of names, as ['nfs']"),
  mode: oneOf('tail', 'strict', 'point-in-time'),
  telemetry: telemetryRule,
}

/** What a signal is. */
export const signalRule: OptionRule = {
  takes: 'an AbortSignal',
  accepts: value => value instanceof AbortSignal,
}

/** What `retention` and `setRetention` take. */
export const retentionRules: RulesOf<RetentionLimits> = {
  hotSegments: whole('a number of segments, 1 … 4 294 967 295', 1, MOST_OF_32_BITS),
  coldSegments: whole('a number of segments, 0 … 4 294 967 295', 0, MOST_OF_32_BITS),
  // Of how many bytes a segment has, the addon knows.
  bytes: whole('a number of bytes, at least two segments', 1, Number.MAX_SAFE_INTEGER),
  ageMs: whole('a number of milliseconds, 1 or more', 1, Number.MAX_SAFE_INTEGER),
}

/** What `compression` takes. */
export const compressionRules: RulesOf<CompressionOptions> = {
  level: whole('a level of zstd, 1 … 19', 1, 19),
}

/** What the options of `drain` take. */
export const drainRules: RulesOf<DrainOptions> = { signal: signalRule }

/** What `drainSync` takes. */
export const timeoutRule: OptionRule = number('a number of milliseconds')
