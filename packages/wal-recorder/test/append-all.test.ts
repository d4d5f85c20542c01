import { once } from 'node:events'
import { Readable } from 'node:stream'
import { WalError } from '@flashstrike/wal-recovery/errors'
import test from 'ava'
import type { Recorder } from '#src/recorder.js'
import type { FakeNative } from './fake-native.js'
import { fieldsOf, open, openBytes, SLOTS, type Small, turn, upTo } from './fake-recorder.js'

/** Events 0, 1, 2 …, and what became of their source. */
function source(count: number) {
  const state = { asked: 0, closed: false }
  async function* events() {
    try {
      for (let a = 0; a < count; a++) {
        state.asked++
        yield { a }
      }
    } finally {
      state.closed = true
    }
  }
  return { state, events: events() }
}

test('all of a source is appended in order, whatever kind of iterable it is', async t => {
  const events = upTo(3 * SLOTS + 1).map(a => ({ a }))
  const kinds = [events, new Set(events), Readable.from(events), source(3 * SLOTS + 1).events]
  for (const kind of kinds) {
    const { wal, native } = open(7)
    t.is(await wal.appendAll(kind as AsyncIterable<{ a: number }>), 7 + events.length)
    t.deepEqual(fieldsOf(wal, native), upTo(events.length))
  }
})

test('of no events the id is the last one before', async t => {
  const { wal } = open(7)
  t.is(await wal.appendAll([]), 7)
  t.is(await wal.appendAll(source(0).events), 7)
})

test('without room the source is not asked for more, and every event arrives once', async t => {
  const { wal, native } = open()
  const { state, events } = source(5 * SLOTS)
  native.shortage = 'WAL_BACKPRESSURE'
  const appended = wal.appendAll(events)
  for (let block = 1; block <= 5; block++) {
    await turn()
    // The one that was refused is at hand.
    t.is(state.asked, (block - 1) * SLOTS + 1)
    t.is(wal.lastEventId, (block - 1) * SLOTS)
    native.shortage = undefined
    native.tell(7)
    // Before the turn ends a block is filled, and then there is no room again.
    native.onPublish = () => {
      native.shortage = block < 5 ? 'WAL_FULL' : undefined
    }
  }
  t.is(await appended, 5 * SLOTS)
  t.deepEqual(fieldsOf(wal, native), upTo(5 * SLOTS))
  t.true(state.closed)
  t.false(native.referenced)
})

test('a long source lets the event loop go round, also one that never waits', async t => {
  async function* many() {
    for (let i = 0; i < 20_000; i++) yield { a: 1 }
  }
  for (const events of [Array(20_000).fill({ a: 1 }), many()]) {
    const { wal } = open()
    let turns = 0
    let counting = setImmediate(function count() {
      turns++
      counting = setImmediate(count)
    })
    await wal.appendAll(events)
    clearImmediate(counting)
    t.true(turns >= 4, String(turns))
  }
})

test('a source that is no source is refused by name', async t => {
  const { wal } = openBytes()
  for (const [given, message] of [
    ['abc', /appendAll got "abc"/],
    [new Uint8Array(3), /got 3 bytes/],
    [undefined, /got undefined/],
    [5, /got 5/],
    [{}, /got an object/],
  ] as const) {
    await t.throwsAsync(wal.appendAll(given as never), { code: 'WAL_SCHEMA', message })
  }
  await t.throwsAsync(wal.appendAll([], { signl: 1 } as never), {
    code: 'WAL_UNSUPPORTED',
    message: /did you mean signal/,
  })
})

test('a bad event ends it: what came before is in the log, and the source is closed', async t => {
  const { wal, native } = open()
  let closed = false
  async function* events() {
    try {
      yield* [{ a: 1 }, { a: 2 }, { a: 256 }, { a: 3 }]
    } finally {
      closed = true
    }
  }
  await t.throwsAsync(wal.appendAll(events()), { code: 'WAL_SCHEMA' })
  t.true(closed)
  t.deepEqual(fieldsOf(wal, native), [1, 2])
})

