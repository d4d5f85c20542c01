import { setImmediate as turn } from 'node:timers/promises'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { Order, order, roomy, scratch } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

const HIGHEST = Number.MAX_SAFE_INTEGER

test('behind the highest id is nothing, and no error', async t => {
  const dir = directory()
  const wal = await Recorder.open({ ...roomy, dir })
  wal.append(order)
  await wal.durable(wal.append(order, { id: HIGHEST }))
  for (const mode of ['tail', 'diagnostic'] as const) {
    const log = await Recovery.open({ dir, event: Order, mode })
    const behind = log.lastEventId + 1
    t.is(behind, HIGHEST + 1)
    t.deepEqual([...log.replay({ from: behind })], [])
    t.deepEqual([...log.replay({ from: behind, reverse: true })], [])
    t.is([...log.replay({ from: HIGHEST })].length, 1)
    log.seek(behind)
    t.deepEqual([...log.replay()], [])
    log.seek(0)
    t.is(log.seekTime(Date.now() + 1e9), undefined)
    t.deepEqual([...log.replay()], [])
    for await (const block of log.blocks()) t.fail(`nothing is behind it, and not ${block}`)
    for (const beyond of [behind + 2, behind * 2, Number.POSITIVE_INFINITY]) {
      t.throws(() => log.replay({ from: beyond }), { code: 'WAL_EVENT_ID' })
    }
    t.throws(() => log.replay({ to: behind }), { code: 'WAL_EVENT_ID' })
    if (mode === 'tail') {
      const follow = log.follow()
      const next = follow.next()
      await turn()
      await follow.return()
      t.deepEqual(await next, { done: true, value: undefined })
    }
    await log.close()
  }
  await wal.close()
})
