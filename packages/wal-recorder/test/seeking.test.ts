import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import fc from 'fast-check'
import { defineEvent, Recorder, u32 } from '#src/index.js'
import { rotate, scratch, until } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** So large that a segment has several of the places that are remembered of it. */
const Large = defineEvent('Large', { value: u32 }, { size: 1024 })

interface Recorded {
  /** So many events, and by how much their ids grow. */
  readonly events: number
  readonly gap: number
  readonly end: 'flush' | 'rotate' | 'nothing'
}

/** A place in the log: in thousandths of it, and how far beside an event. */
interface Place {
  readonly at: number
  readonly beside: number
}

type Step =
  | {
      readonly kind: 'replay'
      readonly from?: Place
      readonly to?: Place
      readonly reverse: boolean
      readonly take: number
    }
  | {
      readonly kind: 'seek' | 'seekTime'
      readonly to: Place
      readonly reverse: boolean
      readonly take: number
    }

const place = fc.record({ at: fc.nat(1000), beside: fc.integer({ min: -2, max: 2 }) })
const take = fc.oneof(fc.constant(1), fc.constant(40), fc.constant(Number.MAX_SAFE_INTEGER))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record(
    { kind: fc.constant('replay' as const), from: place, to: place, reverse: fc.boolean(), take },
    { requiredKeys: ['kind', 'reverse', 'take'] },
  ),
  fc.record({
    kind: fc.constantFrom('seek' as const, 'seekTime' as const),
    to: place,
    reverse: fc.boolean(),
    take,
  }),
)
const recorded: fc.Arbitrary<Recorded> = fc.record({
  events: fc.integer({ min: 1, max: 300 }),
  gap: fc.integer({ min: 1, max: 3 }),
  end: fc.constantFrom('flush', 'flush', 'rotate', 'nothing'),
})

function idAt(ids: readonly number[], { at, beside }: Place): number {
  return Math.max(0, (ids[Math.floor((at * (ids.length - 1)) / 1000)] ?? 1) + beside)
}

async function record(
  dir: string,
  parts: readonly Recorded[],
  compressed: boolean,
): Promise<Recorder<typeof Large>> {
  const wal = await Recorder.open({ dir, event: Large, segmentBytes: 512 * 1024 })
  let rotated = 0
  let cold = 0
  wal.on('rotated', () => rotated++)
  wal.on('compressed', () => cold++)
  let id = 0
  for (const { events, gap, end } of parts) {
    for (let i = 0; i < events; i++) {
      id += gap
      for (;;) {
        try {
          wal.append({ value: id % 1000 }, { id })
          break
        } catch (error) {
          if ((error as { code?: string }).code !== 'WAL_BACKPRESSURE') throw error
          await wal.drain()
        }
      }
    }
    if (end === 'flush') wal.flush()
    if (end === 'rotate') await rotate(wal)
  }
  await wal.durable()
  if (compressed && wal.report.segments !== undefined) {
    wal.setRetention({ hotSegments: 1 })
    await until(() => cold >= rotated, 'every sealed segment compressed')
  }
  return wal
}

function first(log: Recovery, options: Parameters<Recovery['replay']>[0], count: number): number[] {
  const ids: number[] = []
  for (const { event_id } of log.replay(options)) {
    ids.push(event_id)
    if (ids.length === count) break
  }
  return ids
}

test('whatever is sought in whatever order, what follows is what the log holds from there on', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(recorded, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      fc.array(step, { minLength: 4, maxLength: 16 }),
      async (parts, compressed, isOpen, steps) => {
        const dir = directory()
        const wal = await record(dir, parts, compressed)
        if (!isOpen) await wal.close()
        const events: { id: number; writtenMs: number }[] = []
        const whole = await Recovery.open({ dir })
        for await (const block of whole.blocks()) {
          if ('reason' in block) throw new Error(block.reason)
          for (const id of block.column('event_id') as Float64Array)
            events.push({ id, writtenMs: block.writtenMs })
        }
        await whole.close()
        const ids = events.map(event => event.id)
        t.is(
          ids.length,
          parts.reduce((sum, part) => sum + part.events, 0),
        )

        const behind = (ids.at(-1) ?? 0) + 1
        const log = await Recovery.open({ dir })
        let from = 0
        for (const step of steps) {
          const { reverse } = step
          let to = Number.MAX_SAFE_INTEGER
          let start = from
          if (step.kind === 'replay') {
            if (step.from) start = idAt(ids, step.from)
            if (step.to) to = idAt(ids, step.to)
          } else if (step.kind === 'seek') {
            from = start = idAt(ids, step.to)
            log.seek(from)
          } else {
            const sought = events[Math.floor((step.to.at * (events.length - 1)) / 1000)]
            const ms = (sought?.writtenMs ?? 0) + step.to.beside
            const found = log.seekTime(ms)
            // What was written up to a microsecond before may count or not.
            const firstFrom = (ms: number) => events.find(event => event.writtenMs >= ms)?.id ?? behind
            t.true(firstFrom(ms - 0.001) <= (found ?? behind) && (found ?? behind) <= firstFrom(ms))
            from = start = found ?? behind
          }
          const expected = ids.filter(id => start <= id && id <= to)
          if (reverse) expected.reverse()
          const options = {
            reverse,
            ...(step.kind === 'replay' && step.from && { from: start }),
            ...(step.kind === 'replay' && step.to && { to }),
          }
          t.deepEqual(first(log, options, step.take), expected.slice(0, step.take))
        }
        await log.close()
        await wal.close()
      },
    ),
    { numRuns: 15 },
  )
})

test('a block that ends in zeros is seen beside its writer, wherever it stands', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, event: Large, segmentBytes: 512 * 1024 })
  for (let events = 1; events <= 300; events++) {
    wal.append({ value: events })
    // Blocks of one event move the others past every place where a piece that is read may end.
    if (events % 8 === 0 || events % 40 < 7) wal.flush()
    if (events < 230) continue
    wal.flush()
    const log = await Recovery.open({ dir })
    t.is(log.lastEventId, events)
    await log.close()
  }
  await wal.close()
})

test('a block is found by its own time, and by any time before it', async t => {
  const dir = directory()
  const wal = await Recorder.open({ dir, event: Large, segmentBytes: 512 * 1024 })
  // One block each time, and far more than a microsecond between them.
  for (let block = 0; block < 30; block++) {
    for (let i = 0; i < 5; i++) wal.append({ value: block })
    wal.flush()
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  const log = await Recovery.open({ dir, event: Large })
  for await (const block of log.blocks()) {
    if ('reason' in block) continue
    t.is(log.seekTime(block.writtenMs), block.firstId)
    t.is(log.seekTime(new Date(Math.floor(block.writtenMs))), first(log as never, {}, 1)[0])
  }
  t.is(log.seekTime(0), 1)
  t.is(log.seekTime(Number.NEGATIVE_INFINITY), 1)
  t.is(log.seekTime(Number.POSITIVE_INFINITY), undefined)
  t.deepEqual([...log.replay()], [])
  t.deepEqual([...log.replay({ reverse: true })], [])
  // What is written from now on is behind the end that was sought.
  wal.append({ value: 1 })
  wal.flush()
  t.deepEqual(first(log as never, {}, 9), [wal.lastEventId])
  await log.close()
  await wal.close()
})
