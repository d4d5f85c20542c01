import { BlockWalker } from './block-walker.js'
import type { Columns } from './columns.js'
import { WalError } from './errors.js'
import type { EventIterator, IdRange, IterationOptions } from './event-iterator.js'
import { LogBlock } from './log-block.js'
import type { NativeFollower } from './native.js'
import { nextTurn, TURN_MS } from './turn.js'
import type { WindowViews } from './window-views.js'

const END: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** What a follow is made of. @internal */
export interface FollowParts<E> {
  readonly native: NativeFollower
  readonly views: WindowViews | undefined
  readonly iterate: (options: IterationOptions) => EventIterator<E>
  readonly columns: () => Columns
  readonly signal: AbortSignal | undefined
  /** Called once, when it is asked for something for the first time: from then on it has to be told of the log's end. */
  readonly onBegin: (follow: Follow<E>) => void
  /** Called once, when it is over. */
  readonly onEnd: (follow: Follow<E>) => void
}

/** How a follow has ended. */
type Ending = { readonly thrown: unknown } | 'returned'

/**
 * A log followed live. Each event is shown by the same flyweight, which is valid until the next one is asked for.
 *
 * While it waits it has a thread of its own, keeps the process alive, and leaves the event loop alone. Leaving the loop
 * ends it, and so do `return()`, the signal and `close()` of the log.
 */
