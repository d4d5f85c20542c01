import { existsSync } from 'node:fs'
import { Recovery } from '@flashstrike/wal-recovery'
import { RequestEvent } from './request-event.js'

/** A look at the memory after so many events: some twenty a second. */
const LOOK_EVENTS = 1 << 21
/** The first quarter of the time is compared with the last one. */
const PARTS = 4

/** Memory of replays of a large log, one after the other, until the time is over. */
export async function residentReplayRound(
  logs: string,
  bytes: number,
  seconds: number,
): Promise<Record<string, number>> {
  const dir = `${logs}/log-${bytes}`
  if (!existsSync(dir)) throw new Error(`the log ${dir} was not prepared`)
  const log = await Recovery.open({ dir, event: RequestEvent })
  const resident: number[] = []
  const end = performance.now() + seconds * 1e3
  let sum = 0
  let count = 0
  do {
    for (const event of log.replay()) {
      sum += event.quantity
      if (count++ % LOOK_EVENTS === 0) resident.push(process.memoryUsage.rss())
    }
  } while (performance.now() < end)
  resident.push(process.memoryUsage.rss())
  await log.close()
  const part = Math.ceil(resident.length / PARTS)
  return {
    highestBytes: Math.max(...resident),
    firstBytes: Math.max(...resident.slice(0, part)),
    lastBytes: Math.max(...resident.slice(-part)),
    events: count,
    sum,
  }
}
