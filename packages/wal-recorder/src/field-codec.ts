import { types } from 'node:util'
import { TWO_32 } from '@flashstrike/wal-recovery/format'
import type { AnyFieldType } from '@flashstrike/wal-recovery/schema'
import type { EventMemory } from './memory.js'

/** How values of one field type are checked and stored, one value at a time. */
export interface FieldCodec {
  /** Whether a value can be stored without loss. */
  accepts(value: unknown): boolean
  /** Stores an accepted value at a byte offset. */
  store(memory: EventMemory, offset: number, value: unknown): void
  /** What is accepted, for people. */
  readonly range: string
}

/** From here on a finite double rounds to infinity in single precision: 2¹²⁸ − 2¹⁰³. */
export const F32_LIMIT = 3.4028235677973366e38

/** The codec of a field type. */
export function codecOf(type: AnyFieldType): FieldCodec {
  const { name, size, kind } = type
  switch (kind) {
    case 'unsigned':
      return size === 8 ? safeInteger(name, 0) : integer(name, size, 0, 2 ** (size * 8) - 1)
    case 'signed':
      return size === 8
        ? safeInteger(name, -Number.MAX_SAFE_INTEGER)
        : integer(name, size, -(2 ** (size * 8 - 1)), 2 ** (size * 8 - 1) - 1)
    case 'bigint':
      return bigInteger(name)
    case 'float':
      return size === 4 ? single : double
    case 'bytes':
      return exactBytes(size)
  }
}

function integer(name: string, size: number, least: number, most: number): FieldCodec {
  return {
    range: `${name} takes a whole number from ${least} to ${most}`,
    accepts: value => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    store({ bytes }, offset, value) {
      for (let i = 0; i < size; i++) bytes[offset + i] = (value as number) >> (8 * i)
    },
  }
}

function safeInteger(name: string, least: number): FieldCodec {
  const low = least === 0 ? '0' : '-(2^53 - 1)'
  return {
    range: `${name} takes a whole number from ${low} to 2^53 - 1 (${name}.big takes bigints of the whole range)`,
    accepts: value => Number.isSafeInteger(value) && (value as number) >= least,
    store({ words }, offset, value) {
      words[offset >> 2] = value as number
      words[(offset >> 2) + 1] = Math.floor((value as number) / TWO_32)
    },
  }
}

function bigInteger(name: string): FieldCodec {
  const [fit, range] =
    name === 'u64'
      ? ([BigInt.asUintN, '0 to 2^64 - 1'] as const)
      : ([BigInt.asIntN, '-2^63 to 2^63 - 1'] as const)
  return {
    range: `${name}.big takes a bigint from ${range}`,
    accepts: value => typeof value === 'bigint' && fit(64, value) === value,
    store({ longs }, offset, value) {
      longs[offset >> 3] = BigInt.asUintN(64, value as bigint)
    },
  }
}

const single: FieldCodec = {
  range: 'f32 takes a number within the range of single precision',
  accepts: value => typeof value === 'number' && !(Number.isFinite(value) && Math.abs(value) >= F32_LIMIT),
  store({ floats }, offset, value) {
    floats[offset >> 2] = value as number
  },
}

const double: FieldCodec = {
  range: 'f64 takes a number',
  accepts: value => typeof value === 'number',
  store({ doubles }, offset, value) {
    doubles[offset >> 3] = value as number
  },
}

function exactBytes(length: number): FieldCodec {
  return {
    range: `bytes(${length}) takes a Uint8Array of exactly ${length} bytes`,
    accepts: value => isBytes(value, length),
    store({ bytes }, offset, value) {
      bytes.set(value as Uint8Array, offset)
    },
  }
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const ownLength = Reflect.getOwnPropertyDescriptor(typedArray, 'length')?.get as (this: Uint8Array) => number

/**
 * Bytes of a Uint8Array, −1 for anything else. Asks the array itself: neither a proxy nor a `length` of a subclass or
 * of the object's own, which could lie or run code that appends, is believed.
 */
export function byteLengthOf(value: unknown): number {
  return types.isUint8Array(value) ? ownLength.call(value) : -1
}

/** Whether a value is a Uint8Array of exactly this length. */
export function isBytes(value: unknown, length: number): boolean {
  return byteLengthOf(value) === length
}
