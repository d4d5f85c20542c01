/** Orders that rest, the best price first, and of one price the oldest. The same orders always make the same trades. */
export class Book {
  #bids
  #asks

  constructor({ bids = [], asks = [] } = {}) {
    this.#bids = bids
    this.#asks = asks
  }

  /** Matches an order with those that rest; what is left of it rests too. Gives the trades. */
  apply({ id, isBuy, price, quantity }) {
    const [own, others] = isBuy ? [this.#bids, this.#asks] : [this.#asks, this.#bids]
    const isBetter = (one, other) => (isBuy ? one > other : one < other)
    const trades = []
    let left = quantity
    while (left > 0 && others.length > 0 && !isBetter(others[0].price, price)) {
      const [resting] = others
      const traded = Math.min(left, resting.quantity)
      trades.push({ resting: resting.id, taking: id, price: resting.price, quantity: traded })
      left -= traded
      resting.quantity -= traded
      if (resting.quantity === 0) others.shift()
    }
    if (left > 0) {
      const at = own.findIndex(other => isBetter(price, other.price))
      own.splice(at < 0 ? own.length : at, 0, { id, price, quantity: left })
    }
    return trades
  }

  /** Everything it is, for a snapshot. */
  toJSON() {
    return { bids: this.#bids, asks: this.#asks }
  }
}
