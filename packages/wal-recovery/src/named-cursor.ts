import { setTimeout as delay } from 'node:timers/promises'
import { translating, translatingLater, WalError } from './errors.js'
import { checkId } from './event-id.js'
import type { NativeCursor } from './native.js'
import { checkValue } from './option-check.js'
import { type CursorStart, cursorStart } from './options.js'

/** How often to look whether an event has become durable, in milliseconds: at first, and when it takes longer. */
const LOOK_MS = 1
const LATER_LOOK_MS = 5
/** From when on it takes longer. */
const LONG_MS = 100
/** How often to look whether there is a writer that could still make it durable. */
const WRITER_LOOK_MS = 50

/** Somebody who waits for a commit or a reset. */
interface Waiter {
  readonly to: CursorStart
  /** A reset, which also goes back. */
  readonly back: boolean
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
   * Commits and resets take effect in the order in which they are asked for.
   *
   * @throws WalError `WAL_EVENT_ID` for what is no id, or no event yet; `WAL_CURSOR_AHEAD` if the log was cut
   *   meanwhile and ends before the position, until it is reset; `WAL_CLOSED` if the writer ends before the event
   *   is durable, or the cursor is closed; `WAL_POISONED` if a sync of the writer or of the cursor has failed;
   *   `WAL_NOT_FOUND` if somebody has removed the cursor, or the log; `WAL_UNSUPPORTED` where a newer version has written
   *   on; `WAL_IO`. The position is as it was then
   */
  async commit(eventId: number): Promise<void> {
    this.#check()
    checkId('the event id', eventId)
    await this.#served(eventId, false)
  }

  /**
   * Puts the cursor somewhere, also back: before the first event there is, behind the last durable one, or behind the
   * event of an id, once that is durable.
   *
   * @throws WalError as `commit`; `WAL_GONE` if retention has removed what comes behind it; `WAL_LOCKED` if somebody has
   *   the lock of all cursors for long; `WAL_UNSUPPORTED` also for what is neither a number nor a place
   */
  async reset(to: CursorStart): Promise<void> {
    this.#check()
    if (typeof to === 'number') checkId('the event id', to)
    else checkValue('cursor.reset', 'to', to, cursorStart)
    await this.#served(to, true)
  }

  /**
   * Gives the cursor back, for others to hold. What waits for an event to become durable is rejected with `WAL_CLOSED`.
   * Closing twice is no error.
   */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      for (const { to, reject } of this.#waiting.splice(0)) reject(closed(this.name, to))
    }
    await this.#serving
    this.#native.close()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #check(): void {
    if (this.#closed) throw closed(this.name)
  }

  #served(to: CursorStart, back: boolean): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ to, back, resolve, reject })
      this.#serving ??= this.#serve()
    })
  }

  /** Goes where it is to go once that is durable, as long as somebody waits. */
  async #serve(): Promise<void> {
    // What is asked for in one turn is served together.
    await undefined
    let began = performance.now()
    let askAt = began
    while (this.#waiting.length > 0) {
      if (await this.#moveToDurable()) {
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

  /** Whose turn it is: the first one's if that is a reset, or all commits' in front of the next reset. */
  #front(): Waiter[] {
    const reset = this.#waiting.findIndex(({ back }) => back)
    return reset < 0 ? this.#waiting : this.#waiting.slice(0, Math.max(reset, 1))
  }

  /** Goes to the highest place asked for that is durable; false: there is none. */
  async #moveToDurable(): Promise<boolean> {
    try {
      const durable = translating(() => this.#native.durableId())
      const isReached = ({ to, back }: Waiter) =>
        typeof to !== 'number' || to <= durable || (!back && to <= this.#position)
      const highest = this.#front().filter(isReached).sort(byPlace).at(-1)
      if (highest === undefined) return false
      await this.#move(highest)
    } catch (error) {
      this.#fail(undefined, error)
    }
    return true
  }

  /** Asks for the lowest place asked for, which says why it cannot become durable. */
  async #askForFirst(): Promise<void> {
    const lowest = this.#front().slice().sort(byPlace)[0]
    if (lowest === undefined) return
    try {
      await this.#move(lowest)
    } catch (error) {
      this.#fail(lowest, error)
    }
  }

  async #move(waiter: Waiter): Promise<void> {
    const { to, back } = waiter
    const moved = () => (back ? this.#native.reset(to) : this.#native.commit(to as number))
    if (!(await translatingLater(moved))) return
    this.#position = this.#native.position()
    for (const { resolve } of this.#take(waiter)) resolve()
  }

  #fail(upTo: Waiter | undefined, error: unknown): void {
    for (const { reject } of this.#take(upTo)) reject(error)
  }

  /** Takes those out whose turn it is and who wait for no more than one of them, or all of them. */
  #take(upTo: Waiter | undefined): Set<Waiter> {
    const isTaken = (waiter: Waiter) => upTo === undefined || waiter === upTo || waiter.to <= upTo.to
    const taken = new Set(this.#front().filter(isTaken))
    this.#waiting = this.#waiting.filter(waiter => !taken.has(waiter))
    return taken
  }
}

/** The order of commits; a reset is alone. */
function byPlace(one: Waiter, other: Waiter): number {
  return Number(one.to) - Number(other.to)
}

function closed(name: string, to?: CursorStart): WalError {
  if (typeof to !== 'number')
    return new WalError('WAL_CLOSED', `the cursor ${name} was closed: open it again`)
  return new WalError('WAL_CLOSED', `the cursor ${name} was closed before event ${to} was durable`, {
    eventId: to,
  })
}
