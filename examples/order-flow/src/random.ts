/** Reproducible random numbers (sfc32): the same seed gives the same sequence on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = 0x9e3779b9 | 0
    this.#c = 0x243f6a88 | 0
    for (let i = 0; i < 16; i++) this.bits()
  }

  /** 32 random bits. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A number from 0, inclusive, to 1, exclusive. */
  fraction(): number {
    return this.bits() / 2 ** 32
  }

  /** A whole number from 0, inclusive, to `end`, exclusive. */
  below(end: number): number {
    return Math.floor(this.fraction() * end)
  }
}
