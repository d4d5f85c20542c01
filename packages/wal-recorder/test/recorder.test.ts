import { defineEvent, type EventType, u8 } from '@flashstrike/wal-recovery/schema'
import test, { type ExecutionContext } from 'ava'
import type { NativeListener, NativeOpenOptions } from '#src/native.js'
import type { RecorderOptions } from '#src/options.js'
import { Recorder } from '#src/recorder.js'
import { FakeNative } from './fake-native.js'

const Small = defineEvent('Small', { a: u8 })
const SLOTS = 4

function open(lastId = 0) {
  return openWith({ dir: 'log', event: Small }, SLOTS * Small.size, lastId)
}

function openBytes(areaBytes = 64) {
  return openWith<undefined>({ dir: 'log' }, areaBytes)
}

function openWith<E extends EventType | undefined>(
  options: RecorderOptions<E>,
  areaBytes: number,
  lastId = 0,
) {
  let native: FakeNative | undefined
  const binding = {
    open: (given: NativeOpenOptions, listener: NativeListener) => {
      native = new FakeNative(given, listener, areaBytes, lastId)
      return native
    },
  }
  const wal = Recorder.openWith(binding, options)
  return { wal, native: native as unknown as FakeNative }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

test('options go to the native side, the schema as compact JSON', t => {
  const { native } = openWith({ dir: 'log', event: Small, blockBytes: 128, allowFileSystem: ['nfs'] }, 64)
  t.like(native.options, { dir: 'log', blockBytes: 128, allowFileSystem: ['nfs'] })
  t.regex(native.options.schema ?? '', /^\{"name":"Small","size":16,/)
  t.throws(() => openWith({ dir: '' }, 64), { instanceOf: TypeError })
})

test('ids go on where the log ends', t => {
  const { wal } = open(41)
  t.is(wal.lastEventId, 41)
  t.is(wal.append({ a: 1 }), 42)
  t.is(wal.lastEventId, 42)
  t.is(wal.writtenEventId, 41)
})

test('nothing is staged before there is room for a whole block, also after calls that take room', t => {
  const { wal, native } = open()
  const asked = (what: () => unknown): number => {
    const before = native.commits
    what()
    return native.commits - before
  }
  t.is(
    asked(() => wal.append({ a: 1 })),
    1,
  )
  t.is(
    asked(() => wal.append({ a: 2 })),
    0,
  )
  wal.rotate()
  t.is(
    asked(() => wal.append({ a: 3 })),
    1,
  )
  wal.appendBatch(Array.from({ length: 9 }, (_, a) => ({ a })))
  native.shortage = 'WAL_BACKPRESSURE'
  t.throws(() => wal.append({ a: 4 }), { code: 'WAL_BACKPRESSURE' })
  t.is(native.count, 0)
})

test('a partly filled block is published at the end of the turn, once', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  wal.append({ a: 2 })
  t.is(native.blocks.length, 0)
  await turn()
  t.is(wal.writtenEventId, 2)
  const { commits } = native
  await turn()
  t.is(native.commits, commits)
  wal.append({ a: 3 })
  await turn()
  t.is(native.commits, commits + 1)
  t.is(native.blocks.length, 2)
})

test('nothing is published twice when blocks fill up within the turn', async t => {
  const { wal, native } = open()
  for (let i = 0; i < SLOTS; i++) wal.append({ a: i })
  const { commits } = native
  await turn()
  t.is(native.commits, commits)
  t.is(native.blocks.length, 1)
})

test('flush publishes at once', t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  wal.flush()
  const { commits } = native
  wal.flush()
  t.is(wal.writtenEventId, 1)
  t.is(native.commits, commits)
})

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

test('a batch lands in one block', t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  wal.append({ a: 2 })
  t.is(wal.appendBatch([{ a: 3 }, { a: 4 }, { a: 5 }]), 5)
  t.deepEqual(
    native.blocks.map(block => block.count),
    [2],
  )
  t.is(native.count, 3)
  t.is(wal.appendBatch([{ a: 6 }]), 6)
  t.is(native.count, 0)
  t.is(wal.appendBatch([]), 6)
})

