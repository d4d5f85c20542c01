import { MemoryCursor, NO_MEMORY } from './cursor.js'
import { WalError } from './errors.js'
import { TWO_32 } from './format.js'
import { GAP_RUN, type NativeRuns } from './native.js'
import { WindowViews } from './window-views.js'

/** A stretch of a damaged log that could not be read; only the mode `diagnostic` gives any. */
export interface Gap {
  /** Index of the segment that it lies in, or that is missing. */
  readonly segment: number
  /** Byte where it begins, in the uncompressed segment. */
  readonly offset: number
  /** Where the next good block begins, or the segment ends. */
  readonly end: number
  /** Id of the last event given before it; 0: none. */
  readonly afterEventId: number
  /** What is wrong there. */
  readonly reason: string
}

/** Offsets of a block header's fields; the rest of it was verified natively and is of no use here. */
const FIRST_ID = 0
const LAST_ID = 8
const WRITTEN_NS = 16
const EVENT_COUNT = 36
const PAYLOAD_LENGTH = 40
const KIND = 58
const HEADER_BYTES = 64
const KIND_EVENTS = 0

/** What reads the current block on its own, and has to stop when another one becomes the current one. */
export interface BlockReading {
  expire(): void
}

/** Walks the blocks of a source of runs, forwards or backwards, skipping those without events. */
export class BlockWalker {
  /** Stands inside the current block; the replays move it from event to event. */
  readonly cursor = new MemoryCursor(NO_MEMORY)
  /** Where the current block's payload begins and ends inside the window. */
  payloadStart = 0
  payloadEnd = 0
  /** Changes whenever another block becomes the current one. */
  place = 0
  /** Called with every gap; without it gaps are passed over. */
  onGap: ((gap: Gap) => void) | undefined

  readonly #runs: NativeRuns
  readonly #reverse: boolean
  readonly #views: WindowViews
  /** Those this walker has been in: they stay as long as it walks. */
  readonly #windows: DataView[] = []
  #readings: BlockReading[] = []
  #header = 0
  #nextHeader = 0
  #runEnd = 0
  /** Reverse only: where the blocks of the run begin. */
  #headers: number[] = []
  #closed = false

  constructor(runs: NativeRuns, reverse = false, views = new WindowViews()) {
    this.#runs = runs
    this.#reverse = reverse
    this.#views = views
  }

  /** Goes to the next block with events, in the next run if need be; false at the end. */
  next(): boolean {
    while (!this.nextInRun()) {
      if (!this.nextRun()) return false
    }
    return true
  }

  /** Goes to the next block of the run that is there already; false where it ends. */
  nextInRun(): boolean {
    while (this.#step()) {
      if (this.#isEvents()) return true
    }
    return false
  }

  /** Fetches the next run; false at the end. */
  nextRun(): boolean {
    while (!this.#closed) {
      const length = this.#runs.next()
      if (length < 0) throw this.#failure()
      if (length === 0) return false
      if (length === GAP_RUN) {
        this.onGap?.(JSON.parse(this.#runs.gapJson()) as Gap)
        continue
      }
      this.#enter()
      return true
    }
    return false
  }

  /** Has a reading of the current block expire with it. */
  lend(reading: BlockReading): void {
    this.#readings.push(reading)
  }

  /** Says that nothing of the current block may be read any more: its memory is used again. */
  leave(): void {
    this.place += 1
    if (this.#readings.length === 0) return
    for (const reading of this.#readings) reading.expire()
    this.#readings = []
  }

  get firstId(): number {
    return this.#id(FIRST_ID)
  }

  get lastId(): number {
    return this.#id(LAST_ID)
  }

  /** Events in the current block. */
  get count(): number {
    return this.cursor.view.getUint32(this.#header + EVENT_COUNT, true)
  }

  /** When the block was finalized: milliseconds since the Unix epoch, with fractions. */
  get writtenMs(): number {
    return Number(this.cursor.view.getBigUint64(this.#header + WRITTEN_NS, true)) / 1e6
  }

  /** Gives the windows back; there is no next block from then on. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.leave()
    this.#nextHeader = 0
    this.#runEnd = 0
    this.#headers = []
    this.#windows.length = 0
    this.cursor.view = NO_MEMORY // a flyweight that is used too late fails instead of showing foreign bytes
    this.#runs.close()
  }

  #failure(): WalError {
    const error = WalError.fromJson(this.#runs.lastErrorJson())
    this.close()
    return error
  }

  #enter(): void {
    const runs = this.#runs
    const id = runs.windowId()
    this.cursor.view = this.#windows[id] ??= this.#views.view(id, runs)
    this.#nextHeader = runs.start()
    this.#runEnd = runs.end()
    if (!this.#reverse) return
    this.#headers = []
    while (this.#forward()) this.#headers.push(this.#header)
  }

  #step(): boolean {
    if (!this.#reverse) return this.#forward()
    const header = this.#headers.pop()
    if (header === undefined) return false
    this.#stand(header)
    return true
  }

  #forward(): boolean {
    if (this.#nextHeader >= this.#runEnd) return false
    this.#stand(this.#nextHeader)
    this.#nextHeader = this.payloadStart + roundUp64(this.payloadEnd - this.payloadStart)
    return true
  }

  #stand(header: number): void {
    this.leave()
    this.#header = header
    this.payloadStart = header + HEADER_BYTES
    this.payloadEnd = this.payloadStart + this.cursor.view.getUint32(header + PAYLOAD_LENGTH, true)
  }

  #isEvents(): boolean {
    return this.cursor.view.getUint16(this.#header + KIND, true) === KIND_EVENTS && this.count > 0
  }

  #id(field: number): number {
    return readId(this.cursor.view, this.#header + field)
  }
}

/** An event id: never beyond the safe integers. */
export function readId(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32
}

function roundUp64(n: number): number {
  return Math.ceil(n / 64) * 64
}
