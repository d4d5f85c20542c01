import test from 'ava'
import fc from 'fast-check'
import { OrderBook } from '#src/order-book.js'

/** The plain way: a list of orders, searched and sorted every time. */
class NaiveBook {
  orders: { id: number; size: number; price: number; side: number }[] = []

  apply(type: number, id: number, size: number, price: number, side: number): void {
    if (type === 1) this.orders.push({ id, size, price, side })
    const order = this.orders.find(candidate => candidate.id === id)
    if (order === undefined || ![2, 3, 4].includes(type)) return
    order.size -= type === 3 ? order.size : Math.min(size, order.size)
    this.orders = this.orders.filter(candidate => candidate.size > 0)
  }

  top(side: number): { price: number; size: number; orders: number }[] {
    const own = this.orders.filter(order => order.side === side)
    const prices = [...new Set(own.map(order => order.price))].sort((a, b) => (b - a) * side)
    return prices.map(price => {
      const level = own.filter(order => order.price === price)
      return { price, size: level.reduce((sum, order) => sum + order.size, 0), orders: level.length }
    })
  }

  next(side: number): number | undefined {
    const price = this.top(side)[0]?.price
    return this.orders.find(order => order.side === side && order.price === price)?.id
  }
}

const anyMessage = fc.record({
  type: fc.integer({ min: 1, max: 7 }),
  id: fc.integer({ min: 1, max: 30 }),
  size: fc.integer({ min: 1, max: 50 }),
  price: fc.integer({ min: 95, max: 105 }),
  side: fc.constantFrom(1, -1),
})

test('the book agrees with a naive one after every message', t => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 120 }), messages => {
      const [book, naive] = [new OrderBook(), new NaiveBook()]
      const placed = new Set<number>()
      messages.forEach(({ type, id, size, price, side }, i) => {
        // An exchange gives every new order an id of its own.
        const orderId = type === 1 ? 100 + i : ([...placed][id % Math.max(1, placed.size)] ?? id)
        if (type === 1) placed.add(orderId)
        book.apply(type, orderId, size, price, side)
        naive.apply(type, orderId, size, price, side)
        for (const s of [1, -1]) {
          t.deepEqual(book.top(s, 100), naive.top(s))
          t.is(book.next(s)?.id, naive.next(s))
        }
      })
      t.is(book.size, naive.orders.length)
    }),
  )
})

test('orders at one price go first come, first served', t => {
  const book = new OrderBook()
  for (const id of [1, 2, 3]) book.apply(1, id, 10, 100, 1)
  t.deepEqual(book.next(1), { id: 1, size: 10, price: 100 })
  book.apply(3, 2, 10, 100, 1)
  book.apply(4, 1, 10, 100, 1)
  t.is(book.next(1)?.id, 3)
})

test('equal books have equal digests; order in a queue, sizes and sides count', t => {
  const digest = (...orders: [id: number, size: number, price: number, side: number][]) => {
    const book = new OrderBook()
    for (const [id, size, price, side] of orders) book.apply(1, id, size, price, side)
    return book.digest()
  }
  const base = digest([1, 5, 100, 1], [2, 5, 100, 1])
  t.is(digest([1, 5, 100, 1], [2, 5, 100, 1]), base)
  t.not(digest([2, 5, 100, 1], [1, 5, 100, 1]), base)
  t.not(digest([1, 5, 100, 1], [2, 6, 100, 1]), base)
  t.not(digest([1, 5, 100, 1], [2, 5, 100, -1]), base)
  t.not(digest([1, 5, 100, 1], [2, 5, 101, 1]), base)
  t.not(digest([1, 5, 100, 1]), base)
})

test('messages about unknown orders change nothing and are counted', t => {
  const book = new OrderBook()
  const empty = book.digest()
  for (const type of [2, 3, 4]) book.apply(type, 9, 5, 100, 1)
  for (const type of [5, 6, 7]) book.apply(type, 0, 5, 100, 1)
  t.is(book.unknown, 3)
  t.is(book.digest(), empty)
})
