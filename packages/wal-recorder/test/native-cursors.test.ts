import { once } from 'node:events'
import { cpSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { Order, openFiles, order, roomy, rotate, scratch, start, until } from './programs.js'
import { recorded, refused } from './recorded.js'

const { directory, remove } = scratch()
test.after.always(remove)

test('a consumer goes on behind what it has committed', async t => {
  const { dir, wal, log } = await recorded(directory(), 100)
  await refused(t, log.cursor('risk'), 'WAL_NOT_FOUND')
  t.deepEqual(await log.cursors(), [])
  const cursor = await log.cursor('risk', { create: 'start' })
  t.deepEqual([cursor.name, cursor.position], ['risk', 0])
  for (const { event_id } of log.replay({ from: cursor.position + 1, to: 60 })) {
    if (event_id % 20 === 0) await cursor.commit(event_id)
  }
  await cursor.close()
  await cursor.close()
  await refused(t, cursor.commit(61), 'WAL_CLOSED')
  await using again = await (await Recovery.open({ dir })).cursor('risk', { create: 'end' })
  t.is(again.position, 60)
  const next = Array.from(log.replay({ from: again.position + 1 }), event => event.event_id)
  t.is(next[0], 61)
  const [info] = await log.cursors()
  t.like(info, { name: 'risk', eventId: 60, held: true, problem: null })
  t.true(Math.abs(Date.now() - (info?.updatedMs ?? 0)) < 600_000)
  await refused(t, log.cursor('risk'), 'WAL_LOCKED')
  await refused(t, log.removeCursor('risk'), 'WAL_LOCKED')
  await wal.close()
})

test('a commit resolves when its event is durable, and asks for no sync', async t => {
  const { wal, log } = await recorded(directory(), 10)
  const cursor = await log.cursor('risk', { create: 'end' })
  t.is(cursor.position, 10)
  for (let i = 0; i < 90; i++) wal.append(order)
  wal.flush()
  const done: number[] = []
  const commits = [50, 20, 100, 20].map(id => cursor.commit(id).then(() => done.push(id)))
  const reset = cursor.reset(70)
  const made = log.cursor('other', { create: 80 })
  // Each of them is asked for again and again, in Node's pool, where this waits for its turn too.
  for (let turn = 0; turn < 40; turn++) {
    await log.cursors()
    await sleep(5)
  }
  t.deepEqual([done, cursor.position, wal.durableEventId], [[], 10, 10])
  await wal.durable()
  await Promise.all(commits)
  t.deepEqual(
    done.sort((a, b) => a - b),
    [20, 20, 50, 100],
  )
  await reset
  t.is(cursor.position, 70, 'the reset came after the commits')
  t.is((await made).position, 80)
  // Below the position nothing changes, and what is at it is done.
  await Promise.all([cursor.commit(3), cursor.commit(70)])
  t.is(cursor.position, 70)
  await wal.close()
})

test('commits and resets that are not awaited take effect in the order of the calls', async t => {
  const { wal, log } = await recorded(directory(), 100)
  const cursor = await log.cursor('risk', { create: 'start' })
  const seen: number[] = []
  const see = () => seen.push(cursor.position)
  await Promise.all([
    cursor.commit(100).then(see),
    cursor.reset(70).then(see),
    cursor.commit(80).then(see),
    cursor.reset('start').then(see),
    cursor.reset(30).then(see),
    cursor.commit(20).then(see),
    cursor.commit(31).then(see),
  ])
  t.deepEqual(seen, [100, 70, 80, 0, 30, 31, 31])
  const last = [cursor.commit(40), cursor.reset(10), cursor.commit(50)]
  await cursor.close()
  for (const { status } of await Promise.allSettled(last)) t.is(status, 'rejected')
  await wal.close()
})

test('thousands of commits that are not awaited one by one are served together', async t => {
  const { wal, log } = await recorded(directory(), 5_000)
  const cursor = await log.cursor('risk', { create: 'start' })
  await Promise.all(Array.from({ length: 5_000 }, (_, i) => cursor.commit(i + 1)))
  t.is(cursor.position, 5_000)
  await wal.close()
})

test('what is no event, no name or no place is refused', async t => {
  const { wal, log } = await recorded(directory(), 10)
  const cursor = await log.cursor('risk', { create: 'start' })
  for (const id of [-1, 1.5, Number.NaN, 2 ** 53, '3']) {
    await refused(t, cursor.commit(id as number), 'WAL_EVENT_ID')
    await refused(t, cursor.reset(id as number), id === '3' ? 'WAL_UNSUPPORTED' : 'WAL_EVENT_ID')
  }
  t.is((await refused(t, cursor.commit(11), 'WAL_EVENT_ID')).eventId, 11)
  await refused(t, log.cursor('new', { create: 11 }), 'WAL_EVENT_ID')
  for (const name of ['', '.x', 'a/b', 'ä', 'x'.repeat(65)]) {
    await refused(t, log.cursor(name, { create: 'start' }), 'WAL_UNSUPPORTED')
  }
  await refused(t, log.cursor(3 as unknown as string), 'WAL_UNSUPPORTED')
  await refused(t, log.cursor('new', { create: 'middle' as 'end' }), 'WAL_UNSUPPORTED')
  await refused(t, log.cursor('new', { made: 'end' } as object), 'WAL_UNSUPPORTED')
  await refused(t, log.cursor('new', { create: 'end', fileMode: 0o400 }), 'WAL_UNSUPPORTED')
  t.deepEqual(
    (await log.cursors()).map(({ name }) => name),
    ['risk'],
  )
  await cursor.commit(10)
  await wal.close()
})

test('who waits when the cursor is closed is told', async t => {
  const { wal, log } = await recorded(directory(), 10)
  const cursor = await log.cursor('risk', { create: 'start' })
  wal.append(order)
  wal.flush()
  const commit = refused(t, cursor.commit(11), 'WAL_CLOSED')
  const reset = refused(t, cursor.reset(11), 'WAL_CLOSED')
  await sleep(20)
  await cursor.close()
  t.is((await commit).eventId, 11)
  await reset
  t.is((await log.cursor('risk')).position, 0)
  await wal.close()
})

test('a commit fails when the writer is killed before its event is durable', async t => {
  const dir = directory()
  const writer = start(
    dir,
    `const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    for (let i = 0; i < 10; i++) wal.append(order)
    await wal.durable()
    for (let i = 0; i < 10; i++) wal.append(order)
    wal.flush()
    console.log('ready')
    setInterval(() => {}, 1000)`,
  )
  await once(writer.stdout as NodeJS.ReadableStream, 'data')
  const log = await Recovery.open({ dir })
  const cursor = await log.cursor('risk', { create: 'start' })
  const commit = refused(t, cursor.commit(15), 'WAL_CLOSED')
  await cursor.commit(10)
  writer.kill('SIGKILL')
  t.is((await commit).eventId, 15)
  t.is(cursor.position, 10)
  const wal = await Recorder.open({ ...roomy, dir })
  await cursor.commit(20)
  await wal.close()
  await cursor.commit(20)
  t.is(cursor.position, 20)
})

test('two processes with two cursors hold back what the slower one is not done with', async t => {
  const dir = directory()
  const wal = await Recorder.open({ segmentBytes: 64 * 1024, event: Order, dir })
  for (let segment = 0; segment < 5; segment++) {
    for (let i = 0; i < 10; i++) wal.append(order)
    await rotate(wal)
  }
  await wal.durable()
  const recovery = JSON.stringify(import.meta.resolve('@flashstrike/wal-recovery'))
  const other = start(
    dir,
    `const { Recovery } = await import(${recovery})
    const cursor = await (await Recovery.open({ dir })).cursor('audit', { create: 'start' })
    await cursor.commit(35)
    console.log('done with 35')
    setInterval(() => {}, 1000)`,
  )
  const committed = once(other.stdout as NodeJS.ReadableStream, 'data')
  const log = await Recovery.open({ dir })
  const fast = await log.cursor('risk', { create: 'start' })
  await fast.commit(15)
  await committed
  const deleted: number[] = []
  wal.on('deleted', segment => deleted.push(segment))
  /** Where the log begins once so many segments are removed. All that go together are taken out before the first is told. */
  const firstBehind = async (segments: number) => {
    await until(() => deleted.length >= segments, `${segments} removed`)
    await using log = await Recovery.open({ dir })
    return log.firstEventId
  }
  wal.setRetention({ hotSegments: 1, coldSegments: 0 })
  t.is(await firstBehind(1), 11, 'behind what both are done with')
  await fast.commit(25)
  t.is(await firstBehind(2), 21)
  // Its position outlives it, and goes on holding, now as the slower one.
  other.kill('SIGKILL')
  await once(other, 'exit')
  await fast.commit(50)
  t.is(await firstBehind(3), 31)
  const audit = await log.cursor('audit')
  t.is(audit.position, 35)
  await refused(t, audit.reset(5), 'WAL_GONE')
  await audit.close()
  await log.removeCursor('audit')
  t.is(await firstBehind(5), 0, 'nobody needs any of it')
  t.deepEqual(deleted, [0, 1, 2, 3, 4])
  await wal.close()
})

test('a cursor beyond the end of the log waits for a decision', async t => {
  const { dir, wal, log } = await recorded(directory(), 10)
  await wal.close()
  const older = directory()
  cpSync(dir, older, { recursive: true })
  const later = await Recorder.open({ ...roomy, dir })
  for (let i = 0; i < 10; i++) later.append(order)
  await later.durable()
  await (await log.cursor('risk', { create: 20 })).close()
  await later.close()
  // The log is put back from a copy, and the position of its consumer is not.
  cpSync(join(dir, 'cursors'), join(older, 'cursors'), { recursive: true })
  const restored = await Recovery.open({ dir: older })
  const error = await refused(t, restored.cursor('risk', { create: 'start' }), 'WAL_CURSOR_AHEAD')
  t.is(error.eventId, 20)
  t.regex(error.message, /event 20\b.*event 10\b/)
  const cursor = await restored.cursor('risk', { reset: 'end' })
  t.is(cursor.position, 10)
})

test('a damaged cursor waits for a decision', async t => {
  const { dir, wal, log } = await recorded(directory(), 10)
  await (await log.cursor('risk', { create: 'end' })).close()
  writeFileSync(join(dir, 'cursors', 'risk.cursor'), Buffer.alloc(1024))
  const [info] = await log.cursors()
  t.like(info, { name: 'risk', eventId: null, updatedMs: null })
  t.regex(info?.problem ?? '', /no valid slot/)
  await refused(t, log.cursor('risk', { create: 'start' }), 'WAL_CORRUPT')
  await (await log.cursor('risk', { reset: 7 })).close()
  t.is((await log.cursor('risk')).position, 7)
  await wal.close()
})

test('closed cursors leave no file open', async t => {
  const { dir, wal, log } = await recorded(directory(), 10)
  for (let i = 0; i < 20; i++) await (await log.cursor(`c${i}`, { create: 'start' })).close()
  // Not all files of the process: its threads open and close others at any time.
  const cursors = join(realpathSync(dir), 'cursors', 'c')
  t.deepEqual(openFiles(cursors), [])
  await wal.close()
})
