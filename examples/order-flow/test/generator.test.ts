import test from 'ava'
import { generateFlow } from '#src/generator.js'
import { OrderBook } from '#src/order-book.js'
import { MessageType, type OrderFlow } from '#src/order-flow.js'

const COUNT = 200_000
const PINNED = {
  timeNs: 55_636_659_018_211,
  type: MessageType.delete,
  orderId: 11_885_578,
  size: 100,
  price: 2_242_900,
  side: -1,
}

function shares(flow: OrderFlow): Map<number, number> {
  const counts = new Map<number, number>()
  for (let i = 0; i < flow.length; i++) counts.set(flow.at(i).type, (counts.get(flow.at(i).type) ?? 0) + 1)
  return new Map([...counts].map(([type, count]) => [type, count / flow.length]))
}

test('the same seed gives the same flow, another one another', t => {
  const [one, same, other] = [generateFlow(2000, 7), generateFlow(2000, 7), generateFlow(2000, 8)]
  for (let i = 0; i < 2000; i++) t.true(one.isAt(i, same.at(i)))
  t.false(other.isAt(1000, one.at(1000)))
})

test('a message of this seed is pinned, so that a change of the flow is seen', t => {
  t.deepEqual(generateFlow(1000, 1).at(999), PINNED)
})

test('messages come in the proportions of a real day', t => {
  const share = shares(generateFlow(COUNT, 1))
  const near = (type: number, expected: number, tolerance: number) => {
    const actual = share.get(type) ?? 0
    t.true(Math.abs(actual - expected) < tolerance, `type ${type}: ${actual}`)
  }
  near(MessageType.add, 0.484, 0.03)
  near(MessageType.cancel, 0.006, 0.005)
  near(MessageType.delete, 0.35, 0.03)
  near(MessageType.execute, 0.16, 0.03)
})

test('times ascend within the day, and every message is about an order that is there', t => {
  const flow = generateFlow(COUNT, 3)
  const book = new OrderBook()
  let before = 34_200e9
  for (let i = 0; i < flow.length; i++) {
    const { timeNs, type, orderId, size, price, side } = flow.at(i)
    if (timeNs < before || timeNs > 57_600e9 || !Number.isSafeInteger(timeNs))
      t.fail(`time ${timeNs} at ${i}`)
    if (size < 1 || price < 100 || price % 100 !== 0) t.fail(`size ${size}, price ${price} at ${i}`)
    if (type === MessageType.execute && book.next(side)?.id !== orderId)
      t.fail(`execution out of turn at ${i}`)
    if (type !== MessageType.add && book.remaining(orderId) < size) t.fail(`more than the order has at ${i}`)
    book.apply(type, orderId, size, price, side)
    before = timeNs
  }
  t.is(book.unknown, 0)
  const spread = (book.next(-1)?.price ?? 0) - (book.next(1)?.price ?? 0)
  t.true(spread > 0 && spread < 10_000, `the spread is ${spread}`)
  t.true(book.size > 40)
})
