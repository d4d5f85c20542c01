import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { order, scratch, until } from './programs.js'
import { recorded } from './recorded.js'

const { directory, remove } = scratch()
test.after.always(remove)

test('calls of next and of blocks that wait get what comes in the order of the calls', async t => {
  const { wal, log } = await recorded(directory(), 10)
  const follow = log.follow({ from: 'end' })
  const given: string[] = []
  const event = () => follow.next().then(({ value }) => given.push(`event ${value?.event_id}`))
  const block = () =>
    follow
      .blocks()
      .next()
      .then(({ value }) => given.push(`block ${value?.firstId}`))
  for (const call of [event, block, block, event]) void call()
  for (let calls = 1; calls <= 4; calls++) {
    await turn()
    wal.append(order)
    wal.flush()
    await until(() => given.length >= calls, `call ${calls} gets its event`)
  }
  t.deepEqual(given, ['event 11', 'block 12', 'block 13', 'event 14'])
  await follow.return()
  await log.close()
  await wal.close()
})

test('what waits when it is ended settles, whoever waits', async t => {
  const { wal, log } = await recorded(directory(), 10)
  for (const begin of ['event', 'block'] as const) {
    const follow = log.follow({ from: 'end' })
    const ended: number[] = []
    const waits = [
      begin === 'event' ? follow.next() : follow.blocks().next(),
      follow.blocks().next(),
      follow.blocks().next(),
      follow.next(),
    ]
    for (const [i, wait] of waits.entries()) void wait.then(({ done }) => done && ended.push(i))
    await turn()
    t.deepEqual(ended, [])
    await follow.return()
    for (let turns = 0; turns < 10; turns++) await turn()
    t.deepEqual(ended, [0, 1, 2, 3])
  }
  await log.close()
  await wal.close()
})

test('blocks go on where next has stopped, and next behind the block', async t => {
  const { wal, log } = await recorded(directory(), 10)
  wal.append(order)
  wal.flush()
  const follow = log.follow()
  const given: number[] = []
  for (let i = 0; i < 3; i++) given.push((await follow.next()).value?.event_id ?? 0)
  const blocks = follow.blocks()
  const first = (await blocks.next()).value
  for (const { event_id } of first ?? []) given.push(event_id)
  t.deepEqual(first?.column('event_id'), Float64Array.of(4, 5, 6, 7, 8, 9, 10))
  t.is((await follow.next()).value?.event_id, 11)
  t.deepEqual(given, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  wal.append(order)
  wal.flush()
  t.is((await blocks.next()).value?.firstId, 12)
  await follow.return()
  await log.close()
  await wal.close()
})
