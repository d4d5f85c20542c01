// One round of a peer in JavaScript. The only argument is the contest as JSON, the only output the figures of the round
// as JSON.
import process from 'node:process'
import { encodeEvents, GROUP_EVENTS, groupBytes } from '../dist/contests/encoded.js'
import { collectGarbage } from '../dist/contests/prepared.js'
import { checkReplay } from '../dist/contests/replay.js'
import { withScratch } from '../dist/contests/scratch.js'
import { percentile } from '../dist/statistics.js'

/** One of so many events and syncs comes before the clock starts, until the code is optimized. */
const WARM_UP_SHARE = 5
/** So many readings share a look at the clock. */
const READS = 200
const TWO_32 = 2 ** 32

const peers = {
  'better-sqlite3': './peers/better-sqlite3.mjs',
  'classic-level': './peers/classic-level.mjs',
  'event-storage': './peers/event-storage.mjs',
  'fs.writeSync': './peers/write-sync.mjs',
  'fs.writevSync': './peers/writev-sync.mjs',
  lmdb: './peers/lmdb.mjs',
  '@opentelemetry/sdk-metrics': './peers/opentelemetry.mjs',
  'prom-client': './peers/prom-client.mjs',
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

  /** From opening to the last event, from the page cache; twice, since the first time pays for memory too. */
  replay: ({ dir, open, replay, events, groupEvents = GROUP_EVENTS }) =>
    withScratch(dir, async scratch => {
      const store = await open(scratch, false)
      await writeGroups(store, 0, events, groupEvents)
      await store.close()
      let ms = 0
      for (let time = 0; time < 2; time++) {
        collectGarbage()
        const seen = new FieldSum()
        const start = performance.now()
        await replay(scratch, seen.visit)
        ms = performance.now() - start
        checkReplay(events, seen.count, seen.sum)
      }
      return { eventsPerSecond: (events * 1e3) / ms }
    }),

  /** A latency recorded into a histogram, and the clock looked at twice for it; no store of events. */
  recording: async ({ histogram, registry, calls, histograms, numbers }) => {
    const reading = await readingOf(registry, histograms, numbers)
    const record = histogram()
    const nsPerCall = call => {
      for (let i = 0; i < calls / WARM_UP_SHARE; i++) call(i)
      const start = performance.now()
      for (let i = 0; i < calls; i++) call(i)
      return ((performance.now() - start) * 1e6) / calls
    }
    // Of all magnitudes, not one bucket over and over.
    const latencies = Float64Array.from({ length: 4096 }, (_, i) => ((i * 2654435761) % TWO_32) * 1e-9 + 1e-7)
    const recordNs = nsPerCall(i => record(latencies[i & 4095]))
    const operationNs = nsPerCall(() => {
      const start = performance.now()
      record((performance.now() - start) / 1e3)
    })
    return { recordNs, operationNs, ...reading }
  },

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

/** What reading as many metrics as a recorder has takes, and how much memory they do. */
async function readingOf(registry, histograms, numbers) {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const { snapshot, exposition } = registry(histograms, numbers)
  collectGarbage()
  const memoryKib = (process.memoryUsage().heapUsed - before) / 1024
  const usPerCall = async call => {
    for (let i = 0; i < READS; i++) await call()
    const start = performance.now()
    for (let i = 0; i < READS; i++) await call()
    return ((performance.now() - start) * 1e3) / READS
  }
  const snapshotUs = await usPerCall(snapshot)
  return { memoryKib, snapshotUs, ...(exposition && { expositionUs: await usPerCall(exposition) }) }
}

/** Reads three fields of every event that it is shown. */
class FieldSum {
  count = 0
  sum = 0
  visit = bytes => {
    this.count++
    this.sum += bytes.readInt32LE(20) * TWO_32 + bytes.readUInt32LE(16)
    this.sum += bytes.readUInt32LE(28) * TWO_32 + bytes.readUInt32LE(24) + bytes.readUInt32LE(32)
  }
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
const { open, replay, groupEvents, histogram, registry } = await import(path)
console.log(JSON.stringify(await round({ ...given, open, replay, groupEvents, histogram, registry })))
