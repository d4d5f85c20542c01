import { WalError } from '@flashstrike/wal-recovery/errors'
import test from 'ava'
import type { Recorder } from '#src/recorder.js'
import type { FakeNative } from './fake-native.js'
import { open, openWith, SLOTS, Small, turn } from './fake-recorder.js'

/** Waits for each of these ids, and collects those that are served. */
function waitForAll(wal: Recorder<typeof Small>, ids: readonly number[]): number[] {
  const served: number[] = []
  for (const id of ids) void wal.durable(id).then(() => served.push(id))
  return served
}

test('waiters of one turn share one request, and are served up to the durable id, block by block', async t => {
  const { wal, native } = open()
  const served: number[] = []
  for (let i = 1; i <= 2 * SLOTS + 2; i++) {
    const id = wal.append({ a: i })
    void wal.durable(id).then(() => served.push(id))
  }
  t.is(native.syncs.length, 0)
  await Promise.resolve()
  t.deepEqual(native.syncs, [10])
  t.is(wal.writtenEventId, 10)
  t.true(native.referenced)
  for (const durableId of [4, 8, 10]) {
    native.durable(durableId)
    await turn()
    t.deepEqual(
      served,
      Array.from({ length: durableId }, (_, i) => i + 1),
    )
    t.is(native.referenced, durableId < 10)
  }
})

test('thousands of waiters are at most two promises for each block, and one request', async t => {
  const { wal, native } = open()
  const promises = new Set<Promise<void>>()
  for (let i = 1; i <= 4096; i++) {
    wal.append({ a: 1 })
    for (let n = 0; n < 3; n++) promises.add(wal.durable())
  }
  // One for the event that has filled the block, and that was published with it.
  t.is(promises.size, 2 * (4096 / SLOTS))
  await turn()
  t.deepEqual(native.syncs, [4096])
  for (let id = 1; id <= 4096; id++) promises.add(wal.durable(id))
  t.is(promises.size, 2 * (4096 / SLOTS))
  native.durable(4096)
  await Promise.all(promises)
})

test('waiters may come in any order of ids, and none waits for more than what was published', async t => {
  const { wal, native } = open()
  for (let i = 1; i <= 10; i++) wal.append({ a: i })
  const served = waitForAll(wal, [9, 1, 6, 2, 10, 6])
  await turn()
  t.deepEqual(native.syncs, [10])
  native.durable(8)
  await turn()
  t.deepEqual(served, [1, 6, 2, 6])
  native.durable(10)
  await turn()
  t.deepEqual(served, [1, 6, 2, 6, 9, 10])
})

test('who comes while a sync runs is served by the next one, and asks for it once', async t => {
  const { wal, native } = open()
  for (let i = 1; i <= 2; i++) wal.append({ a: i })
  const served = waitForAll(wal, [1, 2])
  await turn()
  wal.append({ a: 3 })
  const later = waitForAll(wal, [3, 1, 3])
  await turn()
  t.deepEqual(native.syncs, [2, 3])
  native.durable(2)
  await turn()
  t.deepEqual([served, later], [[1, 2], [1]])
  native.durable(3)
  await turn()
  t.deepEqual(later, [1, 3, 3])
  t.false(native.referenced)
})

test('what another call has made durable serves those who wait', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  const served = waitForAll(wal, [1])
  wal.durableSync()
  native.tell(1)
  await turn()
  t.deepEqual(served, [1])
  t.deepEqual(native.syncs, [])
  t.false(native.referenced)
})

test('asked to, a waiter looks for the end of the sync itself', async t => {
  for (const spinUs of [0, 1000]) {
    const { wal, native } = openWith({ dir: 'log', event: Small, spinUs }, SLOTS * Small.size)
    wal.append({ a: 1 })
    const served = waitForAll(wal, [1])
    await Promise.resolve()
    t.deepEqual(native.syncs, [1])
    native.setDurable(1)
    await turn()
    await turn()
    t.deepEqual(served, spinUs === 0 ? [] : [1])
    t.is(native.referenced, spinUs === 0)
    native.tell(1)
    await turn()
    t.deepEqual(served, [1])
  }
})

test('a waiter that has looked in vain for long enough is told', async t => {
  const { wal, native } = openWith({ dir: 'log', event: Small, spinUs: 1 }, SLOTS * Small.size)
  wal.append({ a: 1 })
  const served = waitForAll(wal, [1])
  const until = performance.now() + 5
  while (performance.now() < until) await turn()
  // The last look may come after this turn, if the turn was a long one.
  for (let i = 0; i < 3; i++) await turn()
  native.setDurable(1)
  await turn()
  await turn()
  t.deepEqual(served, [])
  native.tell(1)
  await turn()
  t.deepEqual(served, [1])
})

