// A risk process: node main.mjs DIRECTORY STATE-FILE
//
// It follows the fills that another process records and warns of accounts that are exposed beyond their limit. Its
// cursor keeps retention from removing what it has not seen; its state says itself which fill it is behind, so that a
// fill never counts twice, whenever it is killed.
import { loadSnapshot, saveSnapshot } from '@flashstrike/example-snapshot'
import { Recovery } from '@flashstrike/wal-recovery'

const LIMIT = 1_000_000
const SAVE_EVERY = Number(process.env.SAVE_EVERY ?? 10_000)

const [, , dir = './fills', stateFile = './risk.json'] = process.argv
const log = await Recovery.open({ dir })
const cursor = await log.cursor('risk', { create: 'start' })
const saved = await loadSnapshot(stateFile)
const exposure = new Map(saved?.exposure)
// Saved before the cursor moves: at the cursor, or further on if it was killed in between.
let done = saved?.eventId ?? cursor.position
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
console.log(JSON.stringify({ from: done + 1 }))

try {
  // Durable ones only: a fill that a power cut takes back was no reason to warn anybody.
  for await (const fill of log.follow({ from: done + 1, durableOnly: true, signal: stop.signal })) {
    count(fill)
    done = fill.event_id
    if (done % SAVE_EVERY === 0) await save()
  }
} catch (error) {
  if (!stop.signal.aborted) throw error
}
await save()
await cursor.close()
await log.close()

function count({ event_id: id, account, price, quantity, isBuy }) {
  const before = exposure.get(account) ?? 0
  const now = before + (isBuy === 1 ? 1 : -1) * price * quantity
  exposure.set(account, now)
  if (Math.abs(now) > LIMIT && Math.abs(before) <= LIMIT) {
    console.log(JSON.stringify({ warning: account, exposure: now, fill: id }))
  }
}

async function save() {
  await saveSnapshot(stateFile, { eventId: done, exposure: [...exposure] })
  await cursor.commit(done) // and what is up to it may go
  console.log(JSON.stringify({ saved: done }))
}
