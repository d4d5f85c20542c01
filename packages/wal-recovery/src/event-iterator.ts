import { BlockWalker, readId } from './block-walker.js'
import { ByteEvent } from './byte-event.js'
import { type MemoryCursor, NO_MEMORY } from './cursor.js'
import { entryBytes } from './format.js'
import { NO_RUNS } from './native.js'

/** Which event ids an iteration gives, both inclusive. */
export interface IdRange {
  readonly from: number
  readonly to: number
}

/** Every event of a log. */
export const ALL_IDS: IdRange = { from: 0, to: Number.MAX_SAFE_INTEGER }

/** Goes to the block to be read next; false at the end. */
export type NextBlock = () => boolean

/** Every result has the same shape, the last one too: loops over events see one only, and need no second look. */
function result<D extends boolean, V>(done: D, value: V): { done: D; value: V } {
  return { done, value }
}

const END: IteratorReturnResult<undefined> = result(true, undefined)

/**
 * Events one after the other, all of them shown by one flyweight and one result object, so that a loop allocates
 * nothing. Breaking out of the loop gives the log's memory back.
 */
export abstract class EventIterator<E> implements Iterator<E, undefined>, Iterable<E>, Disposable {
  protected readonly walker: BlockWalker
  protected readonly cursor: MemoryCursor
  protected readonly range: IdRange
  protected readonly reverse: boolean
  protected readonly result: IteratorYieldResult<E>
  /** Events still to come in the current block, behind the one the flyweight shows. */
  protected left = 0
  /**
   * Stands on the first event to be shown of each block with one; false: there is none for now. It is a generator
   * because V8 never inlines those: a plain call would be inlined into the caller's loop, where it would use up the
   * room that the getters of the flyweight need (then they cost ten times as much).
   */
  protected readonly blocks: Generator<boolean, never>
  readonly #nextBlock: NextBlock
  readonly #isOrdered: boolean
  readonly #onEnd: () => void

  protected constructor(event: E, options: IterationOptions) {
    const { walker, cursor, nextBlock, range, reverse, isOrdered, onEnd } = options
    this.walker = walker
    this.cursor = cursor
    this.range = range
    this.reverse = reverse
    this.result = result(false, event)
    this.#nextBlock = nextBlock
    this.#isOrdered = isOrdered
    this.#onEnd = onEnd
    this.blocks = this.#walk()
  }

  /** Goes to the next event. */
  abstract next(): IteratorResult<E, undefined>

  /** Sets the cursor on the first event of the current block that is to be shown, and `left`; false if there is none. */
  protected abstract enterBlock(): boolean

  *#walk(): Generator<boolean, never> {
    try {
      for (;;) {
        while (this.#nextBlock()) {
          if (this.#isOrdered && this.#isBeyond()) break
          if (this.enterBlock()) yield true
        }
        this.return()
        yield false
      }
    } catch (error) {
      this.return()
      throw error
    }
  }

  #isBeyond(): boolean {
    const { walker, range } = this
    return this.reverse ? walker.lastId < range.from : walker.firstId > range.to
  }

  /** Ends the iteration. */
  return(): IteratorReturnResult<undefined> {
    this.left = 0
    this.#onEnd()
    return END
  }

  /** The block it reads on its own has passed: the next call of `next` asks for another one. @internal */
  expire(): void {
    this.left = 0
    this.cursor.view = NO_MEMORY
  }

  /** As a console prints it; the event shown last may be gone by then. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const order = this.reverse ? 'newest first' : 'oldest first'
    return `${this.constructor.name} { ${order}; for (const event of …) event.toObject() }`
  }

  /** Itself: it is iterated over once. */
  [Symbol.iterator](): this {
    return this
  }

  /** Gives the log's memory back, for `using`. */
  [Symbol.dispose](): void {
    this.return()
  }
}

