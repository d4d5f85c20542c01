/** `watch`: what logs do, again and again. */
import { EXIT_OK } from '../failure.js'
import { Interruption } from '../interruption.js'
import { colours, print } from '../output.js'
import { type Page, Pages } from '../page.js'
import { History } from './history.js'
import { type Shown, screen } from './screen.js'
import { Terminal } from './terminal.js'

/** What `watch` is asked for. */
interface WatchOptions {
  readonly intervalMs: number
  /** How often to look; without it until it is interrupted. */
  readonly times?: number | undefined
}

/** Without a terminal nothing has to be left out. */
const PLAIN = { columns: 120, rows: Number.MAX_SAFE_INTEGER }

/** Shows pages until it is interrupted, or so many times. */
export async function watch(
  paths: readonly string[],
  { intervalMs, times = Number.POSITIVE_INFINITY }: WatchOptions,
): Promise<number> {
  using pages = new Pages(paths)
  const watched = pages.all.map(page => ({ page, history: new History() }))
  const terminal = process.stdout.isTTY ? new Terminal(process.stdout) : undefined
  using interruption = new Interruption()
  let looked: readonly Outcome[] = []
  const lines = () =>
    screen(
      looked.flatMap(({ shown }) => shown ?? []),
      looked.flatMap(({ problem }) => problem ?? []),
      { ...(terminal?.size ?? PLAIN), colours: colours(process.stdout) },
    )
  const draw = () => terminal?.draw(lines())
  const listeners = terminal === undefined ? {} : { SIGTSTP: () => terminal.suspend(), SIGCONT: draw }
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener)
  process.stdout.on('resize', draw)
  try {
    for (let shown = 0; shown < times && !interruption.isAsked; shown += 1) {
      looked = watched.map(({ page, history }) => look(page, history))
      if (terminal === undefined) await print(lines().join('\n'))
      else draw()
      if (shown + 1 < times) await interruption.wait(intervalMs)
    }
  } finally {
    terminal?.leave()
    for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener)
    process.stdout.off('resize', draw)
  }
  return EXIT_OK
}

/** What became of a look at a page: something to show, or a reason why there is nothing. */
interface Outcome {
  readonly shown?: Shown
  readonly problem?: string
}

function look(page: Page, history: History): Outcome {
  try {
    const found = page.look()
    const lately = found.isLive ? history.add(found.snapshot) : history.end(found.snapshot)
    return { shown: { ...found, lately } }
  } catch (error) {
    return { problem: `${page.path}: ${error instanceof Error ? error.message : error}` }
  }
}
