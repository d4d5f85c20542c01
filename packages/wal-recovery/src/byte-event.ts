import type { MemoryCursor } from './cursor.js'
import { LENGTH_BYTES } from './format.js'

const decoder = new TextDecoder()

/**
 * One event of a byte log, read in place. The same object stands for every event of the replay: keep `copy()` or
 * `text` of it, never the object or its `bytes`.
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
}
