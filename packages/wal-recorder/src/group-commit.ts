import type { KeepAlive } from './keep-alive.js'
import type { Staging } from './staging.js'
import { SyncGroups } from './sync-groups.js'

/** Durability that is waited for: asks for syncs and serves who waits, thousands at a time. */
export class GroupCommit {
  readonly #staging: Staging
  readonly #keepAlive: KeepAlive
  readonly #spinMs: number
  readonly #groups = new SyncGroups()
  /** The highest id that a sync was asked for. */
  #asked = 0
  #isAsking = false
  #isPolling = false
  #pollEnd = 0
  readonly #ask = (): void => this.#askForSync()
  readonly #look = (): void => this.#lookAgain()

  /** @param spinUs how long to look for the end of a sync before leaving it to be told, in microseconds */
  constructor(staging: Staging, keepAlive: KeepAlive, spinUs: number) {
    this.#staging = staging
    this.#keepAlive = keepAlive
    this.#spinMs = spinUs / 1000
  }

  /** Resolves when an event that was appended is durable. */
  wait(id: number): Promise<void> {
    const { publishedId, blocks } = this.#staging
    if (id <= publishedId && id <= this.#staging.durableId) return Promise.resolve()
    if (this.#groups.empty) this.#keepAlive.hold()
    const durable = this.#groups.join(id, publishedId, blocks)
    if (!this.#isAsking && this.#groups.highest > this.#asked) {
      // Behind the code that runs now, which may append and wait for more: one request serves all of it.
      this.#isAsking = true
      queueMicrotask(this.#ask)
    }
    return durable
  }

  /** Serves whoever waits for an event that is durable by now. */
  release(): void {
    if (this.#groups.empty) return
    this.#groups.release(this.#staging.durableId)
    if (this.#groups.empty) this.#keepAlive.letGo()
  }

  /** No sync will come any more: serves who can be served, and rejects the others. */
  fail(error: Error): void {
    this.release()
    if (this.#groups.empty) return
    this.#groups.fail(error)
    this.#keepAlive.letGo()
  }

  #askForSync(): void {
    this.#isAsking = false
    const { highest } = this.#groups
    if (highest <= this.#asked) return
    try {
      this.#staging.requestSync(highest)
      this.#asked = highest
      this.#poll()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #poll(): void {
    if (this.#spinMs === 0) return
    this.#pollEnd = performance.now() + this.#spinMs
    if (this.#isPolling) return
    this.#isPolling = true
    setImmediate(this.#look)
  }

  #lookAgain(): void {
    this.release()
    this.#isPolling = !this.#groups.empty && performance.now() < this.#pollEnd
    if (this.#isPolling) setImmediate(this.#look)
  }
}
