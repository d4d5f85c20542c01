import { setTimeout as delay } from 'node:timers/promises'
import { apart } from './apart.js'
import { BlockWalker, type Gap } from './block-walker.js'
import { translating, translatingLater, WalError } from './errors.js'
import { checkFrom, checkId } from './event-id.js'
import { ALL_IDS, type EventIterator, type IdRange } from './event-iterator.js'
import { Follow } from './follow.js'
import type { LogBlock } from './log-block.js'
import { logBlocks } from './log-blocks.js'
import { LogEvents } from './log-events.js'
import { type Cursor, cursorOf } from './named-cursor.js'
import { loadBinding, type NativeRecovery } from './native.js'
import { checkOpened, checkOptions, checkValue, shown, text } from './option-check.js'
import {
  blocksRules,
  type CursorOptions,
  cursorRules,
  type FollowOptions,
  followRules,
  nativeOptions,
  type RecoveryOptions,
  type ReplayOptions,
  replayRules,
  type VerifyOptions,
  verifyRules,
} from './options.js'
import type { CursorInfo, OpenReport, RecoveryMode, VerifySummary } from './report.js'
import type { EventType, Schema } from './schema.js'
import type { EventShown, UntypedEvent } from './shown-event.js'
import { verifyAll } from './verification.js'
import { WindowViews } from './window-views.js'

/** The addon gives every window of the process a name of its own. */
const viewsOfAddon = new WindowViews()
/** How often to look whether the event that a cursor is put at has become durable, in milliseconds. */
const CURSOR_LOOK_MS = 50
const cursorName = text("a cursor's name")
/** The first thing a source of events asks for when nothing was asked: the beginning. */
const BEGINNING = 0
/** What stands for the end of the log where the addon takes an id. */
const AT_END = -1

/** Makes a recovery of what the addon, or whatever stands for it, has opened. */
export let recoveryOf: <E = UntypedEvent>(native: NativeRecovery, event: EventType | undefined) => Recovery<E>

/**
 * An open log, to be read. Reading changes nothing and needs no permission to write.
 *
 * Beside a recorder, and once somebody has opened the log for appending since, it is looked at anew before something is
 * read of it. *The errors of a look at the log* are those of opening it: `WAL_CORRUPT`, in mode `strict` `WAL_TORN`,
 * `WAL_SCHEMA` if a log that nothing was written to before comes to hold other events than `event`, `WAL_UNSUPPORTED` where
 * a newer version has written on, `WAL_NOT_FOUND` if the log is not there any more, `WAL_IO`.
 */
export class Recovery<E = UntypedEvent> {
  readonly #native: NativeRecovery
  /** Whether the blocks come in the order of their ids; what is left of a damaged log may stand in any. */
  readonly #isOrdered: boolean
  readonly #views: WindowViews | undefined
  readonly #events: LogEvents<E>
  #report: OpenReport | undefined
  #position = BEGINNING
  readonly #follows = new Set<Follow<E>>()
  #closed = false

  private constructor(
    native: NativeRecovery,
    event: EventType | undefined,
    mode: RecoveryMode = 'tail',
    views?: WindowViews,
  ) {
    checkOpened('Recovery', native)
    this.#native = native
    this.#isOrdered = mode !== 'diagnostic'
    this.#views = views
    this.#events = new LogEvents(native, event)
  }

  /**
   * Opens a log and verifies it from the first unsealed segment on; sealed segments are verified when they are read.
   * The modes `point-in-time` and `diagnostic` verify every segment now. All of that happens on Node's pool of threads.
   *
   * A log of bytes is opened as `Recovery.open<ByteEvent>({ dir })`, which only the compiler looks at.
   *
   * @throws WalError `WAL_NOT_FOUND`, `WAL_CORRUPT`, `WAL_TORN` (mode `strict`), `WAL_SCHEMA` when `event` is not what
   *   the log holds or no event type, `WAL_IO`, `WAL_UNSUPPORTED` also for an option that does not exist or is not what
   *   it takes; of a file for its metrics `WAL_LOCKED` if another process has its metrics there, `WAL_UNSUPPORTED` if it
   *   cannot be there, `WAL_FULL`
   */
  static open<T extends EventType>(
    options: RecoveryOptions<T> & { event: T },
  ): Promise<Recovery<EventShown<T>>>
  static open<E = UntypedEvent>(options: Omit<RecoveryOptions, 'event'>): Promise<Recovery<E>>
  static async open<E>(options: RecoveryOptions): Promise<Recovery<E>> {
    const checked = nativeOptions(options)
    const binding = loadBinding()
    const native = await translatingLater(() => binding.open(checked))
    return new Recovery<E>(native, options.event, options.mode, viewsOfAddon)
  }

  static {
    recoveryOf = (native, event) => new Recovery(native, event)
  }

