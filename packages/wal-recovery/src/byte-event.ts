import { type MemoryCursor, NO_MEMORY } from './cursor.js'
import { LENGTH_BYTES } from './format.js'

const decoder = new TextDecoder()
const strict = new TextDecoder('utf-8', { fatal: true })

/**
 * One event of a byte log, read in place. The same object stands for every event of the replay: keep `copy()`, `text`
 * or `toObject()` of it, never the object or its `bytes`. Behind the end of the replay its members throw `WAL_CLOSED`.
 */
export class ByteEvent {
  /** Id of the event. */
  event_id = 0
  readonly #cursor: MemoryCursor

  /** @internal */
  constructor(cursor: MemoryCursor) {
    this.#cursor = cursor
  }

  /** Number of bytes. */
  get length(): number {
    const { view, offset } = this.#cursor
    return view.getUint32(offset, true)
  }

  /** A view of the bytes; the replay uses this memory again. */
  get bytes(): Uint8Array {
    const { view, offset } = this.#cursor
    return new Uint8Array(view.buffer, view.byteOffset + offset + LENGTH_BYTES, this.length)
  }

  /** The bytes as UTF-8 text. */
  get text(): string {
    return decoder.decode(this.bytes)
  }

  /** A copy of the bytes, independent of the replay. */
  copy(): Uint8Array {
    return this.bytes.slice()
  }

  /** A plain copy of the event, independent of the replay. */
  toObject(): { event_id: number; bytes: Uint8Array } {
    return { event_id: this.event_id, bytes: this.copy() }
  }

  /** As JSON has it: with `text`, or with `base64` where the bytes are no UTF-8. */
  toJSON(): { event_id: number; text: string } | { event_id: number; base64: string } {
    const { event_id, bytes } = this
    const text = strictText(bytes)
    if (text !== undefined) return { event_id, text }
    return { event_id, base64: Buffer.from(bytes).toString('base64') }
  }

  /** As a console prints it: with `text`, or with `bytes` where they are no UTF-8. */
  [Symbol.for('nodejs.util.inspect.custom')](): object | string {
    if (this.#cursor.view === NO_MEMORY) return 'ByteEvent { no longer shown }'
    const text = strictText(this.bytes)
    return text === undefined ? this.toObject() : { event_id: this.event_id, text }
  }
}

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}
