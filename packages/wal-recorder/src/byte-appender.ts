import { WalError } from '@flashstrike/wal-recovery/errors'
import { entryBytes, LENGTH_BYTES } from '@flashstrike/wal-recovery/format'
import { shown } from '@flashstrike/wal-recovery/option-check'
import { forEachOf } from './batch-refusal.js'
import { byteLengthOf } from './field-codec.js'
import { COUNT_WORD, HEADER_BYTES, type Staging } from './staging.js'

/**
 * Appends an event of any length: bytes, or text as UTF-8, in which half of a surrogate pair becomes U+FFFD. When it
 * returns, the event survives the death of the process; it never waits for a disk.
 *
 * @param options nothing: events of a log of bytes are numbered by the recorder
 * @returns the event's id
 * @throws WalError `WAL_SCHEMA` for anything but bytes and text, `WAL_EVENT_TOO_LARGE`, `WAL_EVENT_ID` for an id of the
 *   caller's, `WAL_BACKPRESSURE`, `WAL_FULL`, `WAL_POISONED`, `WAL_CLOSED`; the event is then not in the log
 */
export type AppendBytes = (data: Uint8Array | string, options?: undefined) => number

const encoder = new TextEncoder()
const nothing = new Uint8Array(0)
/** UTF-8 takes at most so many bytes for each unit of a JavaScript string. */
const UTF8_MAX = 3
/** No segment is larger than 2³¹ bytes. */
const MAX_BYTES = 2 ** 31 - 4096

/** The appending side of a log of bytes: writes entries into the staging memory. */
export class ByteAppender {
  readonly #staging: Staging
  readonly #area: Uint8Array

  constructor(staging: Staging) {
    this.#staging = staging
    this.#area = staging.memory.bytes.subarray(HEADER_BYTES, HEADER_BYTES + staging.areaBytes)
  }

  /** Appends one event and returns its id. */
  readonly append: AppendBytes = (data, options) => {
    if (options !== undefined) refuseId(options)
    const staging = this.#staging
    const start = staging.slot >= staging.guard ? staging.enter() : 0
    const length = typeof data === 'string' ? this.#text(data) : this.#bytes(data)
    const id = length < 0 ? this.#large([toBytes(data)]) : staging.lastId + 1
    if (length >= 0) {
      staging.usedBytes += entryBytes(length)
      staging.lastId = id
      staging.memory.words[COUNT_WORD] = staging.slot += 1
    }
    if (start !== 0) staging.took(start)
    return id
  }

  /** Appends all or none; returns the id of the last one. */
  appendBatch(batch: readonly (Uint8Array | string)[]): number {
    const staging = this.#staging
    const start = staging.startOf(batch.length)
    // Looking at the batch may run code of the caller's that appends: so that is done before ids are taken.
    const entries: Uint8Array[] = []
    forEachOf(batch, data => entries.push(toBytes(data)))
    const last = this.#together(entries)
    if (start !== 0) staging.took(start, entries.length)
    return last
  }

  /** Appends entries as part of one block. */
  #together(entries: readonly Uint8Array[]): number {
    const staging = this.#staging
    if (staging.slot >= staging.guard) staging.enter()
    const total = totalBytes(entries)
    if (total > this.#area.length) return this.#large(entries)
    const last = staging.idAfter(entries.length)
    this.#makeRoom(total)
    let at = staging.usedBytes
    for (const entry of entries) at = this.#place(this.#area, at, entry)
    staging.usedBytes = at
    staging.count(entries.length, last)
    return last
  }

  /** Writes events that together are larger than the staging memory as a block of their own. */
  #large(entries: readonly Uint8Array[]): number {
    const payload = new Uint8Array(totalBytes(entries))
    let at = 0
    for (const entry of entries) at = this.#place(payload, at, entry)
    return this.#staging.appendLarge(payload, entries.length)
  }

  /** Stages one entry of bytes, uncounted; its length, or −1 when it is larger than the area. */
  #bytes(data: Uint8Array): number {
    const length = checkedLength(data)
    const size = entryBytes(length)
    if (size > this.#area.length) return -1
    this.#makeRoom(size)
    this.#place(this.#area, this.#staging.usedBytes, data)
    return length
  }

  /** Stages one entry of text, uncounted. It is written in place where it surely fits. */
  #text(text: string): number {
    if (entryBytes(text.length * UTF8_MAX) > this.#area.length) return this.#bytes(encoder.encode(text))
    const staging = this.#staging
    if (staging.usedBytes + entryBytes(text.length * UTF8_MAX) > this.#area.length) {
      this.#makeRoom(entryBytes(Buffer.byteLength(text)))
    }
    const at = staging.usedBytes
    const { written } = encoder.encodeInto(text, this.#area.subarray(at + LENGTH_BYTES))
    this.#finish(this.#area, at, written)
    return written
  }

  #makeRoom(size: number): void {
    if (this.#staging.usedBytes + size > this.#area.length) this.#staging.nextBlock()
  }

  #place(target: Uint8Array, at: number, entry: Uint8Array): number {
    target.set(entry, at + LENGTH_BYTES)
    return this.#finish(target, at, byteLengthOf(entry))
  }

  /** Puts the length in front of an entry and zeros behind it; where the next one begins. */
  #finish(target: Uint8Array, at: number, length: number): number {
    for (let i = 0; i < LENGTH_BYTES; i++) target[at + i] = length >>> (8 * i)
    const end = at + entryBytes(length)
    target.fill(0, at + LENGTH_BYTES + length, end)
    return end
  }
}

function refuseId(options: unknown): never {
  const id = (options as { readonly id?: unknown } | null)?.id ?? options
  const message = `the second argument of append has the id ${shown(id)}: events of a log of bytes are numbered by the recorder, append without an id`
  throw new WalError('WAL_EVENT_ID', message, {
    eventId: Number.isSafeInteger(id) ? (id as number) : undefined,
  })
}

function toBytes(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return encoder.encode(data)
  checkedLength(data)
  return data
}

function totalBytes(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, entry) => sum + entryBytes(byteLengthOf(entry)), 0)
}

function checkedLength(data: Uint8Array): number {
  const length = byteLengthOf(data)
  if (length < 0) throw refused(shown(data))
  if (length === 0) checkAttached(data)
  if (length <= MAX_BYTES) return length
  throw new WalError(
    'WAL_EVENT_TOO_LARGE',
    `${length} bytes: an event has at most ${MAX_BYTES}, less if a segment is smaller`,
  )
}

/** Bytes that were transferred elsewhere, or that a buffer has shrunk away from, are as empty as an empty event. */
function checkAttached(data: Uint8Array): void {
  try {
    nothing.set(data)
  } catch {
    throw refused('bytes whose buffer was transferred or has shrunk')
  }
}

function refused(got: string): WalError {
  return new WalError('WAL_SCHEMA', `the event is ${got}: a log of bytes takes a Uint8Array or a string`)
}
