import { apart } from './apart.js'
import { BlockWalker, type Gap } from './block-walker.js'
import type { ByteEvent } from './byte-event.js'
import { translating, WalError } from './errors.js'
import {
  ALL_IDS,
  ByteEvents,
  type EventIterator,
  FixedEvents,
  type IdRange,
  type IterationOptions,
} from './event-iterator.js'
import { type EventReader, type ReaderClass, readerOf } from './event-reader.js'
import { LogBlock } from './log-block.js'
import { loadBinding, type NativeOpenOptions, type NativeRecovery } from './native.js'
import type { RecoveryOptions, ReplayOptions, VerifyOptions } from './options.js'
import type { OpenReport, VerifySummary } from './report.js'
import { type EventType, parseSchema, type Schema, schemaJson } from './schema.js'
import { WindowViews } from './window-views.js'

/** An event of a log whose schema was read from it: the getters are known at run time only. */
export interface UntypedEvent {
  readonly event_id: number
  readonly [field: string]: unknown
  /** A plain copy of the event, independent of the replay. */
  toObject(): Record<string, unknown>
}

/** What a replay of a log shows: typed by its event type, else untyped. */
export type EventShown<T> = T extends EventType<infer F> ? EventReader<F> : UntypedEvent

/** The addon gives every window of the process a name of its own. */
const viewsOfAddon = new WindowViews()
/** How long `blocks` may keep the event loop from other work, in milliseconds. */
const TURN_MS = 4
/** The first thing a source of events asks for when nothing was asked: the beginning. */
const BEGINNING = 0

/** An open log, to be read. Reading changes nothing and needs no permission to write. */
export class Recovery<E = UntypedEvent> {
  readonly #native: NativeRecovery
  readonly #views: WindowViews | undefined
  readonly #schema: Schema | undefined
  #reader: ReaderClass | undefined
  #report: OpenReport | undefined
  #position = BEGINNING
  #closed = false

  private constructor(native: NativeRecovery, event: EventType | undefined, views?: WindowViews) {
    this.#native = native
    this.#views = views
    this.#schema = event ?? parseSchema(native.schemaJson())
  }

  /**
   * Opens a log and verifies it from the first unsealed segment on; sealed segments are verified when they are read.
   * The modes `point-in-time` and `diagnostic` verify every segment now.
   *
   * @throws WalError `WAL_NOT_FOUND`, `WAL_CORRUPT`, `WAL_TORN` (mode `strict`), `WAL_SCHEMA` when `event` is not what
   *   the log holds, `WAL_IO`, `WAL_UNSUPPORTED`
   */
  static open<T extends EventType>(
    options: RecoveryOptions<T> & { event: T },
  ): Promise<Recovery<EventShown<T>>>
  static open<E = UntypedEvent>(options: Omit<RecoveryOptions, 'event'>): Promise<Recovery<E>>
  static async open<E>(options: RecoveryOptions): Promise<Recovery<E>> {
    const binding = await loadBinding()
    return new Recovery<E>(
      translating(() => binding.open(nativeOptions(options))),
      options.event,
      viewsOfAddon,
    )
  }

  /** @internal */
  static from<E = UntypedEvent>(native: NativeRecovery, event: EventType | undefined): Recovery<E> {
    return new Recovery<E>(native, event)
  }

  /** What opening found. */
  get report(): OpenReport {
    this.#report ??= JSON.parse(this.#native.reportJson()) as OpenReport
    return this.#report
  }

  /** The schema of the log; undefined for a log of bytes. */
  get schema(): Schema | undefined {
    return this.#schema
  }

  /** Id of the first event there is; 0: none. */
  get firstEventId(): number {
    return this.#open().firstId()
  }

  /** Id of the last event there is; 0: none. */
  get lastEventId(): number {
    return this.#open().lastId()
  }

