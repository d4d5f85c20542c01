import {
  type AnyFieldType,
  bytes,
  defineEvent,
  type EventType,
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
} from '@flashstrike/wal-recovery/schema'
import test from 'ava'
import fc from 'fast-check'
import { eventAppender } from '#src/event-appender.js'
import { layoutOf } from '#src/event-layout.js'
import { EventMemory } from '#src/memory.js'
import { Staging } from '#src/staging.js'
import { FakeNative } from './fake-native.js'

const safe = Number.MAX_SAFE_INTEGER
const bytes1 = bytes(1)
const bytes3 = bytes(3)

/** Values that each type takes: all over its range and at its ends. */
const good = new Map<AnyFieldType, fc.Arbitrary<unknown>>([
  [u8, fc.integer({ min: 0, max: 255 })],
  [u16, fc.integer({ min: 0, max: 65_535 })],
  [u32, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  [u64, fc.maxSafeNat()],
  [u64.big, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  [i8, fc.integer({ min: -128, max: 127 })],
  [i16, fc.integer({ min: -32_768, max: 32_767 })],
  [i32, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
  [i64, fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-safe, safe, -1, -(2 ** 32), 2 ** 32 - 1))],
  [i64.big, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [f32, fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Infinity, 3.4028234663852886e38, -0, 0.1))],
  [f64, fc.double()],
  [bytes1, fc.uint8Array({ minLength: 1, maxLength: 1 })],
  [bytes3, fc.uint8Array({ minLength: 3, maxLength: 3 })],
])

const notNumbers = [
  undefined,
  null,
  '5',
  true,
  {},
  [7],
  5n,
  Symbol('s'),
  Number.NaN,
  0.5,
  Infinity,
  -Infinity,
]
/** Values that each type refuses. */
const bad = new Map<AnyFieldType, readonly unknown[]>([
  [u8, [...notNumbers, -1, 256, 2 ** 32]],
  [u16, [...notNumbers, -1, 65_536]],
  [u32, [...notNumbers, -1, 2 ** 32]],
  [u64, [...notNumbers, -1, 2 ** 53, 2 ** 64, -0.5]],
  [u64.big, [undefined, '5', 5, -1n, 2n ** 64n]],
  [i8, [...notNumbers, -129, 128]],
  [i16, [...notNumbers, -32_769, 32_768]],
  [i32, [...notNumbers, -(2 ** 31) - 1, 2 ** 31]],
  [i64, [...notNumbers, -(2 ** 53), 2 ** 53, 1e300]],
  [i64.big, [undefined, 5, -(2n ** 63n) - 1n, 2n ** 63n]],
  [f32, [undefined, null, '5', 5n, 3.4028235677973366e38, -1e300]],
  [f64, [undefined, null, '5', 5n]],
  [bytes1, [undefined, 'a', [1], new Uint8Array(0), new Uint8Array(2), new Uint16Array(1)]],
  [bytes3, [undefined, new Uint8Array(2)]],
])

/** The bytes of an event, written the plain way. */
function oracle(
  event: EventType,
  types: readonly AnyFieldType[],
  id: number,
  values: readonly unknown[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer(event.size))
  view.setBigUint64(0, BigInt(id), true)
  event.fields.slice(1).forEach(({ offset }, i) => {
    const type = types[i] as AnyFieldType
    const value = values[i]
    if (value instanceof Uint8Array) new Uint8Array(view.buffer).set(value, offset)
    else if (type.name === 'f32') view.setFloat32(offset, value as number, true)
    else if (type.name === 'f64') view.setFloat64(offset, value as number, true)
    else {
      const whole = BigInt.asUintN(type.size * 8, BigInt(value as number | bigint))
      for (let b = 0; b < type.size; b++) view.setUint8(offset + b, Number((whole >> BigInt(8 * b)) & 255n))
    }
  })
  return new Uint8Array(view.buffer)
}

const anyEvent = fc.array(fc.constantFrom(...good.keys()), { minLength: 1, maxLength: 14 }).chain(types =>
  fc.record({
    types: fc.constant(types),
    rows: fc.array(fc.tuple(...types.map(type => good.get(type) as fc.Arbitrary<unknown>)), {
      minLength: 1,
      maxLength: 8,
    }),
  }),
)

function eventOf(types: readonly AnyFieldType[]): EventType {
  return defineEvent('E', Object.fromEntries(types.map((type, i) => [`f${i}`, type])))
}

