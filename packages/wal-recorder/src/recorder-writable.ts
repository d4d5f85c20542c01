import { Writable } from 'node:stream'
import { checkOptions, flag, type RulesOf, whole } from '@flashstrike/wal-recovery/option-check'
import { type Appending, appendInTime, appendNow } from './append-in-time.js'
import { signalRule } from './options.js'

/** Options of `writable`. */
export interface WritableOptions {
  /** Destroys the stream when it is aborted. What was appended before stays in the log. */
  readonly signal?: AbortSignal
  /**
   * The stream finishes when all that was written to it survives a power cut. False: when readers can see it.
   * @default true
   */
  readonly durable?: boolean
  /**
   * Events, or bytes of a log of bytes, that the stream keeps in memory while the log has no room; then `write` gives
   * false.
   * @default 16 events, or what Node.js takes for streams of bytes
   */
  readonly highWaterMark?: number
}

const rules: RulesOf<WritableOptions> = {
  signal: signalRule,
  durable: flag,
  highWaterMark: whole('a whole number of events or bytes', 0, Number.MAX_SAFE_INTEGER),
}

/** What the stream needs of a recorder. */
export interface StreamTarget extends Appending {
  readonly durableEventId: number
  flush(): void
  durable(id: number): Promise<void>
}

/** A chunk as `_writev` is given it. */
interface Chunk {
  readonly chunk: unknown
  readonly encoding: BufferEncoding
}

type Done = (error?: Error | null) => void

/** The writable side of a log: each chunk is an event, and want of room is the stream's own back-pressure. */
export class RecorderWritable extends Writable {
  readonly #log: StreamTarget
  readonly #waitsForDisk: boolean
  /** Aborted when the stream is destroyed: nothing is appended any more. */
  readonly #gone = new AbortController()
  #lastId = 0

  /** @param objectMode false: each chunk is bytes or a text */
  constructor(log: StreamTarget, objectMode: boolean, options: WritableOptions) {
    checkOptions('writable', options, rules)
    const { durable = true, ...own } = options
    super({ ...own, objectMode, decodeStrings: false })
    this.#log = log
    this.#waitsForDisk = durable
  }

  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    this.#append([{ chunk, encoding }], done)
  }

  override _writev(chunks: Chunk[], done: Done): void {
    this.#append(chunks, done)
  }

  override _final(done: Done): void {
    this.#settle().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: Done): void {
    // Without a reason of its own, the event that waits for room would be taken for written.
    this.#gone.abort(error ?? undefined)
    done(error)
  }

  /** Where there is room for all of them nobody waits, and they are in the log when `write` returns. */
  #append(chunks: readonly Chunk[], done: Done): void {
    try {
      for (const [i, chunk] of chunks.entries()) {
        const event = eventOf(chunk)
        const id = appendNow(this.#log, event)
        if (id === 0) {
          this.#appendInTime(event, chunks.slice(i + 1), done)
          return
        }
        this.#lastId = id
      }
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  #appendInTime(event: unknown, rest: readonly Chunk[], done: Done): void {
    const goOn = (id: number): void => {
      this.#lastId = id
      this.#append(rest, done)
    }
    appendInTime(this.#log, event, this.#gone.signal).then(goOn, done)
  }

  async #settle(): Promise<void> {
    // A log that was closed meanwhile has kept its promise.
    if (this.#log.durableEventId >= this.#lastId) return
    if (this.#waitsForDisk) await this.#log.durable(this.#lastId)
    else this.#log.flush()
  }
}

function eventOf({ chunk, encoding }: Chunk): unknown {
  // Text is stored as UTF-8; in another encoding it stands for bytes.
  return typeof chunk === 'string' && encoding !== 'utf8' ? Buffer.from(chunk, encoding) : chunk
}
