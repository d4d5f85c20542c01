import type { NativeRuns } from '#src/native.js'

/** A block to be laid out: its first id, and its events' payload. */
export interface BlockSpec {
  readonly firstId: number
  readonly lastId: number
  readonly count: number
  readonly payload: Uint8Array
  readonly kind?: number
  readonly writtenNs?: bigint
}

/** A block of fixed-size events with these ids, filled by `fill`. */
export function fixedBlock(
  size: number,
  ids: readonly number[],
  fill: (view: DataView, i: number) => void,
): BlockSpec {
  const payload = new Uint8Array(ids.length * size)
  ids.forEach((id, i) => {
    const view = new DataView(payload.buffer, i * size, size)
    view.setBigUint64(0, BigInt(id), true)
    fill(view, i)
  })
  return { firstId: ids[0] ?? 0, lastId: ids.at(-1) ?? 0, count: ids.length, payload }
}

/** A block of a byte log. */
export function byteBlock(firstId: number, entries: readonly Uint8Array[]): BlockSpec {
  const parts = entries.map(entry => {
    const part = Buffer.alloc(Math.ceil((4 + entry.length) / 8) * 8)
    part.writeUInt32LE(entry.length)
    part.set(entry, 4)
    return part
  })
  return {
    firstId,
    lastId: firstId + entries.length - 1,
    count: entries.length,
    payload: Buffer.concat(parts),
  }
}

/** The bytes of consecutive blocks as they stand in a segment, as far as readers look at them. */
export function layOut(blocks: readonly BlockSpec[]): Uint8Array {
  return Buffer.concat(
    blocks.map(({ firstId, lastId, count, payload, kind = 0, writtenNs = 0n }) => {
      const block = Buffer.alloc(64 + Math.ceil(payload.length / 64) * 64)
      block.writeBigUInt64LE(BigInt(firstId), 0)
      block.writeBigUInt64LE(BigInt(lastId), 8)
      block.writeBigUInt64LE(writtenNs, 16)
      block.writeUInt32LE(count, 36)
      block.writeUInt32LE(payload.length, 40)
      block.writeUInt16LE(kind, 58)
      block.set(payload, 64)
      return block
    }),
  )
}

/** What a source of runs gives: a run, a gap, or an error that ends it. */
export type Step = Uint8Array | { gap: object } | { error: object }

/** A source of runs from memory, with two windows that it uses in turn. */
export class FakeRuns implements NativeRuns {
  closed = 0
  readonly #steps: Step[]
  readonly #windows: ArrayBuffer[]
  #window = 1
  #end = 0
  #json = ''
  /** Runs do not begin at the window's beginning. */
  static readonly start = 128

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps]
    const longest = Math.max(0, ...steps.map(step => (step instanceof Uint8Array ? step.length : 0)))
    this.#windows = [0, 1].map(() => new ArrayBuffer(FakeRuns.start + longest + 64))
  }

  next(): number {
    const step = this.#steps.shift()
    if (step === undefined) return 0
    if (!(step instanceof Uint8Array)) {
      this.#json = JSON.stringify('gap' in step ? step.gap : step.error)
      return 'gap' in step ? 1 : -2
    }
    this.#window = 1 - this.#window
    new Uint8Array(this.window()).fill(0xee).set(step, FakeRuns.start)
    this.#end = FakeRuns.start + step.length
    return step.length
  }

  window(): ArrayBuffer {
    return this.#windows[this.#window] as ArrayBuffer
  }

  windowId(): number {
    return this.#window
  }

  start(): number {
    return FakeRuns.start
  }

  end(): number {
    return this.#end
  }

  gapJson(): string {
    return this.#json
  }

  lastErrorJson(): string {
    return this.#json
  }

  close(): void {
    this.closed++
  }

  /** Adds what a log has grown by. */
  push(...steps: Step[]): void {
    this.#steps.push(...steps)
  }
}
