import { pageError } from './errors.js'
import { loadAddon, type NativePage } from './native.js'
import { unsupported } from './options.js'
import { shown } from './shown.js'
import { metricsSymbol } from './source.js'

const addon = loadAddon()

/**
 * Whether somebody records in a page: `live`, its process does; `closed`, it has closed it, and the values are the last
 * ones; `dead`, it has died without closing it, and the values are those that it had then.
 */
export type PageState = 'live' | 'closed' | 'dead'

interface PageLook {
  readonly state: PageState
  readonly pid: number
  readonly startedAtMs: number
  readonly generation: number
}

/**
 * The metrics of a recorder or a recovery of another process, which was opened with `telemetry: { file }`. A source for
 * `walMetrics`, also after that process has died.
 *
 * Reading takes nothing from whoever records. A page goes with its name: when its process is started again and has put a
 * new one there, that is what everything tells of from then on, with another `generation`.
 *
 * @example
 * using page = TelemetryPage.attach('/dev/shm/orders.page')
 * console.log(page.state, walMetrics(page).dump())
 */
export class TelemetryPage {
  readonly #native: NativePage
  readonly #file: string

  private constructor(native: NativePage, file: string) {
    this.#native = native
    this.#file = file
  }

  /**
   * Opens a page for reading. Permission to read the file is all it needs.
   *
   * @param file the path that was given as `telemetry: { file }`; symbolic links are not followed
   * @throws MetricsError `WAL_NOT_FOUND` if there is none, `WAL_METRICS` if it is no page or a damaged one,
   *   `WAL_UNSUPPORTED` for one of another version, or for a path that is none, `WAL_IO`
   */
  static attach(file: string): TelemetryPage {
    if (typeof file !== 'string' || file === '')
      throw unsupported(`TelemetryPage.attach got ${shown(file)}: it takes the path of a page as text`)
    return new TelemetryPage(
      telling(() => addon.attachPage(file)),
      file,
    )
  }

  /** The path that it was attached by. */
  get file(): string {
    return this.#file
  }

  /**
   * Whether somebody records there now.
   *
   * @throws MetricsError as `attach`, and `WAL_CLOSED`; so do the others that look
   */
  get state(): PageState {
    return this.#look().state
  }

  /** The process whose metrics these are, as its own machine or container numbers it. */
  get pid(): number {
    return this.#look().pid
  }

  /** Since when its metrics count. */
  get startedAt(): Date {
    return new Date(this.#look().startedAtMs)
  }

  /** Which page under this name it is: 1 more than the one before. */
  get generation(): number {
    return this.#look().generation
  }

  /** The metrics, for `walMetrics`, which knows which of its sources this is and says so in the error. */
  [metricsSymbol](): Uint8Array {
    return this.#native.metrics()
  }

  /** Closes the file; the page stays as it is. Closing twice is no error. */
  close(): void {
    this.#native.close()
  }

  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #look(): PageLook {
    return JSON.parse(telling(() => this.#native.lookJson())) as PageLook
  }
}

function telling<T>(call: () => T): T {
  try {
    return call()
  } catch (thrown) {
    throw pageError(thrown)
  }
}
