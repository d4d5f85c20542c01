import { closeSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { defineEvent, Recorder, u64, WalError } from '#src/index.js'
import { loadBinding } from '#src/native.js'
import { ended, Order, order, PATIENCE_MS, roomy, rotate, scratch, start, until } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** Small segments: a few thousand events make several. */
const small = { segmentBytes: 64 * 1024, event: Order }

/** Appends until the last id is `end`, or there is no room; the last id. */
function appendUpTo(wal: Recorder<typeof Order>, end: number): number {
  try {
    for (let id = wal.lastEventId; id < end; ) {
      if (wal.append(order) !== ++id) throw new Error(`an event got another id than ${id}`)
    }
  } catch (error) {
    if ((error as WalError).code !== 'WAL_BACKPRESSURE') throw error
  }
  return wal.lastEventId
}

test('an event climbs the ladder: staged, written, durable', async t => {
  await using wal = await Recorder.open({ dir: directory(), event: Order })
  t.is(wal.append(order), 1)
  t.deepEqual([wal.lastEventId, wal.writtenEventId, wal.durableEventId], [1, 0, 0])
  wal.flush()
  t.deepEqual([wal.lastEventId, wal.writtenEventId, wal.durableEventId], [1, 1, 0])
  await wal.durable(1)
  t.deepEqual([wal.lastEventId, wal.writtenEventId, wal.durableEventId], [1, 1, 1])
  wal.append(order)
  wal.durableSync()
  t.is(wal.durableEventId, 2)
})

test('a member event_id of an event is not read: the log gives the id, or takes it apart', async t => {
  await using wal = await Recorder.open({ dir: directory(), event: Order })
  t.is(wal.append(Object.assign({ event_id: 100 }, order)), 1)
  t.is(wal.append(Object.assign({ event_id: 100 }, order), { id: 7 }), 7)
})

test('a closed log goes on where it ended', async t => {
  const dir = directory()
  for (let round = 0; round < 3; round++) {
    const wal = await Recorder.open({ dir, ...roomy })
    t.is(wal.lastEventId, round * 1000)
    t.is(wal.report.state, 'clean')
    t.is(wal.report.lastEventId, round * 1000)
    for (let i = 0; i < 1000; i++) wal.append(order)
    await wal.close()
    t.is(wal.durableEventId, (round + 1) * 1000)
  }
})

test('a byte log takes entries from nothing to more than a block', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, segmentBytes: roomy.segmentBytes })
  for (const length of [0, 1, 8000, 8188, 8189, 100_000, 3]) wal.append('x'.repeat(length))
  t.is(wal.appendBatch(['a', new Uint8Array(20_000), 'b']), 10)
  await wal.close()
  await using again = await Recorder.open({ dir, segmentBytes: roomy.segmentBytes })
  t.is(again.lastEventId, 10)
})

test('an entry that no segment holds is refused and leaves nothing', async t => {
  await using wal = await Recorder.open({ dir: directory(), segmentBytes: 64 * 1024 })
  t.throws(() => wal.append(new Uint8Array(64 * 1024)), { code: 'WAL_EVENT_TOO_LARGE' })
  t.is(wal.append('next'), 1)
})

test('segments rotate, are sealed, and the recorder says so', async t => {
  const wal = await Recorder.open({ dir: directory(), ...small })
  const told: string[] = []
  wal.on('rotated', segment => told.push(`rotated ${segment}`))
  wal.on('sealed', segment => told.push(`sealed ${segment}`))
  for (let i = 0; i < 3; i++) {
    for (let n = 0; n < 100; n++) wal.append(order)
    await rotate(wal)
    await wal.durable()
  }
  const all = ['rotated 1', 'rotated 2', 'rotated 3', 'sealed 0', 'sealed 1', 'sealed 2']
  await until(() => told.length === all.length, all.join())
  t.deepEqual([...told].sort(), all)
  await wal.close()
})

test('a log that is opened with little room left in its segment goes on in the next one', async t => {
  const dir = directory()
  let last = 0
  for (let round = 0; round < 40; round++) {
    await using wal = await Recorder.open({ dir, ...small, blockBytes: 8192 })
    const end = last + 150 + round
    while (last < end) {
      last = appendUpTo(wal, Math.min(end, last + 90))
      wal.flush()
      await wal.drain()
    }
  }
  await using wal = await Recorder.open({ dir, ...roomy })
  t.is(wal.lastEventId, last)
})

test('a fast appender is held back instead of losing events, and drain lets it go on', async t => {
  const dir = directory()
  // A segment takes some hundred events: filling one is faster than preparing the next.
  const tiny = { segmentBytes: 8192, blockBytes: 1024, event: Order, preparedSegments: 1 }
  const wal = await Recorder.open({ dir, ...tiny })
  let count = 0
  for (let refused = 0; refused < 20; ) {
    count = wal.lastEventId + 1000
    while (appendUpTo(wal, count) < count) {
      refused++
      if (refused % 2 === 0) await wal.drain()
      else wal.drainSync(PATIENCE_MS)
    }
  }
  await wal.close()
  await using again = await Recorder.open({ dir, ...roomy })
  t.is(again.lastEventId, count)
})

test('drain waits for the segment that a refused rotation has missed', async t => {
  await using wal = await Recorder.open({ dir: directory(), ...roomy, preparedSegments: 1 })
  for (let refused = 0; refused < 10; ) {
    wal.append(order)
    try {
      wal.rotate()
    } catch (error) {
      t.is((error as WalError).code, 'WAL_BACKPRESSURE')
      refused++
      await wal.drain()
      wal.rotate()
    }
  }
})