  /**
   * Gives the events in order, each shown by the same flyweight.
   *
   * @throws WalError `WAL_GONE` for a `from` that is no longer there; from the iterator: `WAL_CORRUPT` where a sealed
   *   segment turns out to be damaged, before any of its events
   */
  replay(options: ReplayOptions = {}): EventIterator<E> {
    return apart(() => this.#replay(options))
  }

  #replay(options: ReplayOptions): EventIterator<E> {
    const { reverse = false } = options
    const range = this.#range(options)
    const walker = this.#walk(range, reverse)
    return this.#iterate({
      walker,
      nextBlock: () => walker.next(),
      range,
      reverse,
      onEnd: () => walker.close(),
    })
  }

  /** Gives the log block by block, and lets the event loop run in between. Gaps come where they are. */
  async *blocks(
    options: Omit<ReplayOptions, 'reverse'> = {},
  ): AsyncGenerator<LogBlock<E> | Gap, void, undefined> {
    const range = this.#range(options)
    const walker = this.#walk(range, false)
    const gaps: Gap[] = []
    walker.onGap = gap => gaps.push(gap)
    let turnEnds = performance.now() + TURN_MS
    try {
      for (;;) {
        const more = walker.next()
        yield* gaps.splice(0)
        if (!more || walker.firstId > range.to) return
        yield new LogBlock<E>(walker, range, iteration => this.#iterate(iteration))
        if (performance.now() < turnEnds) continue
        await nextTurn()
        turnEnds = performance.now() + TURN_MS
      }
    } finally {
      walker.close()
    }
  }

  /**
   * Lets what follows begin at `eventId`, or at the next event if there is none of this id.
   *
   * @throws WalError `WAL_GONE` for an id that retention has removed
   */
  seek(eventId: number): void {
    checkId('the event id', eventId)
    const first = this.#open().firstId()
    if (eventId < first && first !== 0) {
      const message = `event ${eventId} is gone: the log begins with ${first}`
      throw new WalError('WAL_GONE', message, { eventId: first })
    }
    this.#position = eventId
  }

  /** Verifies every segment of the log as it is now, on a thread of its own. Damage is no error but the result. */
  async verify({ onProgress }: VerifyOptions = {}): Promise<VerifySummary> {
    const native = this.#open()
    try {
      const summary = await native.verify((segments, ofSegments, bytes) => {
        onProgress?.({ segments, ofSegments, bytes })
      })
      return JSON.parse(summary) as VerifySummary
    } catch (thrown) {
      throw WalError.from(thrown)
    }
  }

  /** The metrics, for `@flashstrike/telemetry`. */
  [Symbol.for('flashstrike.metrics')](): Uint8Array {
    return this.#native.metrics()
  }

  /** Closes the log. Iterations that were begun go on to their end. Closing twice is no error. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#native.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #open(): NativeRecovery {
    if (this.#closed)
      throw new WalError('WAL_CLOSED', 'this Recovery was closed: open the log again to read it')
    return this.#native
  }

  #range({ from = this.#position, to = ALL_IDS.to }: ReplayOptions): IdRange {
    checkId('from', from)
    checkId('to', to)
    return { from, to }
  }

  #walk({ from, to }: IdRange, reverse: boolean): BlockWalker {
    const native = this.#open()
    return new BlockWalker(
      translating(() => native.replay(from, to, reverse)),
      reverse,
      this.#views,
    )
  }

  #iterate(options: IterationOptions): EventIterator<E> {
    if (this.#schema === undefined)
      return new ByteEvents(options) as EventIterator<ByteEvent> as EventIterator<E>
    this.#reader ??= readerOf(this.#schema)
    return new FixedEvents(new this.#reader(options.walker.cursor) as E, this.#schema.size, options)
  }
}

function nativeOptions({ dir, event, mode, preloadSegments }: RecoveryOptions): NativeOpenOptions {
  if (typeof dir !== 'string' || dir === '')
    throw new TypeError('Recovery.open: dir has to name the directory of a log')
  return {
    dir,
    ...(mode !== undefined && { mode }),
    ...(event !== undefined && { schema: schemaJson(event), eventSize: event.size }),
    ...(preloadSegments !== undefined && { preloadSegments }),
  }
}

function checkId(what: string, id: number): void {
  if (Number.isSafeInteger(id) && id >= 0) return
  throw new WalError('WAL_EVENT_ID', `${what} is ${id}: an event id is a whole number from 0 to 2^53 - 1`)
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
