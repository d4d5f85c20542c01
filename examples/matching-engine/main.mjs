// A matching engine: node main.mjs DIRECTORY < orders
//
// Each order is an event before it is matched, so the log has everything that has ever changed the book. Now and then
// the book goes into a snapshot, with the id of the last event in it, and the log need not begin before that.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { loadSnapshot, saveSnapshot } from '@flashstrike/example-snapshot'
import { defineEvent, i64, Recorder, u8, u32 } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import { Book } from './book.mjs'

const [, , home = './engine'] = process.argv
const SNAPSHOT_EVERY = Number(process.env.SNAPSHOT_EVERY ?? 100_000)
const SEGMENT_BYTES = Number(process.env.SEGMENT_BYTES ?? 64 * 1024 * 1024)

const Order = defineEvent('Order', { price: i64, quantity: u32, isBuy: u8 })
const asOrder = ({ event_id: id, price, quantity, isBuy }) => ({ id, price, quantity, isBuy: isBuy === 1 })

await mkdir(home, { recursive: true })
const dir = join(home, 'orders')
const snapshotFile = join(home, 'snapshot.json')
// First the recorder: it recovers what the last run has left in memory.
const wal = await Recorder.open({ dir, event: Order, segmentBytes: SEGMENT_BYTES })
const { book, lastId, replayed } = await recover()
console.log(JSON.stringify({ ready: lastId, replayed }))

let snapshotAt = lastId - replayed
let saving
for await (const line of createInterface({ input: process.stdin })) {
  const { price, quantity, isBuy } = JSON.parse(line)
  const id = await append({ price, quantity, isBuy: isBuy ? 1 : 0 }) // survives kill -9 from here on
  const trades = book.apply({ id, price, quantity, isBuy })
  console.log(JSON.stringify({ id, trades }))
  if (saving === undefined && id - snapshotAt >= SNAPSHOT_EVERY) {
    snapshotAt = id
    saving = snapshot({ eventId: id, book: structuredClone(book.toJSON()) })
  }
}
await saving
await wal.close()
console.log(JSON.stringify({ book }))

/** Appends an order, and waits where the disk cannot keep up with the next segments. */
async function append(order) {
  for (;;) {
    try {
      return wal.append(order)
    } catch (error) {
      if (error.code !== 'WAL_BACKPRESSURE') throw error
      await wal.drain()
    }
  }
}

/** The book as it was: that of the snapshot, and every event behind it. */
async function recover() {
  const { eventId, book: state } = (await loadSnapshot(snapshotFile)) ?? { eventId: 0, book: {} }
  const book = new Book(state)
  const log = await Recovery.open({ dir, event: Order })
  let replayed = 0
  for (const order of log.replay({ from: eventId + 1 })) {
    book.apply(asOrder(order))
    replayed += 1
  }
  await log.close()
  return { book, lastId: eventId + replayed, replayed }
}

async function snapshot(state) {
  await wal.durable(state.eventId) // no snapshot may know of an event that a power cut could take
  await saveSnapshot(snapshotFile, state)
  wal.truncateBefore(state.eventId + 1) // what is in it may go only now
  saving = undefined
}