test('thousands wait for durability together', async t => {
  await using wal = await Recorder.open({ dir: directory(), ...roomy })
  const served: number[] = []
  await Promise.all(
    Array.from({ length: 4096 }, async () => {
      const id = wal.append(order)
      await wal.durable(id)
      if (wal.durableEventId < id) t.fail(`event ${id} is not durable`)
      served.push(id)
    }),
  )
  t.deepEqual(
    served,
    [...served].sort((a, b) => a - b),
  )
  t.is(wal.durableEventId, 4096)
})

test('a second writer is refused, and the first goes on', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, ...roomy })
  const error = await t.throwsAsync(Recorder.open({ dir, ...roomy }), { code: 'WAL_LOCKED' })
  t.true(error instanceof WalError)
  t.regex(error?.message ?? '', new RegExp(String(process.pid)))
  t.is(wal.append(order), 1)
  await wal.close()
  await (await Recorder.open({ dir, ...roomy })).close()
})

test('what cannot be opened is a typed error', async t => {
  const dir = directory()
  await (await Recorder.open({ dir, ...roomy })).close()
  const Other = defineEvent('Order', { time: u64 }, { size: 64 })
  await t.throwsAsync(Recorder.open({ dir, ...roomy, event: Other }), { code: 'WAL_SCHEMA' })
  await t.throwsAsync(Recorder.open({ dir, segmentBytes: roomy.segmentBytes }), { code: 'WAL_SCHEMA' })
  await t.throwsAsync(Recorder.open({ dir, ...roomy, blockBytes: 7 }), { code: 'WAL_UNSUPPORTED' })
  const tight = await t.throwsAsync(Recorder.open({ dir: './nowhere', segmentBytes: 4096 }))
  t.like(tight, { code: 'WAL_UNSUPPORTED', path: resolve('./nowhere') })
  const file = `${dir}-file`
  writeFileSync(file, 'not a directory')
  await t.throwsAsync(Recorder.open({ dir: file, event: Order }), { instanceOf: WalError })
  await t.throwsAsync(Recorder.open({ dir: join(dir, 'a', 'b'), event: Order }), { code: 'WAL_IO' })
})

test('a directory may come from a getter or a prototype', async t => {
  const dir = directory()
  class Options {
    get dir(): string {
      return dir
    }
  }
  await using wal = await Recorder.open(new Options())
  t.is(wal.append('a'), 1)
})

test('the options reach the files', async t => {
  const dir = directory()
  await using _wal = await Recorder.open({ dir, ...small, fileMode: 0o640 })
  const segment = statSync(join(dir, '00000000.wal'))
  t.is(segment.size, small.segmentBytes)
  t.is(segment.mode & 0o777, 0o640 & ~process.umask())
})

test('the addon is what the TypeScript side expects', async t => {
  const binding = loadBinding()
  t.is(typeof binding.open, 'function')
})

/** Appends without end, and tells each id that append has returned through a file. */
const APPEND_FOREVER = `
  import { openSync, writeSync } from 'node:fs'
  const told = openSync(dir + '.told', 'r+')
  const last = new Float64Array(1)
  const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
  let quantity = 0
  for (;;) {
    for (let n = 0; n < 1000; n++) {
      try {
        for (let i = 0; i < 100; i++) {
          last[0] = i % 2 === 0
            ? wal.append({ time: quantity, price: -quantity, quantity: quantity++, user: 1, side: 2 })
            : wal.append.fields(quantity, -quantity, quantity++, 1, 2)
          if (n % 10 === 0) writeSync(told, last, 0, 8, 0)
        }
      } catch (error) {
        if (error.code !== 'WAL_BACKPRESSURE') throw error
        wal.drainSync()
      }
      writeSync(told, last, 0, 8, 0)
    }
    await new Promise(resolve => setImmediate(resolve))
  }`

test('what append returned is there after a SIGKILL in optimized code', async t => {
  const dir = directory()
  const told = `${dir}.told`
  writeFileSync(told, new Float64Array(1))
  for (let kill = 0; kill < 8; kill++) {
    const before = readNumber(told)
    const child = start(dir, APPEND_FOREVER)
    const end = ended(child)
    // So many that the code is optimized, on a slow machine too.
    const isOptimized = () => readNumber(told) > before + 50_000 || child.exitCode !== null
    await until(isOptimized, 'thousands of appends')
    await sleep(Math.random() * 50)
    child.kill('SIGKILL')
    const { signal, errors } = await end
    t.is(signal, 'SIGKILL', errors)
    const acknowledged = readNumber(told)
    await using wal = await Recorder.open({ dir, ...roomy })
    t.true(wal.lastEventId >= acknowledged, `${acknowledged} acknowledged, ${wal.lastEventId} recovered`)
    t.is(wal.report.state, 'clean')
  }
})

function readNumber(path: string): number {
  const fd = openSync(path, 'r')
  const number = new Float64Array(1)
  readSync(fd, number)
  closeSync(fd)
  return number[0] ?? 0
}

test('spinUs asks the recorder to look before it sleeps, at most for a millisecond', async t => {
  const dir = directory()
  for (const spinUs of [1001, -1, 0.5, 1e9]) {
    await t.throwsAsync(Recorder.open({ dir, event: Order, spinUs }), { code: 'WAL_UNSUPPORTED' })
  }
  for (const spinUs of [0, 1, 1000]) {
    await using wal = await Recorder.open({ dir, ...roomy, spinUs })
    for (let i = 0; i < 50; i++) {
      const id = wal.append(order)
      await wal.durable(id)
      t.true(wal.durableEventId >= id)
    }
  }
})
