import { existsSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { directory, start } from '@flashstrike/example-testing'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Book } from '../book.mjs'

const ORDERS = 6000

/** The same orders each time: prices wander around 1000, so that most of them trade. */
function ordersOf(count) {
  let state = 12_345
  const below = limit => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * limit)
  }
  return Array.from({ length: count }, () => ({
    price: 990 + below(20),
    quantity: 1 + below(50),
    isBuy: below(2) === 1,
  }))
}

/** Waits for something that an engine does. */
async function until(engine, isSo) {
  while (!(await isSo())) {
    if (engine.child.exitCode !== null) throw new Error('it has ended')
    await setTimeout(10)
  }
}

/** Whether a power cut would leave what the snapshot stands on. */
async function snapshotIsBehind(home) {
  if (!existsSync(`${home}/snapshot.json`)) return true
  const { eventId } = JSON.parse(readFileSync(`${home}/snapshot.json`, 'utf8'))
  const log = await Recovery.open({ dir: `${home}/orders` })
  const { durableEventId } = await log.verify()
  await log.close()
  return eventId <= durableEventId
}

/** The id that the log in this directory begins with. */
async function firstEventId(dir) {
  const log = await Recovery.open({ dir })
  const id = log.firstEventId
  await log.close()
  return id
}

test('a book that was killed again and again is that of every order, from its snapshot and the log behind it', async t => {
  const home = directory(t)
  const dir = `${home}/orders`
  const orders = ordersOf(ORDERS)
  const undisturbed = new Book()
  const trades = orders.map((order, i) => undisturbed.apply({ id: i + 1, ...order }))
  const env = { SNAPSHOT_EVERY: '500', SEGMENT_BYTES: '16384' }

  /** An engine that goes on where it was, with the orders up to this one. */
  async function engineWith(last) {
    const engine = start(t, new URL('../main.mjs', import.meta.url), [home], env)
    const { value: first } = await engine.lines.next()
    const { ready, replayed } = JSON.parse(first)
    const given = orders.slice(ready, last)
    engine.child.stdin.write(given.map(order => `${JSON.stringify(order)}\n`).join(''))
    const answeredUntil = async last => {
      for await (const line of engine.lines) {
        const { id, trades: made } = JSON.parse(line)
        t.deepEqual(made, trades[id - 1], `order ${id}`)
        if (id >= last) return
      }
      t.fail('it has ended')
    }
    return { engine, ready, replayed, answeredUntil }
  }

  let acknowledged = 0
  for (const killAt of [1200, 2400, 3600, 4800]) {
    // It has more to do when it is killed.
    const { engine, ready, answeredUntil } = await engineWith(killAt + 500)
    t.true(ready >= acknowledged, `${acknowledged} was acknowledged, and it goes on behind ${ready}`)
    await answeredUntil(killAt)
    if (killAt === 2400) await until(engine, () => existsSync(`${home}/snapshot.json`))
    await engine.kill()
    t.true(await snapshotIsBehind(home), 'the snapshot is of durable events')
    acknowledged = killAt
  }

  const { engine, ready, replayed, answeredUntil } = await engineWith(ORDERS)
  t.true(replayed < ready, 'it began with a snapshot')
  await answeredUntil(ORDERS)
  await until(engine, async () => (await firstEventId(dir)) > 1)
  engine.child.stdin.end()
  const { value: last } = await engine.lines.next()
  t.deepEqual(JSON.parse(last).book, undisturbed.toJSON())
  t.is(await engine.ended(), 0)
})
