import test from 'ava'
import fc from 'fast-check'
import { MemoryCursor } from '#src/cursor.js'
import { readerClass } from '#src/event-reader.js'
import {
  type AnyFieldType,
  bytes,
  defineEvent,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  type Schema,
  u8,
  u16,
  u32,
  u64,
} from '#src/schema.js'

const allTypes: AnyFieldType[] = [
  u8,
  u16,
  u32,
  u64,
  u64.big,
  i8,
  i16,
  i32,
  i64,
  i64.big,
  f32,
  f64,
  bytes(1),
  bytes(5),
]

interface Shown {
  readonly [field: string]: unknown
  toObject(): Record<string, unknown>
}

function shown(schema: Schema, view: DataView, offset: number, generate: boolean): Shown {
  const cursor = new MemoryCursor(view)
  cursor.offset = offset
  return new (readerClass(schema, generate))(cursor) as Shown
}

/** What a field holds, read the plain way. */
function oracle(view: DataView, at: number, type: AnyFieldType): unknown {
  const hex = [...new Uint8Array(view.buffer, view.byteOffset + at, type.size)]
  if (type.kind === 'bytes') return Uint8Array.from(hex)
  if (type.name === 'f32') return view.getFloat32(at, true)
  if (type.name === 'f64') return view.getFloat64(at, true)
  const unsigned = hex.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
  const value = type.name.startsWith('i') ? BigInt.asIntN(type.size * 8, unsigned) : unsigned
  const big = type.kind === 'bigint' || value > 2n ** 53n - 1n || value < -(2n ** 53n)
  return big ? value : Number(value)
}

for (const generate of [true, false]) {
  const how = generate ? 'generated code' : 'closures'

  test(`${how}: every type reads what the bytes say`, t => {
    const types = fc.array(fc.constantFrom(...allTypes), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(types, fc.uint8Array({ minLength: 256, maxLength: 256 }), (chosen, memory) => {
        const event = defineEvent('E', Object.fromEntries(chosen.map((type, i) => [`f${i}`, type])))
        const view = new DataView(memory.buffer, 8, 248)
        // As a log's own schema, where nobody chose between number and bigint.
        const { name, size, fields } = event
        const reader = shown({ name, size, fields }, view, 16, generate)
        const expected: Record<string, unknown> = { event_id: oracle(view, 16, u64) }
        event.fields.slice(1).forEach((field, i) => {
          const type =
            (chosen[i] as AnyFieldType).kind === 'bigint' ? (field.type === 'u64' ? u64 : i64) : chosen[i]
          expected[field.name] = oracle(view, 16 + field.offset, type as AnyFieldType)
        })
        for (const [field, value] of Object.entries(expected)) t.deepEqual(reader[field], value)
        t.deepEqual(reader.toObject(), expected)
      }),
    )
  })

  test(`${how}: a bigint field reads bigints, a number field refuses what is no safe integer`, t => {
    const Wide = defineEvent('Wide', { a: u64.big, b: i64.big, c: u64, d: i64 })
    const view = new DataView(new ArrayBuffer(40))
    view.setBigUint64(8, 5n, true)
    view.setBigInt64(16, -5n, true)
    view.setBigUint64(24, 2n ** 53n, true)
    view.setBigInt64(32, -(2n ** 53n) - 1n, true)
    const event = shown(Wide, view, 0, generate)
    t.is(event['a'], 5n)
    t.is(event['b'], -5n)
    t.throws(() => event['c'], { code: 'WAL_SCHEMA', message: /Wide\.c is 9007199254740992.*u64\.big/ })
    t.throws(() => event['d'], { code: 'WAL_SCHEMA', message: /Wide\.d is -9007199254740993.*i64\.big/ })
    view.setBigUint64(24, 2n ** 53n - 1n, true)
    t.is(event['c'], Number.MAX_SAFE_INTEGER)
  })

  test(`${how}: toObject copies, the flyweight shows memory`, t => {
    const E = defineEvent('E', { a: bytes(2), b: u8 })
    const view = new DataView(new ArrayBuffer(16))
    const event = shown(E, view, 0, generate)
    const copy = event.toObject()
    view.setUint8(8, 7)
    t.deepEqual(copy['a'], Uint8Array.of(0, 0))
    t.deepEqual(event['a'], Uint8Array.of(7, 0))
    t.is(JSON.stringify(event), '{"event_id":0,"a":{"0":7,"1":0},"b":0}')
  })

  test(`${how}: a field called like a member of ours is in toObject only`, t => {
    const fields = [
      { name: 'event_id', type: 'u64', offset: 0 },
      { name: 'toObject', type: 'u8', offset: 8 },
      { name: '__proto__', type: 'u8', offset: 9 },
      { name: 'a"b\n', type: 'u8', offset: 10 },
    ]
    const view = new DataView(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 4, 0, 0, 0, 0, 0).buffer)
    const event = shown({ name: 'Foreign', size: 16, fields }, view, 0, generate)
    const object = event.toObject()
    t.is(object['toObject'], 2)
    t.is(Object.getOwnPropertyDescriptor(object, '__proto__')?.value, 3)
    t.is(event['a"b\n'], 4)
  })
}
