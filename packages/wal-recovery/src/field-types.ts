import { WalError } from './errors.js'

/** How a field's bytes are read as a JavaScript value. */
export type FieldKind = 'unsigned' | 'signed' | 'float' | 'bigint' | 'bytes'

/** The type of a field; `Value` is what it is in JavaScript. */
export interface FieldType<Value> {
  /** As the schema names it. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** The field's offset is a multiple of this. */
  readonly alignment: number
  readonly kind: FieldKind
  /** Only for the compiler. */
  readonly '~value'?: Value
}

/** A 64-bit integer: a number by default, `big` for the whole range as a bigint. */
export interface WideFieldType extends FieldType<number> {
  /** The same bytes as a bigint. */
  readonly big: FieldType<bigint>
}

export type AnyFieldType = FieldType<number> | FieldType<bigint> | FieldType<Uint8Array>

/** The JavaScript type of a field's values. */
export type ValueOf<T> = T extends FieldType<infer Value> ? Value : never

function scalar(name: string, size: number, kind: FieldKind): FieldType<number> {
  return Object.freeze({ name, size, alignment: size, kind })
}

function wide(name: string, kind: FieldKind): WideFieldType {
  const big: FieldType<bigint> = Object.freeze({ name, size: 8, alignment: 8, kind: 'bigint' })
  return Object.freeze({ name, size: 8, alignment: 8, kind, big })
}

/** Unsigned integer of 1 byte. */
export const u8: FieldType<number> = scalar('u8', 1, 'unsigned')
/** Unsigned integer of 2 bytes. */
export const u16: FieldType<number> = scalar('u16', 2, 'unsigned')
/** Unsigned integer of 4 bytes. */
export const u32: FieldType<number> = scalar('u32', 4, 'unsigned')
/** Unsigned integer of 8 bytes, as a number up to 2⁵³ − 1; `u64.big` takes and gives bigints up to 2⁶⁴ − 1. */
export const u64: WideFieldType = wide('u64', 'unsigned')
/** Signed integer of 1 byte. */
export const i8: FieldType<number> = scalar('i8', 1, 'signed')
/** Signed integer of 2 bytes. */
export const i16: FieldType<number> = scalar('i16', 2, 'signed')
/** Signed integer of 4 bytes. */
export const i32: FieldType<number> = scalar('i32', 4, 'signed')
/** Signed integer of 8 bytes, as a number in ±(2⁵³ − 1); `i64.big` takes and gives bigints in −2⁶³ … 2⁶³ − 1. */
export const i64: WideFieldType = wide('i64', 'signed')
/** IEEE 754 single precision. A finite number beyond its range is refused; others are rounded. */
export const f32: FieldType<number> = scalar('f32', 4, 'float')
/** IEEE 754 double precision: any number. */
export const f64: FieldType<number> = scalar('f64', 8, 'float')

const MAX_BYTES = 65_520

/**
 * Exactly `length` bytes, not aligned.
 *
 * @param length 1 … 65 520
 */
export function bytes(length: number): FieldType<Uint8Array> {
  if (!Number.isInteger(length) || length < 1 || length > MAX_BYTES) {
    throw new WalError('WAL_SCHEMA', `bytes(${length}): the length has to be 1 … ${MAX_BYTES}`)
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
