import { readFileSync, writeFileSync } from 'node:fs'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { Order, order, roomy, scratch } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

const BLOCKS = 6
const EVENTS = 10
const FIRST_ID = 0
const EVENT_COUNT = 36
const BLOCK_BYTES = 64 + EVENTS * Order.size

/** A log of one segment whose blocks stand in another order than they were written in. */
async function shuffled(blocks: readonly number[]): Promise<string> {
  const dir = directory()
  const wal = await Recorder.open({ ...roomy, dir })
  for (let i = 0; i < BLOCKS; i++) {
    for (let n = 0; n < EVENTS; n++) wal.append(order)
    wal.flush()
  }
  await wal.close()
  const file = `${dir}/00000000.wal`
  const bytes = readFileSync(file)
  const isFirst = (at: number) =>
    bytes.readBigUInt64LE(at + FIRST_ID) === 1n && bytes.readUInt32LE(at + EVENT_COUNT) === EVENTS
  let start = 64
  while (!isFirst(start)) start += 64
  const written = Buffer.from(bytes.subarray(start, start + BLOCKS * BLOCK_BYTES))
  blocks.forEach((from, to) => {
    written.copy(bytes, start + to * BLOCK_BYTES, from * BLOCK_BYTES, (from + 1) * BLOCK_BYTES)
  })
  writeFileSync(file, bytes)
  return dir
}

for (const blocks of [
  [0, 3, 2, 1, 4, 5],
  [2, 0, 5, 1, 4, 3],
  [5, 4, 3, 2, 1, 0],
]) {
  test(`diagnostic mode gives every event of a range, with the blocks in the order ${blocks}`, async t => {
    const log = await Recovery.open({ dir: await shuffled(blocks), event: Order, mode: 'diagnostic' })
    const all = blocks.flatMap(block => Array.from({ length: EVENTS }, (_, n) => block * EVENTS + n + 1))
    t.deepEqual(
      Array.from(log.replay(), event => event.event_id),
      all,
    )
    const bounds = [1, 5, 10, 11, 18, 21, 25, 30, 31, 39, 45, 51, 60]
    for (const from of bounds) {
      for (const to of bounds) {
        const expected = all.filter(id => id >= from && id <= to)
        for (const reverse of [false, true]) {
          const ids = Array.from(log.replay({ from, to, reverse }), event => event.event_id)
          t.deepEqual(ids, reverse ? [...expected].reverse() : expected, `from ${from} to ${to}, ${reverse}`)
        }
        const ids: number[] = []
        for await (const block of log.blocks({ from, to })) {
          if ('reason' in block) continue
          t.true(block.lastId >= from && block.firstId <= to, 'nothing of it was asked for')
          for (const event of block) ids.push(event.event_id)
        }
        t.deepEqual(ids, expected, `blocks from ${from} to ${to}`)
      }
    }
    await log.close()
  })
}
