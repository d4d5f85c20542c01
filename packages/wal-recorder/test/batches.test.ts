import test from 'ava'
import { fieldsOf, open, SLOTS } from './fake-recorder.js'

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
  t.throws(() => wal.appendBatch([{ a: 1 }, { a: 256 }]), {
    code: 'WAL_SCHEMA',
    message: /^element 1 of the batch: Small\.a is 256/,
  })
  const many = Array.from({ length: 9 }, (_, a) => ({ a: a === 8 ? -1 : a }))
  t.throws(() => wal.appendBatch(many), { code: 'WAL_SCHEMA' })
  t.is(native.count, 0)
  t.is(native.blocks.length, 0)
  t.is(wal.append({ a: 1 }), 1)
})

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

test('a batch that one of its events changes is what it was, or nothing of it is in the log', t => {
  const { wal, native } = open()
  const changing = (change: (batch: object[]) => void) => {
    const batch: object[] = [{ a: 1 }]
    batch.push({
      get a() {
        change(batch)
        return 2
      },
    })
    batch.push({ a: 3 })
    return batch as { a: number }[]
  }
  t.is(wal.appendBatch(changing(batch => batch.push({ a: 4 }))), 3)
  t.throws(() => wal.appendBatch(changing(batch => batch.pop())), {
    code: 'WAL_SCHEMA',
    message: /^element 2 of the batch: the event is undefined/,
  })
  t.is(wal.lastEventId, 3)
  t.deepEqual(fieldsOf(wal, native), [1, 2, 3])
})

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
