// Records in a process of its own, kills that, recovers, and asks for the metrics. The packages come from the caller,
// who has imported or required them, or was bundled with them.
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** How many events have to be confirmed before the recording process is killed. */
const CONFIRMED = 500

/** Records until it is killed, and tells the id of each event that is durable. */
export async function record({ Recorder, defineEvent, i64, u32 }, dir) {
  const Order = defineEvent('Order', { price: i64, quantity: u32 })
  const wal = await Recorder.open({ dir, event: Order })
  for (;;) {
    let id = 0
    for (let n = 0; n < 50; n += 1) id = wal.append({ price: 100 + n, quantity: wal.lastEventId + 1 })
    await wal.durable(id)
    process.stdout.write(`${id}\n`)
  }
}

/** Starts this program again as the one that records, kills it and looks at what is left. */
export async function prove({ Recovery, walMetrics }, program) {
  const dir = mkdtempSync('log-')
  const confirmed = await killRecording([program, 'record', dir])
  const log = await Recovery.open({ dir })
  let last = 0
  for (const order of log.replay()) {
    if (order.event_id !== last + 1 || order.quantity !== last + 1) throw new Error(`no event ${last + 1}`)
    last = order.event_id
  }
  if (last < confirmed) throw new Error(`${confirmed} were confirmed, and ${last} are left`)
  const text = walMetrics(log).dump()
  if (!/^ Events +: [1-9]/m.test(text)) throw new Error(`no metrics: ${text}`)
  await log.close()
  console.log(`proven: ${JSON.stringify({ dir, confirmed, last })}`)
}

async function killRecording(args) {
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let confirmed = 0
  for await (const line of createInterface({ input: child.stdout })) {
    confirmed = Number(line)
    if (confirmed >= CONFIRMED) child.kill('SIGKILL')
  }
  if (confirmed < CONFIRMED) throw new Error(`recording has ended by itself behind event ${confirmed}`)
  return confirmed
}
