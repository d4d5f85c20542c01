import type { HotCalls, NativeListener, NativeOpenOptions, NativeRecorder } from '#src/native.js'

const COUNT = 128 / 4
const errorNumbers = ['WAL_BACKPRESSURE', 'WAL_FULL', 'WAL_POISONED', 'WAL_IO']

/** A block as it was published. */
export interface FakeBlock {
  readonly payload: Uint8Array
  readonly count: number
}

/** The recorder's native side in memory: enough of it to see what the TypeScript side does with it. */
export class FakeNative implements NativeRecorder {
  readonly blocks: FakeBlock[] = []
  readonly syncs: number[] = []
  readonly buffer: ArrayBuffer
  readonly options: NativeOpenOptions
  referenced = false
  closed = 0
  publications = 0
  timings = 0
  /** Appends that were refused for want of room. */
  refused = 0
  /** Calls while appending, those apart that report a time. */
  calls = 0
  /** Code that the next publications give after publishing. */
  shortage: string | undefined
  /** Code that publications give without publishing. */
  broken: string | undefined
  /** Called when a block was published. */
  onPublish = (): void => {}
  #error = ''
  readonly #words: Uint32Array
  readonly #eventBytes: number
  readonly #listener: NativeListener

  constructor(options: NativeOpenOptions, listener: NativeListener, areaBytes: number, lastId = 0) {
    this.options = options
    this.#listener = listener
    this.#eventBytes = (JSON.parse(options.schema ?? '{}') as { size?: number }).size ?? 0
    this.buffer = new ArrayBuffer(4096 + areaBytes)
    this.#words = new Uint32Array(this.buffer)
    this.#words[40 / 4] = areaBytes
    for (const at of [64, 192]) this.#setId(at, lastId)
  }

  staging(): ArrayBuffer {
    return this.buffer
  }

  reportJson(): string {
    return '{"mode":"tail","state":"clean"}'
  }

  hot(): HotCalls {
    return {
      publish: () => {
        this.calls++
        return this.#publish()
      },
      requestSync: (low, high) => {
        this.calls++
        this.syncs.push(high * 2 ** 32 + low)
        return this.#adopt()
      },
      durableSync: (low, high) => {
        this.calls++
        const answer = this.#adopt()
        if (answer >= 0) this.setDurable(high * 2 ** 32 + low)
        return answer
      },
      appendTook: () => {
        this.timings++
        return 0
      },
    }
  }

  lastErrorJson(): string {
    return JSON.stringify({ code: this.#error, message: `the fake says ${this.#error}` })
  }

  appendLarge(payload: Uint8Array, count: number, _first: number, last: number): number {
    this.blocks.push({ payload: payload.slice(), count })
    this.#setWritten(last)
    return this.#answer(this.broken)
  }

  rotate(): number {
    return 0
  }

  appendRefused(): void {
    this.refused++
  }

  setRetention(): number {
    return 0
  }

  truncateBefore(): number {
    return 0
  }

  drainSync(): number {
    return this.#answer(this.broken ?? this.shortage)
  }

  metrics(): Uint8Array {
    return new Uint8Array(0)
  }

  ref(): void {
    this.referenced = true
  }

  unref(): void {
    this.referenced = false
  }

  close(): void {
    this.closed++
    this.#publish()
    this.setDurable(this.writtenId)
  }

  /** What the committer does after a sync. */
  durable(eventId: number): void {
    this.setDurable(eventId)
    this.tell(1)
  }

  tell(kind: number, a = 0, text = ''): void {
    this.#listener(kind, a, 0, text)
  }

  /** What happens when a write or sync has failed. */
  poison(): void {
    this.broken = 'WAL_POISONED'
    this.tell(2, 0, '{"code":"WAL_POISONED","message":"EIO"}')
  }

  setDurable(eventId: number): void {
    this.#setId(200, eventId)
  }

  get writtenId(): number {
    return (this.#words[192 / 4] ?? 0) + (this.#words[196 / 4] ?? 0) * 2 ** 32
  }

  /** All published events' bytes, in order. */
  get published(): Buffer {
    return Buffer.concat(this.blocks.map(block => block.payload))
  }

  get count(): number {
    return this.#words[COUNT] ?? 0
  }

  #publish(): number {
    this.publications++
    if (this.broken !== undefined) return this.#answer(this.broken)
    const { count } = this
    if (count > 0) {
      const payload = new Uint8Array(this.buffer, 4096, this.#payloadBytes(count)).slice()
      this.blocks.push({ payload, count })
      this.#setWritten(this.#lastStaged(count))
      this.#words[COUNT] = 0
      this.onPublish()
    }
    return this.#answer(this.shortage)
  }

  /** As the calls that sync do: publishes what is staged; want of room is no failure. */
  #adopt(): number {
    if (this.broken !== undefined) return this.#answer(this.broken)
    if (this.count === 0) return 0
    const room = this.#publish() >= 0
    return room ? 0 : 1
  }

  #payloadBytes(count: number): number {
    if (this.#eventBytes > 0) return count * this.#eventBytes
    const view = new DataView(this.buffer)
    let at = 4096
    for (let i = 0; i < count; i++) at += Math.ceil((4 + view.getUint32(at, true)) / 8) * 8
    return at - 4096
  }

  #lastStaged(count: number): number {
    if (this.#eventBytes === 0) return this.writtenId + count
    return Number(new DataView(this.buffer).getBigUint64(4096 + (count - 1) * this.#eventBytes, true))
  }

  #setWritten(id: number): void {
    for (const at of [64, 192]) this.#setId(at, id)
  }

  #setId(at: number, id: number): void {
    this.#words[at / 4] = id
    this.#words[at / 4 + 1] = Math.floor(id / 2 ** 32)
  }

  #answer(code: string | undefined): number {
    this.#error = code ?? ''
    return code === undefined ? 0 : -1 - errorNumbers.indexOf(code)
  }
}
