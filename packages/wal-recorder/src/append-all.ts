import { setImmediate as endOfTurn } from 'node:timers/promises'
import { WalError } from '@flashstrike/wal-recovery/errors'
import { checkOptions, type RulesOf, shown } from '@flashstrike/wal-recovery/option-check'
import { type Appending, appendInTime, appendNow } from './append-in-time.js'
import { signalRule } from './options.js'

/** Options of `appendAll`. */
export interface AppendAllOptions {
  /** Ends it: the promise is rejected with the signal's reason. What was appended before stays in the log. */
  readonly signal?: AbortSignal
}

const rules: RulesOf<AppendAllOptions> = { signal: signalRule }

/** Events that are appended in one turn of the event loop at most, so that everything else in it is served. */
const TURN_EVENTS = 4096

/**
 * Appends everything that a source gives, in order, each event once.
 *
 * @returns the id of the last one; 0: there was none
 */
export async function appendAll(log: Appending, source: unknown, options: AppendAllOptions): Promise<number> {
  checkOptions('appendAll', options, rules)
  const { signal } = options
  const events = eventsOf(source, signal)
  let last = 0
  let left = TURN_EVENTS
  const append = (event: unknown): Promise<void> | undefined => {
    const id = appendNow(log, event)
    if (id > 0) last = id
    left -= 1
    return id === 0 || left === 0 ? pause(event, id === 0) : undefined
  }
  const pause = async (event: unknown, isHeldBack: boolean): Promise<void> => {
    left = TURN_EVENTS
    if (isHeldBack) last = await appendInTime(log, event, signal)
    else await endOfTurn()
    signal?.throwIfAborted()
  }
  if (Symbol.asyncIterator in events) {
    for await (const event of events) await append(event)
  } else {
    signal?.throwIfAborted()
    for (const event of events) {
      const paused = append(event)
      if (paused !== undefined) await paused
    }
  }
  return last
}

type Events = AsyncIterable<unknown> | Iterable<unknown>

function eventsOf(source: unknown, signal: AbortSignal | undefined): Events {
  const isObject = typeof source === 'object' && source !== null
  if (isObject && Symbol.asyncIterator in source) {
    const events = source as AsyncIterable<unknown>
    return signal === undefined ? events : untilAborted(events, signal)
  }
  // A text or an array of bytes would be appended letter by letter.
  if (isObject && Symbol.iterator in source && !ArrayBuffer.isView(source)) return source as Iterable<unknown>
  throw new WalError(
    'WAL_SCHEMA',
    `appendAll got ${shown(source)}: it takes an iterable or async iterable of events; append takes a single one`,
  )
}

/** The same events, but who waits for the next one hears of an abortion at once. The source is closed then. */
function untilAborted(source: AsyncIterable<unknown>, signal: AbortSignal): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = source[Symbol.asyncIterator]()
      let giveUp = (_reason: unknown): void => {}
      const abort = () => {
        giveUp(signal.reason)
        void close(source, iterator)
      }
      const end = () => signal.removeEventListener('abort', abort)
      signal.addEventListener('abort', abort, { once: true })
      const next = async () => {
        let isOver = true
        try {
          const result = await iterator.next()
          isOver = result.done === true
          return result
        } finally {
          if (isOver) end()
        }
      }
      return {
        next: () =>
          new Promise((resolve, reject) => {
            giveUp = reject
            if (signal.aborted) abort()
            else next().then(resolve, reject)
          }),
        async return() {
          end()
          await iterator.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

/** Nobody takes further events. A generator hears of it as soon as it has one; a stream need not wait for that. */
async function close(source: AsyncIterable<unknown>, iterator: AsyncIterator<unknown>): Promise<void> {
  const { destroy } = source as { destroy?: unknown }
  try {
    if (typeof destroy === 'function') destroy.call(source)
    else await iterator.return?.()
  } catch {
    // Who appends is told the reason of the signal.
  }
}