/** What an iteration needs to know. */
export interface IterationOptions {
  readonly walker: BlockWalker
  /** Stands on the event that is shown: the walker's own, or one on the same view that the walker does not move. */
  readonly cursor: MemoryCursor
  readonly nextBlock: NextBlock
  readonly range: IdRange
  readonly reverse: boolean
  /** Whether the ids ascend from block to block, so that behind one beyond the range there is none inside it. */
  readonly isOrdered: boolean
  readonly onEnd: () => void
}

/** Events of a fixed size. */
export class FixedEvents<E> extends EventIterator<E> {
  readonly #size: number
  readonly #step: number

  constructor(event: E, size: number, options: IterationOptions) {
    super(event, options)
    this.#size = size
    this.#step = options.reverse ? -size : size
  }

  override next(): IteratorResult<E, undefined> {
    if (this.left === 0) return this.blocks.next().value ? this.result : END
    this.left--
    this.cursor.offset += this.#step
    return this.result
  }

  protected override enterBlock(): boolean {
    const { walker, range, reverse } = this
    const first = countBelow(walker, this.#size, range.from)
    const end = countBelow(walker, this.#size, range.to + 1)
    if (first >= end) return false
    this.cursor.offset = walker.payloadStart + (reverse ? end - 1 : first) * this.#size
    this.left = end - first - 1
    return true
  }
}

/** How many events of the block have ids below `id`; they ascend, with gaps, and are `size` bytes long. */
export function countBelow(walker: BlockWalker, size: number, id: number): number {
  const { payloadStart, cursor, count } = walker
  if (walker.firstId >= id) return 0
  if (walker.lastId < id) return count
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (readId(cursor.view, payloadStart + middle * size) < id) low = middle + 1
    else high = middle
  }
  return low
}

/** Events of any length: their ids are counted from the block's first. */
export class ByteEvents extends EventIterator<ByteEvent> {
  readonly #event: ByteEvent
  /** Reverse only: where the entries still to be shown begin. */
  #offsets: number[] = []

  constructor(options: IterationOptions) {
    const event = new ByteEvent(options.cursor)
    super(event, options)
    this.#event = event
  }

  override next(): IteratorResult<ByteEvent, undefined> {
    if (this.left === 0) return this.blocks.next().value ? this.result : END
    this.left--
    if (this.reverse) {
      this.cursor.offset = this.#offsets[this.left] ?? 0
      this.#event.event_id--
    } else {
      this.cursor.offset = this.#following(this.cursor.offset)
      this.#event.event_id++
    }
    return this.result
  }

  protected override enterBlock(): boolean {
    const { walker, range, reverse } = this
    const first = Math.max(walker.firstId, range.from)
    const last = Math.min(walker.lastId, range.to)
    if (first > last) return false
    let offset = walker.payloadStart
    for (let id = walker.firstId; id < first; id++) offset = this.#following(offset)
    this.cursor.offset = offset
    this.left = last - first
    this.#event.event_id = first
    if (reverse) this.#collect(offset, last)
    return true
  }

  #collect(first: number, lastId: number): void {
    this.#offsets = [first]
    for (let offset = first, n = this.left; n > 0; n--) {
      offset = this.#following(offset)
      this.#offsets.push(offset)
    }
    this.cursor.offset = this.#offsets[this.left] ?? first
    this.#event.event_id = lastId
  }

  #following(offset: number): number {
    return offset + entryBytes(this.cursor.view.getUint32(offset, true))
  }
}

/**
 * One iterator of each kind that is never used and never collected: V8 drops optimized code together with the last
 * object of a shape that the code knows, and between two replays of a program there may be none.
 */
export const KEPT_SHAPES: readonly EventIterator<unknown>[] = [
  new FixedEvents<unknown>(undefined, 0, endedIteration()),
  new ByteEvents(endedIteration()),
]

function endedIteration(): IterationOptions {
  const walker = new BlockWalker(NO_RUNS)
  return {
    walker,
    cursor: walker.cursor,
    nextBlock: () => false,
    range: ALL_IDS,
    reverse: false,
    isOrdered: true,
    onEnd: () => {},
  }
}
