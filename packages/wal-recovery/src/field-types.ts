import { WalError } from './errors.js'
import { shown } from './option-check.js'

/** How a field's bytes are read as a JavaScript value. */
export type FieldKind = 'unsigned' | 'signed' | 'float' | 'bigint' | 'bytes'

/** A column of values: what `block.column` gives. */
export type TypedColumn =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array

/** The type of a field; `Value` is what it is in JavaScript, `Column` the array that holds many of them. */
export interface FieldType<Value, Column = unknown> {
  /** As the schema names it. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** The field's offset is a multiple of this. */
  readonly alignment: number
  /** How its bytes are read. */
  readonly kind: FieldKind
  /** Only for the compiler. */
  readonly '~value'?: Value
  /** Only for the compiler. */
  readonly '~column'?: Column
}

/** A 64-bit integer: a number by default, `big` for the whole range as a bigint. */
export interface WideFieldType<Big = unknown> extends FieldType<number, Float64Array> {
  /** The same bytes as a bigint. */
  readonly big: FieldType<bigint, Big>
}

/** The type of a field, whatever its values are. */
export type AnyFieldType = FieldType<number> | FieldType<bigint> | FieldType<Uint8Array>

/** The JavaScript type of a field's values. */
export type ValueOf<T> = T extends FieldType<infer Value> ? Value : never

/** The array that holds a column of a field; never for bytes. */
export type ColumnOf<T> = T extends { readonly '~column'?: infer Column } ? Column : never

function scalar<Column>(name: string, size: number, kind: FieldKind): FieldType<number, Column> {
  return Object.freeze({ name, size, alignment: size, kind })
}

function wide<Big>(name: string, kind: FieldKind): WideFieldType<Big> {
  const big: FieldType<bigint, Big> = Object.freeze({ name, size: 8, alignment: 8, kind: 'bigint' })
  return Object.freeze({ name, size: 8, alignment: 8, kind, big })
}

/** Unsigned integer of 1 byte. */
export const u8: FieldType<number, Uint8Array> = scalar('u8', 1, 'unsigned')
/** Unsigned integer of 2 bytes. */
export const u16: FieldType<number, Uint16Array> = scalar('u16', 2, 'unsigned')
/** Unsigned integer of 4 bytes. */
export const u32: FieldType<number, Uint32Array> = scalar('u32', 4, 'unsigned')
/** Unsigned integer of 8 bytes, as a number up to 2⁵³ − 1; `u64.big` takes and gives bigints up to 2⁶⁴ − 1. */
export const u64: WideFieldType<BigUint64Array> = wide('u64', 'unsigned')
/** Signed integer of 1 byte. */
export const i8: FieldType<number, Int8Array> = scalar('i8', 1, 'signed')
/** Signed integer of 2 bytes. */
export const i16: FieldType<number, Int16Array> = scalar('i16', 2, 'signed')
/** Signed integer of 4 bytes. */
export const i32: FieldType<number, Int32Array> = scalar('i32', 4, 'signed')
/** Signed integer of 8 bytes, as a number in ±(2⁵³ − 1); `i64.big` takes and gives bigints in −2⁶³ … 2⁶³ − 1. */
export const i64: WideFieldType<BigInt64Array> = wide('i64', 'signed')
/** IEEE 754 single precision. A finite number beyond its range is refused; others are rounded. */
export const f32: FieldType<number, Float32Array> = scalar('f32', 4, 'float')
/** IEEE 754 double precision: any number. */
export const f64: FieldType<number, Float64Array> = scalar('f64', 8, 'float')

const MAX_BYTES = 65_520

/**
 * Exactly `length` bytes, not aligned.
 *
 * @param length 1 … 65 520
 */
export function bytes(length: number): FieldType<Uint8Array, never> {
  if (!Number.isInteger(length) || length < 1 || length > MAX_BYTES) {
    throw new WalError('WAL_SCHEMA', `bytes(${shown(length)}): the length has to be 1 … ${MAX_BYTES}`)
  }
  return Object.freeze({ name: `bytes(${length})`, size: length, alignment: 1, kind: 'bytes' })
}

const scalars = new Map<string, AnyFieldType>(
  [u8, u16, u32, u64, i8, i16, i32, i64, f32, f64].map(type => [type.name, type]),
)

/** The type that a schema names; undefined for a name that this version does not know. */
export function fieldTypeOf(name: string): AnyFieldType | undefined {
  const length = /^bytes\((\d{1,5})\)$/.exec(name)?.[1]
  if (length === undefined) return scalars.get(name)
  const size = Number(length)
  return size >= 1 && size <= MAX_BYTES ? bytes(size) : undefined
}
