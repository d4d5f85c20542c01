import { directory, start } from '@flashstrike/example-testing'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recording } from '../recording.mjs'

const program = new URL('../main.mjs', import.meta.url)
const isThere = ({ event_id: id, price }) => ({ id, number: price - 1000 })

async function eventsOf(dir) {
  const log = await Recovery.open({ dir })
  const events = Array.from(log.replay(), event => event.toObject())
  const { durableEventId } = await log.verify()
  await log.close()
  return { events, durableEventId }
}

test('what it was told is in the log of a process that was killed', async t => {
  const dir = `${directory(t)}/orders`
  const running = start(t, program, [dir, '1000000'])
  const told = []
  for await (const line of running.lines) {
    told.push(line)
    if (told.length >= 2000) break
  }
  told.push(...(await running.kill()))
  const { events, durableEventId } = await eventsOf(dir)
  const found = new Map(events.map(event => [event.event_id, isThere(event)]))
  for (const line of told.filter(line => line.endsWith('}'))) {
    const event = JSON.parse(line)
    t.deepEqual(found.get(event.id), event)
    // Death of the process leaves events alive that were not durable; a power cut would not.
    t.true(event.id <= durableEventId, `${event.id} of ${durableEventId} durable`)
  }
})

test('a program that comes to its end has recorded everything', async t => {
  const dir = `${directory(t)}/orders`
  const running = start(t, program, [dir, '500'])
  t.is(await running.ended(), 0)
  t.is((await eventsOf(dir)).events.length, 500)
})

test('an event that does not fit is refused, and the recording goes on', async t => {
  const recording = new Recording(`${directory(t)}/orders`)
  const order = { price: 1, quantity: 1, isBuy: 1 }
  t.is(await recording.record(order), 1)
  await t.throwsAsync(recording.record({ price: 1 }), { code: 'WAL_SCHEMA' })
  t.deepEqual(await Promise.all([recording.record(order), recording.record(order)]), [2, 3])
  const last = recording.record(order)
  await recording.close()
  t.is(await last, 4, 'nothing is left behind')
  await t.throwsAsync(recording.record(order), { message: /ended/ })
})

test('a log that cannot be opened is the error of whoever records', async t => {
  const recording = new Recording(`${directory(t)}/missing/orders`)
  await t.throwsAsync(recording.record({ price: 1, quantity: 1, isBuy: 1 }), { any: true })
})
