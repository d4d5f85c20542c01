import test from 'ava'
import { open, SLOTS, turn } from './fake-recorder.js'

test('without room the next append is refused, the filled block is in the log, and drain waits', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  native.shortage = 'WAL_BACKPRESSURE'
  for (let i = 2; i <= SLOTS; i++) t.is(wal.append({ a: i }), i)
  t.is(wal.writtenEventId, SLOTS)
  for (let i = 0; i < 3; i++) t.throws(() => wal.append({ a: 9 }), { code: 'WAL_BACKPRESSURE' })
  t.is(wal.lastEventId, SLOTS)

  let drained = false
  const drain = wal.drain().then(() => {
    drained = true
  })
  native.tell(7)
  await turn()
  t.false(drained)
  t.true(native.referenced)
  native.shortage = undefined
  native.tell(7)
  await drain
  t.false(native.referenced)
  t.is(wal.append({ a: 9 }), SLOTS + 1)
})

test('drain is done at once where there is room, and can be given up', async t => {
  const { wal, native } = open()
  await wal.drain()
  native.shortage = 'WAL_FULL'
  const gone = new AbortController()
  const drain = wal.drain({ signal: gone.signal })
  gone.abort(new Error('enough'))
  await t.throwsAsync(drain, { message: 'enough' })
  t.throws(() => wal.drainSync(1), { code: 'WAL_FULL' })
})

test('a drain that was given up leaves nothing behind', async t => {
  const { wal, native } = open()
  native.shortage = 'WAL_FULL'
  const [first, second] = [new AbortController(), new AbortController()]
  const drains = [wal.drain({ signal: first.signal }), wal.drain({ signal: second.signal })]
  t.true(native.referenced)
  first.abort(new Error('enough'))
  await t.throwsAsync(drains[0] as Promise<void>, { message: 'enough' })
  t.true(native.referenced)
  second.abort(new Error('enough of it'))
  await t.throwsAsync(drains[1] as Promise<void>, { message: 'enough of it' })
  t.false(native.referenced)
  native.shortage = undefined
  native.tell(7)
  t.false(native.referenced)
})

test('appending resumes by itself when there is room again', t => {
  const { wal, native } = open()
  wal.append({ a: 0 })
  native.shortage = 'WAL_FULL'
  for (let i = 1; i < SLOTS; i++) wal.append({ a: i })
  t.throws(() => wal.append({ a: 9 }), { code: 'WAL_FULL' })
  native.shortage = undefined
  t.is(wal.append({ a: 9 }), SLOTS + 1)
})

test('after a failed commit every append is refused, and what is staged stays counted', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  native.broken = 'WAL_POISONED'
  await turn()
  t.throws(() => wal.append({ a: 2 }), { code: 'WAL_POISONED' })
  t.throws(() => wal.flush(), { code: 'WAL_POISONED' })
  t.is(native.count, 1)
  t.is(wal.lastEventId, 1)
})
