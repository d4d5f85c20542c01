import { existsSync } from 'node:fs'
import { type EventShown, Recovery } from '@flashstrike/wal-recovery'
import { appendFields, appendUpTo } from './append.js'
import { collectGarbage, compression, openLog } from './prepared.js'
import { LOWEST_PRICE, RequestEvent } from './request-event.js'

/** Events of a small log that is replayed so many times before, until the code is optimized. */
const WARM_UP_EVENTS = 100_000
const WARM_UP_REPLAYS = 100
const PREPARED_SEGMENTS = 2
/** Small ones, so that almost all events are in compressed segments. */
const COLD_SEGMENT_BYTES = 16 << 20
/** Events of the very first replays: too few to be optimized, so that what follows a loop has been run before as well. */
const FEW_EVENTS = 100

/**
 * Replays a log that is made in the first round, twice: for the first replay the process gets memory from the system,
 * as an application does that has just started, the second one finds it there.
 */
export async function replayRound(dir: string, events: number): Promise<Record<string, number>> {
  const log = await prepare(dir, events, makeLog)
  const first = await replay(log, events)
  const second = await replay(log, events)
  return { firstEventsPerSecond: (events * 1e3) / first, eventsPerSecond: (events * 1e3) / second }
}

/** Replays a log whose segments are compressed. It is made in the first round. */
export async function coldReplayRound(dir: string, events: number): Promise<Record<string, number>> {
  const log = await prepare(dir, events, makeColdLog)
  await replay(log, events)
  return { eventsPerSecond: (events * 1e3) / (await replay(log, events)) }
}

/** Makes the log if it is not there yet, and gives its directory when the code that reads it is optimized. */
async function prepare(dir: string, events: number, make: typeof makeLog): Promise<string> {
  const [log, small] = [`${dir}/log`, `${dir}/small`]
  if (!existsSync(log)) {
    await make(log, events)
    await makeLog(small, WARM_UP_EVENTS)
  }
  await warmUp(small)
  collectGarbage()
  return log
}

async function warmUp(dir: string): Promise<void> {
  const log = await Recovery.open({ dir, event: RequestEvent })
  for (let i = 0; i < WARM_UP_REPLAYS; i++) readAll(log, i < 2 ? FEW_EVENTS : undefined)
  await log.close()
}

/** Reads all events and gives how many milliseconds it took from opening the log to the last one. */
async function replay(dir: string, events: number): Promise<number> {
  const start = performance.now()
  const log = await Recovery.open({ dir, event: RequestEvent })
  const { sum, count } = readAll(log)
  const ms = performance.now() - start
  await log.close()
  checkReplay(events, count, sum)
  return ms
}

/** Reads the events up to an id, else all. */
function readAll(
  log: Recovery<EventShown<typeof RequestEvent>>,
  to?: number,
): { sum: number; count: number } {
  let sum = 0
  let count = 0
  for (const event of log.replay(to === undefined ? {} : { to })) {
    sum += event.price + event.quantity + event.userId
    count++
  }
  return { sum, count }
}

async function makeLog(dir: string, events: number): Promise<void> {
  const wal = await openLog(dir, PREPARED_SEGMENTS)
  appendUpTo(wal, events, appendFields)
  await wal.close()
}

/** The last segment is not compressed; it holds the events behind the last full one. */
async function makeColdLog(dir: string, events: number): Promise<void> {
  const choices = { retention: { hotSegments: 1 }, segmentBytes: COLD_SEGMENT_BYTES }
  const wal = await openLog(dir, PREPARED_SEGMENTS, choices)
  const compressed = compression(wal)
  appendUpTo(wal, events, appendFields)
  await compressed()
  await wal.close()
}

/** Refuses a replay that has not seen every event as it was written: price, quantity and user of each. */
export function checkReplay(events: number, count: number, sum: number): void {
  let expected = 0
  for (let i = 0; i < events; i++) expected += LOWEST_PRICE + (i & 127) + 1 + (i & 63) + (i & 0xffff)
  if (count !== events || sum !== expected) {
    throw new Error(`${count} events with the sum ${sum} were read, not ${events} with ${expected}`)
  }
}
