import type { NativeRecorder } from './native.js'

/** Recorders that somebody waits for. The native side holds a recorder weakly, so that a forgotten one can go. */
const awaited = new Set<object>()

/** Keeps the process, and a recorder, alive while somebody waits. */
export class KeepAlive {
  readonly #native: NativeRecorder
  readonly #recorder: object
  #reasons = 0

  constructor(native: NativeRecorder, recorder: object) {
    this.#native = native
    this.#recorder = recorder
  }

  /** There is one more reason; `letGo` takes it back. */
  hold(): void {
    this.#reasons += 1
    if (this.#reasons > 1) return
    awaited.add(this.#recorder)
    this.#native.ref()
  }

  letGo(): void {
    this.#reasons -= 1
    if (this.#reasons > 0) return
    awaited.delete(this.#recorder)
    this.#native.unref()
  }
}
