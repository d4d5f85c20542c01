import { createHash } from 'node:crypto'
import { MessageType } from './order-flow.js'

/** An order in its queue. */
interface Order {
  readonly id: number
  readonly level: Level
  size: number
  before: Order | undefined
  behind: Order | undefined
}

/** All orders at one price, first come first. */
interface Level {
  readonly price: number
  readonly side: BookSide
  size: number
  count: number
  first: Order | undefined
  last: Order | undefined
}

/** What the book shows at one price. */
export interface PriceLevel {
  /** Dollars × 10 000. */
  readonly price: number
  /** Shares. */
  readonly size: number
  readonly orders: number
}

/** Bids or asks. */
class BookSide {
  readonly levels = new Map<number, Level>()
  /** Ascending in eagerness to trade: the best price is the last. */
  readonly #prices: number[] = []
  readonly #sign: number

  constructor(side: number) {
    this.#sign = side
  }

  get best(): Level | undefined {
    const price = this.#prices.at(-1)
    return price === undefined ? undefined : this.levels.get(price)
  }

  /** Prices from the best to the worst. */
  prices(): number[] {
    return [...this.#prices].reverse()
  }

  level(price: number): Level {
    const known = this.levels.get(price)
    if (known !== undefined) return known
    const level: Level = { price, side: this, size: 0, count: 0, first: undefined, last: undefined }
    this.levels.set(price, level)
    this.#prices.splice(this.#place(price), 0, price)
    return level
  }

  remove(level: Level): void {
    this.levels.delete(level.price)
    this.#prices.splice(this.#place(level.price), 1)
  }

  #place(price: number): number {
    let low = 0
    let high = this.#prices.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((this.#prices[middle] ?? 0) - price) * this.#sign < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A limit order book: prices by eagerness, orders at a price by time. */
export class OrderBook {
  readonly #orders = new Map<number, Order>()
  readonly #bids = new BookSide(1)
  readonly #asks = new BookSide(-1)
  /** Messages about orders that the book never saw: those from before the flow began. */
  unknown = 0

  /** Number of orders in the book. */
  get size(): number {
    return this.#orders.size
  }

  /** Applies one message. */
  apply(type: number, orderId: number, size: number, price: number, side: number): void {
    if (type === MessageType.add) this.#add(orderId, size, price, side)
    else if (type === MessageType.cancel || type === MessageType.execute) this.#reduce(orderId, size)
    else if (type === MessageType.delete) this.#reduce(orderId, Number.POSITIVE_INFINITY)
  }

  /** The best levels of a side, best first. */
  top(side: number, count: number): PriceLevel[] {
    const { levels } = this.#side(side)
    return this.#side(side)
      .prices()
      .slice(0, count)
      .map(price => ({ price, size: levels.get(price)?.size ?? 0, orders: levels.get(price)?.count ?? 0 }))
  }

  /** The order that is executed next on a side; undefined where there is none. */
  next(side: number): { id: number; size: number; price: number } | undefined {
    const order = this.#side(side).best?.first
    return order && { id: order.id, size: order.size, price: order.level.price }
  }

  /** Shares left in an order; 0 for one that is not in the book. */
  remaining(orderId: number): number {
    return this.#orders.get(orderId)?.size ?? 0
  }

  /** Where an order stands; undefined for one that is not in the book. */
  priceOf(orderId: number): number | undefined {
    return this.#orders.get(orderId)?.level.price
  }

  /** A digest over every order in every queue of the book: equal for equal books only. */
  digest(): string {
    const hash = createHash('sha256')
    for (const side of [this.#bids, this.#asks]) {
      for (const price of side.prices()) {
        const numbers = [price]
        for (let order = side.levels.get(price)?.first; order !== undefined; order = order.behind) {
          numbers.push(order.id, order.size)
        }
        hash.update(new Float64Array(numbers)).update('|')
      }
      hash.update('/')
    }
    return hash.digest('hex')
  }

  #side(side: number): BookSide {
    return side > 0 ? this.#bids : this.#asks
  }

  #add(id: number, size: number, price: number, side: number): void {
    const level = this.#side(side).level(price)
    const order: Order = { id, level, size, before: level.last, behind: undefined }
    if (level.last === undefined) level.first = order
    else level.last.behind = order
    level.last = order
    level.size += size
    level.count += 1
    this.#orders.set(id, order)
  }

  #reduce(id: number, by: number): void {
    const order = this.#orders.get(id)
    if (order === undefined) {
      this.unknown += 1
      return
    }
    const taken = Math.min(by, order.size)
    order.size -= taken
    order.level.size -= taken
    if (order.size === 0) this.#remove(order)
  }

  #remove(order: Order): void {
    const { level, before, behind } = order
    if (before === undefined) level.first = behind
    else before.behind = behind
    if (behind === undefined) level.last = before
    else behind.before = before
    level.count -= 1
    if (level.count === 0) level.side.remove(level)
    this.#orders.delete(order.id)
  }
}
