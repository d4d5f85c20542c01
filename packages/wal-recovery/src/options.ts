import type { Gap } from './block-walker.js'
import type { NativeOpenOptions } from './native.js'
import {
  anything,
  callback,
  checkEventType,
  checkOptions,
  checkValue,
  fileMode,
  flag,
  type OptionRule,
  oneOf,
  path,
  type RulesOf,
  whole,
} from './option-check.js'
import type { RecoveryMode } from './report.js'
import { type EventType, schemaJson } from './schema.js'
import { nativeTelemetry, type TelemetryOptions, telemetryRule } from './telemetry-options.js'

/** Options of `Recovery.open`. */
export interface RecoveryOptions<E extends EventType = EventType> {
  /** The directory of the log. */
  readonly dir: string
  /**
   * The event type. The log's own schema has to be the same.
   * @default the schema that the log stores
   */
  readonly event?: E
  /**
   * What is done about damage.
   * @default 'tail'
   */
  readonly mode?: RecoveryMode
  /**
   * Segments that are opened, verified and decompressed ahead of a replay, 1 … 16.
   * @default 2
   */
  readonly preloadSegments?: number
  /**
   * What the metrics are called, and a file in which other processes can read them until this is closed.
   * @default the label `log`, and no file
   */
  readonly telemetry?: TelemetryOptions
}

/** Which events a replay gives. */
export interface ReplayOptions {
  /**
   * First event id, inclusive, 0 … 2⁵³: behind the last event there is nothing. An id that retention has removed is
   * refused with `WAL_GONE`.
   * @default where `seek` or `seekTime` went, else the first there is
   */
  readonly from?: number
  /**
   * Last event id, inclusive.
   * @default the last there is
   */
  readonly to?: number
  /**
   * Newest first.
   * @default false
   */
  readonly reverse?: boolean
  /**
   * Told of every stretch that could not be read, between the events before and behind it; only the mode `diagnostic`
   * gives any. `blocks` gives gaps where they are instead. What it throws ends the replay, and comes from the iterator.
   * @default gaps are passed over
   */
  readonly onGap?: (gap: Gap) => void
}

/** What following a log gives, and how it waits. */
export interface FollowOptions {
  /**
   * First event id, inclusive; one that is still to come is waited for. `'end'`: only what comes from now on. An id that
   * retention has removed is refused with `WAL_GONE`.
   * @default where `seek` or `seekTime` went, else the first there is
   */
  readonly from?: number | 'end'
  /**
   * Gives an event once it is durable, and not before: nothing that was given can be gone after a power cut.
   * @default false
   */
  readonly durableOnly?: boolean
  /**
   * Ends it: what is awaited rejects with the signal's reason.
   * @default none
   */
  readonly signal?: AbortSignal
  /**
   * Microseconds that the calling thread looks for the next event again and again before it waits without blocking,
   * 0 … 1 000 000. It takes all of a processor for so long after each event, and keeps the event loop from other work.
   * @default 0
   */
  readonly spinUs?: number
}

/** How far a verification is. */
export interface VerifyProgress {
  /** Segments looked at so far, prepared ones among them. */
  readonly segments: number
  /** How many there are to look at. */
  readonly ofSegments: number
  /** Bytes read, uncompressed. */
  readonly bytes: number
}

/** Options of `verify`. */
export interface VerifyOptions {
  /**
   * Told how far it is, from the event loop, whenever a segment was verified.
   * @default nobody is told
   */
  readonly onProgress?: (progress: VerifyProgress) => void
}

/**
 * Where a cursor stands: before the first event there is, behind the last durable one (what comes later is new), or
 * behind the event of this id, with all up to it done.
 */
export type CursorStart = 'start' | 'end' | number

/** Options of `Recovery.cursor`. */
export interface CursorOptions {
  /**
   * Where to make it if there is none of this name. It waits until an id given is durable.
   * @default it is not made: `WAL_NOT_FOUND`
   */
  readonly create?: CursorStart
  /**
   * Where to put it whatever it says, also back: what to do after `WAL_CURSOR_AHEAD`, or `WAL_CORRUPT` of a cursor.
   * @default it stays where it is
   */
  readonly reset?: CursorStart
  /**
   * Permission bits of the files made, for example 0o640; the owner always reads and writes. Whoever records has to be able to read them, since a cursor
   * that cannot be read holds everything back. Nothing on Windows.
   * @default 0o600
   */
  readonly fileMode?: number
}

/** What a cursor's place takes. */
export const cursorStart: OptionRule = {
  takes: "'start', 'end' or an event id",
  accepts: value =>
    value === 'start' || value === 'end' || (Number.isSafeInteger(value) && Number(value) >= 0),
}

/** What the options of `cursor` take. */
export const cursorRules: RulesOf<CursorOptions> = {
  create: cursorStart,
  reset: cursorStart,
  fileMode,
}

/** What the options of `Recovery.open` take. */
const recoveryRules: RulesOf<RecoveryOptions> = {
  dir: path("the path of the log's directory as text, without NUL"),
  event: anything,
  mode: oneOf('tail', 'strict', 'point-in-time', 'diagnostic'),
  preloadSegments: whole('a number of segments, 1 … 16', 1, 16),
  telemetry: telemetryRule,
}

/** What the options of `blocks` take. Ids have a code of their own, so they are looked at elsewhere. */
export const blocksRules: RulesOf<Omit<ReplayOptions, 'reverse' | 'onGap'>> = { from: anything, to: anything }

/** What the options of `replay` take. */
export const replayRules: RulesOf<ReplayOptions> = {
  ...blocksRules,
  reverse: flag,
  onGap: callback('a function'),
}

/** What the options of `follow` take. Ids have a code of their own, so they are looked at elsewhere. */
export const followRules: RulesOf<FollowOptions> = {
  from: anything,
  durableOnly: flag,
  signal: { takes: 'an AbortSignal', accepts: value => value instanceof AbortSignal },
  spinUs: whole('whole microseconds, 0 … 1000000', 0, 1_000_000),
}

/** What the options of `verify` take. */
export const verifyRules: RulesOf<VerifyOptions> = { onProgress: callback('a function') }

/**
 * Checks the options of `Recovery.open` and gives them as the addon takes them.
 *
 * @throws WalError `WAL_UNSUPPORTED` for what does not exist or is not what it takes, `WAL_SCHEMA` for what is no event type
 */
export function nativeOptions(options: RecoveryOptions): NativeOpenOptions {
  checkOptions('Recovery.open', options, recoveryRules)
  const { dir, event, mode, preloadSegments, telemetry } = options
  checkValue('Recovery.open', 'dir', dir, recoveryRules.dir)
  checkEventType('Recovery.open', event)
  return {
    dir,
    ...(mode !== undefined && { mode }),
    ...(event !== undefined && { schema: schemaJson(event), eventSize: event.size }),
    ...(preloadSegments !== undefined && { preloadSegments }),
    ...(telemetry !== undefined && { telemetry: nativeTelemetry('Recovery.open', telemetry) }),
  }
}
