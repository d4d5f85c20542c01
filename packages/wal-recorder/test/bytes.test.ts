import test from 'ava'
import { entries, openBytes } from './fake-recorder.js'

test('ids end at 2^53 - 1 for bytes too', t => {
  const safe = Number.MAX_SAFE_INTEGER
  const ended = { code: 'WAL_EVENT_ID', message: /begin a new log/ }
  const { wal, native } = openBytes(64, safe - 3)
  t.throws(() => wal.appendBatch(['a', 'b', 'c', 'd']), ended)
  t.throws(() => wal.appendBatch(['a', 'b', 'c', 'd'.repeat(99)]), ended)
  t.is(native.count, 0)
  t.is(wal.append('a'), safe - 2)
  t.is(wal.appendBatch(['b', 'c']), safe)
  t.throws(() => wal.append('d'), ended)
  t.throws(() => wal.append('d'.repeat(99)), ended)
  t.is(native.count, 3)
})

test('an array that lies about its length is taken for what it is', t => {
  const { wal, native } = openBytes(64)
  class Lying extends Uint8Array {
    override get length() {
      wal.append('nested')
      return 1
    }
  }
  const own = Object.defineProperty(new Uint8Array([65]), 'length', { value: 60 })
  t.is(wal.append(new Lying([66, 67, 68])), 1)
  t.is(wal.append(own), 2)
  t.is(wal.appendBatch([new Lying([69, 70]), own]), 4)
  wal.flush()
  t.deepEqual(entries(t, native), ['BCD', 'A', 'EF', 'A'])
  const proxy = new Proxy(new Uint8Array(3), {})
  t.throws(() => wal.append(proxy), { code: 'WAL_SCHEMA' })
})

test('a byte log takes bytes and text of any length', t => {
  const { wal, native } = openBytes(64)
  const data = [
    '',
    'abcd',
    'grün',
    '€'.repeat(9),
    'x'.repeat(60),
    'y'.repeat(61),
    'z'.repeat(500),
    'end',
    '\ud800',
  ]
  data.forEach((text, i) => {
    t.is(wal.append(i % 2 === 0 ? text : Buffer.from(text)), i + 1)
  })
  wal.flush()
  t.deepEqual(entries(t, native), [...data.slice(0, -1), '\ufffd'])
})

test('staged bytes never show what stood there before', t => {
  const { wal, native } = openBytes(64)
  wal.append(new Uint8Array(60).fill(0xff))
  wal.flush()
  for (const text of ['a', 'bb', 'ccccc']) wal.append(text)
  wal.flush()
  t.deepEqual(entries(t, native).slice(1), ['a', 'bb', 'ccccc'])
})

test('a batch of bytes lands in one block', t => {
  const { wal, native } = openBytes(64)
  wal.append('first')
  t.is(wal.appendBatch(['a'.repeat(20), Buffer.from('b'), 'c']), 4)
  t.is(wal.appendBatch(['d'.repeat(40), 'e'.repeat(40)]), 6)
  wal.flush()
  t.deepEqual(
    native.blocks.map(block => block.count),
    [4, 2],
  )
  t.is(wal.append('last'), 7)
})

test('a byte log refuses what is neither bytes nor text', t => {
  const { wal, native } = openBytes()
  for (const data of [undefined, 5, {}, new Uint16Array(2), [1]]) {
    t.throws(() => wal.append(data as never), { code: 'WAL_SCHEMA' })
    t.throws(() => wal.appendBatch(['a', data as never]), {
      code: 'WAL_SCHEMA',
      message: /^element 1 of the batch: /,
    })
  }
  t.is(native.count, 0)
})

test('a byte log without room refuses, and goes on later', t => {
  const { wal, native } = openBytes(64)
  wal.append('x'.repeat(40))
  native.shortage = 'WAL_BACKPRESSURE'
  t.throws(() => wal.append('y'.repeat(40)), { code: 'WAL_BACKPRESSURE' })
  t.throws(() => wal.append('y'), { code: 'WAL_BACKPRESSURE' })
  native.shortage = undefined
  t.is(wal.append('z'), 2)
  wal.flush()
  t.deepEqual(entries(t, native), ['x'.repeat(40), 'z'])
})
