import type { BlockWalker, Gap } from './block-walker.js'
import type { IdRange } from './event-iterator.js'
import { LogBlock } from './log-block.js'
import type { LogEvents } from './log-events.js'
import { nextTurn, TURN_MS } from './turn.js'

/**
 * Gives the blocks that a walker comes to, and the gaps where they are, and lets the event loop run in between. Closes
 * the walker in the end.
 *
 * @param isOrdered whether the blocks come in the order of their ids
 */
export async function* logBlocks<E>(
  walker: BlockWalker,
  range: IdRange,
  isOrdered: boolean,
  events: LogEvents<E>,
): AsyncGenerator<LogBlock<E> | Gap, void, undefined> {
  events.learn()
  const gaps: Gap[] = []
  walker.onGap = gap => gaps.push(gap)
  let turnEnds = performance.now() + TURN_MS
  try {
    for (;;) {
      const more = walker.next()
      yield* gaps.splice(0)
      if (!more || (isOrdered && walker.firstId > range.to)) return
      if (walker.firstId <= range.to && walker.lastId >= range.from)
        yield new LogBlock<E>(walker, range, iteration => events.iterate(iteration), events.columns())
      if (performance.now() < turnEnds) continue
      await nextTurn()
      turnEnds = performance.now() + TURN_MS
    }
  } finally {
    walker.close()
  }
}
