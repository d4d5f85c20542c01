import { WalError } from './errors.js'
import { type AnyFieldType, fieldTypeOf, type ValueOf } from './field-types.js'
import { anything, checkOptions, cut, isRecord, type RulesOf, shown } from './option-check.js'

export {
  type AnyFieldType,
  bytes,
  type ColumnOf,
  type FieldKind,
  type FieldType,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  type TypedColumn,
  u8,
  u16,
  u32,
  u64,
  type ValueOf,
  type WideFieldType,
} from './field-types.js'

/** The fields of an event in their order: name to type. */
export type FieldTypes = Readonly<Record<string, AnyFieldType>>

/** The values of an event as `append` takes them. */
export type EventValues<F extends FieldTypes> = { readonly [Name in keyof F]: ValueOf<F[Name]> }

/** The values of an event as recovery gives them: with its id in front. */
export type EventRecord<F extends FieldTypes> = { readonly event_id: number } & EventValues<F>

/** One field of a schema, as the log stores it. */
export interface SchemaField {
  /** As the events have it. */
  readonly name: string
  /** `u8` … `u64`, `i8` … `i64`, `f32`, `f64` or `bytes(n)`. */
  readonly type: string
  /** Byte offset inside the event. */
  readonly offset: number
}

/** A schema as it is stored in every segment of a log. */
export interface Schema {
  /** Of the event type. */
  readonly name: string
  /** Bytes of an event: a multiple of 8 from 8 to 65 528. */
  readonly size: number
  /** The fields by offset, `event_id` first. */
  readonly fields: readonly SchemaField[]
}

/** An event type: what {@link defineEvent} returns, and all that recorder and recovery need to know of it. */
export interface EventType<F extends FieldTypes = FieldTypes> extends Schema {
  /** The types of the fields, without `event_id`. */
  readonly types: F
}

/** The values of the events of an event type: `type Order = EventOf<typeof Order>`. */
export type EventOf<E> = E extends EventType<infer F> ? EventValues<F> : never

/** Options of {@link defineEvent}. */
export interface DefineEventOptions {
  /**
   * Bytes of an event: a multiple of 8 from 8 to 65 528 that holds all fields. Spare bytes are zero.
   * @default the end of the last field, rounded up to 8
   */
  readonly size?: number
}

const sizeRules: RulesOf<DefineEventOptions> = { size: anything }
const MAX_EVENT_BYTES = 65_528
const MAX_SCHEMA_BYTES = 65_536
/** Where the first field of the user begins: the event id is in front. */
const ID_BYTES = 8
/** Names that the reader of an event uses itself. */
const RESERVED = new Set(['event_id', 'toObject', 'constructor', '__proto__'])

/**
 * Defines an event of fixed size. Its id is always the first 8 bytes; the fields follow in the order given, each
 * aligned to its size.
 *
 * ```ts
 * const Trade = defineEvent('Trade', { price: i64, quantity: u32, side: u8 })
 * ```
 *
 * @param name what the schema in the log calls it
 * @param types name and type of each field; names are letters, digits and `_`, not beginning with a digit
 * @throws WalError `WAL_SCHEMA` for a name, a type or a size that cannot be; `WAL_UNSUPPORTED` for an option that does
 *   not exist
 */
export function defineEvent<const F extends FieldTypes>(
  name: string,
  types: F,
  options: DefineEventOptions = {},
): EventType<F> {
  if (typeof name !== 'string' || name === '') throw refused('an event needs a name')
  const called = cut(name)
  if (!isRecord(types)) {
    throw refused(`${called}: the fields are ${shown(types)}: give an object, as { price: i64 }`)
  }
  checkOptions('defineEvent', options, sizeRules)
  const fields: SchemaField[] = [{ name: 'event_id', type: 'u64', offset: 0 }]
  let end = ID_BYTES
  for (const [field, type] of Object.entries(types)) {
    checkField(called, field, type)
    const offset = roundUp(end, type.alignment)
    fields.push({ name: field, type: type.name, offset })
    end = offset + type.size
  }
  const size = options.size ?? roundUp(end, 8)
  checkSize(called, size, end)
  const schema = { name, size, fields: Object.freeze(fields.map(field => Object.freeze(field))) }
  if (Buffer.byteLength(schemaJson(schema)) > MAX_SCHEMA_BYTES) {
    throw refused(
      `the schema of ${called} takes more than ${MAX_SCHEMA_BYTES} bytes of JSON: use shorter names`,
    )
  }
  return Object.freeze({ ...schema, types: Object.freeze({ ...types }) })
}

