/** What happens to an order; the numbers are those of LOBSTER message files. */
export const MessageType = {
  /** A new limit order. */
  add: 1,
  /** Part of an order is taken back. */
  cancel: 2,
  /** An order is taken back. */
  delete: 3,
  /** A visible order is executed, in whole or in part. */
  execute: 4,
  /** A hidden order is executed; the visible book does not change. */
  executeHidden: 5,
  /** An auction trade; the visible book does not change. */
  cross: 6,
  /** Trading is halted or resumed; the visible book does not change. */
  halt: 7,
} as const

/** One message of an exchange. */
export interface OrderMessage {
  /** Nanoseconds after midnight. */
  readonly timeNs: number
  /** One of {@link MessageType}. */
  readonly type: number
  readonly orderId: number
  /** Shares. */
  readonly size: number
  /** Dollars × 10 000. */
  readonly price: number
  /** 1: buy, −1: sell. */
  readonly side: number
}

/** A sequence of messages, kept as columns so that millions of them cost no garbage. */
export class OrderFlow {
  length = 0
  timeNs: Float64Array
  orderId: Float64Array
  price: Float64Array
  size: Uint32Array
  type: Uint8Array
  side: Int8Array

  /** Room for so many messages; it grows when they are more. */
  constructor(capacity = 1024) {
    const rows = Math.max(1, capacity)
    this.timeNs = new Float64Array(rows)
    this.orderId = new Float64Array(rows)
    this.price = new Float64Array(rows)
    this.size = new Uint32Array(rows)
    this.type = new Uint8Array(rows)
    this.side = new Int8Array(rows)
  }

  push(message: OrderMessage): void {
    const i = this.length
    if (i === this.type.length) this.#grow()
    this.timeNs[i] = message.timeNs
    this.orderId[i] = message.orderId
    this.price[i] = message.price
    this.size[i] = message.size
    this.type[i] = message.type
    this.side[i] = message.side
    this.length = i + 1
  }

  /** The message at an index below `length`. */
  at(i: number): OrderMessage {
    const { timeNs, type, orderId, size, price, side } = this
    return {
      timeNs: timeNs[i] ?? 0,
      type: type[i] ?? 0,
      orderId: orderId[i] ?? 0,
      size: size[i] ?? 0,
      price: price[i] ?? 0,
      side: side[i] ?? 0,
    }
  }

  /** Whether the message at an index is this one. */
  isAt(i: number, message: OrderMessage): boolean {
    return (
      this.orderId[i] === message.orderId &&
      this.timeNs[i] === message.timeNs &&
      this.price[i] === message.price &&
      this.size[i] === message.size &&
      this.type[i] === message.type &&
      this.side[i] === message.side
    )
  }

  #grow(): void {
    this.timeNs = grown(this.timeNs, Float64Array)
    this.orderId = grown(this.orderId, Float64Array)
    this.price = grown(this.price, Float64Array)
    this.size = grown(this.size, Uint32Array)
    this.type = grown(this.type, Uint8Array)
    this.side = grown(this.side, Int8Array)
  }
}

interface Column {
  readonly length: number
  set(from: this): void
}

function grown<C extends Column>(column: C, Type: new (length: number) => C): C {
  const larger = new Type(column.length * 2)
  larger.set(column)
  return larger
}
