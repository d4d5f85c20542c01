import { readdirSync } from 'node:fs'
import test from 'ava'
import { Recorder, type RecorderOptions, type RetentionLimits } from '#src/index.js'
import { Order, order, rotate, scratch, until } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** A log with so many sealed segments of ten events each. */
async function segmented(segments: number, options: Partial<RecorderOptions<typeof Order>> = {}) {
  const dir = directory()
  const wal = await Recorder.open({ segmentBytes: 64 * 1024, event: Order, dir, ...options })
  const told: [event: string, segment: number][] = []
  for (const name of ['compressed', 'deleted'] as const) wal.on(name, segment => told.push([name, segment]))
  for (let segment = 0; segment < segments; segment++) {
    for (let i = 0; i < 10; i++) wal.append(order)
    await rotate(wal)
  }
  const names = () => readdirSync(dir).filter(name => /\.wal(\.zst)?$/.test(name))
  const cold = () =>
    names()
      .filter(name => name.endsWith('.zst'))
      .sort()
  return { wal, dir, told, names, cold }
}

test('segments beyond the limits are compressed, then removed, and both are told', async t => {
  const retention = { hotSegments: 2 }
  const { wal, told, cold } = await segmented(4, { retention, compression: { level: 1 } })
  await until(() => told.length === 3, 'three compressed')
  wal.setRetention({ hotSegments: 2, coldSegments: 1 })
  await until(() => told.length === 5, 'two removed')
  t.deepEqual(cold(), ['00000002.wal.zst'])
  for (const name of ['compressed', 'deleted']) {
    const segments = told.filter(([event]) => event === name).map(([, segment]) => segment)
    t.deepEqual(segments, name === 'compressed' ? [0, 1, 2] : [0, 1])
  }
  await wal.close()
})

test('limits are set while the recorder is open', async t => {
  const { wal, told, cold } = await segmented(3)
  t.deepEqual([told, cold()], [[], []])
  wal.setRetention({ hotSegments: 1 })
  await until(() => told.length === 3, 'three compressed')
  t.deepEqual(cold(), ['00000000.wal.zst', '00000001.wal.zst', '00000002.wal.zst'])
  wal.setRetention({ coldSegments: 0 })
  await until(() => told.length === 6, 'three removed')
  t.deepEqual(cold(), [])
  await wal.close()
})

test('what is not needed any more is removed, staged events counted too', async t => {
  const { wal, told, names } = await segmented(3)
  wal.append(order)
  wal.truncateBefore(21)
  await until(() => told.length === 2, 'two removed')
  t.false(names().includes('00000001.wal'))
  t.true(names().includes('00000002.wal'))
  wal.append(order)
  wal.truncateBefore(wal.lastEventId + 1)
  await until(() => told.length === 3, 'three removed')
  for (const id of [0, wal.lastEventId + 2, 1.5, Number.NaN, '7' as unknown as number]) {
    t.throws(() => wal.truncateBefore(id), { code: 'WAL_EVENT_ID' }, String(id))
  }
  await wal.close()
  t.throws(() => wal.truncateBefore(1), { code: 'WAL_CLOSED' })
  t.throws(() => wal.setRetention({}), { code: 'WAL_CLOSED' })
})

test('limits that cannot be are refused by name', async t => {
  const { wal } = await segmented(0)
  const wrong: [RetentionLimits, RegExp][] = [
    [{ hotSegments: 0 }, /hotSegments is 0: it takes a number of segments, 1 …/],
    [{ hotSegments: 1.5 }, /hotSegments is 1\.5: it takes a number of segments, 1 …/],
    [{ coldSegments: -1 }, /coldSegments is -1: it takes a number of segments, 0 …/],
    [{ bytes: 1 }, /the bytes that are kept are limited to 1: it must be at least \d+, two segments/],
    [{ ageMs: 0 }, /ageMs is 0: it takes a number of milliseconds, 1 or more/],
    [{ ageMs: '1h' as unknown as number }, /ageMs is "1h"/],
    [{ hotSegment: 1 } as RetentionLimits, /hotSegments/],
  ]
  for (const [limits, message] of wrong) {
    t.throws(() => wal.setRetention(limits), { code: 'WAL_UNSUPPORTED', message })
    const opened = Recorder.open({ dir: directory(), retention: limits })
    await t.throwsAsync(opened, { code: 'WAL_UNSUPPORTED', message })
  }
  for (const compression of [{ level: 0 }, { level: 20 }, { level: 2.5 }, { speed: 1 } as object]) {
    await t.throwsAsync(Recorder.open({ dir: directory(), compression }), { code: 'WAL_UNSUPPORTED' })
  }
  await wal.close()
})
