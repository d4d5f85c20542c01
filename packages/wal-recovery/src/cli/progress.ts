/** Progress bars: on standard error, and only where that is a terminal. */
import { SingleBar } from 'cli-progress'
import { colours } from './output.js'
import { bytes } from './units.js'

/** Bars that have to give the terminal back when the program is ended. */
const running = new Set<Progress>()

/** A bar over so many parts; silent without a terminal. */
export class Progress {
  readonly #bar: SingleBar | undefined
  readonly #began = performance.now()
  #isOver = false

  constructor(what: string, unit: string, silent: boolean) {
    if (silent || !process.stderr.isTTY) return
    const { cyan } = colours(process.stderr)
    const isWide = (process.stderr.columns || 80) >= 100
    this.#bar = new SingleBar({
      format: `${what} ${cyan('{bar}')} {percentage} %  {value}/{total} ${unit}  {speed}`,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      barsize: isWide ? 40 : 20,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      fps: 20,
    })
    running.add(this)
  }

  /** `done` of `total` parts, and so many bytes. */
  at(done: number, total: number, doneBytes: number): void {
    const bar = this.#bar
    // What is told comes from another thread, also behind the end: the bar would begin anew and never stop.
    if (bar === undefined || this.#isOver) return
    const seconds = (performance.now() - this.#began) / 1000
    const speed = { speed: `${bytes(doneBytes / Math.max(seconds, 1e-3))}/s` }
    if (!bar.isActive) bar.start(total, done, speed)
    else {
      bar.setTotal(total)
      bar.update(done, speed)
    }
  }

  /** Leaves the terminal as it was. */
  end(): void {
    this.#isOver = true
    if (this.#bar?.isActive) this.#bar.stop()
    running.delete(this)
  }
}

/** Takes every bar away: the program ends. */
export function endProgress(): void {
  for (const progress of running) progress.end()
}