test('what the source throws is thrown as it is', async t => {
  const { wal } = open()
  async function* events() {
    yield { a: 1 }
    throw new TypeError('mine')
  }
  for (const options of [{}, { signal: new AbortController().signal }]) {
    await t.throwsAsync(wal.appendAll(events(), options), { instanceOf: TypeError, message: 'mine' })
  }
  t.is(wal.lastEventId, 2)
})

const ends: ReadonlyArray<[code: string, end: (wal: Recorder<typeof Small>, native: FakeNative) => unknown]> =
  [
    ['WAL_POISONED', (_, native) => native.poison()],
    ['WAL_CLOSED', wal => wal.close()],
  ]
for (const [code, end] of ends) {
  test(`a log that ends with ${code} while it waits for room ends it`, async t => {
    const { wal, native } = open()
    const { state, events } = source(9)
    native.shortage = 'WAL_FULL'
    const appended = t.throwsAsync(wal.appendAll(events), { code, instanceOf: WalError })
    await turn()
    void end(wal, native)
    await appended
    t.true(state.closed)
    t.is(wal.lastEventId, 0)
    await t.throwsAsync(wal.appendAll([{ a: 1 }]), { code })
  })
}

test('a signal ends it while it waits for room', async t => {
  const { wal, native } = open()
  const { state, events } = source(9)
  native.shortage = 'WAL_FULL'
  const controller = new AbortController()
  const appended = wal.appendAll(events, { signal: controller.signal })
  await turn()
  controller.abort(new Error('enough'))
  await t.throwsAsync(appended, { message: 'enough' })
  t.true(state.closed)
  t.false(native.referenced)
  native.shortage = undefined
  native.tell(7)
  await turn()
  t.is(wal.lastEventId, 0)
})

test('a signal ends it while it waits for the source, and closes a stream that gives nothing', async t => {
  const { wal, native } = open()
  const controller = new AbortController()
  const readable = new Readable({ objectMode: true, read() {} })
  const appended = wal.appendAll(readable, { signal: controller.signal })
  readable.push({ a: 5 })
  await turn()
  controller.abort(new Error('enough'))
  await t.throwsAsync(appended, { message: 'enough' })
  if (!readable.closed) await once(readable, 'close')
  t.deepEqual(fieldsOf(wal, native), [5])
})

test('a source that cannot be closed changes nothing of what a signal does', async t => {
  const ways: ReadonlyArray<() => unknown> = [
    () => ({ done: true, value: undefined }),
    () => {
      throw new Error('cannot be closed')
    },
  ]
  for (const close of ways) {
    const { wal } = open()
    const controller = new AbortController()
    const iterator = { next: () => new Promise(() => {}), return: close }
    const source = { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<{ a: number }>
    const appended = wal.appendAll(source, { signal: controller.signal })
    await turn()
    controller.abort(new Error('enough'))
    await t.throwsAsync(appended, { message: 'enough' })
  }
})

test('a signal that was aborted before lets nothing be asked for', async t => {
  const { wal } = open()
  const signal = AbortSignal.abort(new Error('enough'))
  const { state, events } = source(9)
  await t.throwsAsync(wal.appendAll(events, { signal }), { message: 'enough' })
  await t.throwsAsync(wal.appendAll([{ a: 1 }], { signal }), { message: 'enough' })
  t.is(state.asked, 0)
  t.is(wal.lastEventId, 0)
})

test('a signal that lives longer keeps nothing of it', async t => {
  const { wal } = open()
  const { signal } = new AbortController()
  const listeners = { added: 0, removed: 0 }
  const [add, remove] = [signal.addEventListener, signal.removeEventListener]
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners.added++
    add.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.removed++
    remove.apply(signal, args)
  }
  async function* failing() {
    yield { a: 1 }
    throw new Error('mine')
  }
  await wal.appendAll(source(3).events, { signal })
  await t.throwsAsync(wal.appendAll(failing(), { signal }))
  async function* bad() {
    yield { a: 256 }
  }
  await t.throwsAsync(wal.appendAll(bad(), { signal }))
  t.deepEqual(listeners, { added: 3, removed: 3 })
})
