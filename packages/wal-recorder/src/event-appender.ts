import type { EventValues, FieldTypes, ValueOf } from '@flashstrike/wal-recovery/schema'
import { compile, helpers, loads, parameters, storeId, stores, validFunction } from './encoder-source.js'
import {
  checkNoOther,
  type EventLayout,
  refuseEvent,
  refuseOptions,
  refuseValues,
  valuesOf,
} from './event-layout.js'
import { isBytes } from './field-codec.js'
import type { EventMemory } from './memory.js'
import { COUNT_WORD, HEADER_BYTES, type Staging } from './staging.js'

/** Options of a single append. */
export interface AppendOptions {
  /** The event's id: a whole number above the last one. Without it ids are counted. */
  readonly id?: number
}

/** Appends events of one type. */
export interface AppendEvent<F extends FieldTypes> {
  /**
   * Appends an event. When it returns, the event survives the death of the process; it never waits for a disk. A member
   * `event_id` is not read: ids are counted, or given as `id`.
   *
   * @returns the event's id
   * @throws WalError `WAL_SCHEMA` for a value that its field does not take, `WAL_EVENT_ID`, `WAL_BACKPRESSURE`,
   *   `WAL_FULL`, `WAL_POISONED`, `WAL_CLOSED`; the event is then not in the log
   */
  (event: EventValues<F>, options?: AppendOptions): number
  /** The same without an object: the values in the order of the fields. */
  readonly fields: AppendFields<F>
}

/**
 * Appends events whose values are given one by one. A value that is missing is refused as `undefined` is; those beyond
 * the last field are passed over. An object type has no order, so the compiler knows which values there are and looks
 * neither at their order nor at their count.
 *
 * @throws WalError as `append`
 */
export interface AppendFields<F extends FieldTypes> {
  (...values: readonly ValueOf<F[keyof F]>[]): number
  /** The same under an id of the caller's, above the last one. */
  at(id: number, ...values: readonly ValueOf<F[keyof F]>[]): number
}

/** Stores all of an event but its id at a byte offset; throws before the first store if a value is refused. */
export type EncodeEvent = (memory: EventMemory, offset: number, event: object) => void

/** The appending side of a log of fixed-size events. */
export interface EventAppender<F extends FieldTypes> {
  readonly append: AppendEvent<F>
  readonly encode: EncodeEvent
}

/** Makes texts differ: V8 shares feedback between functions of the same text, and so would slow both down. */
let appenders = 0

/**
 * Makes the append functions of an event type on a staging memory.
 *
 * @param generate false: as in a process that forbids code from strings, where a loop over the fields does the work
 */
export function eventAppender<F extends FieldTypes>(
  layout: EventLayout,
  staging: Staging,
  generate = true,
): EventAppender<F> {
  const appender = generate ? generatedAppender<F>(layout, staging) : undefined
  return appender ?? interpretingAppender<F>(layout, staging)
}

function generatedAppender<F extends FieldTypes>(
  layout: EventLayout,
  s: Staging,
): EventAppender<F> | undefined {
  const { memory } = s
  const refuse = (values: readonly unknown[], event?: unknown): never => refuseValues(layout, values, event)
  return compile<EventAppender<F>>(appenderSource(layout, s), {
    ...helpers,
    isBytes,
    refuse,
    refuseOptions,
    checkNoOther,
    refuseEvent: (event: unknown) => refuseEvent(layout, event),
    s,
    bytes: memory.bytes,
    words: memory.words,
    floats: memory.floats,
    doubles: memory.doubles,
    longs: memory.longs,
  })
}

function appenderSource(layout: EventLayout, staging: Staging): string {
  const values = parameters(layout)
  const last = Math.floor(staging.areaBytes / layout.size) - 1
  const enter = 'let start = 0; if (s.slot >= s.guard) start = s.enter();'
  const ownId = 'if (!s.takes(id)) s.refuseId(id);'
  const check = `if (!valid(${values})) refuse([${values}]);`
  const checkOf = `if (!valid(${values})) refuse([${values}], e);`
  // Nothing of the caller's runs between `enter` and the end: only a value that is refused can have code of its own
  // that a look at it runs. A getter that appends has done so before the slot and the id are taken.
  // The store into `words[${COUNT_WORD}]` is the append: the event's bytes come before it.
  const stage = `
    const slot = s.slot;
    put(${HEADER_BYTES >> 2} + slot * ${layout.size >> 2}, id, ${values});
    s.lastId = id;
    words[${COUNT_WORD}] = s.slot = slot + 1;
    if (slot === ${last}) s.full();
    if (start !== 0) s.took(start);
    return id;`
  appenders += 1
  return `// appender ${appenders}
    ${validFunction(layout)}
    function put(w, id, ${values}) {
      ${storeId}
      ${stores(layout)}
    }
    function append(e, options) {
      if (options !== undefined) {
        if (typeof options !== 'object' || options === null) refuseOptions(options);
        const id = options.id;
        if (id !== undefined) return appendAt(id, e);
        checkNoOther(options);
      }
      ${loads(layout)} ${enter}
      const id = s.lastId + 1;
      ${checkOf} ${stage}
    }
    function fields(${values}) {
      ${enter}
      const id = s.lastId + 1;
      ${check} ${stage}
    }
    function at(id, ${values}) {
      ${enter} ${ownId} ${check} ${stage}
    }
    function appendAt(id, e) {
      ${loads(layout)} ${enter} ${ownId} ${checkOf} ${stage}
    }
    function encode({ bytes, words, floats, doubles, longs }, offset, e) {
      const w = offset >> 2;
      ${loads(layout)} ${checkOf}
      ${stores(layout)}
    }
    fields.at = at;
    append.fields = fields;
    return { append, encode };`
}

function interpretingAppender<F extends FieldTypes>(layout: EventLayout, staging: Staging): EventAppender<F> {
  const { memory, areaBytes } = staging
  const slots = Math.floor(areaBytes / layout.size)
  const store = (target: EventMemory, offset: number, values: readonly unknown[], event?: unknown) => {
    if (!layout.fields.every((field, i) => field.codec.accepts(values[i])))
      refuseValues(layout, values, event)
    for (const [i, field] of layout.fields.entries())
      field.codec.store(target, offset + field.offset, values[i])
  }
  const stage = (id: number | undefined, values: readonly unknown[], event?: unknown): number => {
    const start = staging.slot >= staging.guard ? staging.enter() : 0
    if (id !== undefined && !staging.takes(id)) staging.refuseId(id)
    const assigned = id ?? staging.lastId + 1
    const offset = HEADER_BYTES + staging.slot * layout.size
    store(memory, offset, values, event)
    memory.storeId(offset, assigned)
    staging.count(1, assigned)
    if (staging.slot === slots) staging.full()
    if (start !== 0) staging.took(start)
    return assigned
  }
  const at = (id: number, ...values: readonly unknown[]) => stage(id, values)
  const fields = Object.assign((...values: readonly unknown[]) => stage(undefined, values), { at })
  const append = (event: EventValues<F>, options?: AppendOptions) => {
    if (options !== undefined && (typeof options !== 'object' || options === null)) refuseOptions(options)
    const id = options?.id
    if (options !== undefined && id === undefined) checkNoOther(options)
    return stage(id, valuesOf(layout, event), event)
  }
  const encode: EncodeEvent = (target, offset, event) =>
    store(target, offset, valuesOf(layout, event as Record<string, unknown>), event)
  return { append: Object.assign(append, { fields }) as AppendEvent<F>, encode }
}
