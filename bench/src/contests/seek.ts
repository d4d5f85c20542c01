import { type EventShown, Recovery } from '@flashstrike/wal-recovery'
import type { RequestEvent } from './request-event.js'

type Log = Recovery<EventShown<typeof RequestEvent>>

/**
 * Seeks in each segment of a large log for the first time, then to random ids and to random times, each first without
 * looking at the clock. The log was made by a contestant in Rust.
 */
export async function seekRound(
  logs: string,
  bytes: number,
  cold: boolean,
  seeks: number,
): Promise<Record<string, number>> {
  const log: Log = await Recovery.open({ dir: `${logs}/${cold ? 'cold' : 'log'}-${bytes}` })
  const { firstEventId: first, lastEventId: last } = log
  const { count } = log.report.segments
  const touched = Array.from({ length: count }, (_, at) => first + Math.floor(((last - first) / count) * at))
  const touch = timed(touched, id => find(log, id))

  const random = randomNumbers()
  const ids = Array.from({ length: seeks }, () => first + Math.floor(random() * (last - first + 1)))
  const [begun, ended] = [await writtenMs(log, first), await writtenMs(log, last)]
  const times = Array.from({ length: seeks }, () => begun + random() * (ended - begun))
  const findTime = (time: number) => {
    const id = log.seekTime(time)
    check(firstOf(log), id)
  }
  timed(ids, id => find(log, id))
  const byId = timed(ids, id => find(log, id))
  timed(times, findTime)
  const byTime = timed(times, findTime)
  await log.close()
  return {
    ...{ idP50Us: percentile(byId, 50), idP99Us: percentile(byId, 99) },
    ...{ timeP50Us: percentile(byTime, 50), timeP99Us: percentile(byTime, 99) },
    ...{ touchP50Us: percentile(touch, 50), touchP99Us: percentile(touch, 99) },
  }
}

/** Microseconds that each of them takes. */
function timed(sought: readonly number[], find: (sought: number) => void): number[] {
  return sought.map(sought => {
    const start = performance.now()
    find(sought)
    return (performance.now() - start) * 1e3
  })
}

/** Reads an event, and gives up what follows. */
function find(log: Log, id: number): void {
  log.seek(id)
  check(firstOf(log), id)
}

function firstOf(log: Log): number | undefined {
  for (const { event_id } of log.replay()) return event_id
  return undefined
}

function check(found: number | undefined, sought: number | undefined): void {
  if (found === undefined || found !== sought)
    throw new Error(`event ${sought} was sought and ${found} found`)
}

async function writtenMs(log: Log, id: number): Promise<number> {
  for await (const block of log.blocks({ from: id, to: id })) if (!('reason' in block)) return block.writtenMs
  throw new Error(`event ${id} is not there`)
}

/** From 0 to 1, the same ones in every round. */
function randomNumbers(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(Math.floor((sorted.length * percent) / 100), sorted.length - 1)] ?? 0
}