function checkField(event: string, field: string, type: AnyFieldType): void {
  if (RESERVED.has(field))
    throw refused(`${event}: a field cannot be called ${field}, the log uses this name itself`)
  if (!/^[A-Za-z_]\w*$/.test(field)) {
    throw refused(`${event}: the field name ${shown(field)} is not letters, digits and _`)
  }
  if (typeof type === 'object' && type !== null && isOurs(type)) return
  // A text is refused even where it names a type: the compiler could not tell what values the field takes.
  const known = typeof type === 'string' ? fieldTypeOf(type)?.name : undefined
  const hint =
    known === undefined
      ? 'use u8 … u64, i8 … i64, f32, f64 or bytes(n)'
      : `use ${known} without quotation marks`
  throw refused(`${event}.${cut(field)} has no type of ours but ${shown(type)}: ${hint}`)
}

function isOurs({ name, size, alignment, kind }: AnyFieldType): boolean {
  const known = typeof name === 'string' ? fieldTypeOf(name) : undefined
  return (
    known !== undefined && known.size === size && alignment === known.alignment && typeof kind === 'string'
  )
}

function checkSize(event: string, size: number, end: number): void {
  if (!Number.isInteger(size) || size % 8 !== 0 || size < ID_BYTES || size > MAX_EVENT_BYTES) {
    throw refused(
      `${event}: ${shown(size)} bytes is no event size, it has to be a multiple of 8 from 8 to ${MAX_EVENT_BYTES}`,
    )
  }
  if (size < end) throw refused(`${event}: the fields take ${end} bytes, more than the size of ${size}`)
}

/** The compact JSON that a segment stores: members in this order, nothing else. */
export function schemaJson({ name, size, fields }: Schema): string {
  return JSON.stringify({
    name,
    size,
    fields: fields.map(({ name, type, offset }) => ({ name, type, offset })),
  })
}

/**
 * Reads a schema that a log stores.
 *
 * @returns undefined for a log of bytes (`{}`)
 * @throws WalError `WAL_SCHEMA` where the text is no schema, or one with a type that this version does not know
 */
export function parseSchema(json: string): Schema | undefined {
  const parsed = parseJson(json)
  if (Object.keys(parsed).length === 0) return undefined
  const { name, size, fields } = parsed as Partial<Schema>
  if (typeof name !== 'string' || !isEventSize(size) || !Array.isArray(fields)) {
    throw refused('the schema in the log has no name, size and fields')
  }
  return { name, size, fields: fields.map(field => parsedField(field, name, size)) }
}

function parseJson(json: string): object {
  try {
    const parsed: unknown = JSON.parse(json)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed
  } catch {
    // Told below, like any other text that is no schema.
  }
  throw refused('the schema in the log is no JSON object')
}

function isEventSize(size: unknown): size is number {
  return Number.isInteger(size) && (size as number) >= ID_BYTES && (size as number) <= MAX_EVENT_BYTES
}

function parsedField(field: Partial<SchemaField> | null, event: string, eventSize: number): SchemaField {
  const { name, type, offset } = field ?? {}
  const known = typeof type === 'string' ? fieldTypeOf(type) : undefined
  if (typeof name !== 'string' || typeof type !== 'string' || !Number.isInteger(offset)) {
    throw refused(`the schema of ${event} in the log has a field without name, type and offset`)
  }
  if (known === undefined) {
    throw refused(
      `the field ${event}.${name} has the type ${type}, which this version does not know: use a newer one`,
    )
  }
  const at = offset as number
  if (at < 0 || at + known.size > eventSize) {
    throw refused(`the field ${event}.${name} lies outside the event's ${eventSize} bytes`)
  }
  return { name, type, offset: at }
}

function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step
}

function refused(message: string): WalError {
  return new WalError('WAL_SCHEMA', message)
}
