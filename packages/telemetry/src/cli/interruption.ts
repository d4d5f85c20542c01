import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ctrl-C, a supervisor, and a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How long what is under way may still take when somebody asks for the end. */
const GRACE_MS = 1000

/** Somebody asks the program to end. Whoever asks again ends it on the spot. */
export class Interruption {
  readonly #asked = new AbortController()
  #lastMoment = Number.POSITIVE_INFINITY
  readonly #ask = () => {
    this.#lastMoment = performance.now() + GRACE_MS
    this.#asked.abort()
    // Not before what waits has heard of it: a terminal that is in use has to be given back even to who is in a hurry.
    setImmediate(() => this.#forget())
  }

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#ask)
  }

  get isAsked(): boolean {
    return this.#asked.signal.aborted
  }

  /** Waits until somebody asks, but no longer than so long. */
  async wait(ms?: number): Promise<void> {
    const { signal } = this.#asked
    if (ms !== undefined) await sleep(ms, undefined, { signal }).catch(() => {})
    else if (!signal.aborted) await once(signal, 'abort')
  }

  /** What the work gives, or `otherwise` if it is not done a second after somebody has asked. */
  async bounded<Done>(work: Promise<Done>, otherwise: Done): Promise<Done> {
    const done = new AbortController()
    const late = async () => {
      const { signal } = done
      if (!this.isAsked) await once(this.#asked.signal, 'abort', { signal })
      return await sleep(Math.max(this.#lastMoment - performance.now(), 0), otherwise, { signal })
    }
    // What is left over when the work is done first ends by an error that tells nothing.
    const tooLate = late()
    tooLate.catch(() => {})
    return await Promise.race([work, tooLate]).finally(() => done.abort())
  }

  [Symbol.dispose](): void {
    this.#forget()
  }

  #forget(): void {
    for (const signal of SIGNALS) process.off(signal, this.#ask)
  }
}
