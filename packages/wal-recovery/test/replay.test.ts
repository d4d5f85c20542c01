import { inspect } from 'node:util'
import test from 'ava'
import fc from 'fast-check'
import { BlockWalker, type Gap } from '#src/block-walker.js'
import type { ByteEvent } from '#src/byte-event.js'
import { WalError } from '#src/errors.js'
import type { LogBlock } from '#src/log-block.js'
import type { NativeRecovery } from '#src/native.js'
import { Recovery, recoveryOf } from '#src/recovery.js'
import { defineEvent, schemaJson, u32 } from '#src/schema.js'
import type { UntypedEvent } from '#src/shown-event.js'
import { type BlockSpec, byteBlock, FakeRuns, fixedBlock, layOut, type Step } from './logs.js'

const Count = defineEvent('Count', { value: u32 })

/** A log in memory behind the interface of the addon. */
function logOf(steps: readonly Step[], schema: string, reversible: readonly Step[] = []) {
  const opened: FakeRuns[] = []
  const native = {
    schemaJson: () => schema,
    reportJson: () => '{"mode":"tail"}',
    firstId: () => 3,
    seekEvent: () => {},
    replay: (_from: number, _to: number, reverse: boolean) => {
      const runs = new FakeRuns(reverse ? reversible : steps)
      opened.push(runs)
      return runs
    },
    close: () => {},
  }
  return { native: native as unknown as NativeRecovery, opened }
}

function counts(blocks: readonly BlockSpec[]): Step {
  return layOut(blocks)
}

function block(...ids: number[]): BlockSpec {
  return fixedBlock(Count.size, ids, (view, i) => view.setUint32(8, (ids[i] ?? 0) * 10, true))
}

const metadata: BlockSpec = { firstId: 0, lastId: 0, count: 0, payload: new Uint8Array(100), kind: 1 }

test('replay gives every event of every run once, in order, by one flyweight', t => {
  const { native, opened } = logOf(
    [counts([metadata, block(1, 2, 3)]), counts([block(5)]), counts([block(8, 9)])],
    '{}',
  )
  const log = recoveryOf<{ event_id: number; value: number }>(native, Count)
  const seen = []
  const flyweights = new Set()
  for (const event of log.replay()) {
    seen.push([event.event_id, event.value])
    flyweights.add(event)
  }
  t.deepEqual(seen, [
    [1, 10],
    [2, 20],
    [3, 30],
    [5, 50],
    [8, 80],
    [9, 90],
  ])
  t.is(flyweights.size, 1)
  t.is(opened[0]?.closed, 1)
})

test('without an event type the schema of the log is used', t => {
  const { native } = logOf([counts([block(7)])], schemaJson(Count))
  const log = recoveryOf(native, undefined)
  t.deepEqual(
    Array.from(log.replay(), event => event.toObject()),
    [{ event_id: 7, value: 70 }],
  )
  t.is(log.schema?.name, 'Count')
})

test('leaving the loop gives the memory back, and the flyweight shows nothing from then on', t => {
  const { native, opened } = logOf([counts([block(1, 2)])], schemaJson(Count))
  let kept: { event_id: number } | undefined
  for (const event of recoveryOf(native, undefined).replay()) {
    kept = event
    break
  }
  t.is(opened[0]?.closed, 1)
  t.throws(() => kept?.event_id, { code: 'WAL_CLOSED', message: /toObject\(\)/ })
})

test('an event that is kept beyond its replay says what to keep instead, and can be printed', t => {
  const fixed = recoveryOf(logOf([counts([block(1, 2)])], schemaJson(Count)).native, undefined)
  const bytes = recoveryOf<ByteEvent>(
    logOf([layOut([byteBlock(1, [Buffer.from('a')])])], '{}').native,
    undefined,
  )
  const [order] = [...fixed.replay()]
  const [entry] = [...bytes.replay()]
  const late = { code: 'WAL_CLOSED', message: /toObject\(\)/ }
  for (const use of [
    () => order?.['value'],
    () => order?.toObject(),
    () => JSON.stringify(order),
    () => entry?.length,
    () => entry?.bytes,
    () => entry?.text,
    () => entry?.copy(),
    () => entry?.toObject(),
    () => JSON.stringify(entry),
  ]) {
    t.throws(use, late)
  }
  t.is(inspect(order), 'Count { no longer shown }')
  t.is(inspect(entry), 'ByteEvent { no longer shown }')
})