test('a batch larger than a block is a block of its own', t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  t.is(wal.appendBatch(new Set([2, 3, 4, 5, 6, 7].map(a => ({ a })))), 7)
  t.deepEqual(
    native.blocks.map(block => block.count),
    [1, 6],
  )
  t.deepEqual(
    [...native.published].filter((_, i) => i % 16 === 8),
    [1, 2, 3, 4, 5, 6, 7],
  )
  t.is(wal.append({ a: 8 }), 8)
})

test('a batch with one bad event leaves nothing', t => {
  const { wal, native } = open()
  t.throws(() => wal.appendBatch([{ a: 1 }, { a: 256 }]), { code: 'WAL_SCHEMA', message: /Small\.a is 256/ })
  const many = Array.from({ length: 9 }, (_, a) => ({ a: a === 8 ? -1 : a }))
  t.throws(() => wal.appendBatch(many), { code: 'WAL_SCHEMA' })
  t.is(native.count, 0)
  t.is(native.blocks.length, 0)
  t.is(wal.append({ a: 1 }), 1)
})

test('waiters of one turn share one request, and are served up to the durable id', async t => {
  const { wal, native } = open()
  const served: number[] = []
  for (let i = 1; i <= 3; i++) {
    const id = wal.append({ a: i })
    void wal.durable(id).then(() => served.push(id))
  }
  t.is(native.syncs.length, 0)
  await Promise.resolve()
  t.deepEqual(native.syncs, [3])
  t.is(wal.writtenEventId, 3)
  t.true(native.referenced)
  native.durable(2)
  await turn()
  t.deepEqual(served, [1, 2])
  t.true(native.referenced)
  native.durable(3)
  await turn()
  t.deepEqual(served, [1, 2, 3])
  t.false(native.referenced)
})

test('waiters may come in any order of ids', async t => {
  const { wal, native } = open()
  for (let i = 1; i <= 3; i++) wal.append({ a: i })
  const served: number[] = []
  for (const id of [3, 1, 2, 1, 3]) void wal.durable(id).then(() => served.push(id))
  await turn()
  native.durable(1)
  await turn()
  t.deepEqual(served, [1, 1])
  native.durable(3)
  await turn()
  t.deepEqual(served.sort(), [1, 1, 2, 3, 3])
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

test('durableSync publishes and syncs on this thread', t => {
  const { wal } = open()
  wal.append({ a: 1 })
  wal.durableSync()
  t.is(wal.durableEventId, 1)
})

test('a poisoned recorder rejects all who wait and all who come later', async t => {
  const { wal, native } = open()
  const heard: string[] = []
  wal.on('poisoned', error => heard.push(error.code))
  wal.append({ a: 1 })
  const waiting = t.throwsAsync(wal.durable(), { code: 'WAL_POISONED' })
  await turn()
  native.tell(2, 0, '{"code":"WAL_POISONED","message":"EIO"}')
  await waiting
  await t.throwsAsync(wal.durable(), { code: 'WAL_POISONED' })
  t.deepEqual(heard, ['WAL_POISONED'])
  t.false(native.referenced)
})

test('a refused request rejects those who wait', async t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  wal.flush()
  native.broken = 'WAL_IO'
  await t.throwsAsync(wal.durable(), { code: 'WAL_IO' })
  t.false(native.referenced)
})

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

for (const turns of [1, 100]) {
  test(`one append in a thousand or so is timed, in ${turns} turns, by object and by fields`, async t => {
    const { wal, native } = open()
    for (let i = 0; i < 10_000; i++) {
      if (i % 2 === 0) wal.append({ a: 1 })
      else wal.append.fields(1)
      if (i % (10_000 / turns) === 0) await turn()
    }
    t.true(native.timings >= 8 && native.timings <= 10, String(native.timings))
  })
}

/** The entries of a byte log's published blocks. */
function entries(t: ExecutionContext, native: FakeNative): string[] {
  const found: string[] = []
  for (const { payload, count } of native.blocks) {
    const bytes = Buffer.from(payload)
    let at = 0
    for (let i = 0; i < count; i++) {
      const length = bytes.readUInt32LE(at)
      found.push(bytes.toString('utf8', at + 4, at + 4 + length))
      const end = at + Math.ceil((4 + length) / 8) * 8
      t.true(bytes.subarray(at + 4 + length, end).every(byte => byte === 0))
      at = end
    }
    t.is(at, bytes.length)
  }
  return found
}

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
    t.throws(() => wal.appendBatch(['a', data as never]), { code: 'WAL_SCHEMA' })
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
