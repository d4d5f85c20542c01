import { EventEmitter } from 'node:events'
import type { Writable } from 'node:stream'
import { type InspectOptions, inspect } from 'node:util'
import type { OpenReport } from '@flashstrike/wal-recovery'
import { translating, WalError } from '@flashstrike/wal-recovery/errors'
import {
  checkOpened,
  checkOptions,
  checkValue,
  noEventId,
  shown,
} from '@flashstrike/wal-recovery/option-check'
import type { EventType, EventValues } from '@flashstrike/wal-recovery/schema'
import { type AppendAllOptions, appendAll } from './append-all.js'
import { isForNow } from './append-in-time.js'
import { type AppendBytes, ByteAppender } from './byte-appender.js'
import { Drains } from './drains.js'
import { type AppendEvent, eventAppender } from './event-appender.js'
import { EventBatch } from './event-batch.js'
import { layoutOf } from './event-layout.js'
import { GroupCommit } from './group-commit.js'
import { KeepAlive } from './keep-alive.js'
import {
  loadBinding,
  NativeEvent,
  type NativeListener,
  type NativeOpenOptions,
  type NativeRecorder,
  type RecorderBinding,
} from './native.js'
import { nativeOptions } from './native-options.js'
import {
  type DrainOptions,
  drainRules,
  type RecorderOptions,
  type RetentionLimits,
  retentionRules,
  timeoutRule,
} from './options.js'
import { RecorderWritable, type WritableOptions } from './recorder-writable.js'
import { closedError, Staging } from './staging.js'

/** What a recorder takes: the values of its event type, or bytes and text. */
export type InputOf<T> = T extends EventType<infer F> ? EventValues<F> : Uint8Array | string

/** The type of `append`. */
export type AppendOf<T> = T extends EventType<infer F> ? AppendEvent<F> : AppendBytes

/** What a recorder tells beside its answers. Nobody has to listen, not even to `error`. */
export interface RecorderEvents {
  /** Appending goes on in this segment. */
  rotated: [segment: number]
  /** This segment is synced and closed for good. */
  sealed: [segment: number]
  /** This segment is compressed: the copy was read back and compared, and the original removed. */
  compressed: [segment: number]
  /** This segment is removed, because of the limits of `retention` or by `truncateBefore`. */
  deleted: [segment: number]
  /** A write or sync has failed: nothing can be appended until the log is opened again. */
  poisoned: [error: WalError]
  /** Something failed in the background that the recorder goes on after. */
  error: [error: WalError]
}

/** Makes a recorder of what a binding, the addon or whatever stands for it, opens. */
export let openRecorder: <E extends EventType | undefined>(
  binding: RecorderBinding,
  options: RecorderOptions<E>,
) => Recorder<E>

/**
 * Appends to a log. One recorder holds the log; events come from one thread.
 *
 * ```ts
 * const wal = await Recorder.open({ dir: './orders', event: Order })
 * const id = wal.append({ price, quantity, side })
 * await wal.durable(id)
 * await wal.close()
 * ```
 */
export class Recorder<T extends EventType | undefined = undefined> extends EventEmitter<RecorderEvents> {
  /** Appends one event and returns its id; see {@link AppendEvent} and {@link AppendBytes}. */
  readonly append: AppendOf<T>
  /** What opening found, and what it did about it. */
  readonly report: OpenReport
  readonly #dir: string
  readonly #isOfEvents: boolean
  readonly #native: NativeRecorder
  readonly #staging: Staging
  readonly #batch: (events: readonly InputOf<T>[]) => number
  readonly #commit: GroupCommit
  readonly #drains: Drains
  #poison: WalError | undefined