test('a replay can be printed before, while and after it is read', t => {
  const replay = recoveryOf(logOf([counts([block(1)])], schemaJson(Count)).native, undefined).replay()
  const shown = 'FixedEvents { oldest first; for (const event of …) event.toObject() }'
  t.is(inspect(replay), shown)
  replay.next()
  t.is(inspect(replay), shown)
  replay.next()
  t.is(inspect(replay), shown)
})

test('a byte event is printed and made JSON with its text, or with its bytes where they are no text', t => {
  const entries = [Buffer.from('grün'), Uint8Array.of(0xff, 1)]
  const replay = recoveryOf<ByteEvent>(
    logOf([layOut([byteBlock(1, entries)])], '{}').native,
    undefined,
  ).replay()
  const event = replay.next().value
  t.is(inspect(event), "{ event_id: 1, text: 'grün' }")
  t.is(JSON.stringify(event), '{"event_id":1,"text":"grün"}')
  replay.next()
  t.is(inspect(event), '{ event_id: 2, bytes: Uint8Array(2) [ 255, 1 ] }')
  t.is(JSON.stringify(event), '{"event_id":2,"base64":"/wE="}')
})

test('a block is valid until the next one is asked for', async t => {
  const { native } = logOf([counts([block(1, 2), block(3)])], schemaJson(Count))
  const blocks: LogBlock<UntypedEvent>[] = []
  for await (const part of recoveryOf(native, undefined).blocks()) {
    if ('reason' in part) continue
    t.notThrows(() => [...part])
    blocks.push(part)
    if (blocks.length === 2) t.throws(() => [...(blocks[0] ?? [])], { code: 'WAL_CLOSED', message: /1 to 2/ })
  }
  t.throws(() => [...(blocks[1] ?? [])], { code: 'WAL_CLOSED', message: /toObject\(\)/ })
})

test('an error of the native side is thrown from the iterator and closes it', t => {
  const error = { code: 'WAL_CORRUPT', message: 'damaged', segment: 1, offset: 64 }
  const { native, opened } = logOf([counts([block(1)]), { error }], schemaJson(Count))
  const replay = recoveryOf(native, undefined).replay()
  t.is(replay.next().value?.event_id, 1)
  t.throws(() => replay.next(), { code: 'WAL_CORRUPT', message: 'damaged' })
  t.is(opened[0]?.closed, 1)
  t.deepEqual(replay.next(), { done: true, value: undefined })
})

/** Any log: ascending ids with gaps, cut into blocks, cut into runs. */
const anyLog = fc
  .record({
    steps: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 60 }),
    blockEnds: fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
    runEnds: fc.infiniteStream(fc.integer({ min: 1, max: 3 })),
  })
  .map(({ steps, blockEnds, runEnds }) => {
    let id = 0
    const ids = steps.map(step => {
      id += step
      return id
    })
    const blocks = cut(ids, () => blockEnds.next().value as number)
    return { ids, runs: cut(blocks, () => runEnds.next().value as number) }
  })

function cut<T>(items: readonly T[], length: () => number): T[][] {
  const rest = [...items]
  const parts: T[][] = []
  while (rest.length > 0) parts.push(rest.splice(0, length()))
  return parts
}

test('from and to are inclusive, forwards and backwards, wherever they fall', t => {
  const bound = fc.integer({ min: 0, max: 140 })
  fc.assert(
    fc.property(anyLog, bound, bound, (log, from, to) => {
      const runs = log.runs.map(run => counts(run.map(ids => block(...ids))))
      const { native } = logOf(runs, schemaJson(Count), [...runs].reverse())
      const recovery = recoveryOf(native, undefined)
      const expected = log.ids.filter(id => id >= from && id <= to)
      const ids = (reverse: boolean) =>
        Array.from(recovery.replay({ from, to, reverse }), event => event.event_id)
      t.deepEqual(ids(false), expected)
      t.deepEqual(ids(true), expected.reverse())
    }),
  )
})

