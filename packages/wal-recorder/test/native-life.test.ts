import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { Order, order, roomy, scratch } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

test('closing is done once, by however many and however often, and everybody is told when it is done', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, ...roomy })
  for (let i = 0; i < 10; i++) wal.append(order)
  const waiting = wal.durable()
  await Promise.all([wal.close(), wal.close(), wal[Symbol.asyncDispose]()])
  await waiting
  await wal.close()
  t.deepEqual([wal.lastEventId, wal.writtenEventId, wal.durableEventId], [10, 10, 10])
  t.throws(() => wal.append(order), { code: 'WAL_CLOSED' })
  // The lock was given back before anybody was told.
  await (await Recorder.open({ dir, ...roomy })).close()
})

test('closing in the middle of everything else serves or refuses each who waits', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, event: Order, segmentBytes: 64 * 1024, preparedSegments: 1 })
  const stream = wal.writable()
  const streamed = new Promise(resolve =>
    stream.on('error', error => resolve((error as { code?: string }).code)),
  )
  const appended = wal.appendAll(Array(100_000).fill(order)).catch(error => error.code)
  for (let i = 0; i < 5000; i++) stream.write(order)
  const waiting = wal.durable(1)
  await turn()
  const closing = wal.close()
  t.is(await appended, 'WAL_CLOSED')
  stream.write(order)
  t.is(await streamed, 'WAL_CLOSED')
  await Promise.all([closing, waiting])
  const last = wal.lastEventId
  t.is(wal.durableEventId, last)
  await using again = await Recorder.open({ dir, ...roomy })
  t.is(again.lastEventId, last)
})

test('a block that ends, also by an exception, closes what it has opened', async t => {
  const dir = directory()
  await t.throwsAsync(
    async () => {
      await using wal = await Recorder.open({ dir, ...roomy })
      wal.append(order)
      throw new Error('boom')
    },
    { message: 'boom' },
  )
  await using again = await Recorder.open({ dir, ...roomy })
  t.is(again.lastEventId, 1)
})

test('what was appended is written by the end of the turn', async t => {
  await using wal = await Recorder.open({ dir: directory(), ...roomy })
  for (let round = 1; round <= 3; round++) {
    const id = wal.append(order)
    t.is(wal.writtenEventId, id - 1)
    // Nothing that is asked for only later comes in front of it.
    const written = await new Promise<number>(resolve => setImmediate(() => resolve(wal.writtenEventId)))
    t.is(written, id)
  }
})
