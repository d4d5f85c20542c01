import type { EventReader } from './event-reader.js'
import type { EventType } from './schema.js'

/**
 * An event of a log whose schema was read from it: the getters are known at run time only. Of a log of bytes it is a
 * `ByteEvent`: say so with `Recovery.open<ByteEvent>({ dir })`.
 */
export interface UntypedEvent {
  /** Id of the event. */
  readonly event_id: number
  readonly [field: string]: unknown
  /** A plain copy of the event, independent of the replay. */
  toObject(): Record<string, unknown>
}

/** What a replay of a log shows: typed by its event type, else untyped. */
export type EventShown<T> = T extends EventType<infer F> ? EventReader<F> : UntypedEvent
