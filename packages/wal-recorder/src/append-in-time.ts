import type { WalError } from '@flashstrike/wal-recovery/errors'
import type { DrainOptions } from './options.js'

/** What appends, and says when there is room again after it has refused. */
export interface Appending {
  readonly append: (event: never) => number
  drain(options: DrainOptions): Promise<void>
}

/** Whether an append was refused only for now: the event is not in the log, and there will be room. */
export function isForNow(error: unknown): boolean {
  const code = (error as WalError | undefined)?.code
  return code === 'WAL_BACKPRESSURE' || code === 'WAL_FULL'
}

/**
 * Appends an event if there is room.
 *
 * @returns its id; 0: there is none, and the event is not in the log
 */
export function appendNow(log: Appending, event: unknown): number {
  try {
    return log.append(event as never)
  } catch (error) {
    if (isForNow(error)) return 0
    throw error
  }
}

/**
 * Appends an event as soon as there is room, and gives its id. Whatever it throws, the reason of the signal among it:
 * the event is then not in the log.
 */
export async function appendInTime(
  log: Appending,
  event: unknown,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (;;) {
    await log.drain(signal === undefined ? {} : { signal })
    signal?.throwIfAborted()
    const id = appendNow(log, event)
    if (id > 0) return id
  }
}
