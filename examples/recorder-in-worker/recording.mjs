/** A recorder that lives in a worker thread, for the thread that has no time for it. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export class Recording {
  #worker
  #error
  /** Events of this turn of the event loop, with who waits for them: they are sent together. */
  #turn
  #batches = 0
  /** Who waits for which batch. */
  #waiting = new Map()

  constructor(dir) {
    this.#worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { dir } })
    this.#worker.on('message', answer => this.#answer(answer))
    this.#worker.once('error', error => this.#end(error))
    this.#worker.once('exit', () => this.#end(new Error('the recording has ended')))
  }

  /**
   * Resolves with the id of the event once it would survive a power cut; until then nothing is promised. Rejects if it,
   * or another one of the same turn, is refused.
   */
  record(event) {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) throw this.#error
      if (this.#turn === undefined) {
        this.#turn = []
        setImmediate(() => this.#send())
      }
      this.#turn.push({ event, resolve, reject })
    })
  }

  /** Ends it behind everything that was recorded so far, which is durable then. */
  async close() {
    this.#send()
    const exited = once(this.#worker, 'exit')
    this.#worker.postMessage('close')
    await exited
  }

  #send() {
    if (this.#turn === undefined) return
    const batch = this.#batches++
    this.#waiting.set(batch, this.#turn)
    this.#worker.postMessage({ batch, events: this.#turn.map(({ event }) => event) })
    this.#turn = undefined
  }

  #answer({ batch, firstId, error }) {
    this.#waiting.get(batch)?.forEach(({ resolve, reject }, i) => {
      if (error === undefined) resolve(firstId + i)
      else reject(Object.assign(new Error(error.message), { code: error.code }))
    })
    this.#waiting.delete(batch)
  }

  #end(error) {
    this.#error ??= error
    for (const { reject } of [...this.#waiting.values(), this.#turn ?? []].flat()) reject(this.#error)
    this.#waiting.clear()
  }
}
