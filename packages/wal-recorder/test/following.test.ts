import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type ByteEvent, type Follow, Recovery, type WalError } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Recorder } from '#src/index.js'
import {
  ended,
  Order,
  openFiles,
  order,
  PATIENCE_MS,
  rotate,
  scratch,
  start,
  until,
  workerProgram,
} from './programs.js'
import { recorded, refused } from './recorded.js'

const RECOVERY = new URL('../../../wal-recovery/dist/index.js', import.meta.url).href
const { directory, remove } = scratch()
test.after.always(remove)

/** Ids of the next so many events. */
async function take(follow: AsyncIterator<{ event_id: number }>, count: number): Promise<number[]> {
  const ids: number[] = []
  while (ids.length < count) {
    const { done, value } = await follow.next()
    if (done) break
    ids.push(value.event_id)
  }
  return ids
}

function ids(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** How many threads of a process wait for events. One that was joined may still be listed for a moment. */
function followers(pid: number | 'self' = 'self'): number {
  const tasks = `/proc/${pid}/task`
  try {
    return readdirSync(tasks).filter(task => nameOf(`${tasks}/${task}`) === 'wal-follower').length
  } catch {
    // The process has ended.
    return 0
  }
}

function nameOf(task: string): string {
  try {
    return readFileSync(`${task}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** How often this process has the first segment of a log open; the recorder's workers open and close other files. */
function opened(dir: string): number {
  const segment = `${dir}/00000000.wal`
  const mapped = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter(line => line.endsWith(segment))
  return openFiles(segment).length + mapped.length
}

test('what is there comes first, and then what is appended, in the same process', async t => {
  const { wal, log } = await recorded(directory(), 1000)
  const follow = log.follow({ from: 900 })
  t.deepEqual(await take(follow, 101), ids(900, 1000))
  const next = take(follow, 500)
  for (let i = 0; i < 500; i++) {
    wal.append({ ...order, price: i })
    if (i % 100 === 0) await rotate(wal)
    if (i % 7 === 0) await sleep(0)
  }
  wal.flush()
  t.deepEqual(await next, ids(1001, 1500))
  const { value } = await (async () => {
    const more = follow.next()
    wal.append({ ...order, price: -77 })
    wal.flush()
    return more
  })()
  t.deepEqual(value?.toObject(), { event_id: 1501, ...order, price: -77 })
  t.deepEqual(await follow.return(), { done: true, value: undefined })
  t.deepEqual(await follow.next(), { done: true, value: undefined })
  await log.close()
  await wal.close()
})

test('only what comes from now on, only what is durable, and block by block', async t => {
  const { wal, log } = await recorded(directory(), 10)
  const fresh = log.follow({ from: 'end' })
  const durable = log.follow({ durableOnly: true })
  const blocks = log.follow({ from: 5 }).blocks()
  t.deepEqual(await take(durable, 10), ids(1, 10))
  const first = take(fresh, 3)
  let isGiven = false
  const later = take(durable, 3).then(given => {
    isGiven = true
    return given
  })
  const seen: number[][] = []
  const { value: block } = await blocks.next()
  if (block) seen.push(Array.from(block, event => event.event_id))
  for (let i = 0; i < 3; i++) wal.append(order)
  wal.flush()
  t.deepEqual(await first, ids(11, 13))
  const { value: second } = await blocks.next()
  if (second) seen.push(Array.from(second, event => event.event_id))
  t.deepEqual(seen, [ids(5, 10), ids(11, 13)])
  t.false(isGiven, 'written is not durable')
  await wal.durable()
  t.deepEqual(await later, ids(11, 13))
  for (const follow of [fresh, durable]) await follow.return()
  await blocks.return()
  await wal.close()
})

test('what is published right behind the call comes from now on', async t => {
  const { wal, log } = await recorded(directory(), 10)
  for (const durableOnly of [false, true]) {
    const from = wal.lastEventId + 1
    const fresh = log.follow({ from: 'end', durableOnly })
    for (let i = 0; i < 3; i++) wal.append(order)
    wal.durableSync()
    t.deepEqual(await take(fresh, 3), ids(from, from + 2))
    const next = take(fresh, 1)
    wal.append(order)
    wal.durableSync()
    t.deepEqual(await next, [from + 3])
    await fresh.return()
  }
  await wal.close()
})

test('events of any length are followed, and spinning gives the same', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir })
  wal.appendBatch(['one', 'two'])
  await using log = await Recovery.open<ByteEvent>({ dir })
  const follow = log.follow({ spinUs: 200 })
  const texts: string[] = []
  for await (const { text, event_id } of follow) {
    texts.push(text)
    if (event_id === 6) break
    wal.append(`after ${event_id}`)
    wal.flush()
  }
  t.deepEqual(texts, ['one', 'two', 'after 1', 'after 2', 'after 3', 'after 4'])
  await wal.close()
})

// Counts the threads of the process, so nothing else may run beside it.
test.serial('leaving the loop gives thread, files and memory back at once', async t => {
  const { dir, wal, log } = await recorded(directory(), 100)
  const before = opened(dir)
  for (let i = 0; i < 50; i++) {
    const follow = log.follow()
    await take(follow, 100)
    const waits = follow.next()
    if (i === 0) {
      await until(() => followers() > 0, 'a thread that waits')
      t.true(opened(dir) > before)
    }
    await follow.return()
    t.deepEqual(await waits, { done: true, value: undefined })
    await until(() => followers() === 0, 'the end of the thread')
    t.is(opened(dir), before)
  }
  await wal.close()
})

test('the signal, closing the log and what cannot be end it with an error', async t => {
  const { wal, log } = await recorded(directory(), 3)
  const abort = new AbortController()
  const follow = log.follow({ signal: abort.signal })
  await take(follow, 3)
  const waits = follow.next()
  await sleep(20)
  abort.abort()
  t.is(((await t.throwsAsync(waits, { any: true })) as Error).name, 'AbortError')
  t.is(((await t.throwsAsync(follow.next(), { any: true })) as Error).name, 'AbortError')
  await t.throwsAsync(log.follow({ signal: AbortSignal.abort(new Error('mine')) }).next(), {
    message: 'mine',
  })

  const open = log.follow({ from: 'end' })
  const stopped = open.next()
  await refused(
    t,
    log
      .follow({ from: 1 })
      .next()
      .then(() => log.close())
      .then(() => stopped),
    'WAL_CLOSED',
  )
  await refused(t, open.next(), 'WAL_CLOSED')
  t.throws(() => log.follow(), { message: /closed/ })
  await wal.close()
})

test('options are looked at', async t => {
  const { wal, log } = await recorded(directory(), 1)
  for (const [options, code] of [
    [{ from: -1 }, 'WAL_EVENT_ID'],
    [{ from: 'start' }, 'WAL_EVENT_ID'],
    [{ spinUs: -1 }, 'WAL_UNSUPPORTED'],
    [{ durableOnly: 1 }, 'WAL_UNSUPPORTED'],
    [{ signal: {} }, 'WAL_UNSUPPORTED'],
    [{ durable: true }, 'WAL_UNSUPPORTED'],
  ] as const) {
    const error = t.throws(() => log.follow(options as never)) as unknown as WalError
    t.is(error.code, code as WalError['code'], error.message)
  }
  await log.close()
  await wal.close()
})

test('a reader that waits leaves the event loop and the thread pool alone', async t => {
  const { wal, log } = await recorded(directory(), 1)
  const follows: Follow<unknown>[] = Array.from({ length: 12 }, () => log.follow({ from: 'end' }))
  const waits = follows.map(follow => follow.next())
  // Syncs and look-ups of names run in Node's pool of four threads.
  for (let i = 0; i < 20; i++) {
    await log.verify()
    await sleep(1)
  }
  for (const follow of follows) await follow.return()
  for (const wait of waits) t.like(await wait, { done: true })
  await wal.close()
})

test('a writer that is killed and comes back is followed, and nothing comes twice', async t => {
  const dir = directory()
  const writer = () =>
    start(
      dir,
      `const wal = await Recorder.open({ dir, event: Order, segmentBytes: 65536 })
       for (let i = 0; i < 900; i++) {
         try { wal.append({ ...order, quantity: wal.lastEventId + 1 }) } catch { await wal.drain(); i-- }
       }
       process.stdout.write(String(wal.lastEventId))
       process.kill(process.pid, 'SIGKILL')`,
    )
  let follow: Follow<{ event_id: number; quantity: number }> | undefined
  let seen = 0
  for (let life = 0; life < 4; life++) {
    const { output, errors } = await ended(writer())
    const last = Number(output)
    t.true(last > seen, errors)
    follow ??= (await Recovery.open({ dir, event: Order })).follow()
    while (seen < last) {
      const { value } = await follow.next()
      seen += 1
      t.is(value?.event_id, seen)
      t.is(value?.quantity, seen)
    }
  }
  t.is(seen, 3600)
  await follow?.return()
})

test('a process lives while it waits, and ends when nothing is awaited', async t => {
  const { dir, wal } = await recorded(directory(), 2)
  const head = `import { Recovery } from ${JSON.stringify(RECOVERY)}
    const log = await Recovery.open({ dir, event: Order })
    const follow = log.follow()
    for (let i = 0; i < 2; i++) console.log((await follow.next()).value.event_id)
  `
  const idle = await ended(start(dir, head))
  t.deepEqual([idle.code, idle.output, idle.errors], [0, '1\n2\n', ''])
  const waiting = start(dir, `${head} console.log((await follow.next()).value.event_id)`)
  const end = ended(waiting)
  await until(() => followers(waiting.pid) > 0 || waiting.exitCode !== null, 'a thread that waits')
  // Whoever does not wait is about to end.
  await sleep(100)
  t.is(waiting.exitCode, null)
  wal.append(order)
  wal.flush()
  t.like(await end, { code: 0, output: '1\n2\n3\n' })
  for (const leave of ['process.exit(3)', 'process.exitCode = 3; follow.return()']) {
    const code = `${head} const waits = follow.next(); await waits; const more = follow.next(); setTimeout(() => { ${leave} }, 20)`
    const left = await ended(start(dir, code))
    t.deepEqual([left.code, left.signal, left.errors], [3, null, ''], leave)
  }
  await wal.close()
})

test.serial('a worker that is ended while it waits takes nothing with it', async t => {
  const { dir, wal } = await recorded(directory(), 2)
  const code = `
    import { parentPort } from 'node:worker_threads'
    import { Recovery } from ${JSON.stringify(RECOVERY)}
    const log = await Recovery.open({ dir, event: Order })
    for (const spinUs of [0, 50]) {
      for await (const { event_id } of log.follow({ spinUs })) if (event_id === 2) break
    }
    const waits = [log.follow({ from: 'end' }), log.follow()].map(async follow => { for await (const _ of follow); })
    parentPort.postMessage('waits')
    await Promise.all(waits)
  `
  for (let i = 0; i < 10; i++) {
    const worker = new Worker(workerProgram(dir, code))
    await once(worker, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })
    if (i % 2 === 0) await sleep(i)
    // While wake-ups are on their way.
    for (let n = 0; n < 5; n++) wal.append(order)
    wal.flush()
    await worker.terminate()
  }
  await until(() => followers() === 0, 'the end of the threads')
  t.is(wal.append(order), 2 + 10 * 5 + 1)
  await wal.close()
})

test('a slow reader holds a bounded amount of memory and misses nothing', async t => {
  const { wal, log } = await recorded(directory(), 1)
  const follow = log.follow()
  const memory = () => process.memoryUsage.rss()
  await take(follow, 1)
  const before = memory()
  for (let i = 0; i < 400_000; i++) {
    try {
      wal.append(order)
    } catch {
      await wal.drain()
      i--
    }
  }
  await wal.durable()
  let count = 1
  for await (const { event_id } of follow) {
    count += 1
    if (event_id !== count) t.fail(`event ${event_id} instead of ${count}`)
    if (count % 100_000 === 0) await sleep(5)
    if (event_id === 400_001) break
  }
  t.is(count, 400_001)
  const grown = (memory() - before) / 2 ** 20
  t.true(grown < 256, `${grown} MiB`)
  await wal.close()
})
