import test from 'ava'
import { Recorder } from '#src/index.js'
import { ended, roomy, scratch, start } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** As `wal.rotate()`, which may have to wait for the next segment. */
const ROTATE = `
  function rotate(wal) {
    for (;;) {
      try {
        return wal.rotate()
      } catch (error) {
        if (error.code !== 'WAL_BACKPRESSURE') throw error
        wal.drainSync()
      }
    }
  }`

test('a listener that throws is an uncaught exception and keeps nothing from being told', async t => {
  const listeners = `${ROTATE}
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 16 })
    const [heard, caught] = [[], []]
    wal.on('rotated', segment => {
      heard.push(segment)
      throw new Error('boom ' + segment)
    })
    process.on('uncaughtException', error => caught.push(error.message))
    for (let segment = 1; segment <= 3; segment++) {
      wal.append(order)
      rotate(wal)
    }
    await wal.durable(wal.append(order))
    // Another thread tells of rotations, possibly after durable() has been answered.
    while (caught.length < 3) await new Promise(resolve => setTimeout(resolve, 1))
    process.stdout.write(JSON.stringify({ heard, caught, durable: wal.durableEventId }))
    await wal.close()`
  const { output, errors, code } = await ended(start(directory(), listeners))
  t.is(errors, '')
  t.deepEqual(JSON.parse(output), { heard: [1, 2, 3], caught: ['boom 1', 'boom 2', 'boom 3'], durable: 4 })
  t.is(code, 0)
})

test('a listener that throws ends a program that catches nothing, as with any emitter', async t => {
  const throwing = `${ROTATE}
    const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 16 })
    wal.on('rotated', () => {
      throw new Error('boom')
    })
    wal.append(order)
    rotate(wal)
    setInterval(() => {}, 1000)`
  const dir = directory()
  const { errors, code } = await ended(start(dir, throwing))
  t.is(code, 1)
  t.regex(errors, /Error: boom/)
  await using wal = await Recorder.open({ dir, ...roomy })
  t.is(wal.lastEventId, 1)
})
