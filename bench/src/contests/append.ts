import { WalError } from '@flashstrike/wal-recorder'
import { collectGarbage, type EventRecorder, openLog, workersIdle } from './prepared.js'
import { FIRST_TIMESTAMP, LOWEST_PRICE } from './request-event.js'
import { withScratch } from './scratch.js'

/** Segments ready when the clock starts: five million events rotate into five of them. */
const PREPARED_SEGMENTS = 6
/** Appended before, until the code is optimized: less than a segment. */
const WARM_UP_EVENTS = 500_000

/** Appends the events from number `first` to before `end`: event number i gets the id i + 1. */
type AppendLoop = (wal: EventRecorder, first: number, end: number) => void

/** The values one by one. */
export const appendFields: AppendLoop = (wal, first, end) => {
  const { fields } = wal.append
  for (let i = first; i < end; i++) {
    fields(FIRST_TIMESTAMP + i, LOWEST_PRICE + (i & 127), 1 + (i & 63), i & 0xffff, i, 1, i & 3, i & 1)
  }
}

/** An object for each event. */
export const appendObjects: AppendLoop = (wal, first, end) => {
  const { append } = wal
  for (let i = first; i < end; i++) {
    append({
      timestamp: FIRST_TIMESTAMP + i,
      price: LOWEST_PRICE + (i & 127),
      quantity: 1 + (i & 63),
      userId: i & 0xffff,
      orderId: i,
      type: 1,
      orderType: i & 3,
      side: i & 1,
    })
  }
}

/** Appends until event number `end` is reached; gives how often it had to wait for room. */
export function appendUpTo(wal: EventRecorder, end: number, append: AppendLoop): number {
  for (let waits = 0; ; waits++) {
    try {
      append(wal, wal.lastEventId, end)
      return waits
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'WAL_BACKPRESSURE') throw error
      wal.drainSync()
    }
  }
}

/** A round of appends; opening and closing the log is not timed. */
export function appendRound(
  dir: string,
  events: number,
  append: AppendLoop,
): Promise<Record<string, number>> {
  return withScratch(dir, async scratch => {
    const wal = await openLog(scratch, PREPARED_SEGMENTS)
    appendUpTo(wal, WARM_UP_EVENTS, append)
    collectGarbage()
    await workersIdle(scratch, 1 + PREPARED_SEGMENTS)
    const start = performance.now()
    const waits = appendUpTo(wal, WARM_UP_EVENTS + events, append)
    const ms = performance.now() - start
    await wal.close()
    return { nsPerEvent: (ms * 1e6) / events, waits }
  })
}
