import { WalError } from '@flashstrike/wal-recovery/errors'
import { idHalves, TWO_32 } from '@flashstrike/wal-recovery/format'
import { shown } from '@flashstrike/wal-recovery/option-check'
import { EventMemory } from './memory.js'
import type { HotCalls, NativeRecorder } from './native.js'

/** Where the fields of the staging memory's header lie, as indexes of 32-bit words; see docs/format.md. */
const AREA_BYTES_WORD = 40 / 4
const BASE_ID_WORD = 64 / 4
/** The number of complete events. Storing it is what appends an event. */
export const COUNT_WORD = 128 / 4
const WRITTEN_ID_WORD = 192 / 4
const DURABLE_ID_WORD = 200 / 4
/** Bytes in front of the payload area. */
export const HEADER_BYTES = 4096

/** One append in so many is timed, on average. */
const TIMED_EVERY = 1024
/** From this id on every append looks how many are left. It is met in time: appends enter far more often. */
const NEAR_LAST_ID = Number.MAX_SAFE_INTEGER - 2 ** 20

/**
 * The memory in which the next block is being filled, as the appending side sees it.
 *
 * It is mapped from a file and shared, so an event survives the death of the process as soon as the store that counts
 * it has executed. The order is: the event's bytes, its id among them, then `count + 1`. A whole block is published
 * by one native call.
 *
 * The members are plain ones, since generated code reads and writes them.
 */
export class Staging {
  readonly memory: EventMemory
  /** Bytes of the payload area: those of a full block. */
  readonly areaBytes: number
  /** Events staged so far; in a log of fixed-size events also the slot of the next one. */
  slot = 0
  /** From this slot on an append has to call `enter` first: something is to be done before it. */
  guard = 0
  /** Id of the last event appended. */
  lastId: number
  /** Id of the last event in a published block, as this side knows it without a look at shared memory. */
  publishedId: number
  /** Blocks published so far: events that were staged while it was the same go into the same block. */
  blocks = 0
  /** Bytes of the payload area that are in use; only logs of bytes count them. */
  usedBytes = 0

  readonly #hot: HotCalls
  /** Held so that the recorder stays open as long as somebody can append. */
  readonly #native: NativeRecorder
  /**
   * Whether the segment has room for a whole block, so that what is staged can surely be published. Only `nextBlock`
   * gives that answer; until it does, no event is staged.
   */
  #hasRoom = false
  #closed = false
  #flushScheduled = false
  /** From this slot on the next append is timed; beyond the block if it is one of a later block. */
  #timedSlot = untilTimed()
  readonly #flush = (): void => this.#endTurn()

  constructor(native: NativeRecorder) {
    this.#native = native
    this.#hot = native.hot()
    this.memory = new EventMemory(native.staging())
    this.areaBytes = this.memory.words[AREA_BYTES_WORD] ?? 0
    this.lastId = this.#readId(BASE_ID_WORD)
    this.publishedId = this.lastId
  }

  /** Id of the last event in a published block. */
  get writtenId(): number {
    return this.#readId(WRITTEN_ID_WORD)
  }

  /** Id of the last event known to be on the disk. */
  get durableId(): number {
    return this.#readId(DURABLE_ID_WORD)
  }

