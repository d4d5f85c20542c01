import { WalError } from '@flashstrike/wal-recorder'
import { percentileOfSorted } from '../statistics.js'
import { collectGarbage, type EventRecorder, openLog, workersIdle } from './prepared.js'
import { FIRST_TIMESTAMP, LOWEST_PRICE } from './request-event.js'
import { withScratch } from './scratch.js'

/** Between two events, in milliseconds: a million a second. */
const PERIOD_MS = 1e-3
/** At that rate 20 segments a second. */
const SEGMENT_BYTES = 3 << 20
/** They bridge a fifth of a second in which the disk, or the processor, is somebody else's. */
const PREPARED_SEGMENTS = 8
/** Of both kinds: from the first second on segments are compressed and removed at the rate at which they are filled. */
const RETENTION = { hotSegments: 8, coldSegments: 8 }
/** Appended at the same rate before the clock starts. */
const WARM_UP_EVENTS = 500_000

/** Does something with event number `number`. */
type Work = (number: number) => void

/** The time inside an append at a fixed rate, while every worker has something to do. */
export function pacedRound(dir: string, events: number): Promise<Record<string, number>> {
  return withScratch(dir, async scratch => {
    const wal = await openLog(scratch, PREPARED_SEGMENTS, {
      segmentBytes: SEGMENT_BYTES,
      retention: RETENTION,
    })
    await workersIdle(scratch, 1 + PREPARED_SEGMENTS)
    const { fields } = wal.append
    const append: Work = i => {
      fields(FIRST_TIMESTAMP + i, LOWEST_PRICE + (i & 127), 1 + (i & 63), i & 0xffff, i, 1, i & 3, i & 1)
    }
    let waits = 0
    const work: Work = i => {
      try {
        append(i)
      } catch (error) {
        wait(wal, error)
        waits++
        append(i)
      }
    }
    pace(WARM_UP_EVENTS, work)
    collectGarbage()
    const ns = pace(events, work)
    await wal.close()
    return { ...percentiles(ns), waits }
  })
}

function wait(wal: EventRecorder, error: unknown): void {
  if (!(error instanceof WalError) || error.code !== 'WAL_BACKPRESSURE') throw error
  wal.drainSync()
}

/** The same loop around nothing. */
export async function pacedEmptyRound(events: number): Promise<Record<string, number>> {
  let sum = 0
  const nothing: Work = number => {
    sum += number & 1
  }
  pace(WARM_UP_EVENTS, nothing)
  collectGarbage()
  const ns = pace(events, nothing)
  return { ...percentiles(ns), sum }
}

/**
 * Does `work` once a period and gives how long it took each time, in nanoseconds. What comes late is made up for at
 * once; the time is that inside `work`, whenever it began.
 */
function pace(events: number, work: Work): Uint32Array {
  // Not zeros, which the system would only promise: every page is there before the clock starts.
  const ns = new Uint32Array(events).fill(1)
  const start = performance.now()
  for (let i = 0; i < events; i++) {
    const due = start + i * PERIOD_MS
    let before = performance.now()
    while (before < due) before = performance.now()
    work(i)
    ns[i] = (performance.now() - before) * 1e6
  }
  return ns
}

function percentiles(ns: Uint32Array): Record<string, number> {
  ns.sort()
  return {
    p50Ns: percentileOfSorted(ns, 50),
    p90Ns: percentileOfSorted(ns, 90),
    p99Ns: percentileOfSorted(ns, 99),
    p999Ns: percentileOfSorted(ns, 99.9),
    p9999Ns: percentileOfSorted(ns, 99.99),
    p99999Ns: percentileOfSorted(ns, 99.999),
    maxNs: percentileOfSorted(ns, 100),
  }
}
