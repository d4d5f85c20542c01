import { MemoryCursor, NO_MEMORY } from './cursor.js'
import { WalError } from './errors.js'
import { fieldTypeOf } from './field-types.js'
import { SAFE_HIGH, TWO_32 } from './format.js'
import type { EventRecord, EventType, FieldTypes, Schema } from './schema.js'

/**
 * One event of a replay, read in place: a getter for each field. The same object stands for every event of the
 * replay, so keep `toObject()` of it, or single values, and never the object itself.
 *
 * A `bytes(n)` field is a view of memory that the replay uses again; `toObject()` copies it.
 */
export type EventReader<F extends FieldTypes = FieldTypes> = EventRecord<F> & {
  /** A plain copy of the event, independent of the replay. */
  toObject(): EventRecord<F>
  /** Only for the compiler. */
  readonly '~fields'?: F
}

/** Makes a flyweight that reads the event where `cursor` stands. */
export type ReaderClass = new (cursor: MemoryCursor) => object

/** A field as the readers need it. */
interface ReadField {
  readonly name: string
  readonly type: string
  readonly offset: number
  readonly size: number
  readonly big: boolean
}

/** Gives the value of a 64-bit integer that is no safe integer, or throws. */
type Wide = (view: DataView, offset: number, field: string, signed: boolean) => bigint

const CURSOR = Symbol('cursor')
const KEPT = Symbol('kept')
const INSPECT = Symbol.for('nodejs.util.inspect.custom')
/** Members of a reader that a field of this name, in a log not made by `defineEvent`, must not hide. */
const OWN_MEMBERS = new Set(['toObject', 'toJSON', 'constructor', '__proto__'])

/** The common part of all readers. */
abstract class Reader {
  readonly [CURSOR]: MemoryCursor

  constructor(cursor: MemoryCursor) {
    this[CURSOR] = cursor
  }

  abstract toObject(): object

  toJSON(): object {
    return this.toObject()
  }

  [INSPECT](): object | string {
    // Printing something for a look at it is no reason to fail.
    return this[CURSOR].view === NO_MEMORY ? `${this.constructor.name} { no longer shown }` : this.toObject()
  }
}

/**
 * Makes the reader class of a schema. Each schema gets code of its own, so that reading one event type does not slow
 * down another; where the process forbids code from strings, closures do the same a little slower.
 *
 * @param schema an event type, or a schema read from a log. Of an event type, a `u64` or `i64` beyond the safe
 *   integers throws `WAL_SCHEMA`; of a bare schema it comes as a bigint, because there nobody chose the type.
 */
export function readerClass(schema: Schema | EventType, generate = true): ReaderClass {
  const fields = readFields(schema)
  const wide = 'types' in schema ? refuseWide(schema.name) : readWide
  const make = (generate && generatedClass(fields, wide)) || closureClass(fields, wide)
  Object.defineProperty(make, 'name', { value: schema.name })
  // An object that keeps the shape of readers, and with it the code that was optimized for them, between two replays.
  Object.defineProperty(make, KEPT, { value: new make(new MemoryCursor(NO_MEMORY)) })
  return make
}

/** Readers that were made for event types. */
const readers = new WeakMap<EventType, ReaderClass>()

/** The reader class of a schema; of an event type always the same, so that a loop over its events stays monomorphic. */
export function readerOf(schema: Schema | EventType): ReaderClass {
  if (!('types' in schema)) return readerClass(schema)
  const made = readers.get(schema) ?? readerClass(schema)
  readers.set(schema, made)
  return made
}

function readFields(schema: Schema | EventType): ReadField[] {
  return schema.fields.map(({ name, type, offset }) => {
    const { size } = fieldTypeOf(type) ?? { size: 0 }
    const big = 'types' in schema && schema.types[name]?.kind === 'bigint'
    return { name, type, offset, size, big }
  })
}

const readWide: Wide = (view, offset, _field, signed) =>
  signed ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true)

function refuseWide(event: string): Wide {
  return (view, offset, field, signed) => {
    const value = readWide(view, offset, field, signed)
    const type = signed ? 'i64' : 'u64'
    const message = `${event}.${field} is ${value}, beyond the safe integers: define the field as ${type}.big to read it`
    throw new WalError('WAL_SCHEMA', message)
  }
}

