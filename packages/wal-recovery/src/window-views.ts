import { translating } from './errors.js'
import type { NativeRuns } from './native.js'

/**
 * Views of the windows that sources of runs stand in, as long as the garbage collector leaves them. It takes the bytes
 * of each new one for memory that the program has come to use, and soon runs; so a window that an earlier replay has
 * seen gets no new view. Its sources have to give every window a name of its own.
 */
export class WindowViews {
  readonly #views = new Map<number, WeakRef<DataView>>()
  readonly #collected = new FinalizationRegistry<number>(id => {
    if (this.#views.get(id)?.deref() === undefined) this.#views.delete(id)
  })

  /** The view of the window that the current run of a source lies in; `id` is its name. */
  view(id: number, runs: NativeRuns): DataView {
    const known = this.#views.get(id)?.deref()
    // Of a buffer that somebody has transferred nothing is left to see.
    if (known !== undefined && known.buffer.byteLength > 0) return known
    const view = new DataView(translating(() => runs.window()))
    this.#views.set(id, new WeakRef(view))
    this.#collected.register(view, id)
    return view
  }
}
