import type { BlockWalker } from './block-walker.js'
import type { Column, ColumnName, Columns } from './columns.js'
import { MemoryCursor } from './cursor.js'
import { WalError } from './errors.js'
import type { EventIterator, IdRange, IterationOptions } from './event-iterator.js'
import type { TypedColumn } from './field-types.js'

/** Makes the iterator over the events where a walker stands. */
export type IterateEvents<E> = (options: IterationOptions) => EventIterator<E>

/**
 * One block of the log: the unit that is written, verified and kept or lost as a whole. It is valid until the next
 * block is asked for.
 */
export class LogBlock<E> implements Iterable<E> {
  /** Id of the first event in the block: in all of it, as `lastId`, `count` and `payload`, also where only a part of it lies
   * in the range asked for. `column` and iterating keep to the range. */
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
  readonly #columns: Columns

  /** @internal */
  constructor(walker: BlockWalker, range: IdRange, iterate: IterateEvents<E>, columns: Columns) {
    const { view } = walker.cursor
    this.#walker = walker
    this.#place = walker.place
    this.#range = range
    this.#iterate = iterate
    this.#columns = columns
    this.firstId = walker.firstId
    this.lastId = walker.lastId
    this.count = walker.count
    this.writtenMs = walker.writtenMs
    const length = walker.payloadEnd - walker.payloadStart
    this.payload = new Uint8Array(view.buffer, view.byteOffset + walker.payloadStart, length)
  }

  /**
   * The values of a numeric field of those events of the block that lie in the range asked for, in order: a copy, which
   * stays when the block has passed. Of a `u64` or `i64` it is a `Float64Array`, exact up to ±(2⁵³ − 1); of `u64.big`
   * and `i64.big` a `BigUint64Array` or `BigInt64Array`; of any other type the array of that type. The ids are the
   * column `event_id`, a `Float64Array`.
   *
   * @param into an array of that kind to copy into, from its beginning on, with room for `count` values; it is given
   *   back, cut to the values. Without it each call makes a new one.
   * @throws WalError `WAL_SCHEMA` for a field that does not exist or is no number, and for a `u64` or `i64` beyond the
   *   safe integers; `WAL_UNSUPPORTED` for an array that does not fit; `WAL_CLOSED` when the next block has been asked
   *   for
   */
  column<Name extends ColumnName<E>>(name: Name, into?: Column<E, Name>): Column<E, Name> {
    if (this.#walker.place !== this.#place) throw past(this.firstId, this.lastId)
    const given = into as TypedColumn | undefined
    return this.#columns.read(this.#walker, this.#range, name, given) as Column<E, Name>
  }

  /**
   * The events of the block that lie in the range asked for, shown by one flyweight for each iteration: several may go on
   * at once.
   *
   * @throws WalError `WAL_CLOSED` when the next block has been asked for, also from the iterator
   */
  [Symbol.iterator](): EventIterator<E> {
    const walker = this.#walker
    if (walker.place !== this.#place) throw past(this.firstId, this.lastId)
    let isFirst = true
    let isOver = false
    const events = this.#iterate({
      walker,
      cursor: new MemoryCursor(walker.cursor.view),
      nextBlock: () => {
        if (!isOver && walker.place !== this.#place) throw past(this.firstId, this.lastId)
        const isHere = isFirst && !isOver
        isFirst = false
        return isHere
      },
      range: this.#range,
      reverse: false,
      isOrdered: true,
      onEnd: () => {
        isOver = true
      },
    })
    walker.lend(events)
    return events
  }
}

function past(firstId: number, lastId: number): WalError {
  return new WalError(
    'WAL_CLOSED',
    `the block of events ${firstId} to ${lastId} is no longer there: it is valid until the next block is asked for. ` +
      'Keep Array.from(block, event => event.toObject()), and not the block',
  )
}
