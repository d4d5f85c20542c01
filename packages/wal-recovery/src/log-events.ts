import type { ByteEvent } from './byte-event.js'
import { Columns } from './columns.js'
import { translating } from './errors.js'
import { ByteEvents, type EventIterator, FixedEvents, type IterationOptions } from './event-iterator.js'
import { type ReaderClass, readerOf } from './event-reader.js'
import type { NativeRecovery } from './native.js'
import { parseSchema, type Schema } from './schema.js'

/** What the events of a log are, and how they are shown. */
export class LogEvents<E> {
  readonly #native: NativeRecovery
  /** Null: it is a log of bytes; undefined: nothing was ever published in it that would say what it is. */
  #schema: Schema | null | undefined
  #columns: Columns | undefined
  #reader: ReaderClass | undefined

  constructor(native: NativeRecovery, event: Schema | undefined) {
    this.#native = native
    this.#schema = event
    this.learn()
  }

  /** The schema, as far as the log has said it. */
  get schema(): Schema | undefined {
    return this.#schema ?? undefined
  }

  /** The schema, which a log that was opened before its recorder had published anything comes to say. */
  learn(): Schema | undefined {
    if (this.#schema === undefined) {
      const json = translating(() => this.#native.schemaJson())
      if (json !== null) this.#schema = parseSchema(json) ?? null
    }
    return this.schema
  }

  iterate(options: IterationOptions): EventIterator<E> {
    const schema = this.learn()
    if (schema === undefined) return new ByteEvents(options) as EventIterator<ByteEvent> as EventIterator<E>
    this.#reader ??= readerOf(schema)
    return new FixedEvents(new this.#reader(options.cursor) as E, schema.size, options)
  }

  columns(): Columns {
    this.#columns ??= new Columns(this.learn())
    return this.#columns
  }
}
