import { OrderBook } from './order-book.js'
import { MessageType, OrderFlow } from './order-flow.js'
import { Random } from './random.js'

/**
 * How often each kind of message comes, and what it looks like. The figures are those of a busy NASDAQ stock's day
 * in the LOBSTER data: half of all messages are new orders, most of which are taken back again within seconds.
 */
const NEW = 0.484
const PARTIAL_CANCEL = 0.006
const DELETE = 0.35
/** An execution takes the whole order this often. */
const WHOLE_EXECUTION = 0.72
/** A new order is placed within so many cents of the middle this often, else up to so many more away. */
const AT_THE_TOUCH = 0.12
const TOUCH_TICKS = 3
const DEPTH_TICKS = 80
/** The price moves by a cent or not once in so many messages. */
const MOVE_EVERY = 200
/** Sizes that traders like, and how often each is chosen; the rest are odd lots below 100. */
const ROUND_SIZES = [
  [100, 0.503],
  [10, 0.069],
  [200, 0.059],
  [300, 0.024],
  [1000, 0.01],
] as const

/** One cent. */
const TICK = 100
const OPENING_PRICE = 2_238_000
const OPENING_NS = 34_200e9
const CLOSING_NS = 57_600e9
/** Below so many orders the book is filled first. */
const THIN_BOOK = 40
/** Above so many orders more of them are taken back. */
const THICK_BOOK = 4000
/** Most messages come in bursts: this share follows its forerunner within a thousandth of the usual time. */
const BURST = 0.6

/** Makes the order flow of a day: the same seed and number give the same messages everywhere. */
export function generateFlow(count: number, seed: number): OrderFlow {
  const generator = new FlowGenerator(seed, (CLOSING_NS - OPENING_NS) / count)
  const flow = new OrderFlow()
  while (flow.length < count) generator.next(flow)
  return flow
}

/** An order in the book, and where it stands in the list of those. */
interface Resting {
  readonly id: number
  readonly side: number
  place: number
}

class FlowGenerator {
  readonly #random: Random
  readonly #book = new OrderBook()
  /** Orders in the book, roughly from old to new. */
  readonly #live: Resting[] = []
  readonly #byId = new Map<number, Resting>()
  readonly #meanStepNs: number
  #timeNs = OPENING_NS
  #lastId = 11_885_112
  /** What the stock is worth: it wanders, and the orders follow it. */
  #middle = OPENING_PRICE

  constructor(seed: number, meanStepNs: number) {
    this.#random = new Random(seed)
    this.#meanStepNs = meanStepNs
  }

  /** Adds the next message to a flow. */
  next(flow: OrderFlow): void {
    this.#tick()
    const kind = this.#random.fraction()
    const live = this.#live.length
    if (live < THIN_BOOK || (kind < NEW && live < THICK_BOOK)) this.#add(flow)
    else if (kind < NEW || kind >= 1 - DELETE) this.#delete(flow)
    else if (kind < NEW + PARTIAL_CANCEL) this.#cancel(flow)
    else this.#execute(flow)
  }

  #tick(): void {
    const burst = this.#random.fraction() < BURST ? 0.001 : 2.5
    const step = this.#meanStepNs * burst * this.#random.fraction() * 2
    this.#timeNs = Math.min(Math.round(this.#timeNs + step), CLOSING_NS)
    if (this.#random.below(MOVE_EVERY) === 0) this.#middle += (this.#random.below(3) - 1) * TICK
  }

  #add(flow: OrderFlow): void {
    const order = { id: ++this.#lastId, side: this.#randomSide(), place: this.#live.length }
    this.#live.push(order)
    this.#byId.set(order.id, order)
    this.#send(flow, MessageType.add, order.id, this.#size(), this.#price(order.side), order.side)
  }

  #randomSide(): number {
    return this.#random.below(2) === 0 ? 1 : -1
  }

  #size(): number {
    let kind = this.#random.fraction()
    for (const [size, share] of ROUND_SIZES) {
      kind -= share
      if (kind < 0) return size
    }
    return 1 + this.#random.below(99)
  }

  /** A price around the middle that does not cross the book: a visible order never trades by being placed. */
  #price(side: number): number {
    const atTouch = this.#random.fraction() < AT_THE_TOUCH
    const away = atTouch ? 1 + this.#random.below(TOUCH_TICKS) : TOUCH_TICKS + this.#random.below(DEPTH_TICKS)
    const price = this.#middle - side * away * TICK
    const opposite = this.#book.next(-side)?.price
    if (opposite === undefined) return price
    const limit = opposite - side * TICK
    return side > 0 ? Math.min(price, limit) : Math.max(price, limit)
  }

  /** Any order; the newest are the likeliest. */
  #anyOrder(): Resting | undefined {
    const { length } = this.#live
    return this.#live[Math.max(this.#random.below(length), this.#random.below(length))]
  }

  #delete(flow: OrderFlow): void {
    const order = this.#anyOrder()
    if (order !== undefined) this.#reduce(flow, MessageType.delete, order, this.#book.remaining(order.id))
  }

  #cancel(flow: OrderFlow): void {
    const order = this.#anyOrder()
    if (order === undefined) return
    const remaining = this.#book.remaining(order.id)
    if (remaining === 1) this.#reduce(flow, MessageType.delete, order, 1)
    else this.#reduce(flow, MessageType.cancel, order, 1 + this.#random.below(remaining - 1))
  }

  /** Executes the first order in line on the side that the price has moved towards. */
  #execute(flow: OrderFlow): void {
    const [bid, ask] = [this.#book.next(1), this.#book.next(-1)]
    const bidAway = this.#middle - (bid?.price ?? 0)
    const askAway = (ask?.price ?? Number.POSITIVE_INFINITY) - this.#middle
    const first = bidAway === askAway ? (this.#randomSide() > 0 ? bid : ask) : bidAway < askAway ? bid : ask
    const order = first && this.#byId.get(first.id)
    if (first === undefined || order === undefined) return
    const whole = first.size === 1 || this.#random.fraction() < WHOLE_EXECUTION
    const size = whole ? first.size : 1 + this.#random.below(first.size - 1)
    this.#reduce(flow, MessageType.execute, order, size)
  }

  #reduce(flow: OrderFlow, type: number, order: Resting, size: number): void {
    const { id, side } = order
    this.#send(flow, type, id, size, this.#book.priceOf(id) ?? 0, side)
    if (this.#book.remaining(id) > 0) return
    this.#byId.delete(id)
    const last = this.#live.pop()
    if (last === undefined || last === order) return
    last.place = order.place
    this.#live[order.place] = last
  }

  #send(flow: OrderFlow, type: number, orderId: number, size: number, price: number, side: number): void {
    flow.push({ timeNs: this.#timeNs, type, orderId, size, price, side })
    this.#book.apply(type, orderId, size, price, side)
  }
}
