import test from 'ava'
import fc from 'fast-check'
import { BlockWalker, type Gap } from '#src/block-walker.js'
import type { ByteEvent } from '#src/byte-event.js'
import type { NativeRecovery } from '#src/native.js'
import { Recovery } from '#src/recovery.js'
import { defineEvent, schemaJson, u32 } from '#src/schema.js'
import { type BlockSpec, byteBlock, FakeRuns, fixedBlock, layOut, type Step } from './logs.js'

const Count = defineEvent('Count', { value: u32 })

/** A log in memory behind the interface of the addon. */
function logOf(steps: readonly Step[], schema: string, reversible: readonly Step[] = []) {
  const opened: FakeRuns[] = []
  const native = {
    schemaJson: () => schema,
    reportJson: () => '{"mode":"tail"}',
    firstId: () => 3,
    replay: (_from: number, _to: number, reverse: boolean) => {
      const runs = new FakeRuns(reverse ? reversible : steps)
      opened.push(runs)
      return runs
    },
    close: () => {},
  }
  return { native: native as unknown as NativeRecovery, opened }
}

function counts(blocks: readonly BlockSpec[]): Step {
  return layOut(blocks)
}

function block(...ids: number[]): BlockSpec {
  return fixedBlock(Count.size, ids, (view, i) => view.setUint32(8, (ids[i] ?? 0) * 10, true))
}

const metadata: BlockSpec = { firstId: 0, lastId: 0, count: 0, payload: new Uint8Array(100), kind: 1 }

test('replay gives every event of every run once, in order, by one flyweight', t => {
  const { native, opened } = logOf(
    [counts([metadata, block(1, 2, 3)]), counts([block(5)]), counts([block(8, 9)])],
    '{}',
  )
  const log = Recovery.from<{ event_id: number; value: number }>(native, Count)
  const seen = []
  const flyweights = new Set()
  for (const event of log.replay()) {
    seen.push([event.event_id, event.value])
    flyweights.add(event)
  }
  t.deepEqual(seen, [
    [1, 10],
    [2, 20],
    [3, 30],
    [5, 50],
    [8, 80],
    [9, 90],
  ])
  t.is(flyweights.size, 1)
  t.is(opened[0]?.closed, 1)
})

test('without an event type the schema of the log is used', t => {
  const { native } = logOf([counts([block(7)])], schemaJson(Count))
  const log = Recovery.from(native, undefined)
  t.deepEqual(
    Array.from(log.replay(), event => event.toObject()),
    [{ event_id: 7, value: 70 }],
  )
  t.is(log.schema?.name, 'Count')
})

test('leaving the loop gives the memory back, and the flyweight shows nothing from then on', t => {
  const { native, opened } = logOf([counts([block(1, 2)])], schemaJson(Count))
  let kept: { event_id: number } | undefined
  for (const event of Recovery.from(native, undefined).replay()) {
    kept = event
    break
  }
  t.is(opened[0]?.closed, 1)
  t.throws(() => kept?.event_id, { instanceOf: RangeError })
})

test('an error of the native side is thrown from the iterator and closes it', t => {
  const error = { code: 'WAL_CORRUPT', message: 'damaged', segment: 1, offset: 64 }
  const { native, opened } = logOf([counts([block(1)]), { error }], schemaJson(Count))
  const replay = Recovery.from(native, undefined).replay()
  t.is(replay.next().value?.event_id, 1)
  t.throws(() => replay.next(), { code: 'WAL_CORRUPT', message: 'damaged' })
  t.is(opened[0]?.closed, 1)
  t.deepEqual(replay.next(), { done: true, value: undefined })
})

/** Any log: ascending ids with gaps, cut into blocks, cut into runs. */
const anyLog = fc
  .record({
    steps: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 60 }),
    blockEnds: fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
    runEnds: fc.infiniteStream(fc.integer({ min: 1, max: 3 })),
  })
  .map(({ steps, blockEnds, runEnds }) => {
    let id = 0
    const ids = steps.map(step => {
      id += step
      return id
    })
    const blocks = cut(ids, () => blockEnds.next().value as number)
    return { ids, runs: cut(blocks, () => runEnds.next().value as number) }
  })

function cut<T>(items: readonly T[], length: () => number): T[][] {
  const rest = [...items]
  const parts: T[][] = []
  while (rest.length > 0) parts.push(rest.splice(0, length()))
  return parts
}

test('from and to are inclusive, forwards and backwards, wherever they fall', t => {
  const bound = fc.integer({ min: 0, max: 140 })
  fc.assert(
    fc.property(anyLog, bound, bound, (log, from, to) => {
      const runs = log.runs.map(run => counts(run.map(ids => block(...ids))))
      const { native } = logOf(runs, schemaJson(Count), [...runs].reverse())
      const recovery = Recovery.from(native, undefined)
      const expected = log.ids.filter(id => id >= from && id <= to)
      const ids = (reverse: boolean) =>
        Array.from(recovery.replay({ from, to, reverse }), event => event.event_id)
      t.deepEqual(ids(false), expected)
      t.deepEqual(ids(true), expected.reverse())
    }),
  )
})

