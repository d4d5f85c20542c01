import { WalError } from '@flashstrike/wal-recovery/errors'
import { defineEvent, type EventType, u8 } from '@flashstrike/wal-recovery/schema'
import test, { type ExecutionContext } from 'ava'
import type { NativeListener, NativeOpenOptions } from '#src/native.js'
import type { RecorderOptions } from '#src/options.js'
import { openRecorder, type Recorder } from '#src/recorder.js'
import { FakeNative } from './fake-native.js'

const Small = defineEvent('Small', { a: u8 })
const SLOTS = 4

function open(lastId = 0) {
  return openWith({ dir: 'log', event: Small }, SLOTS * Small.size, lastId)
}

function openBytes(areaBytes = 64, lastId = 0) {
  return openWith<undefined>({ dir: 'log' }, areaBytes, lastId)
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
  const wal = openRecorder(binding, options)
  return { wal, native: native as unknown as FakeNative }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

test('options go to the native side, the schema as compact JSON', t => {
  const { native } = openWith({ dir: 'log', event: Small, blockBytes: 128, allowFileSystem: ['nfs'] }, 64)
  t.like(native.options, { dir: 'log', blockBytes: 128, allowFileSystem: ['nfs'] })
  t.regex(native.options.schema ?? '', /^\{"name":"Small","size":16,/)
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
    const before = native.publications
    what()
    return native.publications - before
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
  const { publications } = native
  await turn()
  t.is(native.publications, publications)
  wal.append({ a: 3 })
  await turn()
  t.is(native.publications, publications + 1)
  t.is(native.blocks.length, 2)
})

test('nothing is published twice when blocks fill up within the turn', async t => {
  const { wal, native } = open()
  for (let i = 0; i < SLOTS; i++) wal.append({ a: i })
  const { publications } = native
  await turn()
  t.is(native.publications, publications)
  t.is(native.blocks.length, 1)
})

test('flush publishes at once', t => {
  const { wal, native } = open()
  wal.append({ a: 1 })
  wal.flush()
  const { publications } = native
  wal.flush()
  t.is(wal.writtenEventId, 1)
  t.is(native.publications, publications)
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

test('ids end at 2^53 - 1 for batches too', t => {
  const safe = Number.MAX_SAFE_INTEGER
  const batch = (count: number) => Array.from({ length: count }, (_, a) => ({ a }))
  const ended = { code: 'WAL_EVENT_ID', message: /begin a new log/ }
  for (const [left, count] of [
    [2, 3],
    [SLOTS, SLOTS + 1],
    [2 * SLOTS, 2 * SLOTS + 1],
  ] as const) {
    const { wal, native } = open()
    wal.append({ a: 1 }, { id: safe - left })
    t.throws(() => wal.appendBatch(batch(count)), ended)
    wal.flush()
    t.is(native.blocks.length, 1)
    t.is(wal.lastEventId, safe - left)
    t.is(wal.appendBatch(batch(left)), safe)
    t.throws(() => wal.appendBatch(batch(1)), ended)
    t.throws(() => wal.append({ a: 1 }), ended)
  }
})

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

/** What stands in the field of each published event. */
function fieldsOf(wal: Recorder<typeof Small>, native: FakeNative): number[] {
  wal.flush()
  return [...native.published].filter((_, i) => i % Small.size === 8)
}

for (const appends of [1, 2, SLOTS, 2 * SLOTS]) {
  test(`an event of a batch that appends ${appends} others while it is looked at overwrites none`, t => {
    for (const [before, after] of [
      [0, 1],
      [1, 0],
      [2, 2],
      [SLOTS, SLOTS],
    ] as const) {
      const { wal, native } = open()
      const nested: number[] = []
      const appending = {
        get a() {
          nested.push(wal.append({ a: 100 }), wal.appendBatch(Array(appends).fill({ a: 101 })))
          return 55
        },
      }
      const calm = (count: number) => Array(count).fill({ a: 50 })
      const last = wal.appendBatch([...calm(before), appending, ...calm(after)])
      t.deepEqual(nested, [1, 1 + appends])
      t.is(last, 2 + appends + before + after)
      t.deepEqual(fieldsOf(wal, native), [
        100,
        ...Array(appends).fill(101),
        ...Array(before).fill(50),
        55,
        ...Array(after).fill(50),
      ])
    }
  })
}

test('a batch that throws half-way leaves nothing, and the next one is whole', t => {
  const { wal, native } = open()
  const broken = {
    get a(): number {
      throw new Error('boom')
    },
  }
  for (const count of [1, 2 * SLOTS]) {
    const batch = [...Array(count).fill({ a: 1 }), broken]
    t.throws(() => wal.appendBatch(batch), { message: 'boom' })
  }
  t.is(wal.lastEventId, 0)
  t.is(wal.appendBatch([{ a: 7 }, { a: 8 }]), 2)
  t.deepEqual(fieldsOf(wal, native), [7, 8])
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
