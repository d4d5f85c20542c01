import { EventEmitter } from 'node:events'
import type { OpenReport } from '@flashstrike/wal-recovery'
import { translating, WalError } from '@flashstrike/wal-recovery/errors'
import { type EventType, type EventValues, schemaJson } from '@flashstrike/wal-recovery/schema'
import { type AppendBytes, ByteAppender } from './byte-appender.js'
import { type AppendEvent, eventAppender } from './event-appender.js'
import { EventBatch } from './event-batch.js'
import { layoutOf } from './event-layout.js'
import {
  loadBinding,
  NativeEvent,
  type NativeListener,
  type NativeOpenOptions,
  type NativeRecorder,
  type RecorderBinding,
} from './native.js'
import type { DrainOptions, RecorderOptions } from './options.js'
import { closedError, Staging } from './staging.js'
import { SyncWaiters } from './sync-waiters.js'

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
  /** A write or sync has failed: nothing can be appended until the log is opened again. */
  poisoned: [error: WalError]
  /** Something failed in the background that the recorder goes on after. */
  error: [error: WalError]
}

/** Recorders that somebody waits for. The native side holds a recorder weakly, so that a forgotten one can go. */
const awaited = new Set<object>()

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
  readonly #native: NativeRecorder
  readonly #staging: Staging
  readonly #batch: (events: readonly InputOf<T>[]) => number
  readonly #waiters = new SyncWaiters()
  #drains: Array<() => void> = []
  #syncAsked = false
  #poison: WalError | undefined
  readonly #sync = (): void => this.#requestSync()

  private constructor(native: NativeRecorder, event: T) {
    super()
    this.#native = native
    this.report = JSON.parse(native.reportJson()) as OpenReport
    const staging = new Staging(native)
    this.#staging = staging
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
   * @throws WalError `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_TORN` (mode `strict`), `WAL_SCHEMA`, `WAL_UNSUPPORTED`,
   *   `WAL_IO`, `WAL_FULL`; the log is then as it was
   */
  static open<E extends EventType>(options: RecorderOptions<E> & { readonly event: E }): Promise<Recorder<E>>
  static open(options: RecorderOptions<undefined>): Promise<Recorder<undefined>>
  static async open(options: RecorderOptions): Promise<Recorder<EventType | undefined>> {
    return Recorder.openWith(await loadBinding(), options)
  }

  /** @internal */
  static openWith<E extends EventType | undefined>(
    binding: RecorderBinding,
    options: RecorderOptions<E>,
  ): Recorder<E> {
    let opened: WeakRef<Recorder<E>> | undefined
    const hear: NativeListener = (kind, a, _b, text) => {
      const recorder = opened?.deref()
      if (recorder !== undefined) recorder.#hear(kind, a, text)
    }
    const native = translating(() => binding.open(nativeOptions(options), hear))
    try {
      const recorder = new Recorder<E>(native, options.event as E)
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
   * @returns the id of the last one
   * @throws WalError as `append`; then none of them is in the log
   */
  appendBatch(events: Iterable<InputOf<T>>): number {
    const batch = Array.isArray(events) ? (events as InputOf<T>[]) : [...events]
    return batch.length === 0 ? this.lastEventId : this.#batch(batch)
  }

  /** Publishes what is staged, so that readers see it now and not at the end of this turn of the event loop. */
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
    if (refused !== undefined) return Promise.reject(refused)
    if (this.durableEventId >= id) return Promise.resolve()
    const durable = this.#waiters.add(id)
    this.#hold()
    if (!this.#syncAsked) {
      // Behind the code that runs now, which may append and wait for more: one request serves all of it.
      this.#syncAsked = true
      queueMicrotask(this.#sync)
    }
    return durable
  }

  /**
   * As `durable`, but syncs on this thread and returns when it is done: for engines that answer only then.
   *
   * @throws WalError as `durable`
   */
  durableSync(id: number = this.lastEventId): void {
    const refused = this.#refusal(id)
    if (refused !== undefined) throw refused
    if (this.durableEventId < id) this.#staging.call(native => native.durableSync(id))
  }

  /**
   * Waits until there is room again after `WAL_BACKPRESSURE` or `WAL_FULL`; at once where there is.
   *
   * @throws WalError `WAL_POISONED`, `WAL_CLOSED`
   */
  async drain({ signal }: DrainOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    while (!this.#hasRoom()) {
      await this.#room(signal)
      signal?.throwIfAborted()
    }
  }

  /**
   * As `drain`, but waits on this thread.
   *
   * @param timeoutMs at most so long, in milliseconds; without it as long as it takes
   * @throws WalError `WAL_BACKPRESSURE` or `WAL_FULL` when there is still no room
   */
  drainSync(timeoutMs: number = Number.POSITIVE_INFINITY): void {
    this.#staging.call(native => native.drainSync(timeoutMs))
  }

  /** Goes on in the next segment; the current one will be sealed. */
  rotate(): void {
    this.#staging.call(native => native.rotate())
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
      this.#waiters.release(this.durableEventId)
    } finally {
      this.#waiters.fail(closedError())
      this.#wakeDrains()
      this.#letGo()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The metrics, for `@flashstrike/telemetry`. */
  [Symbol.for('flashstrike.metrics')](): Uint8Array {
    return this.#native.metrics()
  }

  #refusal(id: number): WalError | undefined {
    if (this.#staging.closed) return closedError()
    if (this.#poison !== undefined) return this.#poison
    if (Number.isSafeInteger(id) && id >= 0 && id <= this.lastEventId) return undefined
    const message = `event ${id} was not appended yet: the last one is ${this.lastEventId}`
    return new WalError('WAL_EVENT_ID', message, { eventId: this.lastEventId })
  }

  #requestSync(): void {
    this.#syncAsked = false
    if (this.#waiters.empty) return
    try {
      this.#staging.requestSync(this.#waiters.highest)
    } catch (error) {
      this.#waiters.fail(error as Error)
      this.#letGo()
    }
  }

  #hasRoom(): boolean {
    if (this.#staging.closed) throw closedError()
    try {
      this.#staging.commit()
      return true
    } catch (error) {
      const { code } = error as WalError
      if (code === 'WAL_BACKPRESSURE' || code === 'WAL_FULL') return false
      throw error
    }
  }

  #room(signal: AbortSignal | undefined): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      signal?.addEventListener('abort', wake)
      this.#drains.push(wake)
      this.#hold()
    })
  }

  #wakeDrains(): void {
    const drains = this.#drains
    this.#drains = []
    for (const wake of drains) wake()
  }

  /** Keeps the process, and this recorder, alive while somebody waits. */
  #hold(): void {
    if (awaited.has(this)) return
    awaited.add(this)
    this.#native.ref()
  }

  #letGo(): void {
    if (!this.#waiters.empty || this.#drains.length > 0 || !awaited.delete(this)) return
    if (!this.#staging.closed) this.#native.unref()
  }

  #hear(kind: number, a: number, text: string): void {
    switch (kind) {
      case NativeEvent.durable:
        this.#waiters.release(this.durableEventId)
        break
      case NativeEvent.room:
        this.#wakeDrains()
        break
      case NativeEvent.poisoned:
        this.#poisoned(WalError.fromJson(text))
        break
      case NativeEvent.failed:
        if (this.listenerCount('error') > 0) this.emit('error', WalError.fromJson(text))
        break
      default:
        this.#tell(kind, a)
    }
    this.#letGo()
  }

  #poisoned(error: WalError): void {
    this.#poison = error
    this.#staging.refuse()
    this.#waiters.fail(error)
    this.#wakeDrains()
    this.emit('poisoned', error)
  }

  #tell(kind: number, segment: number): void {
    if (kind === NativeEvent.rotated) this.emit('rotated', segment)
    else if (kind === NativeEvent.sealed) this.emit('sealed', segment)
  }
}

function nativeOptions({ event, allowFileSystem, ...rest }: RecorderOptions): NativeOpenOptions {
  if (typeof rest.dir !== 'string' || rest.dir === '') {
    throw new TypeError('Recorder.open: dir has to name the directory of the log')
  }
  return {
    ...rest,
    ...(event !== undefined && { schema: schemaJson(event) }),
    ...(allowFileSystem !== undefined && { allowFileSystem: [...allowFileSystem] }),
  }
}
