import test from 'ava'
import { open, turn } from './fake-recorder.js'

test('events are told; an error that nobody listens to is no exception', t => {
  const { wal, native } = open()
  const heard: unknown[] = []
  native.tell(8, 0, '{"code":"WAL_IO","message":"unheard"}')
  wal.on('error', error => heard.push(error.message))
  for (const name of ['rotated', 'sealed'] as const) {
    wal.on(name, segment => heard.push([name, segment]))
  }
  for (const [i, kind] of [3, 4].entries()) native.tell(kind, i)
  native.tell(8, 0, '{"code":"WAL_IO","message":"heard"}')
  t.deepEqual(heard, [['rotated', 0], ['sealed', 1], 'heard'])
})

test('close publishes, serves those who wait, and refuses the rest', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  const waiting = wal.durable()
  await wal.close()
  await waiting
  await wal.close()
  t.is(native.closed, 1)
  t.is(wal.writtenEventId, 1)
  const closed = { code: 'WAL_CLOSED' }
  t.throws(() => wal.append({ a: 2 }), closed)
  t.throws(() => wal.append.fields(2), closed)
  t.throws(() => wal.append.fields.at(7, 2), closed)
  t.throws(() => wal.appendBatch([{ a: 2 }]), closed)
  t.throws(() => wal.flush(), closed)
  t.throws(() => wal.rotate(), closed)
  t.throws(() => wal.durableSync(), closed)
  await t.throwsAsync(wal.durable(), closed)
  await t.throwsAsync(wal.drain(), closed)
  await turn()
  t.is(native.count, 0)
})

test('close rejects those whose event did not become durable', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  const waiting = t.throwsAsync(wal.durable(), { code: 'WAL_CLOSED' })
  native.close = () => {
    throw Object.assign(new Error('disk gone'), { code: 'WAL_IO' })
  }
  await t.throwsAsync(wal.close(), { code: 'WAL_IO', message: 'disk gone' })
  await waiting
})