test('byte logs: contents and ids, forwards and backwards', t => {
  const anyEntries = fc.array(fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 5 }), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(anyEntries, fc.nat(30), fc.nat(30), (blocks, from, to) => {
      let id = 1
      const runs = blocks.map(entries => {
        const run = layOut([byteBlock(id, entries)])
        id += entries.length
        return run
      })
      const { native } = logOf(runs, '{}', [...runs].reverse())
      const recovery = recoveryOf<ByteEvent>(native, undefined)
      const expected = blocks
        .flat()
        .map((bytes, i) => ({ event_id: i + 1, bytes }))
        .filter(event => event.event_id >= from && event.event_id <= to)
      const events = (reverse: boolean) =>
        Array.from(recovery.replay({ from, to, reverse }), event => event.toObject())
      t.deepEqual(events(false), expected)
      t.deepEqual(events(true), expected.reverse())
    }),
  )
})

test('blocks of other kinds are passed over, whatever they hold', t => {
  const other = { ...block(2), kind: 0x8001 }
  const { native } = logOf([counts([metadata, block(1), other, block(3)])], schemaJson(Count))
  t.deepEqual(
    Array.from(recoveryOf(native, undefined).replay(), event => event.event_id),
    [1, 3],
  )
})

test('a replay stops behind its last event and does not look at what follows', t => {
  const error = { code: 'WAL_CORRUPT', message: 'damaged' }
  const { native } = logOf([counts([block(1, 2)]), counts([block(5)]), { error }], schemaJson(Count))
  t.deepEqual(
    Array.from(recoveryOf(native, undefined).replay({ to: 3 }), event => event.event_id),
    [1, 2],
  )
})

test('a byte event shows its length, bytes and text in place', t => {
  const { native } = logOf([layOut([byteBlock(1, [Buffer.from('grün'), new Uint8Array(0)])])], '{}')
  const replay = recoveryOf<ByteEvent>(native, undefined).replay()
  const event = replay.next().value as ByteEvent
  t.is(event.length, 5)
  t.is(event.text, 'grün')
  const copy = event.copy()
  replay.next()
  t.is(event.text, '')
  t.is(Buffer.from(copy).toString(), 'grün')
})

test('blocks give ids, times, payload and events; gaps come where they are', async t => {
  const gap: Gap = { segment: 0, offset: 512, end: 1024, afterEventId: 0, reason: 'checksum' }
  const first = { ...block(4, 5), writtenNs: 1_700_000_000_000_500_000n }
  const { native } = logOf([counts([first]), { gap }, counts([block(9, 11)])], schemaJson(Count))
  const seen: unknown[] = []
  for await (const part of recoveryOf(native, undefined).blocks({ from: 5, to: 9 })) {
    if ('reason' in part) seen.push(part)
    else {
      const { firstId, lastId, count, writtenMs, payload } = part
      seen.push([
        firstId,
        lastId,
        count,
        writtenMs,
        payload.length,
        Array.from(part, event => event.event_id),
      ])
    }
  }
  t.deepEqual(seen, [[4, 5, 2, 1_700_000_000_000.5, 32, [5]], gap, [9, 11, 2, 0, 32, [9]]])
})

test('replay tells onGap of gaps where they are', t => {
  const gap: Gap = { segment: 0, offset: 512, end: 1024, afterEventId: 1, reason: 'checksum' }
  const steps = [counts([block(1)]), { gap }, counts([block(9)]), { gap }]
  const { native, opened } = logOf(steps, schemaJson(Count))
  const log = recoveryOf(native, undefined)
  const seen: unknown[] = []
  for (const { event_id } of log.replay({ onGap: gap => seen.push(gap) })) seen.push(event_id)
  t.deepEqual(seen, [1, gap, 9, gap])
  const failing = log.replay({
    onGap: () => {
      throw new Error('enough')
    },
  })
  t.is(failing.next().value?.event_id, 1)
  t.is(opened[1]?.closed, 0)
  t.throws(() => failing.next(), { message: 'enough' })
  t.is(opened[1]?.closed, 1, 'it holds threads and memory')
  t.deepEqual(failing.next(), { done: true, value: undefined })
  t.throws(() => log.replay({ onGap: true as never }), { code: 'WAL_UNSUPPORTED', message: /onGap/ })
})

test('replay passes gaps over', t => {
  const gap = { segment: 0, offset: 512, end: 1024, reason: 'checksum' }
  const { native } = logOf([counts([block(1)]), { gap }, counts([block(9)])], schemaJson(Count))
  t.deepEqual(
    Array.from(recoveryOf(native, undefined).replay(), event => event.event_id),
    [1, 9],
  )
})

