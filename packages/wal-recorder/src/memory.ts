import { TWO_32 } from '@flashstrike/wal-recovery/format'

/** Views of one stretch of memory, all beginning at its byte 0. Offsets of events are multiples of 8. */
export class EventMemory {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly floats: Float32Array
  readonly doubles: Float64Array
  readonly longs: BigUint64Array

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer)
    this.words = new Uint32Array(buffer)
    this.floats = new Float32Array(buffer)
    this.doubles = new Float64Array(buffer)
    this.longs = new BigUint64Array(buffer)
  }

  /** Stores the id of the event that begins at a byte offset. */
  storeId(offset: number, id: number): void {
    this.words[offset >> 2] = id
    this.words[(offset >> 2) + 1] = id / TWO_32
  }
}
