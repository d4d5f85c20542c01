import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type MetricOf, type SourceSnapshot, walMetrics } from '@flashstrike/telemetry'
import { defineEvent, Recorder, u64, type WalError } from '@flashstrike/wal-recorder'
import test from 'ava'

const directory = mkdtempSync(join(tmpdir(), 'order-flow-metrics-'))
test.after.always(() => rmSync(directory, { recursive: true, force: true }))

const Tick = defineEvent('Tick', { price: u64 }, { size: 64 })

/** The one source that is asked. */
function look(wal: Recorder<typeof Tick>): SourceSnapshot {
  const { sources, errors } = walMetrics(wal).snapshot()
  if (sources[0] === undefined || errors.length > 0) throw new Error('the recorder has not told its metrics')
  return sources[0]
}

function number(wal: Recorder<typeof Tick>, name: string): number {
  const metric = look(wal).metrics.find(metric => metric.name === `wal.recorder.${name}`)
  if (typeof metric?.value !== 'number') throw new Error(`${name} is no number`)
  return metric.value
}

function operation(wal: Recorder<typeof Tick>, name: string): [ok: number, failed: number] {
  const metric = look(wal).metrics.find(metric => metric.name === `wal.recorder.${name}`)
  const { ok, failed } = (metric as MetricOf<'operation'>).value
  return [ok, failed]
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(2)
}

/** Goes on in the next segment as soon as there is one. */
async function rotate(wal: Recorder<typeof Tick>): Promise<void> {
  for (;;) {
    try {
      return wal.rotate()
    } catch (error) {
      if ((error as WalError).code !== 'WAL_BACKPRESSURE') throw error
      await wal.drain()
    }
  }
}

test('a recorder shows what it has done, refused, compressed and removed', async t => {
  const retention = { hotSegments: 1 }
  const wal = await Recorder.open({
    dir: join(directory, 'kept'),
    event: Tick,
    segmentBytes: 65_536,
    retention,
  })
  for (let segment = 0; segment < 4; segment++) {
    for (let i = 0; i < 10; i++) wal.append({ price: i })
    await rotate(wal)
  }
  await until(() => operation(wal, 'segment_maintainer.compression')[0] === 4)
  wal.setRetention({ hotSegments: 1, coldSegments: 1 })
  await until(() => operation(wal, 'segment_maintainer.deletion')[0] === 3)
  t.is(number(wal, 'manager.events'), 40)
  t.is(number(wal, 'manager.bytes'), 40 * 64)
  t.deepEqual(operation(wal, 'manager.append_event'), [40, 0])
  t.deepEqual(operation(wal, 'segment_maintainer.compression'), [4, 0])
  t.is(number(wal, 'segment_maintainer.max_hot_segments'), 1)
  await until(() => number(wal, 'manager.cold_segments') === 1)
  t.is(number(wal, 'manager.hot_segments'), 1)
  t.is(readdirSync(join(directory, 'kept')).filter(name => name.endsWith('.zst')).length, 1)
  await wal.durable()
  t.is(number(wal, 'manager.durable_event_id'), 40)
  await wal.close()
})

test('appends that are refused for want of room are counted one by one', async t => {
  const wal = await Recorder.open({
    dir: join(directory, 'refused'),
    event: Tick,
    segmentBytes: 8192,
    blockBytes: 1024,
  })
  let refused = 0
  while (refused < 50) {
    try {
      wal.append({ price: 1 })
    } catch (error) {
      t.is((error as WalError).code, 'WAL_BACKPRESSURE')
      refused++
    }
  }
  t.is(operation(wal, 'manager.append_event')[1], refused)
  wal.drainSync()
  // What the event type refuses never reaches the log.
  t.throws(() => wal.append({ price: -1 }), { code: 'WAL_SCHEMA' })
  t.is(operation(wal, 'manager.append_event')[1], refused)
  await wal.close()
})
