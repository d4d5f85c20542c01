import { forEachOf } from './batch-refusal.js'
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
  /** Memory for as many, while no batch is being laid out in it. */
  #spare: EventMemory | undefined

  constructor(layout: EventLayout, staging: Staging, encode: EncodeEvent) {
    this.#layout = layout
    this.#staging = staging
    this.#encode = encode
    this.#slots = Math.floor(staging.areaBytes / layout.size)
  }

  /** Appends all or none; returns the id of the last one. */
  append(events: readonly object[]): number {
    // Getters run while events are laid out, and may append: so that happens elsewhere, and before ids are taken.
    const count = events.length
    const start = this.#staging.startOf(count)
    const memory = this.#memory(count)
    const { size } = this.#layout
    forEachOf(events, (event, i) => this.#encode(memory, i * size, event))
    if (count <= this.#slots) this.#spare = memory
    const last = this.#place(memory, count)
    if (start !== 0) this.#staging.took(start, count)
    return last
  }

  #memory(count: number): EventMemory {
    const { size } = this.#layout
    if (count > this.#slots) return new EventMemory(new ArrayBuffer(count * size))
    const memory = this.#spare ?? new EventMemory(new ArrayBuffer(this.#slots * size))
    this.#spare = undefined
    return memory
  }

  #place(memory: EventMemory, count: number): number {
    const staging = this.#staging
    const { size } = this.#layout
    if (staging.slot >= staging.guard) staging.enter()
    const last = staging.idAfter(count)
    for (let i = 0; i < count; i++) memory.storeId(i * size, staging.lastId + 1 + i)
    if (count > this.#slots) return staging.appendLarge(memory.bytes, count)
    if (staging.slot + count > this.#slots) staging.nextBlock()
    staging.memory.bytes.set(memory.bytes.subarray(0, count * size), HEADER_BYTES + staging.slot * size)
    staging.count(count, last)
    if (staging.slot === this.#slots) staging.full()
    return last
  }
}