function objectOf(values: readonly unknown[]): object {
  return Object.fromEntries(values.map((value, i) => [`f${i}`, value]))
}

/** Append functions as the loops below use them: without types, since the fields are made up. */
interface AnyAppend {
  (event: object, options?: { id: number }): number
  fields: { (...values: unknown[]): number; at(id: number, ...values: unknown[]): number }
}

function open(event: EventType, generate: boolean, slots = 64, lastId = 0) {
  const native = new FakeNative({ dir: '', schema: schemaJson(event) }, () => {}, slots * event.size, lastId)
  const staging = new Staging(native)
  const { append, encode } = eventAppender(layoutOf(event), staging, generate)
  return { native, staging, append: append as unknown as AnyAppend, encode }
}

for (const generate of [true, false]) {
  const how = generate ? 'generated code' : 'a loop over the fields'

  test(`${how}: all forms store what the plain way stores`, t => {
    fc.assert(
      fc.property(anyEvent, fc.nat(2 ** 40), ({ types, rows }, lastId) => {
        const event = eventOf(types)
        const { native, append, encode } = open(event, generate, 64, lastId)
        const expected: Uint8Array[] = []
        let id = lastId
        for (const values of rows) {
          t.is(append(objectOf(values)), ++id)
          t.is(append.fields(...values), ++id)
          for (const again of [id - 1, id]) expected.push(oracle(event, types, again, values))
          id += 5
          t.is(append(objectOf(values), { id }), id)
          expected.push(oracle(event, types, id, values))
          id += 2 ** 33
          t.is(append.fields.at(id, ...values), id)
          expected.push(oracle(event, types, id, values))
        }
        t.is(native.count, expected.length)
        native.hot().commit()
        t.deepEqual(native.published, Buffer.concat(expected))

        const memory = new EventMemory(new ArrayBuffer(event.size + 8))
        encode(memory, 8, 77, objectOf(rows[0] as unknown[]))
        t.deepEqual(memory.bytes.slice(8), oracle(event, types, 77, rows[0] as unknown[]))
      }),
      { numRuns: 60 },
    )
  })

  for (const [type, values] of bad) {
    const big = type.kind === 'bigint' ? '.big' : ''
    test(`${how}: ${type.name}${big} refuses what it cannot hold, and nothing is counted`, t => {
      const event = defineEvent('Bad', { before: u32, it: type, after: u8 })
      for (const value of values) {
        const { native, staging, append } = open(event, generate)
        append({ before: 1, it: fc.sample(good.get(type) as fc.Arbitrary<unknown>, 1)[0], after: 2 })
        const error = { code: 'WAL_SCHEMA', message: /^Bad\.it is .*takes/s }
        t.throws(() => append({ before: 3, it: value, after: 4 }), error)
        t.throws(() => append.fields(3, value, 4), error)
        t.throws(() => append.fields.at(9, 3, value, 4), error)
        t.is(native.count, 1)
        t.is(staging.lastId, 1)
        const next = append({
          before: 5,
          it: fc.sample(good.get(type) as fc.Arbitrary<unknown>, 1)[0],
          after: 6,
        })
        t.is(next, 2)
      }
    })
  }

  test(`${how}: an own id has to be a safe integer above the last one`, t => {
    const { native, append } = open(defineEvent('E', { a: u8 }), generate, 64, 10)
    for (const id of [10, 3, 0, -1, 11.5, 2 ** 53, Number.NaN]) {
      const error = { code: 'WAL_EVENT_ID', message: /above the last one, 10/ }
      t.throws(() => append({ a: 1 }, { id }), error)
      t.throws(() => append.fields.at(id, 1), error)
    }
    t.is(native.count, 0)
    t.is(append({ a: 1 }, { id: 11 }), 11)
  })

  test(`${how}: a full block is published by one call`, t => {
    const { native, append } = open(defineEvent('E', { a: u8 }), generate, 4)
    for (let i = 1; i <= 10; i++) t.is(append({ a: i }), i)
    t.deepEqual(
      native.blocks.map(block => block.count),
      [4, 4],
    )
    t.is(native.count, 2)
    t.is(native.writtenId, 8)
  })
}

test('the largest id ends the log', async t => {
  const { native, append } = open(defineEvent('E', { a: u8 }), true, 4)
  t.is(append.fields.at(safe, 1), safe)
  await new Promise(resolve => setImmediate(resolve))
  t.is(native.writtenId, safe)
  t.throws(() => append.fields(1), { code: 'WAL_EVENT_ID', message: /begin a new log/ })
})