  private constructor(native: NativeRecorder, options: RecorderOptions<T>) {
    checkOpened('Recorder', native)
    super()
    const { dir, event, spinUs = 0 } = options
    this.#dir = dir
    this.#isOfEvents = event !== undefined
    this.#native = native
    this.report = JSON.parse(native.reportJson()) as OpenReport
    const staging = new Staging(native)
    this.#staging = staging
    const keepAlive = new KeepAlive(native, this)
    this.#commit = new GroupCommit(staging, keepAlive, spinUs)
    this.#drains = new Drains(keepAlive)
    if (event === undefined) {
      const appender = new ByteAppender(staging)
      this.append = appender.append as AppendOf<T>
      this.#batch = batch => appender.appendBatch(batch as readonly (Uint8Array | string)[])
    } else {
      const layout = layoutOf(event)
      const appender = eventAppender(layout, staging)
      const batches = new EventBatch(layout, staging, appender.encode)
      this.append = appender.append as AppendOf<T>
      this.#batch = batch => batches.append(batch as readonly object[])
    }
  }

  /**
   * Opens a log for appending, after recovering what the last writer left. Makes it if there is none.
   *
   * @throws WalError `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_TORN` (mode `strict`), `WAL_SCHEMA`, `WAL_UNSUPPORTED` (also for
   *   an option that does not exist or is not what it takes), `WAL_IO`, `WAL_FULL`; the log is then as it was
   */
  static open<E extends EventType>(options: RecorderOptions<E> & { readonly event: E }): Promise<Recorder<E>>
  static open(options: RecorderOptions): Promise<Recorder>
  static open<E extends EventType | undefined>(options: RecorderOptions<E>): Promise<Recorder<E>>
  static async open(
    options: RecorderOptions<EventType | undefined>,
  ): Promise<Recorder<EventType | undefined>> {
    const checked = nativeOptions(options)
    return Recorder.#openWith(loadBinding(), options, checked)
  }

  static {
    openRecorder = (binding, options) => Recorder.#openWith(binding, options, nativeOptions(options))
  }