/** The expression that reads a field from `view` at `at`. */
function readExpression({ name, type, size, big }: ReadField, at: string): string {
  const where = (add: number) => `${at} + ${add}, true`
  switch (type) {
    case 'u8':
      return `view.getUint8(${at})`
    case 'i8':
      return `view.getInt8(${at})`
    case 'u16':
    case 'u32':
      return `view.getUint${size * 8}(${where(0)})`
    case 'i16':
    case 'i32':
      return `view.getInt${size * 8}(${where(0)})`
    case 'f32':
    case 'f64':
      return `view.getFloat${size * 8}(${where(0)})`
    case 'u64':
    case 'i64': {
      const signed = type === 'i64'
      if (big) return `view.getBig${signed ? 'Int' : 'Uint'}64(${where(0)})`
      const high = `view.get${signed ? 'Int' : 'Uint'}32(${where(4)})`
      const low = `view.getUint32(${where(0)})`
      const unsafe = signed ? `high >= ${SAFE_HIGH} || high < -${SAFE_HIGH}` : `high >= ${SAFE_HIGH}`
      return `(high = ${high}, ${unsafe}) ? wide(view, ${at}, ${JSON.stringify(name)}, ${signed}) : high * ${TWO_32} + ${low}`
    }
    default:
      return `new Uint8Array(view.buffer, view.byteOffset + ${at}, ${size})`
  }
}

function generatedClass(fields: readonly ReadField[], wide: Wide): ReaderClass | undefined {
  const at = ({ offset }: ReadField) => `cursor.offset + ${offset}`
  const shown = fields.filter(({ name }) => !OWN_MEMBERS.has(name))
  // V8 inlines the getters for being so short, and the functions behind them for being called so often: it counts the
  // calls of functions, but not those of getters.
  const readers = shown.map(
    (field, i) => `const read${i} = cursor => {
      const view = cursor.view; let high
      return ${readExpression(field, at(field))}
    }`,
  )
  const getters = shown.map(
    ({ name }, i) => `get [${JSON.stringify(name)}]() { return read${i}(this[CURSOR]) }`,
  )
  const members = fields.map(field => {
    const read = readExpression(field, at(field))
    return `[${JSON.stringify(field.name)}]: ${field.type.startsWith('bytes') ? `${read}.slice()` : read}`
  })
  const source = `'use strict'
  ${readers.join('\n')}
  return class extends Reader {
    ${getters.join('\n')}
    toObject() { const cursor = this[CURSOR], view = cursor.view; let high; return { ${members.join(', ')} } }
  }`
  try {
    return new Function('Reader', 'CURSOR', 'wide', source)(Reader, CURSOR, wide) as ReaderClass
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

function closureClass(fields: readonly ReadField[], wide: Wide): ReaderClass {
  const readers = fields.map(field => ({ field, read: closure(field, wide) }))
  class ClosureReader extends Reader {
    override toObject(): object {
      const { view, offset } = this[CURSOR]
      const entries = readers.map(({ field, read }) => {
        const value = read(view, offset)
        return [field.name, value instanceof Uint8Array ? value.slice() : value] as const
      })
      return Object.fromEntries(entries)
    }
  }
  for (const { field, read } of readers) {
    if (OWN_MEMBERS.has(field.name)) continue
    const get = function (this: Reader): unknown {
      return read(this[CURSOR].view, this[CURSOR].offset)
    }
    Object.defineProperty(ClosureReader.prototype, field.name, { get })
  }
  return ClosureReader
}

/** Reads one field of the event at `offset`. */
type ReadOne = (view: DataView, offset: number) => number | bigint | Uint8Array

function closure(field: ReadField, wide: Wide): ReadOne {
  const { name, type, offset: add, size, big } = field
  switch (type) {
    case 'u8':
      return (view, offset) => view.getUint8(offset + add)
    case 'i8':
      return (view, offset) => view.getInt8(offset + add)
    case 'u16':
      return (view, offset) => view.getUint16(offset + add, true)
    case 'i16':
      return (view, offset) => view.getInt16(offset + add, true)
    case 'u32':
      return (view, offset) => view.getUint32(offset + add, true)
    case 'i32':
      return (view, offset) => view.getInt32(offset + add, true)
    case 'f32':
      return (view, offset) => view.getFloat32(offset + add, true)
    case 'f64':
      return (view, offset) => view.getFloat64(offset + add, true)
    case 'u64':
    case 'i64': {
      const signed = type === 'i64'
      if (big) return (view, offset) => readWide(view, offset + add, name, signed)
      return (view, offset) => {
        const at = offset + add
        const high = signed ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true)
        if (high >= SAFE_HIGH || high < -SAFE_HIGH) return wide(view, at, name, signed)
        return high * TWO_32 + view.getUint32(at, true)
      }
    }
    default:
      return (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset + add, size)
  }
}
