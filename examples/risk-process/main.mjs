// A risk process: node main.mjs DIRECTORY STATE-FILE
//
// It follows the fills that another process records and warns of accounts that are exposed beyond their limit. Its
// cursor keeps retention from removing what it has not seen; its state says itself which fill it is behind, so that a
// fill never counts twice, whenever it is killed.
import { loadSnapshot, saveSnapshot } from '@flashstrike/example-snapshot'
import { Recovery, WalError } from '@flashstrike/wal-recovery'
import { Fill } from './fill.mjs'

const LIMIT = 1_000_000
const SAVE_EVERY = Number(process.env.SAVE_EVERY ?? 10_000)

const [, , dir = './fills', stateFile = './risk.json'] = process.argv
/** What to do where the log's own message cannot know it. */
const ADVICE = {
  WAL_NOT_FOUND: `record some first: node fills.mjs ${dir}`,
  WAL_GONE: `${stateFile} is missing or too old, and an exposure without these fills would be wrong: put it back`,
}
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
/** By account. */
const exposure = new Map()

try {
  const log = await Recovery.open({ dir, event: Fill })
  await watch(log)
  await log.close()
} catch (error) {
  if (!(error instanceof WalError)) throw error
  console.error([error.message, ADVICE[error.code]].filter(Boolean).join('\n'))
  process.exitCode = 1
}

async function watch(log) {
  const saved = await loadSnapshot(stateFile)
  for (const [account, value] of saved?.exposure ?? []) exposure.set(account, value)
  let done = saved?.eventId ?? 0
  const cursor = await log.cursor('risk', { create: done })
  // The state says what is counted. It is ahead of the cursor after a kill in between, behind it where it was lost.
  if (done !== cursor.position) await cursor.reset(done)
  console.log(JSON.stringify({ from: done + 1 }))

  try {
    // Durable ones only: a fill that a power cut takes back was no reason to warn anybody.
    for await (const fill of log.follow({ from: done + 1, durableOnly: true, signal: stop.signal })) {
      count(fill)
      done = fill.event_id
      if (done % SAVE_EVERY === 0) await save(cursor, done)
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  await save(cursor, done)
  await cursor.close()
}

function count({ event_id: id, account, price, quantity, isBuy }) {
  const before = exposure.get(account) ?? 0
  const now = before + (isBuy === 1 ? 1 : -1) * price * quantity
  exposure.set(account, now)
  if (Math.abs(now) > LIMIT && Math.abs(before) <= LIMIT) {
    console.log(JSON.stringify({ warning: account, exposure: now, fill: id }))
  }
}

async function save(cursor, eventId) {
  await saveSnapshot(stateFile, { eventId, exposure: [...exposure] })
  await cursor.commit(eventId) // and what is up to it may go
  console.log(JSON.stringify({ saved: eventId }))
}
