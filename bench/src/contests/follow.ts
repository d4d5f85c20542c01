import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Recovery } from '@flashstrike/wal-recovery'
import { percentile } from '../statistics.js'
import { RequestEvent } from './request-event.js'
import { withScratch } from './scratch.js'

/** The first events are for the machine, and for V8. */
const WARM_UP_EVENTS = 500

/** From the moment before an append in another process to the moment when this one has the event. */
export function followRound(
  dir: string,
  events: number,
  spinUs: number,
  native: string,
): Promise<Record<string, number>> {
  return withScratch(dir, async scratch => {
    const all = WARM_UP_EVENTS + events
    const given = JSON.stringify({ contest: 'write-live', log: scratch, events: all })
    const writer = spawn(native, [given], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(writer.stdout, 'data')
    const log = await Recovery.open({ dir: scratch, event: RequestEvent })
    const us = new Float64Array(events)
    let number = 0
    let began = 0
    let used = process.cpuUsage()
    writer.stdin.write('\n')
    for await (const { timestamp } of log.follow({ spinUs })) {
      const now = nowNs()
      if (number === WARM_UP_EVENTS) [used, began] = [process.cpuUsage(), now]
      if (number >= WARM_UP_EVENTS) us[number - WARM_UP_EVENTS] = (now - timestamp) / 1e3
      number += 1
      if (number === all) break
    }
    const { user, system } = process.cpuUsage(used)
    const wallUs = (nowNs() - began) / 1e3
    await log.close()
    if (writer.exitCode === null) await once(writer, 'close')
    if (writer.exitCode !== 0) throw new Error('the writer has failed; what it said stands above')
    return {
      p50Us: percentile(us, 50),
      p99Us: percentile(us, 99),
      processorPercent: ((user + system) / wallUs) * 100,
    }
  })
}

/** A clock that all processes of the machine share. */
function nowNs(): number {
  return Number(process.hrtime.bigint())
}
