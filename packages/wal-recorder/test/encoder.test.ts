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
        native.hot().publish()
        t.deepEqual(native.published, Buffer.concat(expected))

        const memory = new EventMemory(new ArrayBuffer(event.size + 8))
        encode(memory, 8, objectOf(rows[0] as unknown[]))
        memory.storeId(8, 2 ** 40 + 77)
        t.deepEqual(memory.bytes.slice(8), oracle(event, types, 2 ** 40 + 77, rows[0] as unknown[]))
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

  const ended = { code: 'WAL_EVENT_ID', message: /begin a new log/ }

  test(`${how}: the largest id ends the log, at once and in later turns`, async t => {
    for (const own of [true, false]) {
      const { native, append } = open(defineEvent('E', { a: u8 }), generate, 4, own ? 0 : safe - 1)
      if (own) t.is(append.fields.at(safe, 1), safe)
      else t.is(append.fields(1), safe)
      for (let turn = 0; turn < 2; turn++) {
        t.throws(() => append.fields(1), ended)
        t.throws(() => append({ a: 1 }), ended)
        t.throws(() => append.fields.at(safe + 1, 1), { code: 'WAL_EVENT_ID' })
        t.throws(() => append({ a: 1 }, { id: safe }), { code: 'WAL_EVENT_ID' })
        await new Promise(resolve => setImmediate(resolve))
      }
      t.is(native.writtenId, safe)
      t.is(native.published.length, 16)
    }
  })

  test(`${how}: ids are counted to the largest one, from any id and over the end of a block`, t => {
    for (let left = 1; left < 10; left++) {
      for (const fill of [0, 1, 3]) {
        const { native, staging, append } = open(defineEvent('E', { a: u8 }), generate, 4)
        for (let i = 0; i < fill; i++) append({ a: 1 })
        t.is(append({ a: 1 }, { id: safe - left }), safe - left)
        t.throws(() => append({ a: 256 }), { code: 'WAL_SCHEMA' })
        for (let id = safe - left + 1; id <= safe; id++)
          t.is(id % 2 ? append({ a: 1 }) : append.fields(1), id)
        t.throws(() => append.fields(1), ended)
        t.is(staging.lastId, safe)
        t.is(native.blocks.length * 4 + native.count, fill + 1 + left)
      }
    }
  })

  test(`${how}: ids that are counted for long within one turn end at the largest one`, t => {
    const { staging, append } = open(defineEvent('E', { a: u8 }), generate, 4096, safe - 2 ** 20 - 3)
    for (let i = 0; i < 2 ** 20 + 3; i++) append.fields(1)
    t.is(staging.lastId, safe)
    t.throws(() => append.fields(1), ended)
  })

  test(`${how}: a getter that appends has done so before the event that it belongs to`, t => {
    const event = defineEvent('E', { a: u8, b: u8 })
    for (const nested of [1, 3, 4, 9]) {
      for (const before of [0, 1, 3]) {
        const { native, append } = open(event, generate, 4)
        const appendNested = () => {
          for (let i = 0; i < nested; i++) append.fields(100, 101)
        }
        const getter = {
          a: 50,
          get b() {
            appendNested()
            return 51
          },
        }
        const proxy = new Proxy({ a: 60, b: 61 } as Record<string | symbol, number>, {
          get(target, name) {
            if (name === 'b') appendNested()
            return target[name]
          },
        })
        const options = {
          get id() {
            appendNested()
            return 1000
          },
        }
        for (let i = 0; i < before; i++) append.fields(1, 2)
        t.is(append(getter), before + nested + 1)
        t.is(append(proxy), before + 2 * nested + 2)
        t.is(append({ a: 70, b: 71 }, options), 1000)
        t.is(append(getter, { id: 2000 }), 2000)
        t.throws(() => append(getter, { id: 2001 }), { code: 'WAL_EVENT_ID' })
        native.hot().publish()
        const group = Array(nested).fill([100, 101])
        const first = Array(before).fill([1, 2])
        t.deepEqual(
          Array.from({ length: native.published.length / 16 }, (_, i) => [
            ...native.published.subarray(i * 16 + 8, i * 16 + 10),
          ]),
          [
            ...first,
            ...group,
            [50, 51],
            ...group,
            [60, 61],
            ...group,
            [70, 71],
            ...group,
            [50, 51],
            ...group,
          ],
        )
      }
    }
  })

  test(`${how}: values that run code when they are looked at are refused, and what that code appends is kept`, t => {
    const { native, append } = open(defineEvent('E', { a: u8, b: bytes3, c: u64 }), generate)
    const good = [1, new Uint8Array(3), 2] as const
    class Lying extends Uint8Array {
      override get length() {
        append.fields(...good)
        return 3
      }
    }
    const number = {
      valueOf() {
        append.fields(...good)
        return 4
      },
    }
    const proxy = new Proxy(new Uint8Array(3), {
      get(target, name) {
        append.fields(...good)
        return Reflect.get(target, name, target)
      },
    })
    for (const [at, value] of [
      [0, number],
      [1, new Lying(4)],
      [1, proxy],
      [1, Object.defineProperty(new Uint8Array(4), 'length', { value: 3 })],
      [2, number],
    ] as const) {
      const values = good.map((fine, i) => (i === at ? value : fine))
      t.throws(() => append.fields(...values), { code: 'WAL_SCHEMA' })
      t.throws(() => append.fields.at(2 ** 40 + native.count, ...values), { code: 'WAL_SCHEMA' })
    }
    const { count } = native
    native.hot().publish()
    const ids = Array.from({ length: count }, (_, i) => native.published.readBigUint64LE(i * 24))
    t.deepEqual(
      ids,
      ids.map((_, i) => BigInt(i + 1)),
    )
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