test('seek decides where a replay without from begins', t => {
  const { native } = logOf([counts([block(3, 4, 5, 6)])], schemaJson(Count))
  const log = recoveryOf(native, undefined)
  log.seek(5)
  t.deepEqual(
    Array.from(log.replay(), event => event.event_id),
    [5, 6],
  )
  t.throws(() => log.seek(1.5), { code: 'WAL_EVENT_ID' })
  t.throws(() => log.replay({ to: -1 }), { code: 'WAL_EVENT_ID' })
})

test('seekTime decides where a replay begins: at an event, or behind the last one', t => {
  const { native } = logOf([counts([block(3, 4, 5, 6)])], schemaJson(Count))
  const asked: number[] = []
  native.lastId = () => 6
  native.seekTime = ms => {
    asked.push(ms)
    return ms < 2000 ? 5 : 0
  }
  const log = recoveryOf(native, undefined)
  t.is(log.seekTime(new Date(1000)), 5)
  t.deepEqual(
    Array.from(log.replay(), event => event.event_id),
    [5, 6],
  )
  t.is(log.seekTime(2000.5), undefined)
  t.deepEqual([...log.replay()], [])
  t.deepEqual(asked, [1000, 2000.5])
  t.throws(() => log.seekTime(new Date('yesterday')), {
    code: 'WAL_UNSUPPORTED',
    message: /not an invalid Date$/,
  })
})

test('a closed log is not read', async t => {
  const { native } = logOf([], schemaJson(Count))
  native.close = () => {
    native.reportJson = () => {
      throw new Error('closed')
    }
  }
  const log = recoveryOf(native, undefined)
  await log.close()
  await log.close()
  t.throws(() => log.replay(), { code: 'WAL_CLOSED' })
  t.is(log.report.mode, 'tail')
})

test('an id in front of the first event is sought and replayed alike: only what was removed is gone', t => {
  for (const removed of [0, 1]) {
    const { native } = logOf([counts([block(3, 4)])], schemaJson(Count))
    const { replay } = native
    native.seekEvent = from => {
      if (from > 0 && from <= removed)
        throw Object.assign(new Error('removed'), { code: 'WAL_GONE', eventId: from })
    }
    native.replay = (from, to, reverse) => {
      native.seekEvent(from)
      return replay(from, to, reverse)
    }
    const log = recoveryOf(native, undefined)
    for (const id of [0, 1, 2]) {
      if (id === 1 && removed === 1) {
        t.throws(() => log.seek(id), { code: 'WAL_GONE' })
        t.like(
          t.throws(() => log.replay({ from: id })),
          { code: 'WAL_GONE', eventId: id },
        )
        continue
      }
      log.seek(id)
      t.is([...log.replay()].length, 2)
      t.is([...log.replay({ from: id })].length, 2)
    }
  }
})

test('what onProgress throws rejects the verification, and it is called no more', async t => {
  const { native } = logOf([], schemaJson(Count))
  // As the addon does: from the event loop, so that what is thrown there is nobody's to catch; the last one late.
  native.verify = onProgress =>
    new Promise(resolve => {
      setImmediate(() => {
        resolve('{"state":"clean"}')
        onProgress(1, 2, 100)
        onProgress(2, 2, 200)
      })
    })
  const log = recoveryOf(native, undefined)
  let calls = 0
  const onProgress = () => {
    calls += 1
    throw new Error('boom')
  }
  await t.throwsAsync(log.verify({ onProgress }), { message: 'boom' })
  t.is(calls, 1)
  t.is((await log.verify()).state, 'clean')
})

const misuses: ReadonlyArray<
  readonly [what: string, use: (log: Recovery) => unknown, code: string, message: RegExp]
