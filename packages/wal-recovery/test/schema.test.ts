import test from 'ava'
import { WalError } from '#src/errors.js'
import { bytes, defineEvent, f32, i8, i64, parseSchema, schemaJson, u8, u16, u32, u64 } from '#src/schema.js'

const Tick = defineEvent('Tick', { price: i64, quantity: u32, user_id: u32, side: u8 })

test('the schema is compact JSON with the event id in front', t => {
  t.is(
    schemaJson(Tick),
    '{"name":"Tick","size":32,"fields":[{"name":"event_id","type":"u64","offset":0},' +
      '{"name":"price","type":"i64","offset":8},{"name":"quantity","type":"u32","offset":16},' +
      '{"name":"user_id","type":"u32","offset":20},{"name":"side","type":"u8","offset":24}]}',
  )
})

test('each field is aligned to its size, bytes are not aligned', t => {
  const event = defineEvent('E', {
    a: u8,
    b: u16,
    c: u8,
    d: bytes(3),
    e: i8,
    f: u32,
    g: u8,
    h: f32,
    i: u64.big,
  })
  const offsets = Object.fromEntries(event.fields.map(field => [field.name, field.offset]))
  t.deepEqual(offsets, { event_id: 0, a: 8, b: 10, c: 12, d: 13, e: 16, f: 20, g: 24, h: 28, i: 32 })
  t.is(event.size, 40)
  t.is(event.fields.at(-1)?.type, 'u64')
})

test('an option that does not exist is refused', t => {
  const error = t.throws(() => defineEvent('E', { a: u8 }, { sizes: 16 } as never))
  t.regex(error?.message ?? '', /defineEvent has no option sizes: .*size/)
})

test('the size is rounded up to 8 or taken as given', t => {
  t.is(defineEvent('E', {}).size, 8)
  t.is(defineEvent('E', { a: u8 }).size, 16)
  t.is(defineEvent('E', { a: u8 }, { size: 64 }).size, 64)
  t.is(defineEvent('E', { a: bytes(65_520) }).size, 65_528)
})

const refusals: ReadonlyArray<[string, () => unknown, RegExp]> = [
  [
    'a size that is no multiple of 8',
    () => defineEvent('E', { a: u8 }, { size: 20 }),
    /20 bytes is no event size/,
  ],
  ['a size beyond the largest', () => defineEvent('E', {}, { size: 65_536 }), /65536 bytes is no event size/],
  [
    'a size too small for the fields',
    () => defineEvent('E', { a: u64, b: u64 }, { size: 16 }),
    /take 24 bytes/,
  ],
  ['fields beyond the largest size', () => defineEvent('E', { a: bytes(65_520), b: u64 }), /no event size/],
  ['no name', () => defineEvent('', { a: u8 }), /needs a name/],
  [
    'a name that is too long',
    () => defineEvent('N'.repeat(99_999), { a: u8 }),
    /^the schema of N{40}… takes/,
  ],
  [
    'a long name that is none',
    () => defineEvent('N', { ['-'.repeat(99_999)]: u8 }),
    /the field name "-{40}…" is/,
  ],
  ['the name event_id', () => defineEvent('E', { event_id: u64 }), /cannot be called event_id/],
  ['the name toObject', () => defineEvent('E', { toObject: u64 }), /cannot be called toObject/],
  ['a name that is no identifier', () => defineEvent('E', { 'a-b': u8 }), /"a-b" is not letters/],
  ['a number as a name', () => defineEvent('E', { 1: u8 }), /"1" is not letters/],
  ['no type', () => defineEvent('E', { a: undefined as never }), /E\.a has no type/],
  [
    'a type that is not ours',
    () => defineEvent('E', { a: { name: 'u8', size: 2 } as never }),
    /E\.a has no type/,
  ],
  ['null as a type', () => defineEvent('E', { a: null as never }), /E\.a has no type of ours but null/],
  [
    'a type in quotation marks',
    () => defineEvent('E', { a: 'u32' as never }),
    /E\.a .*"u32": use u32 without quot/,
  ],
  ['no fields', () => defineEvent('E', null as never), /E: the fields are null/],
  ['bytes of no length', () => bytes(0), /bytes\(0\)/],
  ['bytes of half a length', () => bytes(1.5), /bytes\(1\.5\)/],
  ['a symbol as a length', () => bytes(Symbol('n') as never), /bytes\(Symbol\(n\)\): the length/],
  ['an object as a length', () => bytes(Object.create(null)), /bytes\(an object\): the length/],
  [
    'a symbol as a size',
    () => defineEvent('E', {}, { size: Symbol('n') as never }),
    /Symbol\(n\) bytes is no event/,
  ],
  [
    'an object as a size',
    () => defineEvent('E', {}, { size: Object.create(null) }),
    /E: an object bytes is no event size/,
  ],
  [
    'names that make the schema too long',
    () => defineEvent('E', { [`a${'b'.repeat(65_536)}`]: u8 }),
    /65536 bytes of JSON/,
  ],
]
for (const [what, define, message] of refusals) {
  test(`refused: ${what}`, t => {
    const error = t.throws(define, { message })
    t.true(error instanceof WalError)
    t.is((error as WalError).code, 'WAL_SCHEMA')
  })
}

test('a stored schema is read back', t => {
  t.deepEqual(parseSchema(schemaJson(Tick)), { name: 'Tick', size: 32, fields: [...Tick.fields] })
  t.is(parseSchema('{}'), undefined)
})

const unreadable: ReadonlyArray<[string, RegExp]> = [
  ['nonsense', /no JSON object/],
  ['[]', /no JSON object/],
  ['{"name":"E"}', /no name, size and fields/],
  ['{"name":"E","size":4,"fields":[]}', /no name, size and fields/],
  ['{"name":"E","size":16,"fields":[null]}', /a field without name/],
  ['{"name":"E","size":16,"fields":[{"name":"a","type":"u128","offset":0}]}', /type u128.*newer/],
  ['{"name":"E","size":16,"fields":[{"name":"a","type":"bytes(0)","offset":0}]}', /type bytes\(0\)/],
  ['{"name":"E","size":16,"fields":[{"name":"a","type":"u64","offset":12}]}', /outside the event's 16 bytes/],
  ['{"name":"E","size":16,"fields":[{"name":"a","type":"u8","offset":-1}]}', /outside the event's 16 bytes/],
]
for (const [json, message] of unreadable) {
  test(`a stored schema is refused: ${json}`, t => {
    t.throws(() => parseSchema(json), { message, code: 'WAL_SCHEMA' })
  })
}
