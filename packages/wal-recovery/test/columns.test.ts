import test from 'ava'
import fc from 'fast-check'
import type { ByteEvent } from '#src/byte-event.js'
import type { LogBlock } from '#src/log-block.js'
import type { NativeRecovery } from '#src/native.js'
import { type Recovery, recoveryOf } from '#src/recovery.js'
import {
  bytes,
  defineEvent,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  schemaJson,
  u8,
  u16,
  u32,
  u64,
} from '#src/schema.js'
import { type BlockSpec, byteBlock, FakeRuns, fixedBlock, layOut } from './logs.js'

const types = { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, ub: u64.big, ib: i64.big, raw: bytes(3) }
const Every = defineEvent('Every', types)
const NUMERIC = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64', 'f32', 'f64', 'ub', 'ib'] as const
const ARRAYS = {
  ...{ u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, u32: Uint32Array, i32: Int32Array },
  ...{ u64: Float64Array, i64: Float64Array, f32: Float32Array, f64: Float64Array },
  ...{ ub: BigUint64Array, ib: BigInt64Array },
}

function logOf<E>(blocks: readonly BlockSpec[], schema: string, event?: typeof Every): Recovery<E> {
  const replay = () => new FakeRuns([layOut(blocks)])
  const native = { schemaJson: () => schema, reportJson: () => '{}', replay }
  return recoveryOf<E>(native as unknown as NativeRecovery, event)
}

/** A block whose fields are `seed` bytes; upper halves of 64-bit integers stay small. */
function filled(ids: readonly number[], seed: number): BlockSpec {
  return fixedBlock(Every.size, ids, (view, i) => {
    for (let at = 8; at < Every.size; at++) view.setUint8(at, (seed * (i + 7) * at) & 255)
    for (const { name, offset } of Every.fields) {
      if (name === 'u64') view.setUint32(offset + 4, (seed * i) % 0x20_0000, true)
      if (name === 'i64') view.setInt32(offset + 4, ((seed * i) % 0x20_0000) * (i % 2 === 0 ? 1 : -1), true)
      if (name === 'f32') view.setFloat32(offset, seed / (i + 1), true)
      if (name === 'f64') view.setFloat64(offset, seed / (i + 1), true)
    }
  })
}

async function blocksOf<E>(log: Recovery<E>, options = {}): Promise<LogBlock<E>[]> {
  const found: LogBlock<E>[] = []
  for await (const block of log.blocks(options)) if (!('reason' in block)) found.push(block)
  return found
}

const anyIds = fc
  .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40 })
  .map(steps => steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + step, 0)))

test('a column holds what the events of the block in the range hold', async t => {
  await fc.assert(
    fc.asyncProperty(
      anyIds,
      fc.integer({ min: 1, max: 1 << 20 }),
      fc.nat(130),
      fc.nat(130),
      async (ids, seed, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const log = logOf<Record<string, number>>([filled(ids, seed)], schemaJson(Every), Every)
        for await (const block of log.blocks({ from, to })) {
          if ('reason' in block) continue
          const events = Array.from(block, event =>
            (event as unknown as { toObject(): Record<string, unknown> }).toObject(),
          )
          for (const name of ['event_id', ...NUMERIC] as const) {
            const column = block.column(name)
            t.true(column instanceof (name === 'event_id' ? Float64Array : ARRAYS[name]), name)
            t.deepEqual(
              Array.from(column as Float64Array),
              events.map(event => event[name]) as number[],
              name,
            )
          }
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('a column is a copy, and may be copied into an array that is there', async t => {
  const log = logOf<Record<string, number>>(
    [filled([1, 2, 3], 5), filled([4, 5], 6)],
    schemaJson(Every),
    Every,
  )
  const ids: number[][] = []
  const kept = new Float64Array(3)
  for await (const block of log.blocks()) {
    if ('reason' in block) continue
    const column = block.column('event_id')
    const into = block.column('event_id', kept)
    t.is(into.buffer, kept.buffer)
    t.deepEqual(into, column)
    ids.push(Array.from(column as Float64Array))
    t.throws(() => block.column('event_id', new Float64Array(1)), {
      code: 'WAL_UNSUPPORTED',
      message: /event_id needs a Float64Array of at least \d, and not Float64Array of 1/,
    })
    t.throws(() => block.column('u32', new Float64Array(9)), {
      code: 'WAL_UNSUPPORTED',
      message: /Uint32Array/,
    })
    t.throws(() => block.column('u32', [] as never), { code: 'WAL_UNSUPPORTED' })
  }
  t.deepEqual(ids, [
    [1, 2, 3],
    [4, 5],
  ])
})

test('what is no column says so, and what there is', async t => {
  const blocks = () => logOf<Record<string, number>>([filled([1, 2], 5)], schemaJson(Every), Every).blocks()
  for await (const block of blocks()) {
    if ('reason' in block) continue
    t.throws(() => block.column('nonsense'), {
      code: 'WAL_SCHEMA',
      message: /Every has no field "nonsense"; there are columns for event_id, u8, /,
    })
    t.throws(() => block.column('raw'), { code: 'WAL_SCHEMA', message: /Every\.raw is of type bytes\(3\)/ })
    t.throws(() => block.column('toString'), { code: 'WAL_SCHEMA' })
  }
  const [passed] = await blocksOf(logOf<Record<string, number>>([filled([1], 5)], schemaJson(Every), Every))
  t.throws(() => passed?.column('u8'), { code: 'WAL_CLOSED' })
})

test('a 64-bit integer beyond the safe integers is refused, and the event named', async t => {
  const at = (field: string) => Every.fields.find(({ name }) => name === field)?.offset ?? 0
  const wide = fixedBlock(Every.size, [7, 9], (view, i) => {
    view.setBigUint64(at('u64'), i === 1 ? 2n ** 53n : 1n, true)
    view.setBigInt64(at('i64'), i === 1 ? -(2n ** 60n) : 1n, true)
  })
  for await (const block of logOf<Record<string, number>>([wide], schemaJson(Every), Every).blocks()) {
    if ('reason' in block) continue
    for (const name of ['u64', 'i64']) {
      t.like(
        t.throws(() => block.column(name), {
          code: 'WAL_SCHEMA',
          message: new RegExp(`define the field as ${name}.big`),
        }),
        { eventId: 9 },
      )
    }
  }
  for await (const block of logOf<Record<string, number>>([wide], schemaJson(Every)).blocks({ to: 8 })) {
    if (!('reason' in block)) t.deepEqual(block.column('u64'), Float64Array.of(1))
  }
  for await (const block of logOf<Record<string, number>>([wide], schemaJson(Every)).blocks()) {
    if ('reason' in block) continue
    t.true(block.column('ub') instanceof Float64Array)
    t.throws(() => block.column('u64'), { code: 'WAL_SCHEMA', message: /open the log with an event type/ })
  }
})

test('a log of bytes has ids, texts and views, and no other column', async t => {
  const entries = ['one', 'grün', ''].map(text => Buffer.from(text))
  const log = logOf<ByteEvent>([byteBlock(5, entries)], '{}')
  for await (const block of log.blocks({ from: 6 })) {
    if ('reason' in block) continue
    t.deepEqual(block.column('event_id'), Float64Array.of(6, 7))
    t.deepEqual(
      Array.from(block, ({ text, bytes }) => [text, Array.from(bytes)]),
      [
        ['grün', [...Buffer.from('grün')]],
        ['', []],
      ],
    )
    t.throws(() => block.column('text'), { code: 'WAL_SCHEMA', message: /there are columns for event_id/ })
  }
})
