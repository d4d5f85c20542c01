import { once } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { WalError } from '@flashstrike/wal-recovery/errors'
import test from 'ava'
import { entries, fieldsOf, open, openBytes, SLOTS, turn, upTo } from './fake-recorder.js'

test('what is written is appended at once while there is room', t => {
  const { wal, native } = open()
  const stream = wal.writable()
  t.true(stream.writableObjectMode)
  for (let a = 0; a < SLOTS + 1; a++) t.true(stream.write({ a }))
  t.is(wal.lastEventId, SLOTS + 1)
  t.is(stream.writableLength, 0)
  t.deepEqual(fieldsOf(wal, native), upTo(SLOTS + 1))
})

test('a stream has finished when all that was written to it is durable', async t => {
  const { wal, native } = open()
  const stream = wal.writable()
  let isFinished = false
  stream.on('finish', () => {
    isFinished = true
  })
  stream.write({ a: 1 })
  stream.end({ a: 2 })
  await turn()
  t.deepEqual(native.syncs, [2])
  t.false(isFinished)
  native.durable(1)
  await turn()
  t.false(isFinished)
  native.durable(2)
  await finished(stream)
  t.true(isFinished)
})

test('asked to, a stream finishes without the disk, when readers can see its events', async t => {
  const { wal, native } = open()
  const stream = wal.writable({ durable: false })
  stream.end({ a: 1 })
  await finished(stream)
  t.is(wal.writtenEventId, 1)
  t.deepEqual(native.syncs, [])
})

test('an empty stream asks for no sync, and one whose log was closed meanwhile is durable', async t => {
  const { wal, native } = open()
  const [empty, late] = [wal.writable(), wal.writable()]
  await finished(empty.end())
  t.deepEqual(native.syncs, [])
  late.write({ a: 1 })
  await wal.close()
  await finished(late.end())
  t.throws(() => wal.writable(), { code: 'WAL_CLOSED' })
})

test('want of room is back-pressure of the stream, and every event arrives once', async t => {
  const { wal, native } = open()
  const stream = wal.writable({ highWaterMark: 3 })
  native.shortage = 'WAL_BACKPRESSURE'
  native.onPublish = () => {
    native.shortage = 'WAL_FULL'
  }
  let count = 0
  for (let block = 0; block < 5; block++) {
    while (stream.write({ a: count++ })) if (count > 1000) return t.fail('no back-pressure')
    const drained = once(stream, 'drain')
    for (let waiting = true; waiting; ) {
      native.shortage = undefined
      native.tell(7)
      await turn()
      waiting = stream.writableNeedDrain
    }
    await drained
  }
  native.onPublish = () => {}
  native.shortage = undefined
  native.tell(7)
  const done = finished(stream.end())
  await turn()
  native.durable(wal.lastEventId)
  await done
  t.is(wal.lastEventId, count)
  t.deepEqual(fieldsOf(wal, native), upTo(count))
  t.false(native.referenced)
})

test('what was written together is appended together', t => {
  const { wal, native } = open()
  const stream = wal.writable()
  let called = 0
  stream.cork()
  for (let a = 0; a < 3; a++) stream.write({ a }, () => called++)
  t.is(wal.lastEventId, 0)
  stream.uncork()
  t.is(wal.lastEventId, 3)
  t.deepEqual(fieldsOf(wal, native), [0, 1, 2])
})

test('when one of many is refused those before it are in the log, and lastEventId says how far they came', async t => {
  const { wal, native } = open()
  const stream = wal.writable()
  const told: string[] = []
  const failed = once(stream, 'error')
  native.shortage = 'WAL_FULL'
  for (const a of [0, 1, 256, 3]) stream.write({ a }, error => told.push(error ? 'no' : 'yes'))
  await turn()
  native.shortage = undefined
  native.tell(7)
  const [error] = await failed
  t.is((error as WalError).code, 'WAL_SCHEMA')
  await turn()
  // Node.js gives those that were handed over together one answer.
  t.is(told[0], 'yes')
  t.is(told.at(-1), 'no')
  t.is(wal.lastEventId, 2)
  t.deepEqual(fieldsOf(wal, native), [0, 1])
})