  static #openWith<E extends EventType | undefined>(
    binding: RecorderBinding,
    options: RecorderOptions<E>,
    checked: NativeOpenOptions,
  ): Recorder<E> {
    let opened: WeakRef<Recorder<E>> | undefined
    const hear: NativeListener = (kind, a, _b, text) => {
      const recorder = opened?.deref()
      if (recorder !== undefined) recorder.#hear(kind, a, text)
    }
    const native = translating(() => binding.open(checked, hear))
    try {
      const recorder = new Recorder<E>(native, options)
      opened = new WeakRef(recorder)
      return recorder
    } catch (thrown) {
      native.close()
      throw WalError.from(thrown)
    }
  }

  /** Id of the last event appended: it survives the death of this process. 0: none. */
  get lastEventId(): number {
    return this.#staging.lastId
  }

  /** Id of the last event that readers can see. */
  get writtenEventId(): number {
    return this.#staging.writtenId
  }

  /** Id of the last event that survives a power cut. */
  get durableEventId(): number {
    return this.#staging.durableId
  }

  /**
   * Appends several events so that all of them or none is in the log, whatever happens.
   *
   * @param events any iterable but a text, whose letters would be events
   * @returns the id of the last one; of no events, of the last one before
   * @throws WalError as `append`; then none of them is in the log
   */
  appendBatch(events: Iterable<InputOf<T>> & object): number {
    const batch = listed(events) as readonly InputOf<T>[]
    if (batch.length > 0) return this.#batch(batch)
    if (this.#staging.closed) throw closedError()
    return this.lastEventId
  }

  /**
   * Appends everything that an iterable or async iterable gives, in order, and waits for room by itself after
   * `WAL_BACKPRESSURE` or `WAL_FULL`. The source is asked for the next event when the last one is in the log, and closed
   * when this fails; events before that stay in the log, up to `lastEventId`.
   *
   * ```ts
   * const last = await wal.appendAll(orders)
   * await wal.durable(last)
   * ```
   *
   * @param source anything to iterate but a text or bytes; each turn of the event loop takes some thousand events
   * @returns the id of the last one; of no events, of the last one before
   * @throws WalError as `append` and `drain`; the reason of the signal; what the source throws
   */
  async appendAll(
    source: AsyncIterable<InputOf<T>> | (Iterable<InputOf<T>> & object),
    options: AppendAllOptions = {},
  ): Promise<number> {
    if (this.#staging.closed) throw closedError()
    return (await appendAll(this, source, options)) || this.lastEventId
  }

  /**
   * A stream to write events to, each chunk one event: objects for an event type (`objectMode`), bytes or text for a log
   * of bytes. It waits for room by itself after `WAL_BACKPRESSURE` or `WAL_FULL`, by its own back-pressure; any other
   * error destroys it. The events before are then in the log, each once and in order, up to `lastEventId`. When it has
   * finished, all that was written to it is durable. It does not close the recorder.
   *
   * ```ts
   * await pipeline(orders, wal.writable())
   * ```
   *
   * @throws WalError `WAL_UNSUPPORTED` for an option that does not exist or is not what it takes, `WAL_CLOSED`
   */
  writable(options: WritableOptions = {}): Writable {
    if (this.#staging.closed) throw closedError()
    return new RecorderWritable(this, this.#isOfEvents, options)
  }

  /**
   * Publishes what is staged, so that readers see it now and not at the end of this turn of the event loop.
   *
   * @throws WalError `WAL_CLOSED`, `WAL_POISONED`; what is staged stays there
   */
  flush(): void {
    if (this.#staging.closed) throw closedError()
    this.#staging.publish()
  }

  /**
   * Waits until an event, and all before it, survive a power cut. All who wait meanwhile share one sync.
   *
   * @param id default: the last event appended
   * @throws WalError `WAL_EVENT_ID` for an id that was not given out yet, `WAL_POISONED`, `WAL_CLOSED`
   */
  durable(id: number = this.lastEventId): Promise<void> {
    const refused = this.#refusal(id)
    return refused === undefined ? this.#commit.wait(id) : Promise.reject(refused)
  }

  /**
   * As `durable`, but syncs on this thread and returns when it is done: for engines that answer only then.
   *
   * @throws WalError as `durable`
   */
  durableSync(id: number = this.lastEventId): void {
    const refused = this.#refusal(id)
    if (refused !== undefined) throw refused
    if (this.durableEventId < id) this.#staging.durableSync(id)
  }

  /**
   * Waits until there is room again after `WAL_BACKPRESSURE` or `WAL_FULL`; at once where there is.
   *
   * @throws WalError `WAL_IO` when the next segment cannot be made for another reason than space: it is tried again
   *   every 50 ms, and another `drain()` tells how it stands; `WAL_POISONED`, `WAL_CLOSED`, `WAL_UNSUPPORTED` for an
   *   option that does not exist; the reason of the signal
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    checkOptions('drain', options, drainRules)
    const { signal } = options
    signal?.throwIfAborted()
    while (!this.#hasRoom()) {
      await this.#drains.wait(signal)
      signal?.throwIfAborted()
    }
  }

  /**
   * As `drain`, but waits on this thread, and through `WAL_IO` too.
   *
   * @param timeoutMs at most so long, in milliseconds; 0 or less: only a look; without it as long as it takes
   * @throws WalError `WAL_BACKPRESSURE`, `WAL_FULL` or `WAL_IO` when there is still no room, `WAL_POISONED`, `WAL_CLOSED`,
   *   `WAL_UNSUPPORTED` for a time that is no number
   */
  drainSync(timeoutMs: number = Number.POSITIVE_INFINITY): void {
    checkValue('drainSync', 'timeoutMs', timeoutMs, timeoutRule)
    this.#staging.call(native => native.drainSync(timeoutMs))
  }

  /**
   * Goes on in the next segment; the current one will be sealed.
   *
   * @throws WalError `WAL_BACKPRESSURE` or `WAL_FULL` when there is no next one yet, `WAL_POISONED`, `WAL_CLOSED`; the
   *   recorder is then where it was
   */
  rotate(): void {
    this.#staging.call(native => native.rotate())
  }

  /**
   * Changes how much of the log is kept, from now on; what is left out is no limit. It happens in the background.
   *
   * @throws WalError `WAL_UNSUPPORTED` for a limit that does not exist or cannot be, and the limits are then what they
   *   were; `WAL_CLOSED`
   */
  setRetention(limits: RetentionLimits): void {
    checkOptions('setRetention', limits, retentionRules)
    this.#staging.call(native => native.setRetention({ ...limits }))
  }

  /**
   * Says that no event before this one is needed any more, and that it and all behind it are: no limit removes or
   * compresses a segment with one of these. Where no limit says how much is kept (`coldSegments`, `bytes`, `ageMs`), the
   * segments with nothing but earlier events are removed in the background, otherwise when the limits say so.
   *
   * It holds until the next call, or until the recorder is closed; before the first call nothing is held.
   *
   * @param id 1 … `lastEventId` + 1
   * @throws WalError `WAL_EVENT_ID` for any other id, `WAL_POISONED`, `WAL_CLOSED`
   */
  truncateBefore(id: number): void {
    if (!Number.isSafeInteger(id) || id < 1) {
      const message = `truncateBefore got ${shown(id)}: it takes an event id, a whole number from 1 to lastEventId + 1`
      throw new WalError('WAL_EVENT_ID', message)
    }
    this.#staging.call(native => native.truncateBefore(id))
  }

  /**
   * Writes, syncs and marks the log as cleanly closed. Whoever waits for durability is served. Closing twice is no
   * error.
   *
   * @throws WalError when something could not be written or synced
   */
  async close(): Promise<void> {
    const staging = this.#staging
    if (staging.closed) return
    staging.close()
    try {
      translating(() => this.#native.close())
    } finally {
      this.#commit.fail(closedError())
      this.#drains.wake()
    }
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The metrics, for `@flashstrike/telemetry`. */
  [Symbol.for('flashstrike.metrics')](): Uint8Array {
    return this.#native.metrics()
  }

  /** As a console prints it. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: InspectOptions): string {
    const { lastEventId, writtenEventId, durableEventId } = this
    const state = this.#staging.closed ? 'closed' : 'open'
    return `Recorder ${inspect({ dir: this.#dir, state, lastEventId, writtenEventId, durableEventId }, options)}`
  }

  #refusal(id: number): WalError | undefined {
    if (this.#staging.closed) return closedError()
    if (!Number.isSafeInteger(id) || id < 0) return noEventId('the id', id)
    // A promise that was kept before stays kept.
    if (id <= this.lastEventId) return id <= this.durableEventId ? undefined : this.#poison
    const message = `event ${id} was not appended yet: the last one is ${this.lastEventId}`
    return new WalError('WAL_EVENT_ID', message, { eventId: id })
  }

  #hasRoom(): boolean {
    try {
      // Knows of a refused `rotate()` too, which publishing what is staged would not.
      this.drainSync(0)
      return true
    } catch (error) {
      if (isForNow(error)) return false
      throw error
    }
  }

  #hear(kind: number, a: number, text: string): void {
    switch (kind) {
      case NativeEvent.durable:
        this.#commit.release()
        break
      case NativeEvent.room:
        this.#drains.wake()
        break
      case NativeEvent.poisoned:
        this.#poisoned(WalError.fromJson(text))
        break
      case NativeEvent.failed:
        if (this.listenerCount('error') > 0) this.emit('error', WalError.fromJson(text))
        break
      case NativeEvent.rotated:
        this.emit('rotated', a)
        break
      case NativeEvent.sealed:
        this.emit('sealed', a)
        break
      case NativeEvent.compressed:
        this.emit('compressed', a)
        break
      case NativeEvent.deleted:
        this.emit('deleted', a)
        break
    }
  }

  #poisoned(error: WalError): void {
    this.#poison = error
    this.#staging.refuse()
    this.#commit.fail(error)
    this.#drains.wake()
    // Last, since a listener may throw.
    this.emit('poisoned', error)
  }
}

/** The events of a batch, taken out once. */
function listed(events: Iterable<unknown>): readonly unknown[] {
  if (Array.isArray(events)) return events
  if (
    typeof events === 'object' &&
    events !== null &&
    Symbol.iterator in events &&
    !ArrayBuffer.isView(events)
  )
    return [...events]
  throw new WalError(
    'WAL_SCHEMA',
    `appendBatch got ${shown(events)}: it takes an array, or another iterable, of events; append takes a single one`,
  )
}
