import type { KeepAlive } from './keep-alive.js'

/** Those who wait for room to append. */
export class Drains {
  readonly #keepAlive: KeepAlive
  readonly #wakers = new Set<() => void>()

  constructor(keepAlive: KeepAlive) {
    this.#keepAlive = keepAlive
  }

  /** Resolves when there may be room, or when the signal is aborted. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        signal?.removeEventListener('abort', wake)
        this.#wakers.delete(wake)
        if (this.#wakers.size === 0) this.#keepAlive.letGo()
        resolve()
      }
      signal?.addEventListener('abort', wake)
      if (this.#wakers.size === 0) this.#keepAlive.hold()
      this.#wakers.add(wake)
    })
  }

  /** Lets all of them look. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}
