import type { BlockWalker } from './block-walker.js'
import { readId } from './block-walker.js'
import { WalError } from './errors.js'
import { countBelow, type IdRange } from './event-iterator.js'
import { type ColumnOf, fieldTypeOf, type TypedColumn } from './field-types.js'
import { SAFE_HIGH, TWO_32 } from './format.js'
import { shown } from './option-check.js'
import type { EventType, FieldTypes, Schema } from './schema.js'

/** The fields of the events that a log shows; unknown where they are known at run time only. */
type FieldsOf<E> = E extends { readonly '~fields'?: infer F } ? F : unknown

/** The numeric fields among them. */
type NumericField<F extends FieldTypes> = {
  [Name in keyof F]: [ColumnOf<F[Name]>] extends [never] ? never : Name
}[keyof F]

/** The columns that a block of these events has. */
export type ColumnName<E> =
  FieldsOf<E> extends infer F extends FieldTypes ? 'event_id' | (NumericField<F> & string) : string

/** The typed array that holds a column: the field's own, and `Float64Array` for ids and 64-bit integers as numbers. */
export type Column<E, Name extends string> = Name extends 'event_id'
  ? Float64Array
  : FieldsOf<E> extends infer F extends FieldTypes
    ? Name extends keyof F
      ? ColumnOf<F[Name]>
      : never
    : TypedColumn

/** Copies `count` values, `step` bytes apart from `at` on; gives how many it could. */
type Copy = (view: DataView, at: number, step: number, into: never, count: number) => number

/** One loop for each type, each of its own: so every one stays monomorphic, and is as fast as the memory. */
const COPIES = {
  u8: (view: DataView, at: number, step: number, into: Uint8Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getUint8(from)
    return count
  },
  i8: (view: DataView, at: number, step: number, into: Int8Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getInt8(from)
    return count
  },
  u16: (view: DataView, at: number, step: number, into: Uint16Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getUint16(from, true)
    return count
  },
  i16: (view: DataView, at: number, step: number, into: Int16Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getInt16(from, true)
    return count
  },
  u32: (view: DataView, at: number, step: number, into: Uint32Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getUint32(from, true)
    return count
  },
  i32: (view: DataView, at: number, step: number, into: Int32Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getInt32(from, true)
    return count
  },
  f32: (view: DataView, at: number, step: number, into: Float32Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getFloat32(from, true)
    return count
  },
  f64: (view: DataView, at: number, step: number, into: Float64Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getFloat64(from, true)
    return count
  },
  u64: (view: DataView, at: number, step: number, into: Float64Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) {
      const high = view.getUint32(from + 4, true)
      if (high >= SAFE_HIGH) return i
      into[i] = high * TWO_32 + view.getUint32(from, true)
    }
    return count
  },
  i64: (view: DataView, at: number, step: number, into: Float64Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) {
      const high = view.getInt32(from + 4, true)
      if (high >= SAFE_HIGH || high < -SAFE_HIGH) return i
      into[i] = high * TWO_32 + view.getUint32(from, true)
    }
    return count
  },
  'u64.big': (view: DataView, at: number, step: number, into: BigUint64Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getBigUint64(from, true)
    return count
  },
  'i64.big': (view: DataView, at: number, step: number, into: BigInt64Array, count: number): number => {
    for (let i = 0, from = at; i < count; i++, from += step) into[i] = view.getBigInt64(from, true)
    return count
  },
}

const ARRAYS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  u64: Float64Array,
  i64: Float64Array,
  'u64.big': BigUint64Array,
  'i64.big': BigInt64Array,
} as const

type Loop = keyof typeof COPIES

/** A column of an event of fixed size. */
interface Field {
  readonly name: string
  readonly type: string
  readonly offset: number
  readonly loop: Loop
}

/** Reads the columns of blocks. */
export class Columns {
  readonly #event: string
  readonly #size: number
  readonly #types: boolean
  readonly #fields = new Map<string, Field>()
  readonly #others = new Map<string, string>()

  /** @param schema of the events; undefined: a log of bytes, of which the ids are the only column */
  constructor(schema: Schema | EventType | undefined) {
    this.#event = schema?.name ?? 'a log of bytes'
    this.#size = schema?.size ?? 0
    const types = schema !== undefined && 'types' in schema ? schema.types : undefined
    this.#types = types !== undefined
    for (const { name, type, offset } of schema?.fields ?? []) {
      const loop = types?.[name]?.kind === 'bigint' ? `${type}.big` : type
      if (loop in COPIES && fieldTypeOf(type) !== undefined) {
        this.#fields.set(name, { name, type, offset, loop: loop as Loop })
      } else this.#others.set(name, type)
    }
  }

  /** The values of a field of the events in this range, of the block where the walker stands. */
  read(walker: BlockWalker, range: IdRange, name: string, into: TypedColumn | undefined): TypedColumn {
    if (this.#size === 0) return this.#ids(walker, range, name, into)
    const field = this.#fields.get(name) ?? this.#refuse(name)
    const first = countBelow(walker, this.#size, range.from)
    const end = countBelow(walker, this.#size, range.to + 1)
    const column = room(ARRAYS[field.loop], name, Math.max(end - first, 0), into)
    const at = walker.payloadStart + first * this.#size + field.offset
    const copied = (COPIES[field.loop] as Copy)(
      walker.cursor.view,
      at,
      this.#size,
      column as never,
      column.length,
    )
    if (copied < column.length) throw this.#tooWide(walker, field, at + copied * this.#size)
    return column
  }

  /** Events of any length have nothing but ids in common. */
  #ids(walker: BlockWalker, range: IdRange, name: string, into: TypedColumn | undefined): TypedColumn {
    if (name !== 'event_id') this.#refuse(name)
    const first = Math.max(walker.firstId, range.from)
    const column = room(Float64Array, name, Math.max(Math.min(walker.lastId, range.to) - first + 1, 0), into)
    for (let i = 0; i < column.length; i++) column[i] = first + i
    return column
  }

  #refuse(name: string): never {
    const other = this.#others.get(name)
    const known = this.#size === 0 ? ['event_id'] : [...this.#fields.keys()]
    const why =
      other === undefined
        ? `${this.#event} has no field ${shown(name)}`
        : `${this.#event}.${name} is of type ${other}, which is no number: read it from the events of the block`
    throw new WalError('WAL_SCHEMA', `${why}; there are columns for ${known.join(', ')}`)
  }

  #tooWide({ cursor }: BlockWalker, { name, type, offset }: Field, at: number): WalError {
    const value = type === 'i64' ? cursor.view.getBigInt64(at, true) : cursor.view.getBigUint64(at, true)
    const eventId = readId(cursor.view, at - offset)
    const how = this.#types
      ? `define the field as ${type}.big`
      : `open the log with an event type that has the field as ${type}.big`
    return new WalError(
      'WAL_SCHEMA',
      `${this.#event}.${name} is ${value}, beyond the safe integers: ${how} to have it in a column of bigints`,
      { eventId },
    )
  }
}

/** The array that was given, as far as it is used, or a new one. */
function room(
  array: (typeof ARRAYS)[Loop],
  name: string,
  length: number,
  into: TypedColumn | undefined,
): TypedColumn {
  if (into === undefined) return new array(length)
  if (into instanceof array && into.length >= length) {
    return into.length === length ? into : into.subarray(0, length)
  }
  const given = ArrayBuffer.isView(into) ? `${into.constructor.name} of ${into.length}` : shown(into)
  throw new WalError(
    'WAL_UNSUPPORTED',
    `the column ${name} needs a ${array.name} of at least ${length}, and not ${given}`,
  )
}
