// One round of a peer in JavaScript. The only argument is the contest as JSON, the only output the figures of the round
// as JSON.
import process from 'node:process'
import { encodeEvents, GROUP_EVENTS, groupBytes } from '../dist/contests/encoded.js'
import { collectGarbage } from '../dist/contests/prepared.js'
import { withScratch } from '../dist/contests/scratch.js'
import { percentile } from '../dist/statistics.js'

/** One of so many events and syncs comes before the clock starts, until the code is optimized. */
const WARM_UP_SHARE = 5

const peers = {
  'better-sqlite3': './peers/better-sqlite3.mjs',
  'classic-level': './peers/classic-level.mjs',
  'event-storage': './peers/event-storage.mjs',
  'fs.writeSync': './peers/write-sync.mjs',
  'fs.writevSync': './peers/writev-sync.mjs',
  lmdb: './peers/lmdb.mjs',
  'sonic-boom': './peers/sonic-boom.mjs',
}

const rounds = {
  /** Into the page cache, a group of events a call. */
  append: ({ dir, open, events, groupEvents = GROUP_EVENTS }) =>
    withScratch(dir, async scratch => {
      const store = await open(scratch, false)
      const warmUp = Math.ceil(events / WARM_UP_SHARE / groupEvents) * groupEvents
      await writeGroups(store, 0, warmUp, groupEvents)
      collectGarbage()
      const start = performance.now()
      await writeGroups(store, warmUp, warmUp + events, groupEvents)
      const ms = performance.now() - start
      await store.close()
      return { nsPerEvent: (ms * 1e6) / events }
    }),

  /** One event, one sync. */
  commit: ({ dir, open, syncs }) =>
    withScratch(dir, async scratch => {
      const store = await open(scratch, true)
      const warmUp = Math.ceil(syncs / WARM_UP_SHARE)
      await writeGroups(store, 0, warmUp, 1)
      const us = new Float64Array(syncs)
      for (let i = 0; i < syncs; i++) {
        const start = performance.now()
        const length = encodeEvents(warmUp + i, 1)
        const written = store.write(groupBytes.subarray(0, length), warmUp + i + 1, 1)
        if (written !== undefined) await written
        us[i] = (performance.now() - start) * 1e3
      }
      await store.close()
      return { p50Us: percentile(us, 50), p99Us: percentile(us, 99) }
    }),

  /** A group of events, one sync. */
  group: ({ dir, open, events }) =>
    withScratch(dir, async scratch => {
      const store = await open(scratch, true)
      const warmUp = Math.ceil(events / WARM_UP_SHARE / GROUP_EVENTS) * GROUP_EVENTS
      await writeGroups(store, 0, warmUp, GROUP_EVENTS)
      const start = performance.now()
      await writeGroups(store, warmUp, warmUp + events, GROUP_EVENTS)
      const ms = performance.now() - start
      await store.close()
      return { eventsPerSecond: (events * 1e3) / ms }
    }),

  /** Every event waited for on its own, many at the same time. */
  'in-flight': ({ dir, open, events, inFlight }) =>
    withScratch(dir, async scratch => {
      const store = await open(scratch, true)
      await putInFlight(store, 0, Math.ceil(events / WARM_UP_SHARE), inFlight)
      const start = performance.now()
      await putInFlight(store, events, events * 2, inFlight)
      const ms = performance.now() - start
      await store.close()
      return { eventsPerSecond: (events * 1e3) / ms }
    }),
}

async function writeGroups(store, first, end, groupEvents) {
  for (let i = first; i < end; i += groupEvents) {
    const count = Math.min(groupEvents, end - i)
    const length = encodeEvents(i, count)
    const written = store.write(groupBytes.subarray(0, length), i + 1, count)
    if (written !== undefined) await written
  }
}

async function putInFlight(store, first, end, inFlight) {
  let next = first
  const producer = async () => {
    while (next < end) {
      const i = next++
      const length = encodeEvents(i, 1)
      await store.put(groupBytes.slice(0, length), i + 1)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, producer))
}

const { contest, peer, ...given } = JSON.parse(process.argv[2] ?? '{}')
const round = rounds[contest]
const path = peers[peer]
if (round === undefined || path === undefined) throw new Error(`there is no contest ${contest} of ${peer}`)
const { open, groupEvents } = await import(path)
console.log(JSON.stringify(await round({ ...given, open, groupEvents })))
