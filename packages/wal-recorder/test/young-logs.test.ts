import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type ByteEvent, Recovery, u8, type WalError } from '@flashstrike/wal-recovery'
import test from 'ava'
import { defineEvent, Recorder } from '#src/index.js'
import { Order, order, roomy, scratch } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

const HEADER_BYTES = 64

/** What a recorder leaves that was killed before it had published anything: a prepared segment. */
async function unborn(): Promise<string> {
  const [made, dir] = [directory(), directory()]
  await (await Recorder.open({ ...roomy, dir: made })).close()
  const segment = readFileSync(`${made}/00000000.wal`)
  mkdirSync(dir, { recursive: true })
  writeFileSync(`${dir}/00000000.wal`, segment.fill(0, HEADER_BYTES))
  return dir
}

for (const isClosed of [true, false]) {
  const beside = isClosed ? 'behind a recorder that came and went' : 'beside its recorder'

  test(`a log that was opened before its first block is shown with its own fields ${beside}`, async t => {
    const dir = await unborn()
    const log = await Recovery.open({ dir })
    t.is(log.schema, undefined)
    t.deepEqual([...log.replay()], [])
    const follow = log.follow()
    const first = follow.next()
    const wal = await Recorder.open({ ...roomy, dir })
    await wal.durable(wal.append({ ...order, price: -5 }))
    if (isClosed) await wal.close()
    const { value: followed } = await first
    t.like(followed?.toObject(), { event_id: 1, price: -5 })
    t.deepEqual(
      Array.from(log.replay(), event => event.toObject()),
      [{ event_id: 1, ...order, price: -5 }],
    )
    for await (const block of log.blocks()) {
      if ('reason' in block) return t.fail(block.reason)
      t.deepEqual([...block.column('price')], [-5])
    }
    t.is(log.schema?.name, Order.name)
    await follow.return()
    await log.close()
    t.is(log.schema?.name, Order.name)
    await wal.close()
  })

  test(`a log of bytes that was opened before its first block is shown as bytes ${beside}`, async t => {
    const dir = await unborn()
    const log = await Recovery.open<ByteEvent>({ dir })
    const wal = await Recorder.open({ dir })
    await wal.durable(wal.append('text'))
    if (isClosed) await wal.close()
    t.deepEqual(
      Array.from(log.replay(), event => event.text),
      ['text'],
    )
    t.is(log.schema, undefined)
    await log.close()
    await wal.close()
  })

  test(`a declared event is compared with the log once it says what it holds ${beside}`, async t => {
    const dir = await unborn()
    const log = await Recovery.open({ dir, event: defineEvent('Other', { side: u8 }) })
    const follow = log.follow()
    const first = follow.next()
    const wal = await Recorder.open({ ...roomy, dir })
    await wal.durable(wal.append(order))
    if (isClosed) await wal.close()
    t.throws(() => log.replay(), { code: 'WAL_SCHEMA' })
    const error = (await t.throwsAsync(first)) as unknown as WalError
    t.is(error.code, 'WAL_SCHEMA')
    await log.close()
    await wal.close()
  })
}
