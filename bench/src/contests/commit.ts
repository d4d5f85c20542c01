import { percentile } from '../statistics.js'
import { type EventRecorder, openLog, workersIdle } from './prepared.js'
import { FIRST_TIMESTAMP, LOWEST_PRICE } from './request-event.js'
import { withScratch } from './scratch.js'

/** One of so many syncs and events is made before the clock starts, until the code is optimized. */
const WARM_UP_SHARE = 5
/** Segments ready when the clock starts. Of one event at a time not one segment is filled, of groups three are. */
const PREPARED_SEGMENTS = 1
const PREPARED_FOR_GROUPS = 3

type Commits = (wal: EventRecorder, us: Float64Array) => Promise<void>

/** One event after the other is made durable by a sync on this thread. */
export function durableSyncRound(dir: string, syncs: number): Promise<Record<string, number>> {
  return commitRound(dir, syncs, 0, async (wal, us) => {
    for (let i = 0; i < us.length; i++) {
      const start = performance.now()
      wal.durableSync(append(wal, i))
      us[i] = (performance.now() - start) * 1e3
    }
  })
}

/** One event after the other is waited for, sleeping or looking for the end of the sync. */
export function durableRound(dir: string, syncs: number, spinUs: number): Promise<Record<string, number>> {
  return commitRound(dir, syncs, spinUs, async (wal, us) => {
    for (let i = 0; i < us.length; i++) {
      const start = performance.now()
      await wal.durable(append(wal, i))
      us[i] = (performance.now() - start) * 1e3
    }
  })
}

function commitRound(
  dir: string,
  syncs: number,
  spinUs: number,
  commits: Commits,
): Promise<Record<string, number>> {
  return withScratch(dir, async scratch => {
    const wal = await openLog(scratch, PREPARED_SEGMENTS, { smallSyncs: true, spinUs })
    await workersIdle(scratch, 1 + PREPARED_SEGMENTS)
    await commits(wal, new Float64Array(syncs / WARM_UP_SHARE))
    const us = new Float64Array(syncs)
    await commits(wal, us)
    await wal.close()
    return { p50Us: percentile(us, 50), p99Us: percentile(us, 99) }
  })
}

/** Each event is waited for on its own, so many of them at the same time. */
export function inFlightRound(
  dir: string,
  events: number,
  inFlight: number,
): Promise<Record<string, number>> {
  return withScratch(dir, async scratch => {
    const wal = await openLog(scratch, PREPARED_FOR_GROUPS, { smallSyncs: true })
    await workersIdle(scratch, 1 + PREPARED_FOR_GROUPS)
    await appendInFlight(wal, events / WARM_UP_SHARE, inFlight)
    const start = performance.now()
    await appendInFlight(wal, events, inFlight)
    const ms = performance.now() - start
    await wal.close()
    return { eventsPerSecond: (events * 1e3) / ms }
  })
}

/** Groups of events, each group made durable by one sync on this thread. */
export function groupRound(dir: string, events: number, group: number): Promise<Record<string, number>> {
  return withScratch(dir, async scratch => {
    const wal = await openLog(scratch, PREPARED_FOR_GROUPS, { smallSyncs: true })
    await workersIdle(scratch, 1 + PREPARED_FOR_GROUPS)
    appendGroups(wal, Math.ceil(events / WARM_UP_SHARE / group) * group, group)
    const start = performance.now()
    appendGroups(wal, events, group)
    const ms = performance.now() - start
    await wal.close()
    return { eventsPerSecond: (events * 1e3) / ms }
  })
}

function appendGroups(wal: EventRecorder, events: number, group: number): void {
  for (let first = 0; first < events; first += group) {
    let id = 0
    for (let i = first; i < first + group; i++) id = append(wal, i)
    wal.durableSync(id)
  }
}

async function appendInFlight(wal: EventRecorder, events: number, inFlight: number): Promise<void> {
  let next = 0
  const producer = async () => {
    while (next < events) await wal.durable(append(wal, next++))
  }
  await Promise.all(Array.from({ length: inFlight }, producer))
}

function append(wal: EventRecorder, i: number): number {
  return wal.append.fields(
    FIRST_TIMESTAMP + i,
    LOWEST_PRICE + (i & 127),
    1 + (i & 63),
    i & 0xffff,
    i,
    1,
    i & 3,
    i & 1,
  )
}
