import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Recorder, type RecorderOptions, WalError, type WalErrorCode } from '#src/index.js'
import { failing, mounted, setReadOnly } from './machine.js'
import { ended, Order, order, PACKAGE, roomy, scratch, start } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

const EVENTS = 1000

/** A closed log of a thousand events. */
async function closedLog(dir = directory()): Promise<string> {
  const wal = await Recorder.open({ dir, ...roomy })
  for (let i = 0; i < EVENTS; i++) wal.append(order)
  await wal.close()
  return dir
}

/** Opening is refused with this code, and the message says what to do. */
async function expectRefused(
  t: ExecutionContext,
  options: RecorderOptions,
  code: WalErrorCode,
  message: RegExp,
): Promise<WalError | undefined> {
  const given = { ...roomy, ...options, event: Order }
  return t.throwsAsync<WalError>(Recorder.open(given), { code, message, instanceOf: WalError })
}

/** The log is opened and goes on behind its last event. */
async function expectEvents(t: ExecutionContext, options: RecorderOptions, events = EVENTS): Promise<void> {
  const wal = await Recorder.open({ ...roomy, ...options, event: Order })
  t.is(wal.lastEventId, events)
  t.is(wal.append(order), events + 1)
  await wal.close()
}

test('WAL_LOCKED: another process holds the log, and the message names it', async t => {
  const dir = await closedLog()
  const holder = start(
    dir,
    'const wal = await Recorder.open({ dir, event: Order }); console.log(1); setInterval(() => wal, 1e3)',
  )
  const end = ended(holder)
  if (holder.stdout !== null) await once(holder.stdout, 'data')
  const error = await expectRefused(t, { dir }, 'WAL_LOCKED', /close it there first/)
  t.regex(error?.message ?? '', new RegExp(`process ${holder.pid} `))
  t.is(error?.path, join(dir, 'wal.lock'))
  holder.kill('SIGKILL')
  await end
  await expectEvents(t, { dir })
})