test('what is durable needs no request', async t => {
  const { wal, native } = open(5)
  native.setDurable(5)
  await wal.durable()
  await wal.durable(3)
  wal.durableSync(5)
  t.is(native.syncs.length, 0)
  t.is(wal.durableEventId, 5)
  await t.throwsAsync(wal.durable(6), {
    code: 'WAL_EVENT_ID',
    message: /6 was not appended yet: the last one is 5/,
  })
  t.throws(() => wal.durableSync(1.5), { code: 'WAL_EVENT_ID' })
})

test('durableSync publishes and syncs on this thread, by one call', t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  t.is(native.calls, 1)
  for (let id = 1; id <= 3; id++) {
    wal.durableSync()
    t.deepEqual([wal.writtenEventId, wal.durableEventId, native.calls], [id, id, id + 1])
    t.is(wal.append({ a: 1 }), id + 1)
  }
})

test('a sync that uses up the room does not let an event be staged', async t => {
  const sync = (wal: Recorder<typeof Small>) => wal.durableSync()
  const wait = (wal: Recorder<typeof Small>) => void wal.durable()
  for (const makeDurable of [sync, wait]) {
    const { wal, native } = open()
    wal.append({ a: 1 })
    native.shortage = 'WAL_BACKPRESSURE'
    makeDurable(wal)
    await Promise.resolve()
    t.is(wal.writtenEventId, 1)
    t.throws(() => wal.append({ a: 2 }), { code: 'WAL_BACKPRESSURE' })
    native.shortage = undefined
    t.is(wal.append({ a: 2 }), 2)
    native.durable(1)
  }
})

test('a sync that fails is told, and the next append asks again', t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  native.broken = 'WAL_POISONED'
  t.throws(() => wal.durableSync(), { code: 'WAL_POISONED' })
  t.throws(() => wal.append({ a: 2 }), { code: 'WAL_POISONED' })
  t.is(native.count, 1)
})

test('a poisoned recorder rejects all who wait and all who come later', async t => {
  const { wal, native } = open()
  const heard: string[] = []
  wal.on('poisoned', error => heard.push(error.code))
  const kept = wal.append({ a: 1 })
  wal.flush()
  native.setDurable(kept)
  wal.append({ a: 2 })
  const waiting = t.throwsAsync(wal.durable(), { code: 'WAL_POISONED' })
  await turn()
  native.tell(2, 0, '{"code":"WAL_POISONED","message":"EIO"}')
  await waiting
  await t.throwsAsync(wal.durable(), { code: 'WAL_POISONED' })
  await wal.durable(kept)
  wal.durableSync(kept)
  t.deepEqual(heard, ['WAL_POISONED'])
  t.false(native.referenced)
})

test('those whose event is durable are served, whatever becomes of the others', async t => {
  const failures: ReadonlyArray<(native: FakeNative, wal: Recorder<typeof Small>) => unknown> = [
    native => native.tell(2, 0, '{"code":"WAL_POISONED","message":"EIO"}'),
    native => {
      native.broken = 'WAL_POISONED'
    },
    (_, wal) => wal.close().catch(() => {}),
  ]
  for (const fail of failures) {
    const { wal, native } = open()
    native.close = () => {
      throw Object.assign(new Error('disk gone'), { code: 'WAL_IO' })
    }
    for (let i = 0; i < SLOTS; i++) wal.append({ a: i })
    const served = wal.durable()
    await turn()
    wal.append({ a: 9 })
    const refused = t.throwsAsync(wal.durable(), { instanceOf: WalError })
    native.setDurable(SLOTS)
    fail(native, wal)
    await refused
    await served
    t.false(native.referenced)
  }
})

test('a listener that throws leaves nobody waiting', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  const refused = t.throwsAsync(wal.durable(), { code: 'WAL_POISONED' })
  wal.on('poisoned', () => {
    throw new Error('boom')
  })
  native.broken = 'WAL_POISONED'
  t.throws(() => native.tell(2, 0, '{"code":"WAL_POISONED","message":"EIO"}'), { message: 'boom' })
  t.false(native.referenced)
  await refused
  t.throws(() => wal.append({ a: 2 }), { code: 'WAL_POISONED' })
})

test('a refused request rejects those who wait', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  wal.flush()
  native.broken = 'WAL_IO'
  await t.throwsAsync(wal.durable(), { code: 'WAL_IO' })
  t.false(native.referenced)
})
