import { once } from 'node:events'
import test from 'ava'
import { Recorder } from '#src/index.js'
import { ended, roomy, scratch, start } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** Opens a recorder as `wal` and appends a thousand events. */
const APPEND = `
  const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
  for (let i = 0; i < 1000; i++) wal.append(order)
  `

/** How a program ends that has appended a thousand events, with what code, and how many are in the log then. */
const endings: ReadonlyArray<[how: string, code: string, exit: number, events: number]> = [
  ['the end of the program', '', 0, 1000],
  ['process.exit in the middle of a turn', 'process.exit(3)', 3, 1000],
  ['an exception that nobody catches', 'throw new Error("boom")', 1, 1000],
  ['a promise that waits while the program ends', 'void wal.durable()', 0, 1000],
  ['process.exit while a promise waits', 'void wal.durable(); process.exit(3)', 3, 1000],
  [
    'process.exit behind a promise',
    'Promise.resolve().then(() => { wal.append(order); process.exit(3) })',
    3,
    1001,
  ],
  [
    'process.exit when durability was told',
    'wal.durable().then(() => { wal.append(order); process.exit(3) })',
    3,
    1001,
  ],
  ['process.exit in a timer', 'setTimeout(() => { wal.append(order); process.exit(3) }, 1)', 3, 1001],
  ['process.exit in a getter of an event', 'wal.append({ get time() { process.exit(3) } })', 3, 1000],
  [
    'process.exit in a batch',
    'wal.appendBatch([order, { ...order, get time() { process.exit(3) } }])',
    3,
    1000,
  ],
  [
    'process.exit in a listener',
    `wal.on('rotated', () => { wal.append(order); process.exit(3) })
     const rotate = () => { try { wal.rotate() } catch { setTimeout(rotate, 1) } }
     rotate()
     setInterval(() => {}, 1000)`,
    3,
    1001,
  ],
  [
    'appends while the process exits',
    'process.on("exit", () => { for (let i = 0; i < 500; i++) wal.append(order) })',
    0,
    1500,
  ],
  [
    'appends while it exits from a turn',
    'process.on("exit", () => wal.append(order)); process.exit(3)',
    3,
    1001,
  ],
  [
    'appends when there is nothing left to do',
    'process.once("beforeExit", () => wal.append(order))',
    0,
    1001,
  ],
  [
    'durableSync while the process exits',
    'process.on("exit", () => wal.durableSync(wal.append(order)))',
    0,
    1001,
  ],
  [
    'close while the process exits',
    'process.on("exit", () => { wal.append(order); void wal.close() })',
    0,
    1001,
  ],
  ['a rejection that nobody handles', 'wal.append(order); Promise.reject(new Error("boom"))', 1, 1001],
  [
    'a handler that ends it for an exception',
    'process.on("uncaughtException", () => { wal.append(order); process.exit(3) }); throw new Error("boom")',
    3,
    1001,
  ],
  ['an exception in a timer', 'setTimeout(() => { wal.append(order); throw new Error("boom") }, 1)', 1, 1001],
  [
    'process.exit in a source of events',
    'await wal.appendAll((function* () { yield order; yield order; process.exit(3) })())',
    3,
    1002,
  ],
]
for (const [how, code, exit, events] of endings) {
  test(`a recorder that nobody closed loses nothing by ${how}`, async t => {
    const dir = directory()
    const end = await ended(start(dir, APPEND + code))
    t.like(end, { code: exit, signal: null }, end.errors)
    await using wal = await Recorder.open({ dir, ...roomy })
    t.is(wal.lastEventId, events)
    t.is(wal.report.state, 'clean')
  })
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`a recorder that nobody closed loses nothing by ${signal} in a turn that never ends`, async t => {
    const dir = directory()
    const child = start(
      dir,
      `import { writeSync } from 'node:fs'; ${APPEND}; writeSync(1, 'appended'); for (;;);`,
    )
    const end = ended(child)
    if (child.stdout !== null) await once(child.stdout, 'data')
    child.kill(signal)
    const { errors, ...how } = await end
    t.is(how.signal, signal, errors)
    await using wal = await Recorder.open({ dir, ...roomy })
    t.is(wal.lastEventId, 1000)
    t.is(wal.report.state, 'clean')
  })
}

test('the end of a program closes its recorder, so that all of it is durable', async t => {
  const dir = directory()
  await ended(start(dir, APPEND))
  await using wal = await Recorder.open({ dir, ...roomy })
  t.is(wal.report.durableEventId, 1000)
})

test('a program that waits for durability stays alive until it has the answer, and then ends', async t => {
  const wait = `
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    wal.append(order)
    wal.durable().then(() => process.stdout.write('durable ' + wal.durableEventId))`
  const { code, output } = await ended(start(directory(), wait))
  t.is(output, 'durable 1')
  t.is(code, 0)
})