export class Follow<E> implements AsyncIterator<E, undefined>, AsyncIterable<E>, AsyncDisposable {
  readonly #native: NativeFollower
  readonly #walker: BlockWalker
  /** Once there is a block: before, nothing may be known of the events of the log. */
  #events: EventIterator<E> | undefined
  /** What `next` has given last, as long as it stands in a block that is there. */
  #shown: E | undefined
  readonly #iterate: (options: IterationOptions) => EventIterator<E>
  readonly #columns: () => Columns
  readonly #signal: AbortSignal | undefined
  readonly #onBegin: (follow: Follow<E>) => void
  readonly #onEnd: (follow: Follow<E>) => void
  /** What is given begins with the first event that was not given before, wherever its block begins. */
  readonly #range: { -readonly [Name in keyof IdRange]: IdRange[Name] } = {
    from: 0,
    to: Number.MAX_SAFE_INTEGER,
  }
  #isBegun = false
  #ending: Ending | undefined
  #wake: (() => void) | undefined
  /** Calls of `next`, and of that of `blocks`, that wait, one behind the other. */
  #waiting: Promise<unknown> | undefined
  #turnEnds = 0

  /** @internal */
  constructor({ native, views, iterate, columns, signal, onBegin, onEnd }: FollowParts<E>) {
    this.#native = native
    this.#walker = new BlockWalker(this.#native, false, views)
    this.#iterate = iterate
    this.#columns = columns
    this.#signal = signal
    this.#onBegin = onBegin
    this.#onEnd = onEnd
    if (signal?.aborted) this.#abort()
  }

  /** Gives the next event, when it comes. */
  next(): Promise<IteratorResult<E, undefined>> {
    this.#beginOnce()
    if (this.#waiting === undefined) {
      try {
        const result = this.#nextNow()
        if (result !== undefined) return Promise.resolve(result)
      } catch (error) {
        return Promise.reject(error)
      }
    }
    return this.#inOrder(() => this.#nextLater())
  }

  /**
   * Gives what comes block by block: one promise a block and none an event. A block is valid until the next one is asked
   * for. Its events are those that were not given yet.
   */
  async *blocks(): AsyncGenerator<LogBlock<E>, void, undefined> {
    this.#beginOnce()
    try {
      for (;;) {
        let block = this.#waiting === undefined ? this.#blockNow() : undefined
        block ??= await this.#inOrder(() => this.#blockLater())
        if (block === undefined) return
        yield block
      }
    } finally {
      this.#end('returned')
    }
  }

  /** Ends it at once: its thread, its files and its memory are given back. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end('returned')
    return Promise.resolve(END)
  }

  /** Itself: it is iterated over once. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end('returned')
  }

  /** The log was closed. @internal */
  close(): void {
    this.#end({
      thrown: new WalError('WAL_CLOSED', 'the Recovery was closed, which ends what follows its log live'),
    })
  }

  /** Nobody holds what was never asked for anything, so that it is collected when it is forgotten. */
  #beginOnce(): void {
    if (this.#isBegun || this.#ending !== undefined) return
    this.#isBegun = true
    if (this.#signal?.aborted) {
      this.#abort()
      return
    }
    this.#signal?.addEventListener('abort', this.#abort, { once: true })
    this.#onBegin(this)
  }

  readonly #abort = (): void => {
    this.#end({ thrown: this.#signal?.reason })
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#waiting === undefined ? work() : this.#waiting.then(work, work)
    this.#waiting = turn
    const done = () => {
      if (this.#waiting === turn) this.#waiting = undefined
    }
    turn.then(done, done)
    return turn
  }

  async #nextLater(): Promise<IteratorResult<E, undefined>> {
    for (;;) {
      const result = this.#nextNow()
      if (result !== undefined) return result
      await this.#pause()
    }
  }

  /** The next block once it is there; undefined: it is over. */
  async #blockLater(): Promise<LogBlock<E> | undefined> {
    while (!this.#isOver()) {
      const block = this.#blockNow()
      if (block !== undefined) return block
      await this.#pause()
    }
    return undefined
  }

  /** The next block, if it is there. */
  #blockNow(): LogBlock<E> | undefined {
    if (!this.#hasRest() && !this.#nextBlock()) return undefined
    return new LogBlock<E>(this.#walker, this.#range, this.#iterate, this.#columns())
  }

  /** Whether `next` has left a part of the block it stands in; that is what comes first then. */
  #hasRest(): boolean {
    this.#events = undefined
    const shown = this.#shown as { readonly event_id: number } | undefined
    if (shown === undefined) return false
    const given = shown.event_id
    this.#shown = undefined
    if (given >= this.#walker.lastId) return false
    this.#range.from = given + 1
    return true
  }

  /** The next event or the end, if either is there; undefined: neither. */
  #nextNow(): IteratorResult<E, undefined> | undefined {
    if (this.#isOver()) return END
    if (this.#events === undefined && !this.#enter()) return undefined
    const result = this.#events?.next()
    this.#shown = result?.done === false ? result.value : undefined
    return this.#shown === undefined ? undefined : result
  }

  /** Goes to the first block there is; false: there is none for now. */
  #enter(): boolean {
    if (!this.#nextBlock()) return false
    let isThere = true
    const nextBlock = () => {
      if (!isThere) return this.#nextBlock()
      isThere = false
      return true
    }
    try {
      const walker = this.#walker
      this.#events = this.#iterate({
        walker,
        cursor: walker.cursor,
        nextBlock,
        range: this.#range,
        reverse: false,
        isOrdered: true,
        onEnd: () => {},
      })
    } catch (error) {
      this.#end({ thrown: error })
      throw error
    }
    return true
  }

  /** Whether it has ended; throws what it has ended with. */
  #isOver(): boolean {
    if (this.#ending === undefined) return false
    if (this.#ending === 'returned') return true
    throw this.#ending.thrown
  }

  /** Goes to the next block that is there; false: there is none for now, or it is time for others. */
  #nextBlock(): boolean {
    if (this.#ending !== undefined) return false
    if (performance.now() >= this.#turnEnds) {
      if (this.#turnEnds > 0) return false
      this.#turnEnds = performance.now() + TURN_MS
    }
    try {
      while (!this.#walker.nextInRun()) {
        if (!this.#walker.nextRun()) return false
        this.#range.from = this.#native.from()
      }
    } catch (error) {
      this.#end({ thrown: error })
      throw error
    }
    return true
  }

  /** Waits for the next run, or lets the event loop turn where it has been kept for long enough. */
  #pause(): Promise<void> {
    const isTurn = this.#turnEnds > 0 && performance.now() >= this.#turnEnds
    this.#turnEnds = 0
    // A block that is kept reads memory that is filled from now on.
    this.#walker.leave()
    if (isTurn) return nextTurn()
    return new Promise(resolve => {
      this.#wake = resolve
      try {
        this.#native.wait(this.#onRun)
      } catch (error) {
        this.#end({ thrown: WalError.from(error) })
      }
    })
  }

  /** What was waited for has come. */
  readonly #onRun = (): void => {
    this.#native.unref()
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return
    this.#ending = ending
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#events?.return()
    this.#walker.close()
    this.#wakeUp()
    this.#onEnd(this)
  }
}
