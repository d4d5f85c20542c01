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
}