> = [
  [
    'an option that is misspelt',
    log => log.replay({ form: 1 } as never),
    'WAL_UNSUPPORTED',
    /form: did you mean from/,
  ],
  [
    'an option of another call',
    log => log.replay({ dir: 'x' } as never),
    'WAL_UNSUPPORTED',
    /there are from, to, rev/,
  ],
  [
    'reverse as a text',
    log => log.replay({ reverse: 'yes' as never }),
    'WAL_UNSUPPORTED',
    /reverse is "yes".*true or/,
  ],
  [
    'no object',
    log => log.replay(5 as never),
    'WAL_UNSUPPORTED',
    /replay got 5: it takes an object with from/,
  ],
  ['from as a text', log => log.replay({ from: '1' as never }), 'WAL_EVENT_ID', /from is "1"/],
  [
    'the start as a text',
    log => log.follow({ from: 'start' as never }),
    'WAL_EVENT_ID',
    /from is "start": an event id is .*, and 'end' is taken too$/,
  ],
  [
    'open with a NUL in dir',
    () => Recovery.open({ dir: 'a\0b' }),
    'WAL_UNSUPPORTED',
    /^[^\0]*dir is "a\\u0000b": it takes the path/,
  ],
  ['seekTime without a time', log => log.seekTime(null as never), 'WAL_UNSUPPORTED', /is null|not null/],
  ['seekTime with no date', log => log.seekTime(new Date('?')), 'WAL_UNSUPPORTED', /takes a Date or/],
  ['seek without an id', log => log.seek(null as never), 'WAL_EVENT_ID', /is null/],
  [
    'blocks backwards',
    log => log.blocks({ reverse: true } as never).next(),
    'WAL_UNSUPPORTED',
    /no option reverse/,
  ],
  [
    'verify',
    log => log.verify({ onProgress: 1 as never }),
    'WAL_UNSUPPORTED',
    /onProgress is 1: .*a function/,
  ],
  [
    'open without options',
    () => Recovery.open(undefined as never),
    'WAL_UNSUPPORTED',
    /got undefined.*dir, event/,
  ],
  [
    'open without dir',
    () => Recovery.open({} as never),
    'WAL_UNSUPPORTED',
    /dir is undefined: it takes the path of the log's directory as text/,
  ],
  ['open with an empty dir', () => Recovery.open({ dir: '' }), 'WAL_UNSUPPORTED', /dir is ""/],
  [
    'a mode',
    () => Recovery.open({ dir: 'x', mode: 'Strict' as never }),
    'WAL_UNSUPPORTED',
    /mode is "Strict".*'strict'/,
  ],
  [
    'a number as text',
    () => Recovery.open({ dir: 'x', preloadSegments: '2' as never }),
    'WAL_UNSUPPORTED',
    /is "2"/,
  ],
  ...[-1, 0, 1.5, 17, 2 ** 32 + 2, Number.POSITIVE_INFINITY].map(
    count =>
      [
        `${count} segments ahead`,
        () => Recovery.open({ dir: 'x', preloadSegments: count }),
        'WAL_UNSUPPORTED',
        /preloadSegments is .*: it takes a number of segments, 1 … 16/,
      ] as const,
  ),
  [
    'a name from afar',
    () => Recovery.open({ dir: 'x', toString: 1 } as never),
    'WAL_UNSUPPORTED',
    /option toString/,
  ],
  [
    'fields as an event type',
    () => Recovery.open({ dir: 'x', event: { price: u32 } as never }),
    'WAL_SCHEMA',
    /event is an object with price: .*defineEvent/,
  ],
]
for (const [what, use, code, message] of misuses) {
  test(`refused by name, with what it takes: ${what}`, async t => {
    const log = recoveryOf(logOf([], schemaJson(Count)).native, undefined)
    await t.throwsAsync(async () => void (await use(log)), { code, message, instanceOf: WalError })
  })
}

test('a window that is used again shows its new run', t => {
  const runs = [1, 2, 3, 4, 5].map(id => counts([block(id)]))
  const walker = new BlockWalker(new FakeRuns(runs))
  const ids = []
  while (walker.next()) ids.push(walker.firstId)
  t.deepEqual(ids, [1, 2, 3, 4, 5])
})

test('a time that is none is refused by name, whatever it is', t => {
  const log = recoveryOf(logOf([], '{}').native, undefined)
  const given: ReadonlyArray<[unknown, string]> = [
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), 'an object'],
    ['2026-07-27', '"2026-07-27"'],
    [new Date(Number.NaN), 'an invalid Date'],
  ]
  for (const [time, named] of given) {
    t.throws(() => log.seekTime(time as never), {
      instanceOf: WalError,
      code: 'WAL_UNSUPPORTED',
      message: `seekTime takes a Date or milliseconds since the Unix epoch, and not ${named}`,
    })
  }
})
