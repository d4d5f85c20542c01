/**
 * The text of an event type's encoders. Code of its own for each type is what makes an append cheap: every property,
 * offset and check is a constant, and V8 can inline all of it into the caller's loop.
 *
 * V8 inlines functions of up to 460 bytes of bytecode. So the checks are a function of their own, stores go to typed
 * arrays (half the bytecode of DataView calls), and small fields that share 4 bytes are stored as one word.
 */
import type { EventLayout, LayoutField } from './event-layout.js'
import { F32_LIMIT } from './field-codec.js'

/** Names that the texts below use freely: whoever compiles them provides these. */
export const helpers: Readonly<Record<string, unknown>> = {
  abs: Math.abs,
  floor: Math.floor,
  asUintN: BigInt.asUintN,
  asIntN: BigInt.asIntN,
  MAX: Number.MAX_SAFE_INTEGER,
  /** 2⁻³², exact: shifts the upper half of a number down. */
  DOWN: 2 ** -32,
}

/** The variable that holds the value of field number `i`. */
function variable(i: number): string {
  return `v${i}`
}

/** `v0, v1, …`: the values of all fields. */
export function parameters({ fields }: EventLayout): string {
  return fields.map((_, i) => variable(i)).join(', ')
}

/**
 * Statements that take all values out of an event object `e`. The look at it is one that V8 drops where it knows the
 * object's shape; to catch what the loads throw costs half an append.
 */
export function loads({ fields }: EventLayout): string {
  const all = fields.map((field, i) => `const ${variable(i)} = e.${field.name};`)
  return ['if (e == null) refuseEvent(e);', ...all].join(' ')
}

/**
 * A function `valid(v0, v1, …)`. Arithmetic throws on bigints and symbols where numbers belong, which is as wrong as
 * any other value.
 */
export function validFunction(layout: EventLayout): string {
  const tests = layout.fields.map(({ type }, i) => test(type.name, type.kind, type.size, variable(i)))
  const all = tests.join(' && ') || 'true'
  return `function valid(${parameters(layout)}) { try { return ${all} } catch { return false } }`
}

function test(name: string, kind: string, size: number, v: string): string {
  if (kind === 'bytes') return `isBytes(${v}, ${size})`
  if (kind === 'bigint')
    return `typeof ${v} === 'bigint' && ${name === 'u64' ? 'asUintN' : 'asIntN'}(64, ${v}) === ${v}`
  switch (name) {
    case 'u8':
    case 'u16':
      return `(${v} & ${2 ** (size * 8) - 1}) === ${v}`
    case 'i8':
    case 'i16':
      return `${v} << ${32 - size * 8} >> ${32 - size * 8} === ${v}`
    case 'u32':
      return `${v} >>> 0 === ${v}`
    case 'i32':
      return `(${v} | 0) === ${v}`
    case 'u64':
      return `${v} >= 0 && ${v} <= MAX && floor(${v}) === ${v}`
    case 'i64':
      return `${v} >= -MAX && ${v} <= MAX && floor(${v}) === ${v}`
    case 'f32':
      return `typeof ${v} === 'number' && (abs(${v}) < ${F32_LIMIT} || !(${v} - ${v} === 0))`
    default:
      return `typeof ${v} === 'number'`
  }
}

/** Statements that store all values of the event that begins at index `w` of `words`. */
export function stores(layout: EventLayout): string {
  const whole: string[] = []
  const parts = new Map<number, string[]>()
  const last: string[] = []
  layout.fields.forEach((field, i) => {
    const v = variable(i)
    if (field.type.kind === 'bytes') {
      last.push(`bytes.set(${v}, (w << 2) + ${field.offset});`)
    } else if (field.type.size < 4) {
      const word = field.offset >> 2
      parts.set(word, [...(parts.get(word) ?? []), part(field, v)])
    } else {
      whole.push(storeWhole(field, v))
    }
  })
  const words = [...parts].map(([word, values]) => `words[w + ${word}] = ${values.join(' | ')};`)
  // Bytes come last: they may share a word with small fields, whose store writes zeros there.
  return [...whole, ...words, ...last].join('\n')
}

/** A value of 1 or 2 bytes at its place in a word. */
function part({ type, offset }: LayoutField, v: string): string {
  const shift = (offset & 3) * 8
  const bits = type.kind === 'signed' ? `(${v} & ${2 ** (type.size * 8) - 1})` : v
  return shift === 0 ? bits : `${bits} << ${shift}`
}

function storeWhole({ type, offset }: LayoutField, v: string): string {
  const word = `w + ${offset >> 2}`
  const double = `(w >> 1) + ${offset >> 3}`
  if (type.kind === 'bigint') return `longs[${double}] = ${v};`
  switch (type.name) {
    case 'f32':
      return `floats[${word}] = ${v};`
    case 'f64':
      return `doubles[${double}] = ${v};`
    case 'u64':
      return `words[${word}] = ${v}; words[w + ${(offset >> 2) + 1}] = ${v} * DOWN;`
    case 'i64':
      return `words[${word}] = ${v}; words[w + ${(offset >> 2) + 1}] = floor(${v} * DOWN);`
    default:
      return `words[${word}] = ${v};`
  }
}

/** Statements that store the id `id` of the event that begins at index `w`. */
export const storeId = 'words[w] = id; words[w + 1] = id * DOWN;'

/** Runs a program text with names bound to values; undefined where the process forbids code from strings. */
export function compile<T>(source: string, names: Readonly<Record<string, unknown>>): T | undefined {
  try {
    return new Function(...Object.keys(names), `'use strict'; ${source}`)(...Object.values(names)) as T
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}