test('byte logs: contents and ids, forwards and backwards', t => {
  const anyEntries = fc.array(fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 5 }), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(anyEntries, fc.nat(30), fc.nat(30), (blocks, from, to) => {
      let id = 1
      const runs = blocks.map(entries => {
        const run = layOut([byteBlock(id, entries)])
        id += entries.length
        return run
      })
      const { native } = logOf(runs, '{}', [...runs].reverse())
      const recovery = Recovery.from<ByteEvent>(native, undefined)
      const expected = blocks
        .flat()
        .map((bytes, i) => ({ event_id: i + 1, bytes }))
        .filter(event => event.event_id >= from && event.event_id <= to)
      const events = (reverse: boolean) =>
        Array.from(recovery.replay({ from, to, reverse }), event => event.toObject())
      t.deepEqual(events(false), expected)
      t.deepEqual(events(true), expected.reverse())
    }),
  )
})

test('blocks of other kinds are passed over, whatever they hold', t => {
  const other = { ...block(2), kind: 0x8001 }
  const { native } = logOf([counts([metadata, block(1), other, block(3)])], schemaJson(Count))
  t.deepEqual(
    Array.from(Recovery.from(native, undefined).replay(), event => event.event_id),
    [1, 3],
  )
})

test('a replay stops behind its last event and does not look at what follows', t => {
  const error = { code: 'WAL_CORRUPT', message: 'damaged' }
  const { native } = logOf([counts([block(1, 2)]), counts([block(5)]), { error }], schemaJson(Count))
  t.deepEqual(
    Array.from(Recovery.from(native, undefined).replay({ to: 3 }), event => event.event_id),
    [1, 2],
  )
})

test('a byte event shows its length, bytes and text in place', t => {
  const { native } = logOf([layOut([byteBlock(1, [Buffer.from('grün'), new Uint8Array(0)])])], '{}')
  const replay = Recovery.from<ByteEvent>(native, undefined).replay()
  const event = replay.next().value as ByteEvent
  t.is(event.length, 5)
  t.is(event.text, 'grün')
  const copy = event.copy()
  replay.next()
  t.is(event.text, '')
  t.is(Buffer.from(copy).toString(), 'grün')
})

test('blocks give ids, times, payload and events; gaps come where they are', async t => {
  const gap: Gap = { segment: 0, offset: 512, end: 1024, afterEventId: 0, reason: 'checksum' }
  const first = { ...block(4, 5), writtenNs: 1_700_000_000_000_500_000n }
  const { native } = logOf([counts([first]), { gap }, counts([block(9, 11)])], schemaJson(Count))
  const seen: unknown[] = []
  for await (const part of Recovery.from(native, undefined).blocks({ from: 5, to: 9 })) {
    if ('reason' in part) seen.push(part)
    else {
      const { firstId, lastId, count, writtenMs, payload } = part
      seen.push([
        firstId,
        lastId,
        count,
        writtenMs,
        payload.length,
        Array.from(part, event => event.event_id),
      ])
    }
  }
  t.deepEqual(seen, [[4, 5, 2, 1_700_000_000_000.5, 32, [5]], gap, [9, 11, 2, 0, 32, [9]]])
})

test('replay passes gaps over', t => {
  const gap = { segment: 0, offset: 512, end: 1024, reason: 'checksum' }
  const { native } = logOf([counts([block(1)]), { gap }, counts([block(9)])], schemaJson(Count))
  t.deepEqual(
    Array.from(Recovery.from(native, undefined).replay(), event => event.event_id),
    [1, 9],
  )
})

test('seek decides where a replay without from begins', t => {
  const { native } = logOf([counts([block(3, 4, 5, 6)])], schemaJson(Count))
  const log = Recovery.from(native, undefined)
  log.seek(5)
  t.deepEqual(
    Array.from(log.replay(), event => event.event_id),
    [5, 6],
  )
  t.throws(() => log.seek(2), { code: 'WAL_GONE', message: /begins with 3/ })
  t.throws(() => log.seek(1.5), { code: 'WAL_EVENT_ID' })
  t.throws(() => log.replay({ to: -1 }), { code: 'WAL_EVENT_ID' })
})

test('a closed log is not read', async t => {
  const { native } = logOf([], schemaJson(Count))
  const log = Recovery.from(native, undefined)
  await log.close()
  await log.close()
  t.throws(() => log.replay(), { code: 'WAL_CLOSED' })
})

test('a window that is used again shows its new run', t => {
  const runs = [1, 2, 3, 4, 5].map(id => counts([block(id)]))
  const walker = new BlockWalker(new FakeRuns(runs))
  const ids = []
  while (walker.next()) ids.push(walker.firstId)
  t.deepEqual(ids, [1, 2, 3, 4, 5])
})
