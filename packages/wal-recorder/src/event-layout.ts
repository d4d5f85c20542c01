import { type AnyFieldType, type EventType, WalError } from '@flashstrike/wal-recovery'
import { codecOf, type FieldCodec } from './field-codec.js'

/** A field of an event as the encoders need it; the id in front is not among them. */
export interface LayoutField {
  readonly name: string
  readonly type: AnyFieldType
  readonly offset: number
  readonly codec: FieldCodec
}

/** How the events of one type lie in memory. */
export interface EventLayout {
  readonly name: string
  /** Bytes of an event, a multiple of 8. */
  readonly size: number
  readonly fields: readonly LayoutField[]
}

/** The layout of an event type. */
export function layoutOf({ name, size, fields, types }: EventType): EventLayout {
  const rest = fields.filter(field => field.name !== 'event_id')
  return {
    name,
    size,
    fields: rest.map(({ name: field, offset }) => {
      const type = types[field]
      if (type === undefined)
        throw new WalError('WAL_SCHEMA', `${name}.${field} has no type: use defineEvent`)
      return { name: field, type, offset, codec: codecOf(type) }
    }),
  }
}

/** Throws for the first value that its field does not take. */
export function refuseValues(layout: EventLayout, values: readonly unknown[]): never {
  const index = layout.fields.findIndex((field, i) => !field.codec.accepts(values[i]))
  const field = layout.fields[index]
  if (field === undefined) throw new WalError('WAL_SCHEMA', `${layout.name}: a value was refused`)
  const message = `${layout.name}.${field.name} is ${shown(values[index])}: ${field.codec.range}`
  throw new WalError('WAL_SCHEMA', message)
}

/** The values of an event object in the order of its fields. */
export function valuesOf(layout: EventLayout, event: Readonly<Record<string, unknown>>): unknown[] {
  return layout.fields.map(field => event[field.name])
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
