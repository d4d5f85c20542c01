import { setTimeout as delay } from 'node:timers/promises'
import { translating, WalError } from './errors.js'
import type { NativeCursor } from './native.js'
import { checkValue, shown } from './option-check.js'
import { type CursorStart, cursorStart } from './options.js'

/** How often to look whether an event has become durable, in milliseconds: at first, and when it takes longer. */
const LOOK_MS = 1
const LATER_LOOK_MS = 5
/** From when on it takes longer. */
const LONG_MS = 100
/** How often to look whether there is a writer that could still make it durable. */
const WRITER_LOOK_MS = 50

/** Somebody who waits for a commit. */
interface Waiter {
  readonly id: number
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** Makes a cursor of what the addon, or whatever stands for it, has opened. */
export let cursorOf: (name: string, native: NativeCursor) => Cursor

/**
 * A named position in a log that survives crashes and power cuts, held by one consumer at a time. Retention removes
 * nothing that a cursor is not done with.
 *
 * Made by `Recovery.cursor`. It stays open when the `Recovery` is closed.
 */
export class Cursor {
  /** Its name. */
  readonly name: string
  readonly #native: NativeCursor
  #position: number
  #waiting: Waiter[] = []
  /** Settles when nobody waits any more. */
  #serving: Promise<void> | undefined
  #closed = false

  private constructor(name: string, native: NativeCursor) {
    this.name = name
    this.#native = native
    this.#position = native.position()
  }

  static {
    cursorOf = (name, native) => new Cursor(name, native)
  }

  /**
   * Id of the last event that the consumer is done with; 0: none. `replay({ from: cursor.position + 1 })` and
   * `follow({ from: cursor.position + 1 })` go on behind it.
   */
  get position(): number {
    return this.#position
  }

  /**
   * Says that the consumer is done with every event up to `eventId`. Resolves once that would survive a power cut: it
   * waits for the event itself to be durable, and asks for no sync of the writer. Commits that wait are written
   * together, so awaiting each costs little more than awaiting the last. An id below the position changes nothing.
   *
   * @throws WalError `WAL_EVENT_ID` for what is no id, or no event yet; `WAL_CLOSED` if the writer ends before the event
   *   is durable, or the cursor is closed; `WAL_POISONED` if a sync of the writer or of the cursor has failed;
   *   `WAL_NOT_FOUND` if somebody has removed the cursor; `WAL_IO`. The position is as it was then
   */
  async commit(eventId: number): Promise<void> {
    this.#check()
    checkEventId(eventId)
    const served = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ id: eventId, resolve, reject })
    })
    this.#serving ??= this.#serve()
    await served
  }

  /**
   * Puts the cursor somewhere, also back: before the first event there is, behind the last durable one, or behind the
   * event of an id, once that is durable.
   *
   * @throws WalError as `commit`; `WAL_GONE` if retention has removed what comes behind it
   */
  async reset(to: CursorStart): Promise<void> {
    this.#check()
    checkValue('cursor.reset', 'to', to, cursorStart)
    while (!(await asked(() => this.#native.reset(to)))) {
      await delay(WRITER_LOOK_MS)
      this.#check()
    }
    this.#position = this.#native.position()
  }

  /**
   * Gives the cursor back, for others to hold. What waits for an event to become durable is rejected with `WAL_CLOSED`.
   * Closing twice is no error.
   */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      for (const { id, reject } of this.#waiting.splice(0)) reject(closed(this.name, id))
    }
    await this.#serving
    this.#native.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #check(): void {
    if (this.#closed) throw closed(this.name)
  }

  /** Commits what is durable, as long as somebody waits. */
  async #serve(): Promise<void> {
    // What is asked for in one turn is served together.
    await undefined
    let began = performance.now()
    let askAt = began
    while (this.#waiting.length > 0) {
      if (await this.#commitDurable()) {
        began = performance.now()
        askAt = began
        continue
      }
      const now = performance.now()
      if (now >= askAt) {
        await this.#askForFirst()
        askAt = now + WRITER_LOOK_MS
      }
      await delay(now - began < LONG_MS ? LOOK_MS : LATER_LOOK_MS)
    }
    this.#serving = undefined
  }

  /** Commits the highest id waited for that is durable; false: there is none. */
  async #commitDurable(): Promise<boolean> {
    try {
      const durable = translating(() => this.#native.durableId())
      const reached = this.#waiting.filter(({ id }) => id <= durable || id <= this.#position)
      if (reached.length === 0) return false
      await this.#move(Math.max(...reached.map(({ id }) => id)))
    } catch (error) {
      this.#fail(Number.POSITIVE_INFINITY, error)
    }
    return true
  }

  /** Asks for the lowest id waited for, which says why it cannot become durable. */
  async #askForFirst(): Promise<void> {
    const first = Math.min(...this.#waiting.map(({ id }) => id))
    try {
      await this.#move(first)
    } catch (error) {
      this.#fail(first, error)
    }
  }

  async #move(id: number): Promise<void> {
    if (!(await asked(() => this.#native.commit(id)))) return
    this.#position = this.#native.position()
    for (const waiter of this.#take(id)) waiter.resolve()
  }

  #fail(upTo: number, error: unknown): void {
    for (const waiter of this.#take(upTo)) waiter.reject(error)
  }

  #take(upTo: number): Waiter[] {
    const taken = this.#waiting.filter(({ id }) => id <= upTo)
    this.#waiting = this.#waiting.filter(({ id }) => id > upTo)
    return taken
  }
}

async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    throw WalError.from(thrown)
  }
}

function checkEventId(id: number): void {
  if (Number.isSafeInteger(id) && id >= 0) return
  throw new WalError('WAL_EVENT_ID', `${shown(id)} is no event id: it is a whole number from 0 to 2^53 - 1`)
}

function closed(name: string, id?: number): WalError {
  if (id === undefined) return new WalError('WAL_CLOSED', `the cursor ${name} was closed: open it again`)
  return new WalError('WAL_CLOSED', `the cursor ${name} was closed before event ${id} was durable`, {
    eventId: id,
  })
}
