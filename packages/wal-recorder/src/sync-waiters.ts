/** Somebody who waits until an event is durable. */
interface Waiter {
  readonly id: number
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Those who wait for durability, by event id. All that one sync serves are released together. */
export class SyncWaiters {
  /** Ascending by id, from `#head` on. */
  #queue: Waiter[] = []
  #head = 0

  get empty(): boolean {
    return this.#head === this.#queue.length
  }

  /** The highest id that somebody waits for; 0: nobody waits. */
  get highest(): number {
    return this.#queue.at(-1)?.id ?? 0
  }

  /** A promise for the durability of an event. Waiters for the same event share one. */
  add(id: number): Promise<void> {
    const index = this.#placeFor(id)
    const equal = this.#queue[index - 1]
    if (index > this.#head && equal?.id === id) return equal.promise
    const waiter = newWaiter(id)
    if (index === this.#queue.length) this.#queue.push(waiter)
    else this.#queue.splice(index, 0, waiter)
    return waiter.promise
  }

  /** Releases everyone who waits for `durableId` or an earlier event. */
  release(durableId: number): void {
    const queue = this.#queue
    while (this.#head < queue.length) {
      const waiter = queue[this.#head]
      if (waiter === undefined || waiter.id > durableId) break
      this.#head++
      waiter.resolve()
    }
    this.#queue = this.#head === queue.length ? [] : queue.slice(this.#head)
    this.#head = 0
  }

  /** Nobody will be served any more. */
  fail(error: Error): void {
    const waiting = this.#queue.splice(this.#head)
    this.#queue = []
    this.#head = 0
    for (const waiter of waiting) waiter.reject(error)
  }

  /** Behind the last waiter whose id is not above `id`; ids come in order but for rare cases. */
  #placeFor(id: number): number {
    let index = this.#queue.length
    while (index > this.#head && (this.#queue[index - 1]?.id ?? 0) > id) index--
    return index
  }
}

function newWaiter(id: number): Waiter {
  let resolve = (): void => {}
  let reject = (_error: Error): void => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { id, promise, resolve, reject }
}