test('a log that is poisoned destroys the stream with its error', async t => {
  const ways: ReadonlyArray<(stream: Writable) => unknown> = [
    stream => stream.write({ a: 2 }),
    stream => stream.end(),
  ]
  for (const way of ways) {
    const { wal, native } = open()
    const stream = wal.writable()
    const failed = once(stream, 'error')
    stream.write({ a: 1 })
    native.poison()
    way(stream)
    const [error] = await failed
    t.true(error instanceof WalError)
    t.is((error as WalError).code, 'WAL_POISONED')
    t.true(stream.destroyed)
    t.is(wal.lastEventId, 1)
  }
})

test('a log that is poisoned or closed while a stream waits for room destroys it', async t => {
  for (const code of ['WAL_POISONED', 'WAL_CLOSED'] as const) {
    const { wal, native } = open()
    const stream = wal.writable()
    native.shortage = 'WAL_FULL'
    stream.write({ a: 1 })
    await turn()
    const failed = once(stream, 'error')
    if (code === 'WAL_POISONED') native.poison()
    else void wal.close()
    const [error] = await failed
    t.is((error as WalError).code, code)
    t.is(wal.lastEventId, 0)
    t.false(native.referenced)
  }
})

test('a destroyed stream appends nothing any more', async t => {
  const controller = new AbortController()
  for (const destroy of [
    (stream: Writable) => stream.destroy(),
    (_: Writable) => controller.abort(new Error('enough')),
  ]) {
    const { wal, native } = open()
    const stream = wal.writable({ signal: controller.signal })
    const closed = once(stream, 'close').catch(error => [error])
    stream.on('error', () => {})
    native.shortage = 'WAL_FULL'
    for (let a = 0; a < 3; a++) stream.write({ a })
    await turn()
    t.true(native.referenced)
    destroy(stream)
    await closed
    native.shortage = undefined
    native.tell(7)
    await turn()
    t.is(wal.lastEventId, 0)
    t.false(native.referenced)
  }
})

test('no write is called done whose event a destroyed stream has not appended', async t => {
  const { wal, native } = open()
  const stream = wal.writable()
  native.shortage = 'WAL_FULL'
  const told: unknown[] = []
  for (let a = 0; a < 3; a++) stream.write({ a }, error => told.push(error))
  await turn()
  stream.destroy()
  await once(stream, 'close')
  await turn()
  t.is(wal.lastEventId, 0)
  t.is(told.length, 3)
  for (const error of told) t.true(error instanceof Error)
})

test('a pipeline ends with the error of the log, and closes its source', async t => {
  const { wal, native } = open()
  native.broken = 'WAL_IO'
  const source = Readable.from([{ a: 1 }])
  await t.throwsAsync(pipeline(source, wal.writable()), { code: 'WAL_IO', instanceOf: WalError })
  t.true(source.destroyed)
})

test('a log of bytes takes each chunk as one event: bytes, text, text that stands for bytes, nothing', async t => {
  const { wal, native } = openBytes(64)
  const stream = wal.writable({ durable: false })
  t.false(stream.writableObjectMode)
  const chunk = Buffer.from('bytes')
  stream.write(chunk)
  chunk.fill(0)
  stream.write('grün')
  stream.write('6865', 'hex')
  stream.write('')
  stream.write('x'.repeat(500))
  await finished(stream.end('end'))
  t.deepEqual(entries(t, native), ['bytes', 'grün', 'he', '', 'x'.repeat(500), 'end'])
})

test('options that are none are refused by name', t => {
  const { wal } = open()
  for (const [options, message] of [
    [{ durabel: true }, /has no option durabel: did you mean durable\?/],
    [{ durable: 1 }, /writable: durable is 1: it takes true or false/],
    [{ signal: {} }, /signal is an object: it takes an AbortSignal/],
    [{ highWaterMark: -1 }, /highWaterMark is -1/],
    [null, /writable got null/],
  ] as const) {
    t.throws(() => wal.writable(options as never), { code: 'WAL_UNSUPPORTED', message })
  }
})
