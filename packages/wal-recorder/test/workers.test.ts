import { readdirSync, readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { ended, order, PACKAGE, roomy, scratch, start, until, workerProgram } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** What a worker has reached, as it tells through shared memory. */
const [OPEN, APPENDED, DURABLE] = [0, 1, 2]

/** Starts a worker of this process that has a recorder as `wal`, and tells through `reached`. */
function startWorker(
  dir: string,
  code: string,
): { worker: Worker; reached: Int32Array; end: Promise<number> } {
  const reached = new Int32Array(new SharedArrayBuffer(3 * 4))
  const program = `
    import { workerData } from 'node:worker_threads'
    const { reached } = workerData
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    const append = () => Atomics.store(reached, ${APPENDED}, wal.append(order))
    reached[${OPEN}] = 1
    ${code}`
  const worker = new Worker(workerProgram(dir, program), { workerData: { reached } })
  // From the beginning: one that has ended before this thread looks tells its error and its end in one go.
  return { worker, reached, end: new Promise(resolve => worker.once('exit', resolve)) }
}

/** The recorder's threads in this process. One that was joined may still be listed for a moment. */
function walThreads(): string[] {
  const names = readdirSync('/proc/self/task').map(id => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim()
    } catch {
      // It has just ended.
      return ''
    }
  })
  return names.filter(name => name.startsWith('wal-'))
}

const middles: ReadonlyArray<[where: string, code: string]> = [
  ['a loop of appends', 'for (;;) { try { append() } catch { wal.drainSync() } }'],
  [
    'durable()',
    `for (;;) {
      const id = wal.append(order)
      Atomics.store(reached, ${APPENDED}, id)
      await wal.durable(id)
      Atomics.store(reached, ${DURABLE}, id)
    }`,
  ],
  [
    'durableSync()',
    `for (;;) { append(); wal.durableSync(); Atomics.store(reached, ${DURABLE}, wal.lastEventId) }`,
  ],
  ['rotations', 'for (;;) { append(); try { wal.rotate() } catch { wal.drainSync() } }'],
  [
    'many who wait',
    `for (;;) {
      const ids = Array.from({ length: 100 }, () => wal.append(order))
      Atomics.store(reached, ${APPENDED}, ids[99])
      await Promise.all(ids.map(id => wal.durable(id)))
      Atomics.store(reached, ${DURABLE}, ids[99])
    }`,
  ],
  [
    'a sink',
    `await wal.appendAll((function* () {
      for (;;) {
        yield order
        Atomics.store(reached, ${APPENDED}, wal.lastEventId)
      }
    })())`,
  ],
]
for (const [where, code] of middles) {
  test.serial(
    `a worker that is terminated in the middle of ${where} loses nothing and leaves nothing`,
    async t => {
      for (let round = 0; round < 5; round++) {
        const dir = directory()
        const { worker, reached, end } = startWorker(dir, code)
        const enough = 1 + round * 40
        await until(() => Atomics.load(reached, APPENDED) >= enough, `${enough} appends`)
        await worker.terminate()
        await end
        await until(() => walThreads().length === 0, 'the end of the threads')
        await using wal = await Recorder.open({ dir, ...roomy })
        t.true(wal.lastEventId >= Atomics.load(reached, APPENDED))
        t.true(wal.lastEventId >= Atomics.load(reached, DURABLE))
        t.is(wal.report.state, 'clean')
      }
    },
  )
}

const exits: ReadonlyArray<[how: string, code: string, exit: number]> = [
  ['process.exit()', 'for (let i = 0; i < 100; i++) append(); process.exit(3)', 3],
  ['its end', 'for (let i = 0; i < 100; i++) append()', 0],
  ['its end while a promise waits', 'for (let i = 0; i < 100; i++) append(); await wal.durable()', 0],
  ['an exception', 'for (let i = 0; i < 100; i++) append(); throw new Error("boom")', 1],
  ['an exit handler that appends', 'process.on("exit", () => { for (let i = 0; i < 100; i++) append() })', 0],
]
for (const [how, code, exit] of exits) {
  test.serial(`a worker that ends by ${how} without closing its recorder loses nothing`, async t => {
    const dir = directory()
    const { worker, end } = startWorker(dir, code)
    worker.on('error', () => {})
    t.is(await end, exit)
    await until(() => walThreads().length === 0, 'the end of the threads')
    await using wal = await Recorder.open({ dir, ...roomy })
    t.is(wal.lastEventId, 100)
    t.is(wal.report.state, 'clean')
    t.is(wal.report.durableEventId, 100, 'it was closed')
  })
}

test.serial('a recorder of this thread lives on when workers with others end', async t => {
  const dir = directory()
  await using wal = await Recorder.open({ dir, ...roomy })
  const durable = wal.durable(wal.append(order))
  for (let round = 0; round < 3; round++) {
    const { worker, reached, end } = startWorker(directory(), 'append(); setInterval(() => {}, 1000)')
    await until(() => Atomics.load(reached, APPENDED) > 0, 'an append')
    await worker.terminate()
    await end
    const id = wal.append(order)
    await wal.durable(id)
  }
  await durable
  t.is(wal.durableEventId, 4)
})

test.serial('recorders in worker threads: the first one idle, all of them ended without close', async t => {
  const workers = `
    import { Worker } from 'node:worker_threads'
    const code = (dir, events) => \`
      import { Recorder, defineEvent, u32 } from \${JSON.stringify(PACKAGE)}
      import { parentPort } from 'node:worker_threads'
      const event = defineEvent('E', { n: u32 })
      const wal = await Recorder.open({ dir: \${JSON.stringify(dir)}, event, segmentBytes: 1 << 20 })
      for (let i = 0; i < \${events}; i++) wal.append({ n: i })
      if (\${events} > 0) await wal.durable()
      for (let i = 0; i < 5; i++) if (\${events} > 0) wal.append({ n: i })
      parentPort.postMessage('ready')
      setInterval(() => {}, 1000)\`
    const started = ['a', 'b', 'c'].map((name, i) => {
      const url = new URL('data:text/javascript,' + encodeURIComponent(code(dir + name, i * 1000)))
      return new Worker(url)
    })
    await Promise.all(started.map(worker => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))))
    await Promise.all(started.map(worker => worker.terminate()))
    for (const name of ['a', 'b', 'c']) {
      const event = defineEvent('E', { n: u32 })
      const wal = await Recorder.open({ dir: dir + name, event, segmentBytes: 1 << 20 })
      process.stdout.write(name + wal.lastEventId + ' ')
      await wal.close()
    }`
  const program = `const PACKAGE = ${JSON.stringify(PACKAGE)};${workers}`
  const { output, errors, code } = await ended(start(directory(), program))
  t.is(output, 'a0 b1005 c2005 ', errors)
  t.is(code, 0)
})
