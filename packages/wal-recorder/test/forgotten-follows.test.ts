import { type Follow, Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { ended, Order, order, PATIENCE_MS, roomy, scratch, start } from './programs.js'

const RECOVERY = new URL('../../../wal-recovery/dist/index.js', import.meta.url).href
const { directory, remove } = scratch()
test.after.always(remove)

async function recorded() {
  const dir = directory()
  const wal = await Recorder.open({ ...roomy, dir })
  await wal.durable(wal.append(order))
  return { wal, log: await Recovery.open({ dir, event: Order }) }
}

test('a follow that is never asked for anything is collected while its log and its signal stay', async t => {
  const program = `
    import { Recovery } from ${JSON.stringify(RECOVERY)}
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    await wal.durable(wal.append(order))
    const log = await Recovery.open({ dir })
    const { signal } = new AbortController()
    let collected = 0
    const registry = new FinalizationRegistry(() => collected++)
    const forget = options => {
      for (let i = 0; i < 50; i++) registry.register(log.follow(options))
    }
    forget({ signal })
    forget({ from: 'end', durableOnly: true })
    for (const end = Date.now() + ${PATIENCE_MS}; collected < 100 && Date.now() < end; ) {
      gc()
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    const used = log.follow({ signal })
    const { value } = await used.next()
    process.stdout.write(JSON.stringify({ collected, id: value.event_id, aborted: signal.aborted }))
    await log.close()
    await wal.close()`
  const { output, errors } = await ended(start(directory(), program, ['--expose-gc']))
  t.not(output, '', errors)
  t.deepEqual(JSON.parse(output), { collected: 100, id: 1, aborted: false })
})

test('what ends a follow before it is asked for anything is told when it is', async t => {
  const { wal, log } = await recorded()
  const ends: [Follow<unknown>, object][] = []
  const abort = new AbortController()
  ends.push([log.follow({ signal: abort.signal }), { message: 'enough' }])
  ends.push([log.follow(), { code: 'WAL_CLOSED' }])
  const returned = log.follow()
  await returned.return()
  abort.abort(new Error('enough'))
  await log.close()
  for (const [follow, error] of ends) {
    await t.throwsAsync(follow.next(), error)
    await t.throwsAsync(follow.blocks().next(), error)
  }
  t.true((await returned.next()).done)
  await wal.close()
})

test('a log that is closed while those who follow it have only just begun ends them at once', async t => {
  for (let round = 0; round < 20; round++) {
    const { wal, log } = await recorded()
    const follows = Array.from({ length: 5 }, () => log.follow({ from: 2 }).next())
    if (round % 2 === 0) await new Promise(resolve => setImmediate(resolve))
    await log.close()
    for (const outcome of await Promise.allSettled(follows)) {
      t.is(outcome.status === 'rejected' && outcome.reason.code, 'WAL_CLOSED')
    }
    await wal.close()
  }
})
