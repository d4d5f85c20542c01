import type { BlockWalker } from './block-walker.js'
import { WalError } from './errors.js'
import type { EventIterator, IdRange, IterationOptions } from './event-iterator.js'

/** Makes the iterator over the events where a walker stands. */
export type IterateEvents<E> = (options: IterationOptions) => EventIterator<E>

/**
 * One block of the log: the unit that is written, verified and kept or lost as a whole. It is valid until the next
 * block is asked for.
 */
export class LogBlock<E> implements Iterable<E> {
  /** Id of the first event in the block. */
  readonly firstId: number
  /** Id of the last event in the block. */
  readonly lastId: number
  /** Number of events in the block. */
  readonly count: number
  /** When the block was written: milliseconds since the Unix epoch, with fractions. */
  readonly writtenMs: number
  /** The block's bytes without header and padding, read in place. */
  readonly payload: Uint8Array
  readonly #walker: BlockWalker
  readonly #place: number
  readonly #range: IdRange
  readonly #iterate: IterateEvents<E>

  /** @internal */
  constructor(walker: BlockWalker, range: IdRange, iterate: IterateEvents<E>) {
    const { view } = walker.cursor
    this.#walker = walker
    this.#place = walker.place
    this.#range = range
    this.#iterate = iterate
    this.firstId = walker.firstId
    this.lastId = walker.lastId
    this.count = walker.count
    this.writtenMs = walker.writtenMs
    const length = walker.payloadEnd - walker.payloadStart
    this.payload = new Uint8Array(view.buffer, view.byteOffset + walker.payloadStart, length)
  }

  /**
   * The events of the block that lie in the range asked for, shown by one flyweight.
   *
   * @throws WalError `WAL_CLOSED` when the next block has been asked for
   */
  [Symbol.iterator](): EventIterator<E> {
    if (this.#walker.place !== this.#place) throw past(this.firstId, this.lastId)
    let first = true
    const nextBlock = () => {
      const here = first
      first = false
      return here
    }
    return this.#iterate({
      walker: this.#walker,
      nextBlock,
      range: this.#range,
      reverse: false,
      onEnd: () => {},
    })
  }
}

function past(firstId: number, lastId: number): WalError {
  return new WalError(
    'WAL_CLOSED',
    `the block of events ${firstId} to ${lastId} is no longer there: it is valid until the next block is asked for. ` +
      'Keep Array.from(block, event => event.toObject()), and not the block',
  )
}
