import { type AnyFieldType, type EventType, WalError } from '@flashstrike/wal-recovery'
import { anything, checkOptions, shown } from '@flashstrike/wal-recovery/option-check'
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
export function refuseValues(layout: EventLayout, values: readonly unknown[], event?: unknown): never {
  if (event !== undefined && !isRecord(event)) refuseEvent(layout, event)
  const index = layout.fields.findIndex((field, i) => !field.codec.accepts(values[i]))
  const field = layout.fields[index]
  if (field === undefined) throw new WalError('WAL_SCHEMA', `${layout.name}: a value was refused`)
  const message = `${layout.name}.${field.name} is ${shown(values[index])}: ${field.codec.range}`
  throw new WalError('WAL_SCHEMA', message)
}

/** Whether something could be meant as an event, whatever its fields are. */
function isRecord(event: unknown): boolean {
  return typeof event === 'object' && !Array.isArray(event) && !ArrayBuffer.isView(event)
}

/** Throws for an event that is no object with fields. */
export function refuseEvent(layout: EventLayout, event: unknown): never {
  const names = layout.fields.map(field => field.name).join(', ')
  throw new WalError(
    'WAL_SCHEMA',
    `the event is ${shown(event)}: ${layout.name} takes an object with ${names}`,
  )
}

/** Throws for a second argument of `append` that is no object with an id. */
export function refuseOptions(options: unknown): never {
  const message = `the second argument of append is ${shown(options)}: it takes an id as { id: 50 }, or nothing`
  throw new WalError('WAL_EVENT_ID', message)
}

/** Refuses options that an append does not have, where none was found that it has. */
export function checkNoOther(options: object): void {
  checkOptions('append', options, { id: anything })
}

/** The values of an event object in the order of its fields. */
export function valuesOf(layout: EventLayout, event: Readonly<Record<string, unknown>>): unknown[] {
  if (event === null || event === undefined) refuseEvent(layout, event)
  return layout.fields.map(field => event[field.name])
}
