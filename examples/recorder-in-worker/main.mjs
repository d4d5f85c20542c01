// The thread that has no time: node main.mjs DIRECTORY COUNT
//
// It makes orders and hands them to a recorder in a worker thread, a hundred at a time in flight, and prints each id that
// is durable. Its own event loop neither stages nor syncs anything.
import { Recording } from './recording.mjs'

const [, , dir = './orders', count = '1000'] = process.argv
const IN_FLIGHT = 100

const recording = new Recording(dir)
let next = 0
async function client() {
  while (next < Number(count)) {
    const number = next
    next += 1
    const id = await recording.record({ price: 1000 + number, quantity: 1 + (number % 9), isBuy: number % 2 })
    console.log(JSON.stringify({ id, number }))
  }
}
await Promise.all(Array.from({ length: IN_FLIGHT }, client))
await recording.close()