  /** What opening found. It stays when the log is closed. */
  get report(): OpenReport {
    this.#report ??= JSON.parse(this.#native.reportJson()) as OpenReport
    return this.#report
  }

  /** The schema of the log; undefined for a log of bytes, and as long as nothing was ever written to a new one. */
  get schema(): Schema | undefined {
    return this.#closed ? this.#events.schema : this.#events.learn()
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
   * Gives the events in order, each shown by the same flyweight. A loop ends the replay however it is left; who calls
   * `next()` himself ends it with `return()`, since it holds a thread and segments in memory.
   *
   * In mode `diagnostic` it gives every event that can be read, and passes over what cannot: `onGap` tells of it.
   *
   * @throws WalError `WAL_GONE` for a `from` that retention or repair has removed, `WAL_EVENT_ID` for one that is no
   *   id, `WAL_UNSUPPORTED` for an option that does not exist, `WAL_CLOSED`; the errors of a look at the log, see
   *   {@link Recovery}. From the iterator these too: `WAL_CORRUPT` where a sealed segment turns out to be damaged, before
   *   any of its events, and `WAL_GONE` where retention was faster
   */
  replay(options: ReplayOptions = {}): EventIterator<E> {
    return apart(() => this.#replay(options))
  }

  #replay(options: ReplayOptions): EventIterator<E> {
    checkOptions('replay', options, replayRules)
    const { reverse = false } = options
    const range = this.#range(options)
    const walker = this.#walk(range, reverse)
    if (options.onGap !== undefined) walker.onGap = options.onGap
    return this.#events.iterate({
      walker,
      cursor: walker.cursor,
      nextBlock: () => walker.next(),
      range,
      reverse,
      isOrdered: this.#isOrdered,
      onEnd: () => walker.close(),
    })
  }

  /**
   * Gives the log block by block, and lets the event loop run in between. Gaps come where they are.
   *
   * @throws WalError as `replay`, all of it from the iterator
   */
  async *blocks(
    options: Omit<ReplayOptions, 'reverse' | 'onGap'> = {},
  ): AsyncGenerator<LogBlock<E> | Gap, void, undefined> {
    checkOptions('blocks', options, blocksRules)
    const range = this.#range(options)
    const walker = this.#walk(range, false)
    yield* logBlocks(walker, range, this.#isOrdered, this.#events)
  }

  /**
   * Follows the log live: gives what is there and then, for as long as it is asked, what is written by whatever writer, in
   * this process or another, across its rotations, its death and its return. Nothing is given twice or left out; where that
   * cannot be it throws. With no writer alive the staged events are given too.
   *
   * The log is looked at when the first event is asked for, so that is where what is wrong with it is told; only where the
   * end is with `from: 'end'` is asked at once. One that is never asked for anything holds nothing.
   *
   * @throws WalError `WAL_EVENT_ID`, `WAL_UNSUPPORTED` for an option that does not exist, `WAL_CLOSED`; with `from: 'end'`
   *   also what `replay` throws. From the iterator: `WAL_GONE` for a `from` that retention or repair has removed, if
   *   retention was faster, or if events that were given have been cut since, which cannot happen with `durableOnly`;
   *   `WAL_UNSUPPORTED` in mode `diagnostic`; the errors of a look at the log, see {@link Recovery}; `WAL_CLOSED` when the
   *   log is closed meanwhile. Of the signal its reason, whatever that is
   */
  follow(options: FollowOptions = {}): Follow<E> {
    checkOptions('follow', options, followRules)
    const { from = this.#position, durableOnly = false, signal, spinUs = 0 } = options
    if (from !== 'end') checkFrom('from', from, ", and 'end' is taken too")
    const native = this.#open()
    return new Follow<E>({
      native: translating(() => native.follow(from === 'end' ? AT_END : from, durableOnly, spinUs)),
      views: this.#views,
      iterate: iteration => this.#events.iterate(iteration),
      columns: () => this.#events.columns(),
      signal,
      onBegin: begun => (this.#closed ? begun.close() : this.#follows.add(begun)),
      onEnd: ended => this.#follows.delete(ended),
    })
  }

  /**
   * Lets what follows begin at `eventId`, or at the next event if there is none of this id.
   *
   * @throws WalError `WAL_GONE` for an id that retention or repair has removed, as `replay` with this `from`;
   *   `WAL_EVENT_ID`, `WAL_CLOSED`; the errors of a look at the log, see {@link Recovery}
   */
  seek(eventId: number): void {
    checkFrom('the event id', eventId)
    const native = this.#open()
    translating(() => native.seekEvent(eventId))
    this.#position = eventId
  }

  /**
   * Lets what follows begin at the first event that was written at a time or later, and gives its id. Undefined: every
   * event is older, and what follows begins behind the last one there is now.
   *
   * Times are those of blocks: each has one, of the moment when it was written, with its events appended then or
   * before, by so much as the recorder keeps a block open (see its `flush`). So no event appended at the time or later
   * is left out, and those before it in its block come along. Times never go back along a log, also where a clock did.
   * Events that are staged and in no block yet count as written now. What was written up to a microsecond before the
   * time counts as well, since a number of milliseconds says no more.
   *
   * @param time a `Date`, or milliseconds since the Unix epoch, fractions allowed: `block.writtenMs` finds its block
   * @throws WalError `WAL_UNSUPPORTED` for what is no time; `WAL_CORRUPT` where the segment that has to be looked at is
   *   damaged; `WAL_CLOSED`; the errors of a look at the log, see {@link Recovery}
   */
  seekTime(time: number | Date): number | undefined {
    const ms = time instanceof Date ? time.getTime() : time
    if (typeof ms !== 'number' || Number.isNaN(ms)) {
      throw new WalError(
        'WAL_UNSUPPORTED',
        `seekTime takes a Date or milliseconds since the Unix epoch, and not ${shown(time)}`,
      )
    }
    const native = this.#open()
    const id = translating(() => native.seekTime(ms))
    this.#position = id === 0 ? native.lastId() + 1 : id
    return id === 0 ? undefined : id
  }

  /**
   * Verifies every segment of the log as it is now, on Node's pool of threads. Damage is no error but the result. What
   * `onProgress` throws rejects it in the end, and it is not called again.
   *
   * @throws WalError `WAL_CLOSED`, `WAL_IO`, `WAL_NOT_FOUND` if the log is not there any more, `WAL_UNSUPPORTED` where a
   *   newer version has written on, and for an option that does not exist
   */
  async verify(options: VerifyOptions = {}): Promise<VerifySummary> {
    checkOptions('verify', options, verifyRules)
    return verifyAll(this.#open(), options.onProgress)
  }

  /**
   * Opens the named cursor of a consumer, and holds it until it is closed; with `create` it is made if there is none.
   * It needs permission to write in the log's directory.
   *
   * @throws WalError `WAL_NOT_FOUND` if there is none and none is to be made, or no log any more; `WAL_LOCKED` if somebody
   *   holds it, or the lock of all cursors for long; `WAL_CURSOR_AHEAD` if it stands beyond the end of the log;
   *   `WAL_CORRUPT` if it cannot be read or is of another log, or nothing says which log this is; `WAL_EVENT_ID` or
   *   `WAL_GONE` if it is put where there is no event; `WAL_CLOSED`, `WAL_POISONED` if the event that it is put at does not
   *   become durable, since the recorder has ended or a sync of it has failed; `WAL_UNSUPPORTED` for a name that is not 1
   *   to 64 of `A-Z a-z 0-9 . _ -`, not beginning with a dot, for an option that does not exist or is not what it takes,
   *   and where a newer version wrote the cursor or the log; `WAL_CLOSED` also when the `Recovery` is; `WAL_IO`
   */
  async cursor(name: string, options: CursorOptions = {}): Promise<Cursor> {
    checkValue('cursor', 'name', name, cursorName)
    checkOptions('cursor', options, cursorRules)
    for (;;) {
      const opened = await this.#asked(native => native.cursor(name, options))
      if (opened !== null) return cursorOf(name, opened)
      await delay(CURSOR_LOOK_MS)
    }
  }

  /**
   * The cursors of the log, by name.
   *
   * @throws WalError `WAL_CLOSED`, `WAL_IO`
   */
  async cursors(): Promise<CursorInfo[]> {
    return JSON.parse(await this.#asked(native => native.cursors())) as CursorInfo[]
  }

  /**
   * Removes a cursor: it holds nothing back any more.
   *
   * @throws WalError `WAL_NOT_FOUND`, `WAL_LOCKED` if somebody holds it, `WAL_UNSUPPORTED` for a name that cannot be one,
   *   `WAL_CLOSED`, `WAL_IO`
   */
  async removeCursor(name: string): Promise<void> {
    checkValue('removeCursor', 'name', name, cursorName)
    await this.#asked(native => native.removeCursor(name))
  }

  /** The metrics, for `@flashstrike/telemetry`. */
  [Symbol.for('flashstrike.metrics')](): Uint8Array {
    return this.#native.metrics()
  }

  /**
   * Closes the log. Iterations that were begun go on to their end; those that follow it live have none, and end with
   * `WAL_CLOSED`. Closing twice is no error.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#report = this.report
    this.#closed = true
    for (const follow of this.#follows) follow.close()
    this.#native.close()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #open(): NativeRecovery {
    if (this.#closed)
      throw new WalError('WAL_CLOSED', 'this Recovery was closed: open the log again to read it')
    return this.#native
  }

  #asked<T>(call: (native: NativeRecovery) => Promise<T>): Promise<T> {
    return translatingLater(() => call(this.#open()))
  }

  #range({ from = this.#position, to = ALL_IDS.to }: ReplayOptions): IdRange {
    checkFrom('from', from)
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
}
