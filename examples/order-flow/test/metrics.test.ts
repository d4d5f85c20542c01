import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Metric, type MetricOf, type SourceSnapshot, walMetrics } from '@flashstrike/telemetry'
import { defineEvent, Recorder, u64, type WalError } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'

const directory = mkdtempSync(join(tmpdir(), 'order-flow-metrics-'))
test.after.always(() => rmSync(directory, { recursive: true, force: true }))

const Tick = defineEvent('Tick', { price: u64 }, { size: 64 })

type Source = Recorder<typeof Tick> | Recovery

/** The one source that is asked. */
function look(source: Source): SourceSnapshot {
  const { sources, errors } = walMetrics(source).snapshot()
  if (sources[0] === undefined || errors.length > 0) throw new Error('the source has not told its metrics')
  return sources[0]
}

function find(source: Source, name: string, attributes: Readonly<Record<string, string>> = {}): Metric {
  const full = `wal.${source instanceof Recovery ? 'recovery' : 'recorder'}.${name}`
  const isAsked = (metric: Metric) =>
    metric.name === full &&
    Object.entries(attributes).every(([key, value]) => metric.attributes[key] === value)
  const found = look(source).metrics.find(isAsked)
  if (found === undefined) throw new Error(`there is no ${full}`)
  return found
}

function number(source: Source, name: string, attributes?: Readonly<Record<string, string>>): number {
  const { value } = find(source, name, attributes)
  if (typeof value !== 'number') throw new Error(`${name} is no number`)
  return value
}

function operation(source: Source, name: string): [ok: number, failed: number] {
  const { ok, failed } = (find(source, name) as MetricOf<'operation'>).value
  return [ok, failed]
}

function timed(source: Source, name: string): number {
  return (find(source, name) as MetricOf<'duration'>).value.count
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

/** A closed log of three sealed segments and an open one, ten events each. */
async function closed(name: string): Promise<string> {
  const dir = join(directory, name)
  const wal = await Recorder.open({ dir, event: Tick, segmentBytes: 65_536 })
  for (let i = 0; i < 40; i++) {
    if (i > 0 && i % 10 === 0) await rotate(wal)
    wal.append({ price: i })
  }
  await wal.close()
  return dir
}

function readAll(log: Recovery): void {
  for (const event of log.replay()) if (event.event_id === 0) throw new Error('no event has this id')
}

test('a recovery shows what it has read, sought and closed', async t => {
  const log: Recovery = await Recovery.open({ dir: await closed('read') })
  t.deepEqual([number(log, 'manager.events'), operation(log, 'manager.resume_from_event')], [0, [0, 0]])
  readAll(log)
  t.deepEqual([number(log, 'manager.events'), number(log, 'manager.bytes')], [40, 40 * 64])
  t.deepEqual(operation(log, 'manager.resume_from_event'), [1, 0])
  t.is(timed(log, 'manager.segment_handoff'), 3)
  t.is(timed(log, 'manager.next_event'), 4)
  await until(() => operation(log, 'segment_reader.close_segment')[0] === 4)
  t.is(number(log, 'segment_preloader.queue_depth'), 0)
  const [verified, failed] = operation(log, 'segment_reader.verify_segment')
  t.is(failed, 0)
  await log.verify()
  t.true(operation(log, 'segment_reader.verify_segment')[0] >= verified + 4)
  const text = walMetrics(log).dump()
  t.regex(text, /\[Segment Preloader Metrics, log=read\] Snapshot:.*Finish segment/s)
  await log.close()
})

test('a recovery shows what does not verify, and why', async t => {
  const dir = await closed('damaged')
  const path = join(dir, '00000001.wal')
  const bytes = readFileSync(path)
  // The last byte of what an event of the first block of events holds.
  const event = bytes.lastIndexOf(Buffer.from([19, 0, 0, 0, 0, 0, 0, 0]))
  bytes[event] = 0xff
  writeFileSync(path, bytes)
  const log: Recovery = await Recovery.open({ dir })
  t.throws(() => readAll(log), { code: 'WAL_CORRUPT' })
  const failures = ['header', 'block', 'chained', 'validation'].map(kind =>
    number(log, 'segment_reader.integrity.failures', { kind }),
  )
  t.deepEqual(failures, [0, 1, 0, 0])
  t.is(operation(log, 'segment_reader.verify_segment')[1], 1)
  t.is(number(log, 'manager.events'), 10)
  await log.close()
})
