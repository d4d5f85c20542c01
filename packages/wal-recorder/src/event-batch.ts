import type { EncodeEvent } from './event-appender.js'
import type { EventLayout } from './event-layout.js'
import { EventMemory } from './memory.js'
import { HEADER_BYTES, type Staging } from './staging.js'

/** Appends batches of fixed-size events: each lands in one block, whole or not at all. */
export class EventBatch {
  readonly #layout: EventLayout
  readonly #staging: Staging
  readonly #encode: EncodeEvent
  /** Events that a block holds. */
  readonly #slots: number

  constructor(layout: EventLayout, staging: Staging, encode: EncodeEvent) {
    this.#layout = layout
    this.#staging = staging
    this.#encode = encode
    this.#slots = Math.floor(staging.areaBytes / layout.size)
  }

  /** Appends all or none; returns the id of the last one. */
  append(events: readonly object[]): number {
    const staging = this.#staging
    if (staging.slot === staging.guard) staging.enter()
    return events.length > this.#slots ? this.#large(events) : this.#staged(events)
  }

  #staged(events: readonly object[]): number {
    const staging = this.#staging
    if (staging.slot + events.length > this.#slots) staging.commit()
    const last = this.#write(staging.memory, HEADER_BYTES + staging.slot * this.#layout.size, events)
    staging.count(events.length, last)
    if (staging.slot === this.#slots) staging.full()
    return last
  }

  #large(events: readonly object[]): number {
    const staging = this.#staging
    const memory = new EventMemory(new ArrayBuffer(events.length * this.#layout.size))
    const first = staging.lastId + 1
    const last = this.#write(memory, 0, events)
    staging.call(native => native.appendLarge(memory.bytes, events.length, first, last))
    staging.lastId = last
    return last
  }

  #write(memory: EventMemory, offset: number, events: readonly object[]): number {
    let id = this.#staging.lastId
    for (let i = 0; i < events.length; i++) {
      this.#encode(memory, offset + i * this.#layout.size, ++id, events[i] as object)
    }
    return id
  }
}
