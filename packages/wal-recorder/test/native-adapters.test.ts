import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ByteEvent, Recovery } from '@flashstrike/wal-recovery'
import { defineEvent, u32, u64 } from '@flashstrike/wal-recovery/schema'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { scratch } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

const Numbered = defineEvent('Numbered', { n: u32, filler: u64 }, { size: 64 })
/** Filling a segment is much faster than preparing the next one, which is never ready ahead by more than one. */
const tiny = { segmentBytes: 8192, blockBytes: 1024, preparedSegments: 1 }
const COUNT = 20_000

/** A recorder that counts how often it has refused for want of room. */
async function opened(dir: string) {
  const wal = await Recorder.open({ dir, event: Numbered, ...tiny })
  let refused = 0
  const { drain } = wal
  wal.drain = options => {
    refused++
    return drain.call(wal, options)
  }
  return { wal, refused: () => refused }
}

/** The numbers in the log: as they were appended, if none was lost, doubled or put elsewhere. */
async function numbersIn(dir: string): Promise<number[]> {
  const log = await Recovery.open({ dir, event: Numbered })
  try {
    return Array.from(log.replay(), ({ n }) => n)
  } finally {
    await log.close()
  }
}

function* numbered(count: number) {
  for (let n = 0; n < count; n++) yield { n, filler: n }
}

const ways: ReadonlyArray<[string, (wal: Recorder<typeof Numbered>) => Promise<unknown>]> = [
  ['appendAll of an iterable', wal => wal.appendAll(numbered(COUNT))],
  ['appendAll of a stream', wal => wal.appendAll(Readable.from(numbered(COUNT)))],
  ['a pipeline', wal => pipeline(Readable.from(numbered(COUNT)), wal.writable())],
  [
    'a stream that is written to regardless of its back-pressure',
    async wal => {
      const stream = wal.writable()
      for (const event of numbered(COUNT)) stream.write(event)
      await once(stream.end(), 'finish')
      if (wal.durableEventId < wal.lastEventId) throw new Error('finished before it was durable')
    },
  ],
]
for (const [what, append] of ways) {
  test(`${what} brings every event once and in order through segments that are not ready`, async t => {
    const dir = directory()
    const { wal, refused } = await opened(dir)
    let rounds = 0
    // How often it is refused is up to the two threads; rarely not at all.
    while (refused() < 10 && rounds < 100) {
      rounds++
      await append(wal)
      t.is(wal.lastEventId, rounds * COUNT)
    }
    t.true(refused() >= 10, `refused ${refused()} times`)
    await wal.close()
    t.deepEqual(
      await numbersIn(dir),
      Array.from({ length: rounds * COUNT }, (_, i) => i % COUNT),
    )
  })
}

test('several sources at once take turns, and none loses an event', async t => {
  const dir = directory()
  const { wal } = await opened(dir)
  const sources = 4
  const each = COUNT / sources
  const partOf = (source: number) => Array.from(numbered(each), event => ({ ...event, filler: source }))
  const streams = [0, 1].map(source => pipeline(Readable.from(partOf(source)), wal.writable()))
  const iterables = [2, 3].map(source => wal.appendAll(partOf(source)))
  await Promise.all([...streams, ...iterables])
  await wal.close()
  const log = await Recovery.open({ dir, event: Numbered })
  const found: number[][] = [[], [], [], []]
  for (const { n, filler } of log.replay()) found[filler]?.push(n)
  await log.close()
  for (const numbers of found) {
    t.deepEqual(
      numbers,
      Array.from({ length: each }, (_, n) => n),
    )
  }
})

test('chunks of a log of bytes that are larger than a block arrive whole', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, ...tiny })
  const chunks = Array.from({ length: 200 }, (_, i) => `${i}:`.padEnd((i * 37) % 5000, 'x'))
  await pipeline(Readable.from(chunks), wal.writable())
  await wal.close()
  const log = await Recovery.open<ByteEvent>({ dir })
  t.deepEqual(
    Array.from(log.replay(), event => event.text),
    chunks,
  )
  await log.close()
})