  /**
   * What an append does when it meets the guard: refuses when there is no way to append, and sees to it that a
   * partly filled block is published at the end of the turn.
   *
   * @returns when this append began, if it is one of those that are timed; else 0
   */
  enter(): number {
    if (this.#closed) throw closedError()
    const start = this.startOf(1)
    if (!this.#hasRoom) this.nextBlock()
    this.idAfter(1)
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      setImmediate(this.#flush)
    }
    this.guard = this.lastId < NEAR_LAST_ID ? this.#timedSlot : 0
    return start
  }

  /**
   * When the append of so many events began, which is about to be done, if it is one of those that are timed; else 0.
   * Which ones are is left to chance, so that each has its turn: those that publish a block as well, which are the
   * slow ones.
   */
  startOf(events: number): number {
    if (this.slot + events <= this.#timedSlot) return 0
    this.#timedSlot = this.slot + events + untilTimed()
    return performance.now()
  }

  /** Reports how long the append of so many events took that began at `start`; of a batch, the share of one event. */
  took(start: number, events = 1): void {
    this.#hot.appendTook(((performance.now() - start) * 1e6) / events)
  }

  /** Counts events that are complete in memory: from here on they are in the log. */
  count(events: number, lastId: number): void {
    this.lastId = lastId
    this.slot += events
    this.memory.words[COUNT_WORD] = this.slot
  }

  /**
   * The id of the last one of so many further events.
   *
   * @throws WalError `WAL_EVENT_ID`
   */
  idAfter(events: number): number {
    if (events <= Number.MAX_SAFE_INTEGER - this.lastId) return this.lastId + events
    throw new WalError('WAL_EVENT_ID', 'event ids end at 2^53 - 1: begin a new log')
  }

  /** Whether an id may be given to the next event, which then follows. */
  takes(id: number): boolean {
    if (!Number.isSafeInteger(id) || id <= this.lastId) return false
    if (id >= NEAR_LAST_ID) this.guard = 0
    return true
  }

  /** @throws WalError `WAL_EVENT_ID` */
  refuseId(id: number): never {
    const message = `the event id ${shown(id)} is no whole number above the last one, ${this.lastId}, and up to 2^53 - 1`
    throw new WalError('WAL_EVENT_ID', message, { eventId: Number.isSafeInteger(id) ? id : undefined })
  }

  /**
   * What an append calls that has filled the block. The event is in the log whatever comes of it; if there is no
   * room for another block, it is the next append that says so.
   */
  full(): void {
    this.#publish()
  }

  /**
   * Publishes what is staged and makes sure that there is room for the block of the event that is being appended.
   *
   * @throws WalError what stands in the way of the next append
   */
  nextBlock(): void {
    const code = this.#publish()
    if (code >= 0) return
    const refused = this.failure()
    this.#native.appendRefused()
    throw refused
  }

  /** Publishes what is staged; that there is no room for more does not matter. */
  publish(): void {
    if (this.slot > 0 && this.#publish() < 0 && this.slot > 0) throw this.failure()
  }

  #publish(): number {
    const code = this.#hot.publish()
    this.#published(code >= 0)
    return code
  }

  /** A native call may have published what was staged. */
  #published(hasRoom: boolean): void {
    const staged = this.memory.words[COUNT_WORD] ?? 0
    if (staged < this.slot) this.#endBlock(this.slot - staged)
    this.slot = staged
    this.#hasRoom = hasRoom
    if (!hasRoom) this.guard = 0
  }

  /** So many events are in a block now, and slots count from behind them. */
  #endBlock(events: number): void {
    this.#timedSlot -= events
    this.guard = Math.max(0, this.guard - events)
    this.usedBytes = 0
    this.publishedId = this.lastId
    this.blocks += 1
  }

  #endTurn(): void {
    this.#flushScheduled = false
    if (this.#closed) return
    // A failure is kept for whoever appends next or waits; there is nobody here to tell.
    if (this.slot > 0) this.#publish()
    this.guard = 0
  }

  /** Calls into the recorder, everything staged being published before. The call may use up the room there was. */
  call(work: (native: NativeRecorder) => number): void {
    if (this.#closed) throw closedError()
    this.publish()
    this.refuse()
    if (work(this.#native) < 0) throw this.failure()
  }

  /**
   * Publishes events that were laid out elsewhere as a block of their own.
   *
   * @returns the id of the last one
   */
  appendLarge(payload: Uint8Array, events: number): number {
    const last = this.idAfter(events)
    this.call(native => native.appendLarge(payload, events, this.lastId + 1, last))
    this.lastId = last
    this.#endBlock(events)
    return last
  }

  /** Asks for a sync that covers an event, and so publishes it. */
  requestSync(id: number): void {
    if (this.#closed) throw closedError()
    const [low, high] = idHalves(id)
    this.#answered(this.#hot.requestSync(low, high))
  }

  /** Syncs on this thread what covers an event, and so publishes it. */
  durableSync(id: number): void {
    if (this.#closed) throw closedError()
    const [low, high] = idHalves(id)
    this.#answered(this.#hot.durableSync(low, high))
  }

  /** Above 0: a block was published, and it is not known whether there is room for the next one. */
  #answered(code: number): void {
    this.#published(this.#hasRoom && code === 0)
    if (code < 0) throw this.failure()
  }

  /** Lets the next append ask the recorder first, also in the middle of a block: it has to refuse. */
  refuse(): void {
    this.#hasRoom = false
    this.guard = 0
  }

  /** Refuses everything from now on; the memory belongs to nobody any more. */
  close(): void {
    this.#closed = true
    this.guard = 0
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The error behind the last number below 0. */
  failure(): WalError {
    return WalError.fromJson(this.#native.lastErrorJson())
  }

  /**
   * An id that another thread may be storing: read until its upper half did not change meanwhile. The loads are
   * atomic so that the optimizer neither merges them nor takes them out of a loop that waits.
   */
  #readId(word: number): number {
    const { words } = this.memory
    for (;;) {
      const high = Atomics.load(words, word + 1)
      const low = Atomics.load(words, word)
      if (Atomics.load(words, word + 1) === high) return high * TWO_32 + low
    }
  }
}

/** Appends until the next one that is timed: a random number, so that it falls into step with nothing. */
function untilTimed(): number {
  return Math.floor(Math.random() * (2 * TIMED_EVERY - 1))
}

/** What a closed recorder answers. */
export function closedError(): WalError {
  return new WalError('WAL_CLOSED', 'this Recorder was closed: open the log again to append')
}
