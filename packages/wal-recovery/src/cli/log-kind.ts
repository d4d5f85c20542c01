/** What a log holds, in a few words. */
import { parseSchema, type Schema } from '../schema.js'
import { safe } from './text.js'
import type { Overview } from './tools.js'
import { bytes } from './units.js'

/** The schema, if the log has one that can be read. */
export function schemaOf({ schema }: Overview): Schema | undefined {
  try {
    return schema === null ? undefined : parseSchema(schema)
  } catch {
    return undefined
  }
}

/** `RequestEvent, 64 B: event_id, timestamp, …` */
export function kindOf(log: Overview): string {
  const schema = schemaOf(log)
  if (schema !== undefined) {
    const fields = schema.fields.map(({ name, type }) => `${safe(name)} ${safe(type)}`).join(', ')
    return `${safe(schema.name)}, ${bytes(schema.size)} each: ${fields}`
  }
  if (log.schema === null) return 'not known: no segment says it'
  if (log.eventSize === 0) return 'bytes of any length'
  return `${bytes(log.eventSize)} each, with a schema that this version cannot read`
}

/** What the state means for whoever looks at it. */
export function adviceOn(state: Overview['state']): string {
  if (state === 'torn') {
    return 'Nothing in the tail is known to have been durable: opening for append cuts it, as flashstrike-wal repair does.'
  }
  return (
    'Something that was there for certain, and that no crash takes away, is damaged or missing. Put the file back from a copy, or see what flashstrike-wal repair ' +
    '--mode point-in-time --dry-run would give up.'
  )
}