/** Flips a bit of an event in the block that holds it. */
function damage(dir: string, event: number): void {
  const path = join(dir, '00000000.wal')
  const bytes = readFileSync(path)
  const id = Buffer.alloc(16)
  id.writeBigUInt64LE(BigInt(event))
  id.writeBigUInt64LE(BigInt(order.time), 8)
  const at = bytes.indexOf(id)
  if (at < 0) throw new Error(`event ${event} is not in ${path}`)
  bytes[at + 20] = (bytes[at + 20] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

test('WAL_CORRUPT: what was durable is damaged, and nothing is changed', async t => {
  const dir = await closedLog()
  const sound = readFileSync(join(dir, '00000000.wal'))
  damage(dir, 5)
  const damaged = readFileSync(join(dir, '00000000.wal'))
  for (const mode of ['tail', 'strict'] as const) {
    const error = await expectRefused(t, { dir, mode }, 'WAL_CORRUPT', /00000000\.wal/)
    t.is(error?.segment, 0)
    t.is(typeof error?.offset, 'number')
  }
  t.deepEqual(readFileSync(join(dir, '00000000.wal')), damaged)
  writeFileSync(join(dir, '00000000.wal'), sound)
  await expectEvents(t, { dir })
})

test('WAL_TORN: the end of what a power cut has left is refused in mode strict and cut in mode tail', async t => {
  const dir = directory()
  const append = `
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    for (let i = 0; i < ${EVENTS}; i++) wal.append(${JSON.stringify(order)})
    wal.flush()
    process.kill(process.pid, 'SIGKILL')`
  await ended(start(dir, append))
  // What a power cut takes: the proof that lies in memory, and a page of the last block.
  rmSync(join(dir, 'wal.staging'))
  damage(dir, EVENTS)
  await expectRefused(t, { dir, mode: 'strict' }, 'WAL_TORN', /mode tail cuts it/)
  const wal = await Recorder.open({ dir, ...roomy })
  t.is(wal.report.state, 'torn')
  t.true(wal.lastEventId < EVENTS && wal.lastEventId > EVENTS - 200, String(wal.lastEventId))
  await wal.close()
})

test('WAL_FULL: a full disk refuses what does not fit, and the log goes on when there is space', async t => {
  const disk = mounted(t, directory(), '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs')
  if (disk === undefined) return
  const ballast = join(disk, 'ballast')
  const dir = join(disk, 'log')
  writeFileSync(ballast, Buffer.alloc(2_500_000))
  await expectRefused(t, { dir }, 'WAL_FULL', /make space and open the log again/)
  rmSync(ballast)
  const wal = await Recorder.open({ dir, event: Order, segmentBytes: 128 << 10, preparedSegments: 1 })
  const full = t.throws(() => fill(wal, ballast), { code: 'WAL_FULL' })
  t.regex(full?.message ?? '', /nothing was appended: make space, wait with drain\(\) and append again/)
  const last = wal.lastEventId
  // What is there can be made durable, and an adapter waits for space by itself.
  await wal.durable()
  const appended = wal.appendAll(Array(100).fill(order))
  const stream = wal.writable()
  const finished = once(stream.end(order), 'finish')
  rmSync(ballast)
  await Promise.all([appended, finished])
  t.is(wal.lastEventId, last + 101)
  await wal.close()
  await expectEvents(t, { dir }, last + 101)
})

/** Takes all space and appends until that is told. */
function fill(wal: Recorder<typeof Order>, ballast: string): void {
  for (;;) {
    try {
      wal.append(order)
    } catch (error) {
      if ((error as WalError).code !== 'WAL_BACKPRESSURE') throw error
      takeAll(ballast)
      try {
        wal.drainSync(20)
      } catch {
        // The append says it.
      }
    }
  }
}

function takeAll(ballast: string): void {
  for (let part = 1 << 16; part >= 4096; ) {
    try {
      writeFileSync(ballast, Buffer.alloc(part), { flag: 'a' })
    } catch {
      part /= 2
    }
  }
}

test('WAL_POISONED: a sync that has failed ends appending, rejects all who wait, and a reopen loses nothing', async t => {
  const under = failing(t, 'fdatasync', 'EIO', 30)
  if (under === undefined) return
  const dir = directory()
  const poison = `
    import { WalError } from ${JSON.stringify(PACKAGE)}
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    const told = { codes: [], order: [], events: [] }
    const tell = error => told.codes.push(error instanceof WalError ? error.code : String(error))
    wal.on('poisoned', error => told.events.push(error.code))
    const stream = wal.writable()
    stream.write(order)
    const wait = id => wal.durable(id).then(() => told.order.push(id), error => { told.order.push(-id); tell(error) })
    // The waiters of one turn share a sync; the thirtieth of the thread that makes them fails.
    while (told.codes.length === 0) {
      told.order.length = 0
      await Promise.all(Array.from({ length: 10 }, () => wait(wal.append(order))))
    }
    const last = wal.lastEventId
    for (const refused of [() => wal.append(order), () => wal.durableSync(), () => wal.rotate()]) {
      try { refused() } catch (error) { tell(error) }
    }
    for (const refused of [() => wal.durable(), () => wal.drain(), () => wal.appendAll([order])]) {
      await refused().catch(tell)
    }
    await new Promise(resolve => stream.on('error', error => resolve(tell(error))).end(order))
    await wal.close().catch(tell)
    process.stdout.write(JSON.stringify({ ...told, last, isSame: wal.lastEventId === last }))`
  const { output, errors, code } = await ended(start(dir, poison, [], under))
  t.is(code, 0, errors)
  const told = JSON.parse(output)
  t.deepEqual(told.events, ['WAL_POISONED'])
  t.deepEqual(told.codes, Array(10 + 8).fill('WAL_POISONED'))
  t.true(told.isSame)
  // Those who wait are answered in the order of their events, served or not.
  const ids = told.order.map(Math.abs)
  t.deepEqual(
    ids,
    Array.from({ length: 10 }, (_, i) => told.last - 9 + i),
  )
  await expectEvents(t, { dir }, told.last)
})

test('WAL_IO: without descriptors nothing is opened, and nothing is lost', async t => {
  const dir = await closedLog()
  const exhaust = `
    import { closeSync, openSync } from 'node:fs'
    // Loads the addon.
    await (await Recorder.open({ dir: dir + '-before', event: Order, segmentBytes: 1 << 20 })).close()
    const taken = []
    try { for (;;) taken.push(openSync('/dev/null')) } catch {}
    const told = []
    for (;;) {
      try {
        const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
        told.push(wal.lastEventId)
        while (taken.length > 0) closeSync(taken.pop())
        await wal.close()
        break
      } catch (error) {
        told.push(error.code + (/raise the limit of open files/.test(error.message) ? '' : error.message))
        closeSync(taken.pop())
      }
    }
    process.stdout.write(JSON.stringify(told))`
  // Node.js raises the limit of its own to the highest that it may have.
  const { output, errors } = await ended(
    start(dir, exhaust, [], ['sh', '-c', 'ulimit -n 200; exec "$@"', 'sh']),
  )
  t.not(output, '', errors)
  const told = JSON.parse(output)
  t.true(told.length > 3, output)
  t.deepEqual(told, [...Array(told.length - 1).fill('WAL_IO'), EVENTS])
  await expectEvents(t, { dir })
})

test('WAL_IO: a read-only file system is no place to append, and nothing is changed', async t => {
  const disk = mounted(t, directory(), '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs')
  if (disk === undefined) return
  const dir = join(disk, 'log')
  // By another process: a closed recorder keeps memory of this file system until it is collected.
  await ended(
    start(
      dir,
      `
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    for (let i = 0; i < ${EVENTS}; i++) wal.append(${JSON.stringify(order)})
    await wal.close()`,
    ),
  )
  setReadOnly(t, disk, true)
  const error = await expectRefused(
    t,
    { dir },
    'WAL_IO',
    /Read-only file system .*Recovery reads a log without/,
  )
  t.is(error?.path, join(dir, 'wal.lock'))
  setReadOnly(t, disk, false)
  await expectEvents(t, { dir })
})

test('WAL_UNSUPPORTED: a foreign file system is refused until it is allowed by name', async t => {
  const disk = mounted(t, directory(), '-t', 'ramfs', 'ramfs')
  if (disk === undefined) return
  const dir = join(disk, 'log')
  await expectRefused(t, { dir }, 'WAL_UNSUPPORTED', /name ramfs in allowFileSystem/)
  t.deepEqual(readdirSync(dir), [])
  await expectEvents(t, { dir, allowFileSystem: ['ramfs'] }, 0)
  await expectRefused(t, { dir }, 'WAL_UNSUPPORTED', /name ramfs in allowFileSystem/)
})

test('every code that the README lists is reached by a test here', t => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const codes = [...readme.matchAll(/^### (WAL_\w+)$/gm)].map(([, code]) => String(code))
  t.true(codes.length >= 12, codes.join())
  const folder = new URL('../', import.meta.url)
  const sources = readdirSync(folder).filter(name => name.endsWith('.test.ts'))
  const text = sources.map(name => readFileSync(new URL(name, folder), 'utf8')).join('')
  t.deepEqual(
    codes.filter(code => !text.includes(`'${code}'`)),
    [],
  )
})
