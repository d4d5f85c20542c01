import test from 'ava'
import { open, openWith, SLOTS, Small, turn } from './fake-recorder.js'

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

test('a recorder that nobody uses makes no calls', async t => {
  const { wal, native } = open()
  const idle = async () => {
    const { calls } = native
    for (let turns = 0; turns < 10; turns++) await turn()
    await new Promise(resolve => setTimeout(resolve, 5))
    return native.calls - calls
  }
  t.is(await idle(), 0)
  wal.append({ a: 1 })
  await turn()
  t.is(wal.writtenEventId, 1)
  t.is(await idle(), 0)
})
